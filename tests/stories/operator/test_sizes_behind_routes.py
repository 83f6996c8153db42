"""Scaled to zero and back, and rollouts on the pods that there are, where requests come by a route."""

from typing import Any

import pytest
from tests.support.simulation import (
    Crash,
    Simulation,
    behind_gateway,
    behind_route,
    deployment_of,
    late_from,
    model_of,
    phase,
    revision_of,
    rollout,
    serving,
    uri_of,
    wanted_pods,
    words,
)

WAYS = pytest.mark.parametrize("way", ["gateway", "route"])
V1, V2 = uri_of("v1"), uri_of("v2")


def pods(simulation: Simulation, version: str) -> list[Any]:
    revision = revision_of(simulation, version)
    return [p for p in simulation.of_kind("Pod") if p["metadata"]["labels"].get("serin.dev/revision") == revision]


async def drained(simulation: Simulation, version: str) -> None:
    """Every pod of a version is evicted, as the disruption budget lets them go: the next once all are ready again."""
    for pod in pods(simulation, version):
        simulation.terminate(pod)
        simulation.remove(pod)
        await simulation.live_until(lambda s: s.moments[-1].ready.get(version) == wanted_pods(s, version), 60)
        await simulation.live(5)


async def behind(way: str, **fields: Any) -> Simulation:
    """v1 serves by a route of ours, or by one of people's."""
    return await (behind_gateway if way == "gateway" else behind_route)(analysis=False, **fields)


async def at(where: str, way: str) -> Simulation:
    """v2 has come so far beside four pods."""
    simulation = await behind(way, replicas=4)
    if where == "Starting":
        simulation.behave(V2, ready_after=25)
    if where == "Growing":
        simulation.behave(V2, ready_after=lambda ordinal: 3.0 if ordinal < 3 else 25.0)
    if where == "Switching":
        simulation.gateways.takes = 6
    simulation.change_spec(model=model_of("v2"), rollout=rollout(25, 50, hold=15, bakeSeconds=30))
    await simulation.live_until(lambda s: phase(s) == where, 200)
    return simulation


def is_fast_asleep(simulation: Simulation) -> None:
    assert simulation.condition("Ready")["reason"] == "ScaledToZero", words(simulation)
    assert simulation.condition("Stalled")["status"] == "False", words(simulation)
    assert simulation.condition("Degraded")["status"] == "False", words(simulation)


@WAYS
async def test_a_model_sleeps_behind_its_route_and_wakes_up(way: str) -> None:
    simulation = await behind(way)
    simulation.kubectl_scale(0)
    await simulation.live(40)
    is_fast_asleep(simulation)
    writes, looks = len(simulation.api.writes), len(simulation.reconciles)
    await simulation.live(120)
    assert simulation.api.writes[writes:] == [], "nothing moves at zero"
    assert len(simulation.reconciles) - looks < 15
    simulation.kubectl_scale(3)
    await simulation.live_until(lambda s: s.condition("Ready")["status"] == "True", 60)
    await simulation.live(5)
    assert simulation.moments[-1].answered.keys() == {"v1"}


@WAYS
@pytest.mark.parametrize("where", ["Starting", "Reaching", "Holding", "Growing", "Switching", "Baking"])
async def test_a_rollout_sleeps_behind_its_route_wherever_it_is(way: str, where: str) -> None:
    simulation = await at(where, way)
    simulation.kubectl_scale(0)
    await simulation.live(40)
    is_fast_asleep(simulation)
    simulation.restart_operator()
    simulation.behave(V2)
    simulation.gateways.takes = 1
    simulation.kubectl_scale(4)
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 400)
    await simulation.live(30)
    assert simulation.moments[-1].answered.keys() == {"v2"}
    assert simulation.condition("Ready")["status"] == "True", words(simulation)


@WAYS
async def test_a_rollout_that_is_ended_at_zero_speaks_of_no_endpoints_that_nobody_asked_for(way: str) -> None:
    simulation = await at("Holding", way)
    simulation.kubectl_scale(0)
    await simulation.live(20)
    simulation.annotate("abort@asleep")
    await simulation.live(30)
    assert simulation.condition("Ready")["reason"] == "Aborted"
    assert "nothing serves, since spec.replicas is 0" in words(simulation)
    assert "EndpointSlices" not in words(simulation)
    assert deployment_of(simulation, "v2") is None
    simulation.kubectl_scale(3)
    await simulation.live(20)
    assert simulation.moments[-1].answered.keys() == {"v1"}


