"""The hands and eyes of the operator at a real API server."""

import pytest

from serin_operator.act.errors import AlreadyExists, Conflict, Forbidden, Invalid, NotLeading
from serin_operator.act.events import EventRecorder
from serin_operator.act.kubernetes import KubernetesWriter
from serin_operator.api.names import API_VERSION, KIND, LABEL_MODEL_DEPLOYMENT, ObjectRef
from serin_operator.cluster.resources import MODEL_DEPLOYMENTS
from serin_operator.cluster.store import Store
from serin_operator.observe.kubernetes import KubernetesReader

pytestmark = pytest.mark.cluster


class Clock:
    """A monotonic clock that we move ourselves."""

    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(clock):
    return Store(clock)


@pytest.fixture
def writer(client, store):
    return KubernetesWriter(client, store, EventRecorder(client))


@pytest.fixture
def reader(client, store, clock):
    return KubernetesReader(client, store, clock)


LABELS = {LABEL_MODEL_DEPLOYMENT: "credit"}
POD = {
    "metadata": {"labels": {"app": "x"} | LABELS},
    "spec": {"containers": [{"name": "c", "image": "none"}], "restartPolicy": "Always"},
}


def a_deployment(namespace, *, image="none", labels=LABELS, **spec):
    template = {**POD, "spec": {**POD["spec"], "containers": [{"name": "c", "image": image}]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "credit-a", "namespace": namespace, "labels": labels},
        "spec": {"selector": {"matchLabels": {"app": "x"}}, "template": template, **spec},
    }


def a_service(namespace, **selector):
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "credit", "namespace": namespace, "labels": LABELS},
        "spec": {"selector": selector, "ports": [{"name": "http", "port": 80}]},
    }


def a_model_deployment(namespace):
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": "credit", "namespace": namespace},
        "spec": {"model": {"version": "v1", "uri": "file:///m.onnx"}},
    }


def deployment_of(namespace):
    return ObjectRef("apps/v1", "Deployment", namespace, "credit-a")


async def test_what_was_created_is_in_the_store_at_once(writer, reader, namespace):
    created = await writer.create(a_service(namespace, app="x"))
    children = await reader.children(namespace, "credit", "uid")
    assert [s["metadata"]["uid"] for s in children.services] == [created["metadata"]["uid"]]
    (owned,) = children.services[0]["metadata"]["managedFields"]
    assert set(owned) == {"manager", "operation", "fieldsV1"}, "of managedFields only our own are kept"


async def test_a_name_that_is_taken_is_told_apart_from_other_conflicts(writer, namespace):
    await writer.create(a_service(namespace, app="x"))
    with pytest.raises(AlreadyExists, match=r"create Service .*/credit: .*already exists"):
        await writer.create(a_service(namespace, app="x"))


async def test_an_object_that_makes_no_sense_is_refused_with_its_field(writer, namespace):
    with pytest.raises(Invalid, match=r"spec\.replicas"):
        await writer.create(a_deployment(namespace, replicas=-1))


async def test_a_quota_is_told_in_the_words_of_the_api_server(kubernetes, writer, namespace):
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none", "namespace": namespace}}
    kubernetes.apply({**quota, "spec": {"hard": {"count/services": "0"}}})
    kubernetes.wait_for(
        "the quota to be in force",
        lambda: kubernetes.get("resourcequota", "none", "-n", namespace).get("status", {}).get("hard"),
    )
    with pytest.raises(Forbidden, match="exceeded quota: none"):
        await writer.create(a_service(namespace, app="x"))


async def test_applying_the_same_again_costs_no_call(kubernetes, client, writer, namespace):
    created = await writer.create(a_service(namespace, app="x"))
    applied = await writer.apply(a_service(namespace, app="x"), resource_version=created["metadata"]["resourceVersion"])
    calls = len(client.calls)
    again = await writer.apply(a_service(namespace, app="x"), resource_version=applied["metadata"]["resourceVersion"])
    assert len(client.calls) == calls
    live = kubernetes.get("service", "credit", "-n", namespace)["metadata"]
    assert (live["uid"], live["resourceVersion"]) == (created["metadata"]["uid"], again["metadata"]["resourceVersion"])


async def test_an_edit_by_hand_is_put_right(kubernetes, client, writer, store, namespace):
    created = await writer.create(a_service(namespace, app="x"))
    await writer.apply(a_service(namespace, app="x"), resource_version=created["metadata"]["resourceVersion"])
    kubernetes.kubectl("patch", "service", "credit", "-n", namespace, "-p", '{"spec":{"selector":{"app":"evil"}}}')
    edited = kubernetes.get("service", "credit", "-n", namespace)
    store.put(edited)
    repaired = await writer.apply(a_service(namespace, app="x"), resource_version=edited["metadata"]["resourceVersion"])
    assert repaired["spec"]["selector"] == {"app": "x"}


