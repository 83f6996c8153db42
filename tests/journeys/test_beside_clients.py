"""Versions that a real Gateway shows to few or to nobody: copies of requests, testers by header and cookie, and one that fails."""

import json
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from onnx import TensorProto, helper
from scipy.stats import binom
from tests.support.addons import Gateway
from tests.support.kubernetes import Kubernetes
from tests.support.roads import host, inference, routed, version_in
from tests.support.serin import Serin, Space

pytestmark = pytest.mark.e2e

INTERVAL = 5
PINS = [
    {"header": {"name": "X-Tester", "value": "yes"}, "to": "Canary"},
    {"cookie": {"name": "payroll", "value": "1"}, "to": "Stable"},
]
TESTER, PAYROLL = {"X-Tester": "yes"}, {"Cookie": "theme=dark; payroll=1"}


def failing_model() -> bytes:
    """Loads and passes its warm-up of zeros; asked about a real patient it looks for a row that is not there."""
    number = TensorProto.INT64
    nodes = [
        helper.make_node("ReduceMax", ["features"], ["top"], keepdims=0),
        helper.make_node("Constant", [], ["ten"], value=helper.make_tensor("t", TensorProto.FLOAT, [], [10.0])),
        helper.make_node("Constant", [], ["far"], value=helper.make_tensor("f", number, [], [1000])),
        helper.make_node("Greater", ["top", "ten"], ["is_real"]),
        helper.make_node("Cast", ["is_real"], ["times"], to=number),
        helper.make_node("Mul", ["far", "times"], ["row"]),
        helper.make_node("Constant", [], ["rows"], value=helper.make_tensor("r", TensorProto.FLOAT, [3], [0, 0, 0])),
        helper.make_node("Gather", ["rows", "row"], ["bound"], axis=0),
        helper.make_node("ReduceMax", ["features"], ["most"], axes=[1], keepdims=0),
        helper.make_node("Less", ["most", "bound"], ["class"]),
        helper.make_node("Cast", ["class"], ["label"], to=number),
    ]
    features = helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, 30])
    label = helper.make_tensor_value_info("label", number, [None])
    graph = helper.make_graph(nodes, "failing", [features], [label])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    return model.SerializeToString()  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def routed_space(serin: Serin, gateway: Gateway) -> Iterator[Space]:
    """v1 on two pods behind the Gateway, under clients, and a store that has a model that fails."""
    space = Space(serin, "beside")
    serin.kubernetes.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space.namespace}})
    serin.put_models({"failing.onnx": failing_model()})
    apply(space, "v1")
    space.wait_until_serves("v1", 120)
    space.start_traffic(requests_per_second=60, through=(gateway.address, host(space)))
    yield space
    serin.kubernetes.kubectl("delete", "namespace", space.namespace, "--wait=false")


def apply(space: Space, version: str, file: str | None = None, **rollout: Any) -> None:
    errors = {"name": "errors", "errorRate": {"maxIncrease": 0.02}}
    space.apply(
        version,
        f"http://models.models.svc/{file or version}.onnx",
        analysis={"intervalSeconds": INTERVAL, "minSamples": 100, "metrics": [errors]},
        rollout={"bakeSeconds": 2, "progressDeadlineSeconds": 120, **rollout},
        **routed(space, pins=PINS),
    )


def canary(space: Space) -> dict[str, Any]:
    return space.status().get("canary") or {}


def is_judged(space: Space, verdict: str = "Pass") -> bool:
    """Whether the errors of the new version have been seen, and what came out."""
    metrics = canary(space).get("analysis") or [{}]
    return canary(space).get("phase") == "Holding" and metrics[0].get("verdict") == verdict


def requests_of(space: Space) -> dict[str, float]:
    """What the servers of each version have counted, as Prometheus scraped them."""
    query = f'sum by (model_version) (serin_requests_total{{model_namespace="{space.namespace}"}})'
    url = f"{space.kubernetes.prometheus_url}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    with urllib.request.urlopen(url, timeout=10) as answer:
        result = json.loads(answer.read())["data"]["result"]
    return {row["metric"]["model_version"]: float(row["value"][1]) for row in result}


def test_half_of_the_requests_are_copied_and_no_client_hears_the_copies(routed_space: Space) -> None:
    space = routed_space
    apply(space, "v2", strategy="Shadow", shadow={"mirrorPercent": 50, "holdSeconds": 3600})
    space.wait_until("copies are judged", lambda: is_judged(space), 120)
    before = requests_of(space)
    space.wait_until("more copies", lambda: requests_of(space)["v1"] > before["v1"] + 1000, 120)
    after = requests_of(space)
    asked, copied = (int(after[version] - before[version]) for version in ("v1", "v2"))
    least, most = binom.interval(0.999, asked, 0.5)
    assert least - 60 <= copied <= most + 60, (asked, copied)  # each version is scraped at a second of its own
    assert space.traffic()["by_version"].keys() == {"v1"}

    apply(space, "v2", strategy="Shadow", shadow={"mirrorPercent": 50, "holdSeconds": 5})
    space.wait_until_serves("v2", 120)
    assert space.lost_requests() == ""