@WAYS
@pytest.mark.parametrize("change", ["added", "removed"])
async def test_traffic_comes_and_goes_at_zero(way: str, change: str) -> None:
    simulation = await behind(way)
    traffic = simulation.mdep["spec"]["traffic"]
    if change == "added":
        simulation.change_spec(traffic=None)
        await simulation.live(20)
    simulation.kubectl_scale(0)
    await simulation.live(20)
    simulation.change_spec(traffic=traffic if change == "added" else None)
    await simulation.live(40)
    is_fast_asleep(simulation)
    simulation.kubectl_scale(3)
    await simulation.live_until(lambda s: s.condition("Ready")["status"] == "True", 60)
    await simulation.live(30)
    assert simulation.moments[-1].answered.keys() == {"v1"}


@WAYS
async def test_a_canary_has_two_pods_however_little_its_weight_so_that_a_node_can_be_drained(way: str) -> None:
    simulation = await behind(way, replicas=4)
    simulation.change_spec(model=model_of("v2"), rollout=rollout(1, 10, hold=60))
    for _ in range(2):
        await simulation.live_until(lambda s: phase(s) == "Holding", 150)
        await simulation.live_until(lambda s: phase(s) == "Holding" and s.moments[-1].ready.get("v2") == 2, 60)
        await drained(simulation, "v2")
        await simulation.live_until(lambda s: phase(s) != "Holding", 150)
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 400)
    assert simulation.lost == 0


@WAYS
async def test_a_canary_goes_out_on_the_one_pod_that_its_weight_needs_where_there_is_no_room_for_a_second(
    way: str,
) -> None:
    simulation = await behind(way, replicas=4)
    simulation.behave(V2, ready_after=late_from(1, 10_000))
    simulation.change_spec(model=model_of("v2"), rollout=rollout(1, 10, hold=15))
    await simulation.live_until(lambda s: phase(s) == "Holding" and s.status["canary"]["weight"] == 10, 200)
    assert wanted_pods(simulation, "v2") == 2
    simulation.behave(V2)
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 400)
    assert simulation.lost == 0


@WAYS
@pytest.mark.parametrize(
    ("replicas", "step", "expected"),
    [(1, {}, 1), (4, {"pods": 1}, 1), (4, {"pods": "25%"}, 1), (4, {"pods": 3}, 3), (4, {}, 2)],
    ids=[
        "stable has one",
        "a person wrote one",
        "a person wrote a quarter",
        "a person wrote three",
        "nothing is written",
    ],
)
async def test_people_say_how_many_pods_a_step_has(
    way: str, replicas: int, step: dict[str, Any], expected: int
) -> None:
    simulation = await behind(way, replicas=replicas)
    steps = {"steps": [{"weight": 10, "holdSeconds": 600, **step}], "progressDeadlineSeconds": 300}
    simulation.change_spec(model=model_of("v2"), rollout=steps)
    await simulation.live_until(lambda s: phase(s) == "Holding", 150)
    assert wanted_pods(simulation, "v2") == expected


@WAYS
async def test_at_ninety_percent_stable_keeps_one_pod_of_ten_and_no_request_is_lost(way: str) -> None:
    simulation = await behind(way, replicas=10)
    simulation.change_spec(model=model_of("v2"), rollout=rollout(10, 90, hold=15, stableScale="Shrink"))
    shared = set()
    while simulation.outcome("v2") != "Promoted":
        await simulation.live(1)
        pods = wanted_pods(simulation, "v1"), wanted_pods(simulation, "v2")
        assert sum(pods) <= 10, phase(simulation)
        shared.add((simulation.status.get("canary", {}).get("weight"), pods))
    assert (90, (1, 9)) in shared
    await simulation.live(30)
    assert simulation.moments[-1].answered.keys() == {"v2"}
    assert simulation.lost == 0


@pytest.mark.parametrize("way", ["gateway", "route", "pods"])
@pytest.mark.parametrize("weights", [(90,), (10, 90), (50,), (75,), (10,)])
@pytest.mark.parametrize("pods", [4, 10, 17])
async def test_stable_gives_its_pods_back_as_those_of_the_new_version_become_ready(
    way: str, weights: tuple[int, ...], pods: int
) -> None:
    fresh = serving(analysis=False, replicas=pods) if way == "pods" else behind(way, replicas=pods)
    simulation = await fresh
    simulation.behave(V2, ready_after=20)
    shrinking = rollout(*weights, hold=15, stableScale="Shrink", bakeSeconds=20)
    simulation.change_spec(model=model_of("v2"), rollout=shrinking)
    usual, worst, reached = simulation.requests_a_second / pods, 0.0, set()
    while simulation.outcome("v2") != "Promoted":
        await simulation.live(1)
        assert simulation.elapsed < 900, words(simulation)
        worst = max(worst, *simulation.kubelet.load.values())
        assert wanted_pods(simulation, "v1") + wanted_pods(simulation, "v2") <= pods, phase(simulation)
        if phase(simulation) == "Holding":
            reached.add(simulation.status["canary"]["weight"])
    assert worst <= 2.1 * usual, f"a pod had {worst:.1f} requests a second, where {usual:.1f} are usual"
    assert way == "pods" or reached == set(weights)
    assert simulation.lost == 0


