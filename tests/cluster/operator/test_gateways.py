"""Routes at a real API server with the real CRDs of the Gateway API; a stand-in says what a controller would say."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.support import gatewayapi
from tests.support.gatewayapi import accept

from serin_operator.act.errors import Conflict, Invalid
from serin_operator.act.events import EventRecorder
from serin_operator.act.kubernetes import KubernetesWriter
from serin_operator.act.unchanged import AsItIs
from serin_operator.api.names import GATEWAY_API_VERSION, LABEL_MODEL_DEPLOYMENT, ObjectRef
from serin_operator.api.traffic import Gateway
from serin_operator.cluster.resources import HTTP_ROUTES
from serin_operator.cluster.store import Store
from serin_operator.decide.route import Backend
from serin_operator.decide.traffic.rules import route_spec

pytestmark = pytest.mark.cluster

HOSTS = {"hostnames": ["models.example.com"]}
TRAFFIC = {"gateway": {"parentRefs": [{"name": "public"}], **HOSTS}}
FEATURES = ("HTTPRouteBackendProtocolH2C", "HTTPRouteRequestTimeout")


def a_model_deployment(namespace, version="v1", *, traffic=TRAFFIC, weights=(25, 90)):
    steps = [{"weight": weight, "holdSeconds": 2} for weight in weights]
    spec = {
        "replicas": 2,
        "model": {"version": version, "uri": f"file:///models/{version}.onnx"},
        "rollout": {"steps": steps, "bakeSeconds": 2},
        **({"traffic": traffic} if traffic else {}),
    }
    metadata = {"name": "m", "namespace": namespace}
    return {"apiVersion": "serin.dev/v1alpha1", "kind": "ModelDeployment", "metadata": metadata, "spec": spec}


def told(obj):
    return {c["type"]: c for c in (obj.get("status") or {}).get("conditions", [])}


def conditions(kubernetes, namespace):
    return told(kubernetes.get("mdep", "m", "-n", namespace))


def is_stable(kubernetes, namespace, version):
    obj = kubernetes.get("mdep", "m", "-n", namespace)
    ready, stable = told(obj).get("Ready", {}), (obj.get("status") or {}).get("stable", {})
    current = ready.get("observedGeneration") == obj["metadata"]["generation"]
    return current and ready["status"] == "True" and stable.get("version") == version


def weights_of(route):
    return [backend["weight"] for backend in route["spec"]["rules"][-1]["backendRefs"]]


@contextmanager
def accepting(kubernetes, namespace) -> Iterator[list]:
    """A controller that accepts whatever it sees; every split that it took up."""
    over, seen = threading.Event(), []

    def work():
        taken = {}
        while not over.wait(0.3):
            for route in kubernetes.get("httproute", "-n", namespace)["items"]:
                metadata = route["metadata"]
                if taken.get(metadata["uid"]) != metadata["generation"]:
                    accept(kubernetes, namespace, metadata["name"])
                    taken[metadata["uid"]] = metadata["generation"]
                    seen.append(weights_of(route))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join(20)


@pytest.fixture(scope="module")
def gateway_api(kubernetes):
    """The CRDs, which the other tests do without."""
    gatewayapi.install(kubernetes)
    yield
    gatewayapi.remove(kubernetes)


@pytest.fixture
def public(kubernetes, gateway_api, namespace):
    """A Gateway in the test's namespace."""
    kubernetes.apply(*gatewayapi.a_gateway(namespace))
    gatewayapi.tell_features(kubernetes, namespace, *FEATURES)


@pytest.fixture
def writer(client):
    store = Store(lambda: 0.0)
    return KubernetesWriter(client, store, EventRecorder(client))


def a_route(namespace, weight=10, **more):
    gateway = Gateway.model_validate({**TRAFFIC["gateway"], **more})
    spec = route_spec(gateway, [Backend("m-a", 100 - weight), Backend("m-b", weight)], grpc=True)
    metadata = {"name": "m", "namespace": namespace, "labels": {LABEL_MODEL_DEPLOYMENT: "m"}}
    return {"apiVersion": GATEWAY_API_VERSION, "kind": "HTTPRoute", "metadata": metadata, "spec": spec}


