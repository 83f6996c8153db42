"""An autoscaler that moves a ModelDeployment through /scale while a rollout is under way."""

from typing import Any

import pytest
from tests.support.addons import autoscaler
from tests.support.kubernetes import Kubernetes
from tests.support.serin import Space

pytestmark = pytest.mark.e2e

HELD = 3600


def test_two_pods_become_six_and_two_again_in_mid_rollout_without_a_lost_request(
    space: Space, metrics_server: Kubernetes
) -> None:
    apply(space, "v1", HELD)
    aim(space, "8Gi")
    space.wait_until_serves("v1")
    space.wait_until("two pods", lambda: sizes(space) == (2, 2))
    space.start_traffic(requests_per_second=40)

    apply(space, "v2", HELD)
    space.wait_until("v2 is a canary", lambda: (space.status().get("canary") or {}).get("step") == 0)
    aim(space, "1Mi")
    space.wait_until("six pods of the stable version", lambda: sizes(space) == (6, 6), 120)
    aim(space, "8Gi")
    space.wait_until("two again", lambda: sizes(space) == (2, 2), 120)
    assert space.status()["canary"]["version"] == "v2"

    apply(space, "v2", 0)
    space.wait_until_serves("v2", 120)
    assert sizes(space)[0] == 2
    assert space.lost_requests() == ""


def apply(space: Space, version: str, hold_seconds: int) -> None:
    """A manifest that leaves the number of pods to the autoscaler."""
    steps = [{"weight": 25, "holdSeconds": hold_seconds}]
    manifest: dict[str, Any] = space.manifest(version, rollout={"steps": steps, "bakeSeconds": 2})
    del manifest["spec"]["replicas"]
    space.kubernetes.apply(manifest)


def aim(space: Space, memory: str) -> None:
    """How much memory a pod should have on average: little makes the autoscaler want many."""
    scaled = autoscaler(space.name, "serin.dev/v1alpha1", "ModelDeployment", (2, 6), memory, space.namespace)
    space.kubernetes.apply(scaled)


def sizes(space: Space) -> tuple[int, int]:
    """What the autoscaler wants, and how many pods of the stable version are behind the Service."""
    wanted = int(space.get()["spec"]["replicas"])
    stable = (space.status().get("stable") or {}).get("revision", "-")
    ours = {p["metadata"]["name"] for p in space.pods() if stable in p["metadata"]["labels"].values()}
    return wanted, len(ours & space.endpoints())
