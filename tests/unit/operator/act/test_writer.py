"""What is sent to the API server, and what is not."""

import pytest

from serin_operator.act.events import EventRecorder
from serin_operator.act.kubernetes import KubernetesWriter
from serin_operator.act.unchanged import AsItIs, marked
from serin_operator.api.names import LABEL_MODEL_DEPLOYMENT, ObjectRef
from serin_operator.cluster.errors import Conflict
from serin_operator.cluster.store import Key, Store

REF = ObjectRef("v1", "Service", "scoring", "credit")


def a_service(**labels):
    metadata = {"namespace": "scoring", "name": "credit", "labels": {LABEL_MODEL_DEPLOYMENT: "credit", **labels}}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"selector": {"app": "x"}}}


def fields(*labels):
    return {"f:metadata": {"f:labels": {f"f:{label}": {} for label in labels}}, "f:spec": {"f:selector": {}}}


def entry(operation, owned, manager="serin-operator", **more):
    return {"manager": manager, "operation": operation, "apiVersion": "v1", "fieldsV1": owned, **more}


def as_observed(intent, *managed, version="5", **metadata):
    more = {"uid": "u", "resourceVersion": version, "managedFields": list(managed), **metadata}
    return {**intent, "metadata": {**intent["metadata"], **more}}


class Api:
    """Notes what is called; answers with what it was told to have."""

    def __init__(self):
        self.calls = []
        self.live = None

    async def call(self, method, path, *, what, params=None, body=None, content_type=""):
        self.calls.append((method, content_type.rpartition("/")[2], body))
        if method == "GET":
            return self.live
        if method == "DELETE":
            return {"kind": "Status"}
        version = str(int(self.live["metadata"]["resourceVersion"]) + 1)
        self.live = {**self.live, "metadata": {**self.live["metadata"], "resourceVersion": version}}
        return self.live


@pytest.fixture
def api():
    return Api()


@pytest.fixture
def store():
    return Store(lambda: 0.0)


@pytest.fixture
def writer(api, store):
    return KubernetesWriter(api, store, EventRecorder(api))


def there(api, store, obj):
    api.live = obj
    store.put(obj)


NAME = LABEL_MODEL_DEPLOYMENT


async def test_a_steady_state_costs_nothing_also_right_after_a_restart(api, store, writer):
    there(api, store, as_observed(marked(a_service()), entry("Update", fields(NAME))))
    for _ in range(3):
        assert isinstance(await writer.apply(a_service(), resource_version="5"), AsItIs)
    assert api.calls == []


async def test_a_view_that_is_behind_costs_nothing_where_nothing_would_change(api, store, writer):
    there(api, store, as_observed(marked(a_service()), entry("Update", fields(NAME)), version="9"))
    assert isinstance(await writer.apply(a_service(), resource_version="5"), AsItIs)
    assert api.calls == []


async def test_what_is_on_its_way_out_is_left_alone(api, store, writer):
    there(api, store, as_observed(a_service(old="y"), deletionTimestamp="2026-11-20T12:00:00Z"))
    assert isinstance(await writer.apply(a_service(), resource_version="5"), AsItIs)
    assert api.calls == []


async def test_a_change_is_one_call_at_the_version_that_was_observed(api, store, writer):
    there(api, store, as_observed(marked(a_service()), entry("Update", fields(NAME))))
    changed = {**a_service(), "spec": {"selector": {"app": "y"}}}
    assert not isinstance(await writer.apply(changed, resource_version="5"), AsItIs)
    ((method, kind, body),) = api.calls
    assert (method, kind, body["metadata"]["resourceVersion"]) == ("PATCH", "apply-patch+yaml", "5")


async def test_what_was_created_is_taken_over_before_a_field_is_given_up(api, store, writer):
    others = entry("Update", {"f:status": {}}, manager="controller", subresource="status")
    there(api, store, as_observed(marked(a_service(old="y")), entry("Update", fields(NAME, "old")), others))
    await writer.apply(a_service(), resource_version="5")
    assert [call[:2] for call in api.calls] == [
        ("GET", ""),
        ("PATCH", "merge-patch+json"),
        ("PATCH", "apply-patch+yaml"),
    ]
    taken, applied = api.calls[1][2]["metadata"], api.calls[2][2]["metadata"]
    assert [(e["manager"], e["operation"]) for e in taken["managedFields"]] == [
        ("controller", "Update"),
        ("serin-operator", "Apply"),
    ]
    assert (taken["resourceVersion"], applied["resourceVersion"]) == ("5", "6")


