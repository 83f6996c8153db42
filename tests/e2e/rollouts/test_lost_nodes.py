"""A node that is gone: it is told, and its pods move."""

from collections.abc import Iterator

import pytest
from tests.support.kubernetes import ROOT, uses_current_context
from tests.support.serin import SYSTEM, Space

from localkube.images.build import build_images
from localkube.reporting import ToTerminal

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(uses_current_context(), reason="another's cluster is not ours to break"),
]


@pytest.fixture
def pair(space: Space) -> Iterator[Space]:
    """The cluster with a second node, on which one of the two operators runs; the store is on the first."""
    local, kubectl = space.kubernetes.local, space.kubernetes.kubectl
    assert local is not None
    local.start_node("node2", build_images(ROOT, ToTerminal()))
    try:
        kubectl("-n", SYSTEM, "delete", "pod", space.serin.operator_pods()[0]["metadata"]["name"])
        space.serin.wait_for_operators(2)
        assert {pod["spec"]["nodeName"] for pod in space.serin.operator_pods()} == {"node1", "node2"}
        yield space
    finally:
        local.stop_node("node2")
        kubectl("delete", "node", "node2")
        space.serin.wait_for_operators(2)


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