async def test_a_view_that_is_stale_writes_nothing(kubernetes, writer, namespace):
    created = await writer.create(a_service(namespace, app="x"))
    kubernetes.kubectl("label", "service", "credit", "-n", namespace, "a=b")
    with pytest.raises(Conflict):
        await writer.apply(a_service(namespace, app="y"), resource_version=created["metadata"]["resourceVersion"])
    assert kubernetes.get("service", "credit", "-n", namespace)["spec"]["selector"] == {"app": "x"}


async def test_applying_leaves_the_replicas_to_the_scale_subresource(writer, reader, namespace):
    created = await writer.create(a_deployment(namespace, replicas=3))
    # Without a resourceVersion here, because the Deployment controller writes its status at the same time.
    applied = await writer.apply(a_deployment(namespace, image="other"), resource_version=None)
    assert applied["spec"]["replicas"] == 3
    await writer.scale(deployment_of(namespace), 5, resource_version=None)
    seen = (await reader.children(namespace, "credit", "uid")).deployments[0]
    assert seen["spec"]["replicas"] == 5
    assert seen["metadata"]["generation"] > created["metadata"]["generation"]
    again = await writer.apply(a_deployment(namespace), resource_version=None)
    assert again["spec"]["replicas"] == 5


async def test_scaling_a_stale_view_is_refused(writer, namespace):
    await writer.create(a_deployment(namespace, replicas=1))
    with pytest.raises(Conflict):
        await writer.scale(deployment_of(namespace), 2, resource_version="1")


async def test_what_a_controller_revision_remembers_can_be_annotated_later(writer, namespace):
    # Its data is immutable and compared by bytes, which every patch writes anew.
    data = {"uri": "https://models/x?a=1&b=<2>\u2028", "b": {"z": 1, "a": [True, None, 1.5]}, "ü": "é\t"}
    metadata = {"name": "credit-a", "namespace": namespace, "labels": LABELS}
    born = {"apiVersion": "apps/v1", "kind": "ControllerRevision", "metadata": metadata, "revision": 1, "data": data}
    created = await writer.create(born)
    note = {**{k: v for k, v in born.items() if k != "data"}, "metadata": metadata | {"annotations": {"a": "b"}}}
    noted = await writer.apply(note, resource_version=created["metadata"]["resourceVersion"])
    assert noted["metadata"]["annotations"] == {"a": "b"}
    assert noted["data"] == data
    ref = ObjectRef("apps/v1", "ControllerRevision", namespace, "credit-a")
    await writer.merge_patch(ref, {"metadata": {"annotations": {"c": "d"}}})


async def test_only_the_incarnation_that_was_seen_is_deleted(writer, reader, namespace):
    created = await writer.create(a_service(namespace, app="x"))
    ref = ObjectRef("v1", "Service", namespace, "credit")
    with pytest.raises(Conflict):
        await writer.delete(ref, uid="another")
    await writer.delete(ref, uid=created["metadata"]["uid"])
    await writer.delete(ref, uid=created["metadata"]["uid"])
    assert (await reader.children(namespace, "credit", "uid")).services == []
    assert await reader.get(ref) is None


async def test_an_orphan_is_adopted_by_a_merge_patch(kubernetes, writer, reader, namespace):
    kubernetes.apply(a_model_deployment(namespace))
    owner = await reader.model_deployment(namespace, "credit")
    created = await writer.create(a_service(namespace, app="x"))
    reference = {"apiVersion": API_VERSION, "kind": KIND, "name": "credit", "uid": owner["metadata"]["uid"]}
    patch = {"ownerReferences": [reference], "resourceVersion": created["metadata"]["resourceVersion"]}
    await writer.merge_patch(ObjectRef("v1", "Service", namespace, "credit"), {"metadata": patch})
    (service,) = (await reader.children(namespace, "credit", "uid")).services
    assert service["metadata"]["ownerReferences"][0]["uid"] == owner["metadata"]["uid"]


async def test_status_is_replaced_as_a_whole_and_nothing_else_is_touched(kubernetes, client, writer, reader, namespace):
    kubernetes.apply(a_model_deployment(namespace))
    await reader.model_deployment(namespace, "credit")
    kept = await reader.model_deployment(namespace, "credit")  # as it is kept: without all that nobody decides by
    before = await client.get(MODEL_DEPLOYMENTS, namespace, "credit")
    first = await writer.replace_status({**kept, "status": {"observedGeneration": 1, "url": "http://x"}})
    await writer.replace_status({**first, "status": {"observedGeneration": 1}})
    after = await client.get(MODEL_DEPLOYMENTS, namespace, "credit")
    assert after["status"] == {"observedGeneration": 1}
    assert after["spec"] == before["spec"]
    assert after["metadata"].get("annotations") == before["metadata"].get("annotations")
    ours = [entry for entry in after["metadata"]["managedFields"] if entry["manager"] == "serin-operator"]
    assert [set(entry["fieldsV1"]) for entry in ours] == [{"f:status"}]


