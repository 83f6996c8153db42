"""Everything that a rollout can go through, under clients that never pause: not one of their requests is lost.

Both roads go through each journey side by side. `make journeys` sends 50,000 requests on each; without a count they are few.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.addons import Gateway
from tests.support.kubernetes import Kubernetes
from tests.support.roads import FEWEST, MOST, Road, Roads, opened
from tests.support.serin import Serin, kill_container

pytestmark = pytest.mark.e2e

HELD = 3600
JOURNEYS = 8


@pytest.fixture(scope="module")
def roads(two_nodes: Kubernetes, serin: Serin, gateway: Gateway, metrics_server: Kubernetes) -> Iterator[Roads]:
    """Both, with v1 on two pods each."""
    both = opened(serin, gateway, JOURNEYS)
    yield both
    for road in both.each:
        serin.kubernetes.kubectl("delete", "namespace", road.space.namespace, "--wait=false")


def steps(*weights: int, hold: int = 3, **more: Any) -> dict[str, Any]:
    held = [{"weight": weight, "holdSeconds": hold} for weight in weights]
    return {"rollout": {"steps": held, "bakeSeconds": 2, "progressDeadlineSeconds": 180, **more}}


def aside(strategy: str, **more: Any) -> dict[str, Any]:
    return {"rollout": {"strategy": strategy, "bakeSeconds": 2, "progressDeadlineSeconds": 180, **more}}


def version_of(road: Road) -> str:
    return str((road.space.status().get("canary") or {}).get("version", ""))


def test_a_canary_is_promoted(roads: Roads) -> None:
    with roads.journey("canary to promotion"):
        roads.apply("v2", **steps(25, 50))
        roads.wait_until_serves("v2")


def test_a_worse_canary_is_rolled_back_at_half(roads: Roads) -> None:
    accuracy = {"name": "accuracy", "accuracy": {"maxDecrease": 0.02}}
    analysis = {"analysis": {"intervalSeconds": 3, "minSamples": 400, "metrics": [accuracy]}}
    with roads.journey("rollback at 50 %"):
        roads.apply("worse", "v3", **steps(50, hold=HELD), **analysis)
        roads.wait_until("rolled back", lambda road: road.space.outcome("worse") == "RolledBack", 240)
        roads.wait_until("v2 is alone", lambda road: len(road.space.pods()) == FEWEST)
    assert all(road.space.traffic()["by_version"]["worse"]["sent"] > 100 for road in roads.each)


def test_blue_becomes_green_after_a_preview(roads: Roads) -> None:
    with roads.journey("blue-green with a preview"):
        roads.apply("v3", **aside("BlueGreen", blueGreen={"holdSeconds": 3, "pause": True}))
        roads.wait_until("the preview leads to it", lambda road: road.is_held() and previewed(road) == "v3")
        roads.act("resume@1")
        roads.wait_until_serves("v3")


def previewed(road: Road) -> str:
    """The version of the pods that the preview Service selects."""
    selector = f"kubernetes.io/service-name={road.space.name}-preview"
    slices = road.space.kubernetes.get("endpointslices", "-n", road.space.namespace, "-l", selector)["items"]
    named = {e["targetRef"]["name"] for s in slices for e in s.get("endpoints") or [] if e["conditions"].get("ready")}
    canary = (road.space.status().get("canary") or {}).get("revision", "-")
    ours = {pod["metadata"]["name"] for pod in road.space.pods() if canary in pod["metadata"]["labels"].values()}
    return version_of(road) if named and named == ours else ""


def test_blue_becomes_green_without_a_preview(roads: Roads) -> None:
    """Behind the gateway copies of requests come to it instead; without one nothing does."""
    with roads.journey("blue-green without a preview"):
        for road in roads.each:
            copies = {"blueGreen": {"mirrorPercent": 100, "holdSeconds": 3}}
            road.apply("v4", **(aside("BlueGreen", **copies) if road.traffic else aside("Immediate")))
        roads.wait_until_serves("v4")


def test_an_earlier_version_is_restored(roads: Roads) -> None:
    with roads.journey("restore of an earlier version"):
        roads.act("rollback=v2@1")
        roads.wait_until("v2 serves", lambda road: (road.space.status().get("stable") or {}).get("version") == "v2")
        roads.wait_until("v4 has gone", lambda road: len(road.space.pods()) == FEWEST)


def test_an_autoscaler_makes_two_pods_six_and_two_again_in_mid_rollout(roads: Roads) -> None:
    with roads.journey("2, 6, 2 pods in mid-rollout"):
        roads.apply("v5", **steps(25, hold=HELD))
        roads.wait_until("v5 has its share", Road.is_held)
        for road in roads.each:
            road.aim("1Mi")
        roads.wait_until("six pods of stable", lambda road: road.sizes() == (MOST, MOST))
        for road in roads.each:
            road.aim("8Gi")
        roads.wait_until("two again", lambda road: road.sizes() == (FEWEST, FEWEST))
        assert {version_of(road) for road in roads.each} == {"v5"}
        roads.apply("v5", **steps(25))
        roads.wait_until_serves("v5")


def test_the_operator_is_killed_in_mid_rollout(roads: Roads) -> None:
    serin = roads.serin
    with roads.journey("operator killed"):
        roads.apply("v6", **steps(50))
        roads.wait_until("v6 has pods", lambda road: len(road.space.pods()) > FEWEST)
        for pod in serin.operator_pods():
            container = pod["status"]["containerStatuses"][0]["containerID"]
            kill_container(serin.kubernetes, container.rpartition("/")[2])
        roads.wait_until_serves("v6", 180)


def test_a_node_is_drained_in_mid_rollout(roads: Roads) -> None:
    kubectl = roads.serin.kubernetes.kubectl
    with roads.journey("node drained"):
        roads.apply("v7", **steps(25, hold=HELD))
        roads.wait_until("v7 has its share", Road.is_held)
        assert {road.name for road in roads.each if nodes_of(road) == {roads.node}} == set()
        drain = ("drain", roads.node, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=240s")
        try:
            kubectl(*drain)
            roads.wait_until("all pods are elsewhere", lambda road: roads.node not in nodes_of(road))
            roads.apply("v7", **steps(25))
            roads.wait_until_serves("v7", 180)
        finally:
            kubectl("uncordon", roads.node)


def nodes_of(road: Road) -> set[str]:
    return {pod["spec"]["nodeName"] for pod in road.space.pods() if pod["spec"].get("nodeName")}