async def test_what_was_settled_gives_up_a_field_without_being_taken_over(api, store, writer):
    there(api, store, as_observed(marked(a_service(old="y")), entry("Apply", fields(NAME, "old"))))
    await writer.apply(a_service(), resource_version="5")
    assert [method for method, _, _ in api.calls] == ["GET", "PATCH"]


async def test_what_has_changed_meanwhile_is_not_taken_over(api, store, writer):
    there(api, store, as_observed(marked(a_service(old="y")), entry("Update", fields(NAME, "old"))))
    api.live = as_observed(a_service(old="y"), version="6")
    with pytest.raises(Conflict):
        await writer.apply(a_service(), resource_version="5")
    assert [method for method, _, _ in api.calls] == ["GET"]


@pytest.mark.parametrize(
    ("changes", "done"),
    [({"generation": 1}, ["GET", "PATCH", "GET", "PATCH", "PATCH"]), ({"generation": 2}, ["GET", "PATCH", "GET"])],
    ids=["status only", "the object"],
)
async def test_a_status_that_is_written_meanwhile_does_not_keep_it_from_being_taken_over(
    api, store, writer, changes, done
):
    there(api, store, as_observed(marked(a_service(old="y")), entry("Update", fields(NAME, "old")), generation=1))
    answer, api.live["metadata"]["generation"] = api.call, 1
    conflicts = [Conflict("a status was written")]

    async def call(method, path, **more):
        found = await answer(method, path, **more)
        if method == "PATCH" and conflicts:
            api.live["metadata"] |= changes
            raise conflicts.pop()
        return found

    api.call = call
    if len(done) == 3:
        with pytest.raises(Conflict):
            await writer.apply(a_service(), resource_version="5")
    else:
        await writer.apply(a_service(), resource_version="5")
    assert [method for method, _, _ in api.calls] == done


async def test_the_store_keeps_only_which_fields_are_ours(store):
    everybody = [
        entry("Update", fields(NAME), time="2026-11-20T12:00:00Z"),
        entry("Apply", fields(NAME)),
        entry("Update", {"f:spec": {"f:replicas": {}}}, subresource="scale"),
        entry("Update", {"f:x": {}}, manager="kubectl"),
    ]
    store.put(as_observed(a_service(), *everybody))
    (kept,) = store.get(REF)["metadata"]["managedFields"]
    assert kept == {"manager": "serin-operator", "operation": "Apply", "fieldsV1": fields(NAME)}
    store.put(as_observed(a_service(), everybody[0], *everybody[2:], version="6"))
    assert [e["operation"] for e in store.get(REF)["metadata"]["managedFields"]] == ["Update"]
    pod = {**as_observed(a_service(), *everybody), "kind": "Pod", "spec": {}}
    store.put(pod)
    assert "managedFields" not in store.children(Key("scoring", "credit"))["Pod"][0]["metadata"]


async def test_nothing_is_remembered_of_children_that_are_gone(api, store, writer):
    there(api, store, as_observed(marked(a_service()), entry("Update", fields(NAME))))
    await writer.apply(a_service(), resource_version="5")
    writer.forget("scoring", "other")
    assert writer._settled._by_owner
    writer.forget("scoring", "credit")
    assert not writer._settled._by_owner
    await writer.apply(a_service(), resource_version="5")
    await writer.delete(REF, uid="u")
    assert not writer._settled._by_owner


async def test_what_has_not_changed_since_it_was_found_right_is_not_even_read_again(api, store, writer, monkeypatch):
    there(api, store, as_observed(marked(a_service()), entry("Update", fields(NAME))))
    await writer.apply(a_service(), resource_version="5")
    read = []
    monkeypatch.setattr(store, "get", read.append)
    known = await writer.apply(a_service(), resource_version="5")
    assert isinstance(known, AsItIs)
    assert known["metadata"]["resourceVersion"] == "5"
    assert read == []


async def test_a_name_that_begins_alike_is_remembered_when_the_other_goes(api, store, writer):
    longer = a_service(**{LABEL_MODEL_DEPLOYMENT: "credit-risk"})
    there(api, store, as_observed(marked(longer), entry("Update", fields(NAME))))
    await writer.apply(longer, resource_version="5")
    writer.forget("scoring", "credit")
    assert [*writer._settled._by_owner] == [Key("scoring", "credit-risk")]
