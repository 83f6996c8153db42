"""``rollout.stableScale: Shrink``: a rollout lives on the pods that there are, for those short of GPUs."""

from typing import Any

import pytest
from tests.support.simulation import (
    Flap,
    Simulation,
    behind_gateway,
    behind_route,
    longest_without_endpoints,
    model_of,
    rollout,
    serving,
    uri_of,
    words,
)
from tests.support.simulation import wanted_pods as pods

V2 = uri_of("v2")


async def shrinking(replicas: int = 8, *weights: int, hold: int = 15, **more: Any) -> Simulation:
    """v1 serves, v2 is applied."""
    simulation = await serving(replicas=replicas, requests_a_second=80)
    steps = rollout(*weights, hold=hold, bakeSeconds=30, stableScale="Shrink", **more)
    simulation.change_spec(model=model_of("v2"), rollout=steps)
    return simulation


def most_pods(simulation: Simulation) -> int:
    """Pods that the two versions ask for together."""
    return pods(simulation, "v1") + pods(simulation, "v2")


@pytest.mark.parametrize("replicas", [2, 3, 8])
async def test_a_rollout_takes_no_more_pods_than_there_were(replicas: int) -> None:
    simulation = await shrinking(replicas)
    began = simulation.elapsed
    while simulation.outcome("v2") != "Promoted":
        await simulation.live(1)
        assert most_pods(simulation) <= replicas, simulation.phase
        assert pods(simulation, "v1") >= 1 or simulation.outcome("v2") == "Promoted"
    await simulation.live(15)
    assert simulation.moments[-1].endpoints == {"v2": replicas}
    assert simulation.lost == 0
    assert longest_without_endpoints(simulation.since(began)) == 0


async def test_one_pod_cannot_be_shared_so_the_canary_is_one_more() -> None:
    simulation = await shrinking(1, 25)
    await simulation.live_until(lambda s: s.phase == "Holding", 60)
    assert (pods(simulation, "v1"), pods(simulation, "v2")) == (1, 1)
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 200)


async def test_shared_pods_make_weights_that_are_told_with_the_pods_that_stable_gives() -> None:
    simulation = await shrinking(8, 25, 75)
    await simulation.live_until(lambda s: s.phase == "Holding", 60)
    assert (pods(simulation, "v1"), pods(simulation, "v2")) == (6, 2)
    assert "v1 gives 2 of 8 pods to v2 (rollout.stableScale: Shrink)" in words(simulation)
    await simulation.live_until(lambda s: s.phase == "Holding" and s.status["canary"]["step"] == 1, 60)
    assert (pods(simulation, "v1"), pods(simulation, "v2")) == (2, 6)
    assert simulation.status["canary"]["weight"] == 75
    assert simulation.condition("Degraded")["status"] == "False", words(simulation)


@pytest.mark.parametrize("where", ["Holding", "Growing", "Baking"])
async def test_stable_grows_at_once_when_the_canary_fails(where: str) -> None:
    simulation = await shrinking(8, 50)
    late = {"ready_after": lambda ordinal: 3.0 if ordinal < 4 else 60.0}
    simulation.behave(V2, **(late if where == "Growing" else {}))
    await simulation.live_until(lambda s: s.phase == where, 200)
    assert pods(simulation, "v1") < 8
    if where == "Baking":
        simulation.behave(V2, never_ready=True)
    else:
        simulation.behave(V2, **late, error_rate=1.0)
    await simulation.live_until(lambda s: s.outcome("v2") == "RolledBack", 60)
    assert pods(simulation, "v1") == 8, "in the same second"
    await simulation.live(10)
    assert simulation.moments[-1].endpoints == {"v1": 8}


async def test_while_pods_are_handed_over_a_quarter_is_missing_at_most() -> None:
    simulation = await shrinking(8, 50)
    simulation.behave(V2, ready_after=lambda ordinal: 3.0 if ordinal < 4 else 20.0)
    await simulation.live_until(lambda s: s.phase == "Growing", 200)
    fewest = 8
    while simulation.outcome("v2") != "Promoted":
        await simulation.live(1)
        fewest = min(fewest, sum(simulation.moments[-1].ready.values()))
    assert fewest >= 6


async def test_a_rollout_that_shrinks_is_scaled_too() -> None:
    simulation = await shrinking(8, 25, hold=40)
    await simulation.live_until(lambda s: s.phase == "Holding", 60)
    simulation.kubectl_scale(12)
    await simulation.live(8)
    assert (pods(simulation, "v1"), pods(simulation, "v2")) == (9, 3)
    simulation.kubectl_scale(4)
    await simulation.live(8)
    assert (pods(simulation, "v1"), pods(simulation, "v2")) == (6, 2), "no smaller than at the canary's start"
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 300)
    assert simulation.lost == 0