async def test_a_stale_status_is_refused(kubernetes, writer, reader, namespace):
    kubernetes.apply(a_model_deployment(namespace))
    stale = await reader.model_deployment(namespace, "credit")
    kubernetes.kubectl("annotate", "modeldeployment", "credit", "-n", namespace, "a=b")
    with pytest.raises(Conflict):
        await writer.replace_status({**stale, "status": {"observedGeneration": 1}})


async def test_the_same_event_again_becomes_a_count(kubernetes, writer, reader, namespace):
    kubernetes.apply(a_model_deployment(namespace))
    obj = await reader.model_deployment(namespace, "credit")
    for _ in range(3):
        await writer.event(obj, type_="Warning", reason="Stalled", message="no disk " + "x" * 2000)
    (event,) = kubernetes.get("events.events.k8s.io", "-n", namespace)["items"]
    assert event["series"]["count"] == 2  # the second is reported at once, the third within a minute
    assert "Stalled" in kubernetes.kubectl("describe", "modeldeployment", "credit", "-n", namespace)


async def test_an_event_with_a_key_is_told_once_also_by_the_next_process(kubernetes, client, store, reader, namespace):
    kubernetes.apply(a_model_deployment(namespace))
    obj = await reader.model_deployment(namespace, "credit")
    counted = []
    for _ in range(2):
        writer = KubernetesWriter(client, store, EventRecorder(client, on_event=counted.append))
        told = {"type_": "Normal", "reason": "Promoted", "message": "v2 took over"}
        assert await writer.event(obj, **told, key="rev/0/promoted")
    (event,) = kubernetes.get("events.events.k8s.io", "-n", namespace)["items"]
    assert event["note"] == "v2 took over"
    assert counted == ["Promoted"]


@pytest.mark.parametrize("key", [None, "rev/0/promoted"], ids=["repeated", "once"])
async def test_an_event_that_cannot_be_recorded_breaks_nothing(writer, key):
    nowhere = {**a_model_deployment("no-such-namespace")}
    assert await writer.event(nowhere, type_="Normal", reason="Promoted", message="m", key=key)


async def test_without_the_lease_nothing_is_written(client, store, namespace):
    writer = KubernetesWriter(client, store, EventRecorder(client), may_write=lambda: False)
    with pytest.raises(NotLeading):
        await writer.create(a_service(namespace, app="x"))
    assert client.calls == []


async def test_why_a_job_has_no_pod_is_read_from_its_events(kubernetes, client, writer, reader, clock, namespace):
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none", "namespace": namespace}}
    kubernetes.apply({**quota, "spec": {"hard": {"pods": "0"}}})
    kubernetes.wait_for(
        "the quota to be in force",
        lambda: kubernetes.get("resourcequota", "none", "-n", namespace).get("status", {}).get("hard"),
    )
    template = {**POD, "spec": {**POD["spec"], "restartPolicy": "Never"}}
    metadata = {"name": "credit-resolve", "namespace": namespace, "labels": LABELS}
    await writer.create({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {"template": template}})
    kubernetes.wait_for(
        "the event of the Job controller",
        lambda: kubernetes.get("events", "-n", namespace, "--field-selector=reason=FailedCreate")["items"],
    )
    calls = len(client.calls)
    assert (await reader.children(namespace, "credit", "uid")).events_about_jobs == []
    assert len(client.calls) == calls, "a Job that has just been created is not asked after"
    clock.now = 4.0
    (event, *_) = (await reader.children(namespace, "credit", "uid")).events_about_jobs
    assert "exceeded quota: none" in event["message"]
    calls = len(client.calls)
    await reader.children(namespace, "credit", "uid")
    assert len(client.calls) == calls, "the answer is remembered for a while"


async def test_an_object_that_is_not_there_is_none(reader, namespace):
    assert await reader.model_deployment(namespace, "nobody") is None


async def test_long_listings_come_in_pages(kubernetes, client, namespace, monkeypatch):
    monkeypatch.setattr("serin_operator.cluster.client._PAGE", 2)
    for number in range(5):
        obj = a_model_deployment(namespace)
        kubernetes.apply({**obj, "metadata": {**obj["metadata"], "name": f"m{number}"}})
    client.calls.clear()
    items, version = await client.list_all(MODEL_DEPLOYMENTS, namespace)
    assert [item["metadata"]["name"] for item in items] == ["m0", "m1", "m2", "m3", "m4"]
    assert len(client.calls) == 3
    assert int(version) > 0