@pytest.mark.parametrize("way", ["gateway", "route", "pods"])
async def test_a_version_whose_pods_come_one_by_one_takes_over_with_nearly_all_of_them(way: str) -> None:
    simulation = await (serving(analysis=False, replicas=10) if way == "pods" else behind(way, replicas=10))
    simulation.behave(V2, ready_after=lambda ordinal: 5.0 if ordinal % 2 else 50.0)
    shrinking = rollout(10, hold=15, stableScale="Shrink", bakeSeconds=20)
    simulation.change_spec(model=model_of("v2"), rollout=shrinking)
    usual, worst = simulation.requests_a_second / 10, 0.0
    while simulation.outcome("v2") != "Promoted":
        await simulation.live(1)
        assert simulation.elapsed < 1500, words(simulation)
        worst = max(worst, *simulation.kubelet.load.values())
    assert worst <= 2.1 * usual, f"a pod had {worst:.1f} requests a second, where {usual:.1f} are usual"
    assert simulation.lost == 0


async def test_a_gateway_that_follows_no_more_while_pods_are_handed_over_is_told_and_held_against_no_version() -> None:
    simulation = await behind("gateway", replicas=10)
    shrinking = rollout(10, hold=15, stableScale="Shrink", progressDeadlineSeconds=60)
    simulation.change_spec(model=model_of("v2"), rollout=shrinking)
    await simulation.live_until(lambda s: phase(s) == "Growing", 150)
    simulation.gateways.is_away = True
    await simulation.live(120)
    assert phase(simulation) == "Growing", words(simulation)
    assert simulation.condition("Stalled")["status"] == "True", words(simulation)
    assert "HTTPRoute credit-risk" in simulation.condition("Degraded")["message"], words(simulation)
    assert simulation.moments[-1].answered.keys() == {"v1", "v2"}
    simulation.gateways.is_away = False
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 300)
    assert simulation.lost == 0


@WAYS
async def test_a_rollout_that_is_aborted_at_ninety_percent_gives_stable_its_pods_back(way: str) -> None:
    simulation = await behind(way, replicas=10)
    simulation.change_spec(model=model_of("v2"), rollout=rollout(90, hold=60, stableScale="Shrink"))
    await simulation.live_until(lambda s: phase(s) == "Holding", 150)
    simulation.annotate("abort@now")
    await simulation.live(60)  # by people's own route each of six steps waits until the route has followed
    assert simulation.moments[-1].endpoints == {"v1": 10}
    assert simulation.moments[-1].answered.keys() == {"v1"}
    assert deployment_of(simulation, "v2") is None
    assert simulation.lost == 0


@WAYS
@pytest.mark.parametrize("where", ["Holding", "Baking"])
@pytest.mark.parametrize("action", ["rollback=v1@night", "abort@night"])
async def test_while_pods_are_handed_back_no_pod_answers_for_many(way: str, where: str, action: str) -> None:
    simulation = await behind(way, replicas=10)
    shrinking = rollout(90, hold=60, stableScale="Shrink", bakeSeconds=60)
    simulation.change_spec(model=model_of("v2"), rollout=shrinking)
    await simulation.live_until(lambda s: phase(s) == where, 200)
    await simulation.live(5)
    simulation.behave(V1, ready_after=10)
    simulation.annotate(action)
    usual, worst = simulation.requests_a_second / 10, 0.0
    for _ in range(130):
        await simulation.live(1)
        worst = max(worst, *simulation.kubelet.load.values())
    assert worst <= 1.6 * usual, f"a pod had {worst:.1f} requests a second, where {usual:.1f} are usual"
    assert simulation.moments[-1].answered.keys() == {"v1"}
    assert simulation.moments[-1].endpoints == {"v1": 10}
    assert deployment_of(simulation, "v2") is None
    assert simulation.lost == 0


@WAYS
@pytest.mark.parametrize("where", ["Idle", "Holding", "rejected"])
async def test_a_stable_version_that_crashes_is_told_by_its_last_words(way: str, where: str) -> None:
    simulation = await behind(way)
    if where != "Idle":
        simulation.change_spec(model=model_of("v2"), rollout=rollout(25, hold=600))
        await simulation.live_until(lambda s: phase(s) == "Holding", 100)
    if where == "rejected":
        simulation.annotate("abort@now")
        await simulation.live(40)
    simulation.behave(V1, crash=Crash())
    await simulation.live(20)
    assert "was killed at its memory limit" in simulation.condition("Degraded")["message"], words(simulation)
