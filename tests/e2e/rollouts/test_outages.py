"""A node that is gone, and an API server that is gone for a minute in the middle of a rollout."""

import time
from collections.abc import Iterator

import pytest
import yaml
from tests.support.kubernetes import ROOT, Kubernetes, session_name, uses_current_context
from tests.support.serin import SYSTEM, Serin, Space, onnx_of, start_store, train, values

from localkube import Cluster
from localkube.images.build import build_images
from localkube.processes import myself
from localkube.reporting import ToTerminal

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(uses_current_context(), reason="another's cluster is not ours to break"),
]
OUTAGE_SECONDS = 60
LAG_SECONDS = 20
"""Several times as long as a server waits for new clients before it leaves."""


def test_the_api_server_is_gone_for_a_minute_in_mid_rollout_and_the_rollout_ends_well(space: Space) -> None:
    local = space.kubernetes.local
    assert local is not None
    rollout = {"steps": [{"weight": 50, "holdSeconds": 5}, {"weight": 60, "holdSeconds": 5}], "bakeSeconds": 3}
    space.apply("v1", rollout=rollout)
    space.wait_until_serves("v1")
    space.start_traffic(requests_per_second=20)
    space.apply("v2", rollout=rollout)
    space.wait_until("a step", lambda: (space.status().get("canary") or {}).get("phase") == "Holding", 60)
    local.stop_apiserver()
    try:
        back = time.monotonic() + OUTAGE_SECONDS
        space.kubernetes.wait_for("a minute without", lambda: time.monotonic() > back, OUTAGE_SECONDS + 5)
    finally:
        local.start_apiserver()
    space.wait_until_serves("v2", 120)
    assert [(v["version"], v["outcome"]) for v in space.status()["versions"]] == [
        ("v2", "Promoted"),
        ("v1", "Promoted"),
    ]
    assert space.lost_requests() == ""


def test_a_pod_that_goes_while_endpoints_lag_answers_until_its_clients_know(space: Space) -> None:
    """As when the API server dies between a pod's deletion and the news of it: nobody is told for a while."""
    local = space.kubernetes.local
    assert local is not None
    space.apply("v1")
    space.wait_until_serves("v1")
    space.start_traffic(requests_per_second=80)
    space.wait_until("clients come and go", lambda: space.traffic()["sent"] > 1000)
    going = space.pods()[0]["metadata"]["name"]
    local.control_plane.box.stop_program("kube-controller-manager", 2)  # it writes the endpoints
    try:
        space.kubectl("delete", "pod", going, "--wait=false")
        late = time.monotonic() + LAG_SECONDS
        space.kubernetes.wait_for("the lag", lambda: time.monotonic() > late, LAG_SECONDS + 5)
        assert space.kubectl("get", "pod", going, "-o", "jsonpath={.status.containerStatuses[0].state.running}")
    finally:
        local.control_plane.finish()
    space.wait_until("it leaves when its clients know", lambda: going not in space.kubectl("get", "pods"), 120)
    space.wait_until_serves("v1")
    assert space.lost_requests() == ""


@pytest.fixture
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Space]:
    """Serin on two nodes of its own."""
    folder = tmp_path_factory.mktemp("pair")
    files = train(folder / "models")
    images = build_images(ROOT, ToTerminal())
    local = Cluster.up(session_name("gone"), nodes=2, images=images, owner=myself())
    try:
        kubernetes = Kubernetes(local.environment(), local)
        (folder / "values.yaml").write_text(yaml.safe_dump(values(kubernetes)))
        kubernetes.helm(
            "install", "serin", str(ROOT / "charts/serin"), "--namespace", SYSTEM, "--create-namespace",
            "--values", str(folder / "values.yaml"), "--wait", "--timeout", "180s",
        )  # fmt: skip
        kubernetes.kubectl("cordon", "node2")
        start_store(kubernetes, onnx_of(files))
        kubernetes.kubectl("uncordon", "node2")
        kubernetes.kubectl("create", "namespace", "gone")
        yield Space(Serin(kubernetes, files), "gone")
    finally:
        local.down()


def test_a_node_is_gone_and_its_pods_move_while_the_other_serves(pair: Space) -> None:
    pair.apply("v1")
    pair.wait_until_serves("v1")
    by_node = {p["spec"]["nodeName"]: p["metadata"]["name"] for p in pair.pods()}
    assert set(by_node) == {"node1", "node2"}
    local = pair.kubernetes.local
    assert local is not None
    local.stop_node("node2")
    pair.wait_until("it is told", lambda: pair.condition("Degraded")["reason"] == "NodeUnreachable", 90)
    assert "v1 serves on 1 of 2 pods" in pair.condition("Degraded")["message"]
    assert "node2" in pair.condition("Degraded")["message"]
    assert pair.condition("Available")["status"] == "True"
    assert pair.endpoints() == {by_node["node1"]}
    pair.wait_until("two pods on the node that is left", lambda: _on(pair, "node1") == 2, 90)
    pair.wait_until_serves("v1", 30)
    assert pair.condition("Degraded")["status"] == "False"
    assert pair.outcome("v1") == "Promoted"


def _on(space: Space, node: str) -> int:
    ready = space.endpoints()
    return sum(p["spec"]["nodeName"] == node and p["metadata"]["name"] in ready for p in space.pods())
