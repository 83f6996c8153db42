"""Nothing is read, and so nothing decided, where something cannot be seen."""

import pytest

from serin_operator.api.names import ANNOTATION_ACTION, API_VERSION, FIELD_MANAGER, KIND, ObjectRef
from serin_operator.api.names import LABEL_MODEL_DEPLOYMENT as LABEL
from serin_operator.cluster.errors import Blind, Forbidden
from serin_operator.cluster.store import Store
from serin_operator.observe.annotators import who_asked
from serin_operator.observe.kubernetes import KubernetesReader


def model_deployment(version="1", said="before"):
    metadata = {"namespace": "light", "name": "m", "uid": "u", "resourceVersion": version}
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": {"said": said}}


REF = ObjectRef(API_VERSION, KIND, "light", "m")


class Client:
    asked = 0
    live = model_deployment("7", "live")

    async def get(self, _resource, _namespace, _name):
        self.asked += 1
        return self.live


@pytest.fixture
def client():
    return Client()


@pytest.fixture
def store():
    return Store(lambda: 0.0)


@pytest.fixture
def reader(client, store):
    blind = {"dark": "list pods in dark: pods is forbidden"}
    return KubernetesReader(client, store, lambda: 0.0, blind.get)


async def test_a_namespace_that_cannot_be_seen_is_not_read_and_the_reason_is_told(reader):
    with pytest.raises(Blind, match="pods is forbidden"):
        await reader.model_deployment("dark", "m")


async def test_the_others_are_read(reader):
    assert (await reader.model_deployment("light", "m"))["metadata"]["name"] == "m"


async def test_what_the_watches_have_told_costs_no_call(reader, store, client):
    store.put(model_deployment())
    assert (await reader.model_deployment("light", "m"))["spec"] == {"said": "before"}
    assert client.asked == 0


async def test_what_was_refused_as_out_of_date_is_read_anew_once(reader, store, client):
    store.put(model_deployment())
    store.doubt(REF)
    assert [(await reader.model_deployment("light", "m"))["spec"]["said"] for _ in range(3)] == ["live"] * 3
    assert client.asked == 1


async def test_news_of_an_object_take_the_doubt_away(reader, store, client):
    store.put(model_deployment())
    store.doubt(REF)
    store.put(model_deployment("3", "told"))
    assert (await reader.model_deployment("light", "m"))["spec"] == {"said": "told"}
    assert client.asked == 0


async def test_one_that_turns_out_to_be_gone_is_forgotten(reader, store, client):
    store.put(model_deployment())
    store.doubt(REF)
    client.live = None
    assert await reader.model_deployment("light", "m") is None
    assert store.get(REF) is None


async def test_who_asked_for_an_action_is_kept_and_nothing_else_of_the_managed_fields(reader, store):
    annotation = {"f:metadata": {"f:annotations": {f"f:{ANNOTATION_ACTION}": {}}}}
    managed = [
        {"manager": "helm", "time": "2026-01-01T00:00:00Z", "fieldsV1": {"f:spec": {"f:model": {}}}},
        {"manager": "kubectl", "time": "2026-01-02T00:00:00Z", "fieldsV1": {**annotation, "f:spec": {"f:model": {}}}},
        "nonsense",
    ]
    obj = model_deployment()
    obj["metadata"] |= {"managedFields": managed, "annotations": {ANNOTATION_ACTION: "pause@1"}}
    store.put(obj)
    seen = await reader.model_deployment("light", "m")
    assert seen["metadata"]["managedFields"] == [{**managed[1], "fieldsV1": annotation}]
    assert who_asked(seen["metadata"]) == "kubectl"


DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"namespace": "light", "name": "m-abc", "uid": "u", "resourceVersion": "5", "labels": {LABEL: "m"}},
}
SCALER = {"metadata": {"name": "theirs"}, "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "m-abc"}}}


def scaled_by(manager, subresource="scale"):
    fields = {"f:spec": {"f:replicas": {}}}
    entry = {"manager": manager, "operation": "Update", "subresource": subresource, "fieldsV1": fields}
    return {**DEPLOYMENT, "metadata": {**DEPLOYMENT["metadata"], "managedFields": [entry]}}


class WithAutoscalers(Client):
    def __init__(self, refuses=None):
        self.asked, self.refuses = 0, refuses

    async def list_all(self, resource, _namespace, **_selectors):
        assert resource.kind == "HorizontalPodAutoscaler"
        self.asked += 1
        if self.refuses:
            raise self.refuses
        return [SCALER], "1"


async def autoscalers_seen(client, deployment, times=1, every=0.0):
    clock, store = [0.0], Store(lambda: 0.0)
    store.put(deployment)
    reader = KubernetesReader(client, store, lambda: clock[0])
    found = []
    for _ in range(times):
        found = (await reader.children("light", "m", "uid")).autoscalers
        clock[0] += every
    return found


@pytest.mark.parametrize("manager", ["kube-controller-manager", "keda", "kubectl"])
async def test_autoscalers_are_asked_for_where_somebody_else_has_scaled_a_child(manager):
    assert await autoscalers_seen(WithAutoscalers(), scaled_by(manager)) == [SCALER]


@pytest.mark.parametrize(
    "deployment", [DEPLOYMENT, scaled_by(FIELD_MANAGER), scaled_by("kube-controller-manager", "status")]
)
async def test_otherwise_nobody_asks(deployment):
    client = WithAutoscalers()
    assert await autoscalers_seen(client, deployment) == []
    assert client.asked == 0


async def test_they_are_asked_for_now_and_then_and_not_at_every_look():
    client = WithAutoscalers()
    assert await autoscalers_seen(client, scaled_by("keda"), times=9, every=5.0) == [SCALER]
    assert client.asked == 3


async def test_where_they_may_not_be_listed_there_are_none():
    assert await autoscalers_seen(WithAutoscalers(Forbidden("no")), scaled_by("keda")) == []