def test_a_version_that_fails_on_copies_is_rolled_back_before_a_client_hears_of_it(routed_space: Space) -> None:
    space = routed_space
    apply(space, "copied", "failing", strategy="Shadow", shadow={"holdSeconds": 3600})
    entry = space.wait_for_outcome("copied", "RolledBack", 120)
    assert entry["reason"] == "AnalysisFailed"
    assert "copied" not in space.traffic()["by_version"]
    assert space.lost_requests() == ""


def test_testers_reach_what_they_are_pinned_to_and_their_evidence_promotes_it(
    routed_space: Space, gateway: Gateway
) -> None:
    space = routed_space
    apply(space, "v3", strategy="ABTest", abTest={"holdSeconds": 5, "minSamples": 200})
    space.wait_until("testers may come", lambda: canary(space).get("phase") == "Holding", 120)
    assert gateway.answers(inference(space), 200, version_in) == {"v2": 200}
    assert gateway.answers(inference(space, **PAYROLL), 50, version_in) == {"v2": 50}
    assert gateway.answers(inference(space, **TESTER), 100, version_in) == {"v3": 100}
    assert canary(space).get("phase") == "Holding", "too few testers"

    def testers_are_enough() -> bool:
        told = gateway.answers(inference(space, **TESTER), 100, version_in)
        assert told == {"v3": 100}
        return space.serves("v3")

    space.wait_until("v3 serves", testers_are_enough, 120)
    assert gateway.answers(inference(space), 100, version_in) == {"v3": 100}
    assert space.lost_requests() == ""


def test_pins_hold_beside_a_canary_with_half_of_the_requests(routed_space: Space, gateway: Gateway) -> None:
    space = routed_space
    apply(space, "v5", "v2", steps=[{"weight": 50, "holdSeconds": 3600}])
    space.wait_until("v5 has half", lambda: canary(space).get("phase") == "Holding", 120)
    assert gateway.answers(inference(space, **TESTER), 200, version_in) == {"v5": 200}
    assert gateway.answers(inference(space, **PAYROLL), 200, version_in) == {"v3": 200}
    told = gateway.answers(inference(space), 200, version_in)
    assert told["v5"] > 50
    assert told["v3"] > 50
    space.act("abort@1")
    space.wait_for_outcome("v5", "Aborted", 30)
    space.wait_until(
        "all is stable's", lambda: gateway.answers(inference(space, **TESTER), 50, version_in) == {"v3": 50}, 30
    )
    assert space.lost_requests() == ""


def test_a_version_that_only_fails_is_at_nothing_in_an_interval_and_two_seconds_while_its_readiness_flaps(
    routed_space: Space, gateway: Gateway
) -> None:
    space = routed_space
    apply(space, "v6", "failing", steps=[{"weight": 25, "holdSeconds": 3600}])
    space.wait_until("v6 has pods", lambda: new_pods(space, "v6"), 60)
    with flapping(space, "v6"), failures(gateway, space) as heard:
        space.wait_for_outcome("v6", "RolledBack", 120)
        space.wait_until("stable has everything", lambda: len(space.endpoints()) == 2, 60)
        until = time.monotonic() + 3
        space.wait_until("and nothing else comes", lambda: time.monotonic() > until, 10)
    assert len(heard) > 10
    assert heard[-1] - heard[0] <= INTERVAL + 2, [round(each - heard[0], 1) for each in heard]


def new_pods(space: Space, version: str) -> list[dict[str, Any]]:
    """Pods of a version under way that have an address."""
    if canary(space).get("version") != version:
        return []
    revision = canary(space).get("revision", "-")
    return [p for p in space.pods() if revision in p["metadata"]["labels"].values() and p["status"].get("podIP")]


@contextmanager
def failures(gateway: Gateway, space: Space) -> Iterator[list[float]]:
    """When a client that asks without a pause got an error."""
    heard: list[float] = []
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            if gateway.answers(inference(space), 1, version_in)["lost"]:
                heard.append(time.monotonic())

    client = threading.Thread(target=ask)
    client.start()
    try:
        yield heard
    finally:
        over.set()
        client.join()


@contextmanager
def flapping(space: Space, version: str) -> Iterator[None]:
    """A pod of a version answers its kubelet's probes for a while and not for a while; clients reach it all the time."""
    kubernetes, over = space.kubernetes, threading.Event()
    pod = new_pods(space, version)[0]

    def flap() -> None:
        while not over.wait(5):
            probes(kubernetes, pod, "--insert")
            over.wait(6)
            probes(kubernetes, pod, "--delete")

    nuisance = threading.Thread(target=flap)
    nuisance.start()
    try:
        yield
    finally:
        over.set()
        nuisance.join()


def probes(kubernetes: Kubernetes, pod: dict[str, Any], change: str) -> None:
    """Refuse, or no longer refuse, what the node itself sends to a pod; what pods send passes by."""
    assert kubernetes.local is not None
    box = kubernetes.local.node(pod["spec"]["nodeName"]).box
    rule = ("iptables", change, "OUTPUT", "--destination", pod["status"]["podIP"], "--protocol", "tcp", "--jump")
    subprocess.run(box.command_inside(*rule, "REJECT"), check=True, capture_output=True)