def test_a_cluster_without_the_gateway_api_is_worked_on_and_one_that_gets_it_later_too(
    kubernetes, kubelet, namespace, start_operator
):
    gatewayapi.remove(kubernetes)
    operator = start_operator()
    kubernetes.apply(a_model_deployment(namespace))
    said = kubernetes.wait_for(
        "the reason", lambda: conditions(kubernetes, namespace).get("Stalled", {}).get("reason") == "GatewayApiMissing"
    )
    assert said
    assert "httproutes" not in operator.page("/readyz")
    assert operator.metric(f'serin_operator_watch_up{{namespace="{namespace}",resource="httproutes"}}') == 1.0
    assert conditions(kubernetes, namespace)["Available"]["status"] == "True"
    gatewayapi.install(kubernetes)
    try:
        kubernetes.apply(*gatewayapi.a_gateway(namespace))
        gatewayapi.tell_features(kubernetes, namespace, *FEATURES)
        kubernetes.wait_for("the route", lambda: kubernetes.get("httproute", "m", "-n", namespace), seconds=70)
        with accepting(kubernetes, namespace):
            kubernetes.wait_for("v1 to be stable", lambda: is_stable(kubernetes, namespace, "v1"))
    finally:
        gatewayapi.remove(kubernetes)
    kubernetes.wait_for(
        "the reason again",
        lambda: conditions(kubernetes, namespace)["Stalled"]["reason"] == "GatewayApiMissing",
        seconds=90,
    )
    assert conditions(kubernetes, namespace)["Available"]["status"] == "True"


async def test_a_route_is_written_once_and_again_only_when_somebody_has_edited_it(
    kubernetes, public, namespace, writer, client
):
    await writer.create(a_route(namespace, pathPrefix="/m", timeouts={"request": "10s"}))
    ref = ObjectRef(GATEWAY_API_VERSION, "HTTPRoute", namespace, "m")

    async def applied(weight=10):
        live = await client.get(HTTP_ROUTES, namespace, "m")
        writer._store.put(live)
        intent = a_route(namespace, weight, pathPrefix="/m", timeouts={"request": "10s"})
        return await writer.apply(intent, resource_version=live["metadata"]["resourceVersion"])

    assert isinstance(await applied(), AsItIs)
    assert weights_of(await applied(90)) == [10, 90]
    assert isinstance(await applied(90), AsItIs)
    patch = '[{"op":"replace","path":"/spec/rules/0/backendRefs/1/weight","value":7}]'
    kubernetes.kubectl("patch", "httproute", "m", "-n", namespace, "--type=json", "-p", patch)
    assert weights_of(await applied(90)) == [10, 90]
    assert isinstance(await applied(90), AsItIs)
    await writer.delete(ref, uid=None)


async def test_a_field_that_the_cluster_does_not_have_is_refused_and_not_dropped(public, namespace, writer, client):
    odd = [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"sett": []}}]
    with pytest.raises(Invalid, match="sett"):
        await writer.create(a_route(namespace, filters=odd))
    await writer.create(a_route(namespace))
    live = await client.get(HTTP_ROUTES, namespace, "m")
    with pytest.raises(Invalid, match="sett"):
        await writer.apply(a_route(namespace, filters=odd), resource_version=live["metadata"]["resourceVersion"])


async def test_weights_in_a_route_of_somebody_are_changed_only_where_everything_is_as_observed(
    kubernetes, public, namespace, writer, client
):
    theirs = a_route(namespace, 0)
    theirs["metadata"] = {"name": "mine", "namespace": namespace}
    kubernetes.apply(theirs)
    live = await client.get(HTTP_ROUTES, namespace, "mine")
    ref, place = ObjectRef(GATEWAY_API_VERSION, "HTTPRoute", namespace, "mine"), "/spec/rules/1/backendRefs/1"
    tests = [
        {"op": "test", "path": "/metadata/resourceVersion", "value": live["metadata"]["resourceVersion"]},
        {"op": "test", "path": f"{place}/name", "value": "m-b"},
        {"op": "test", "path": f"{place}/weight", "value": 0},
    ]
    change = {"op": "replace", "path": f"{place}/weight", "value": 30}
    await writer.json_patch(ref, [*tests, change])
    after = await client.get(HTTP_ROUTES, namespace, "mine")
    assert weights_of(after) == [100, 30]
    with pytest.raises(Conflict):
        await writer.json_patch(ref, [*tests, change])
    assert after["spec"]["parentRefs"] == live["spec"]["parentRefs"]
    with pytest.raises(Conflict):
        await writer.json_patch(ref, [{"op": "test", "path": "/spec/rules/7/name", "value": "x"}, change])