async def test_a_version_that_serves_nothing_gives_its_pods_to_the_one_that_mends_it() -> None:
    simulation = await serving(replicas=4, rollout=rollout(stableScale="Shrink", progressDeadlineSeconds=60))
    simulation.behave(uri_of("v1"), never_ready=True)
    await simulation.live(70)
    simulation.change_spec(model=model_of("v2"))
    while simulation.outcome("v2") != "Promoted":
        await simulation.live(1)
        assert most_pods(simulation) <= 4, simulation.phase
    await simulation.live(10)
    assert simulation.moments[-1].endpoints == {"v2": 4}


GIVEN_UP = {
    "a person goes back": lambda s: s.annotate("rollback=v1@night"),
    "a person aborts": lambda s: s.annotate("abort@night"),
    "the spec goes back": lambda s: s.change_spec(model=model_of("v1")),
    "the spec moves on": lambda s: s.change_spec(model=model_of("v3")),
}


def fewest_reached(simulation: Simulation, since: float) -> int:
    """The fewest pods that clients reached at any moment since."""
    return min(sum(moment.endpoints.values()) for moment in simulation.since(since))


@pytest.mark.parametrize("where", ["Holding", "Growing", "Baking"])
@pytest.mark.parametrize("how", [name for name in GIVEN_UP if name != "the spec moves on"])
async def test_a_version_that_is_given_up_serves_until_what_is_restored_has_its_pods(where: str, how: str) -> None:
    simulation = await shrinking(8, 75, hold=30)
    if where == "Growing":
        simulation.behave(V2, ready_after=lambda ordinal: 3.0 if ordinal < 6 else 60.0)
    await simulation.live_until(lambda s: s.phase == where, 200)
    await simulation.live(3)
    simulation.behave(uri_of("v1"), ready_after=10)
    assert pods(simulation, "v1") <= 3
    began = simulation.elapsed
    GIVEN_UP[how](simulation)
    await simulation.live(4)
    assert simulation.condition("Ready")["reason"] == "Restoring", words(simulation)
    assert "v1 takes all traffic again as its pods get ready" in words(simulation)
    assert 0 < simulation.status["stable"]["weight"] < 100
    while simulation.moments[-1].endpoints != {"v1": 8}:
        assert most_pods(simulation) <= 8
        assert simulation.elapsed < began + 120, words(simulation)
        await simulation.live(1)
    assert fewest_reached(simulation, began) >= 5, "a quarter is missing at most, but for a pod whose slice is late"
    assert simulation.lost == 0
    await simulation.live(10)
    assert "leaving" not in simulation.status
    assert pods(simulation, "v2") == 0
    assert simulation.errors == []


async def test_a_version_that_comes_third_waits_until_stable_has_its_pods_again() -> None:
    simulation = await shrinking(8, 75, hold=30)
    await simulation.live_until(lambda s: s.phase == "Holding", 200)
    began = simulation.elapsed
    GIVEN_UP["the spec moves on"](simulation)
    await simulation.live_until(lambda s: s.outcome("v3") == "InProgress", 60)
    assert fewest_reached(simulation, began) >= 5
    assert simulation.moments[-1].endpoints["v1"] >= 6
    await simulation.live_until(lambda s: s.outcome("v3") == "Promoted", 400)
    assert simulation.lost == 0
    assert simulation.outcome("v2") == "Superseded"


@pytest.mark.parametrize("replicas", [2, 3])
async def test_of_few_pods_one_may_be_missing_while_they_are_handed_back(replicas: int) -> None:
    simulation = await shrinking(replicas)
    await simulation.live_until(lambda s: s.phase == "Baking", 200)
    await simulation.live(5)
    assert sum(simulation.moments[-1].endpoints.values()) >= replicas - 1
    began = simulation.elapsed
    simulation.annotate("rollback=v1@night")
    await simulation.live_until(lambda s: s.moments[-1].endpoints == {"v1": replicas}, 90)
    assert fewest_reached(simulation, began) >= replicas - 1
    assert simulation.lost == 0


async def test_a_version_that_leaves_and_goes_dark_leaves_at_once() -> None:
    simulation = await shrinking(8)
    await simulation.live_until(lambda s: s.phase == "Baking", 200)
    simulation.behave(uri_of("v1"), ready_after=30)
    simulation.annotate("rollback=v1@night")
    await simulation.live(5)
    simulation.behave(V2, never_ready=True)
    await simulation.live(3)
    assert simulation.moments[-1].endpoints == {"v1": 1}
    assert pods(simulation, "v1") == 8
    await simulation.live(40)
    assert simulation.moments[-1].endpoints == {"v1": 8}