def test_a_rollout_goes_by_exact_weights_and_then_nothing_is_written(
    kubernetes, kubelet, public, namespace, start_operator
):
    start_operator()
    with accepting(kubernetes, namespace) as taken:
        kubernetes.apply(a_model_deployment(namespace))
        kubernetes.wait_for("v1 to be stable", lambda: is_stable(kubernetes, namespace, "v1"))
        kubernetes.apply(a_model_deployment(namespace, "v2"))
        kubernetes.wait_for("v2 to be stable", lambda: is_stable(kubernetes, namespace, "v2"), seconds=90)

        def is_over():
            names = [d["metadata"]["name"] for d in kubernetes.get("deployment", "-n", namespace)["items"]]
            return len(names) == 1 and "canary" not in kubernetes.get("mdep", "m", "-n", namespace)["status"]

        kubernetes.wait_for("v1 to be gone", is_over)
    # A canary whose pods are ready before the endpoints tell of them is in the route at zero first, and only then.
    first = [[100, 0]] if taken[1] == [100, 0] else []
    assert taken == [[100], *first, [75, 25], [10, 90], [100]]
    status = kubernetes.get("mdep", "m", "-n", namespace)["status"]
    assert status["traffic"] == {"route": "m", "urls": ["http://models.example.com"]}
    route = kubernetes.get("httproute", "m", "-n", namespace)
    assert [r["matches"][0]["path"]["value"] for r in route["spec"]["rules"]] == [
        "/inference.GRPCInferenceService",
        "/",
    ]
    (backend,) = route["spec"]["rules"][0]["backendRefs"]
    service = kubernetes.get("service", backend["name"], "-n", namespace)
    assert {p["port"]: p.get("appProtocol") for p in service["spec"]["ports"]} == {80: None, 8081: "kubernetes.io/h2c"}


def a_route_of_ones_own(namespace):
    theirs = a_route(namespace, 0)
    theirs["metadata"] = {"name": "mine", "namespace": namespace}
    for rule in theirs["spec"]["rules"]:
        rule["backendRefs"][0]["name"], rule["backendRefs"][1]["name"] = "m", "m-canary"
    return theirs


@pytest.mark.parametrize("cascade", ["background", "foreground", "orphan"])
def test_a_route_of_ones_own_is_given_back_by_one_that_is_deleted_in_mid_rollout(
    kubernetes, kubelet, public, namespace, start_operator, cascade
):
    kubernetes.apply(a_route_of_ones_own(namespace))
    start_operator()

    def weights():
        return weights_of(kubernetes.get("httproute", "mine", "-n", namespace))

    def applied(version):
        obj = a_model_deployment(namespace, version, traffic={"routeRef": {"name": "mine"}}, weights=(25,))
        obj["spec"]["rollout"]["steps"][0]["holdSeconds"] = 600
        kubernetes.apply(obj)

    with accepting(kubernetes, namespace):
        applied("v1")
        kubernetes.wait_for("v1 to be stable", lambda: is_stable(kubernetes, namespace, "v1"), seconds=120)
        applied("v2")
        kubernetes.wait_for("v2 to have its part", lambda: weights() == [75, 25], seconds=90)
        kubernetes.kubectl("delete", "mdep", "m", "-n", namespace, f"--cascade={cascade}", "--timeout=60s")
        kubernetes.wait_for("the weights", lambda: weights() == [100, 0], seconds=20)


def test_a_route_of_ones_own_is_given_back(kubernetes, kubelet, public, namespace, start_operator):
    kubernetes.apply(a_route_of_ones_own(namespace))
    start_operator()
    with accepting(kubernetes, namespace) as taken:
        kubernetes.apply(a_model_deployment(namespace, traffic={"routeRef": {"name": "mine"}}))
        kubernetes.wait_for("v1 to be stable", lambda: is_stable(kubernetes, namespace, "v1"))
        kubernetes.apply(a_model_deployment(namespace, "v2", traffic={"routeRef": {"name": "mine"}}))
        kubernetes.wait_for("v2 to be stable", lambda: is_stable(kubernetes, namespace, "v2"), seconds=90)
        kubernetes.wait_for(
            "the weights", lambda: weights_of(kubernetes.get("httproute", "mine", "-n", namespace)) == [100, 0]
        )
    assert taken[:3] == [[100, 0], [75, 25], [10, 90]]
    route = kubernetes.get("httproute", "mine", "-n", namespace)
    assert "labels" not in route["metadata"]
    assert "ownerReferences" not in route["metadata"]
    assert [len(rule["backendRefs"]) for rule in route["spec"]["rules"]] == [2, 2]