async def test_what_leaves_is_given_up_when_no_further_pod_of_stable_comes() -> None:
    simulation = await shrinking(8, progressDeadlineSeconds=60)
    await simulation.live_until(lambda s: s.phase == "Baking", 200)
    simulation.behave(uri_of("v1"), ready_after=1e9)
    simulation.annotate("rollback=v1@night")
    await simulation.live(50)
    assert simulation.moments[-1].endpoints["v2"] >= 5
    await simulation.live(20)
    assert simulation.moments[-1].endpoints == {"v1": 1}
    assert pods(simulation, "v2") == 0


async def test_an_operator_that_is_killed_while_pods_are_handed_back_goes_on() -> None:
    simulation = await shrinking(8)
    await simulation.live_until(lambda s: s.phase == "Baking", 200)
    simulation.behave(uri_of("v1"), ready_after=10)
    began = simulation.elapsed
    simulation.annotate("rollback=v1@night")
    for writes in (1, 2, 3, 1):
        simulation.writes_until_death = writes
        await simulation.live(6)
    simulation.writes_until_death = None
    await simulation.live(90)
    assert simulation.moments[-1].endpoints == {"v1": 8}
    assert fewest_reached(simulation, began) >= 5
    assert simulation.lost == 0


EDITS: dict[str, dict[str, Any]] = {
    "kept": {"stableScale": "Keep"},
    "blue green": {"strategy": "BlueGreen", "steps": None},
    "immediate": {"strategy": "Immediate", "steps": None},
}


async def in_growing(way: str) -> Simulation:
    """Stable has given all of its pods but one, and gets others slowly."""
    fields: dict[str, Any] = {"analysis": False, "replicas": 8}
    begin = {"gateway": behind_gateway, "route": behind_route, "pods": serving}[way]
    simulation = await begin(**fields)
    simulation.requests_a_second = 80
    simulation.behave(V2, ready_after=lambda ordinal: 3.0 if ordinal < 7 else 60)
    simulation.change_spec(model=model_of("v2"), rollout=rollout(50, hold=10, bakeSeconds=60, stableScale="Shrink"))
    await simulation.live_until(lambda s: s.phase == "Growing" and pods(s, "v1") == 1, 200)
    await simulation.live(3)
    simulation.behave(uri_of("v1"), ready_after=20)
    return simulation


def edit(simulation: Simulation, how: str) -> None:
    now = {**simulation.mdep["spec"]["rollout"], **EDITS[how]}
    simulation.change_spec(rollout={key: value for key, value in now.items() if value is not None})


def most_for_a_pod(simulation: Simulation, since: float) -> float:
    """The most requests that one pod of v1 has answered in a second: ten are its due."""
    return max(m.answered.get("v1", 0) / max(1, m.ready.get("v1", 0)) for m in simulation.since(since))


@pytest.mark.parametrize("way", ["gateway", "route"])
@pytest.mark.parametrize("how", EDITS)
async def test_whoever_edits_the_strategy_in_mid_growing_sends_nobody_to_the_one_pod_that_is_left(
    how: str, way: str
) -> None:
    simulation = await in_growing(way)
    began = simulation.elapsed
    edit(simulation, how)
    await simulation.live(60)
    assert most_for_a_pod(simulation, began) <= 15
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 200)
    assert simulation.lost == 0


@pytest.mark.parametrize("way", ["gateway", "route", "pods"])
@pytest.mark.parametrize("action", ["abort@1", "rollback=v1@1"])
async def test_nor_does_who_keeps_stable_from_now_on_and_goes_back_at_once(action: str, way: str) -> None:
    simulation = await in_growing(way)
    began = simulation.elapsed
    edit(simulation, "kept")
    await simulation.live(2)
    simulation.annotate(action)
    await simulation.live(60)
    assert most_for_a_pod(simulation, began) <= 15
    assert pods(simulation, "v1") == 8
    assert simulation.moments[-1].answered == {"v1": 80}
    assert simulation.lost == 0


async def test_a_canary_of_a_gateway_that_lost_most_of_its_pods_gets_no_more_than_those_bear() -> None:
    simulation = await behind_gateway(analysis=False, replicas=10)
    simulation.requests_a_second = 100
    simulation.change_spec(model=model_of("v2"), rollout=rollout(50, hold=30))
    await simulation.live_until(lambda s: s.phase == "Holding", 200)
    simulation.behave(V2, flap=Flap(up=0, down=100, pods=frozenset(range(4))))
    await simulation.live(5)
    assert simulation.moments[-1].answered["v2"] <= 10
    assert "which needs 4 ready pods and has 1" in words(simulation)
    simulation.behave(V2)
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 200)
    assert simulation.lost == 0
