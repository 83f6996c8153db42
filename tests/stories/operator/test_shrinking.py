"""``rollout.stableScale: Shrink``: a rollout lives on the pods that there are, for those short of GPUs."""

from typing import Any

import pytest
from tests.support.simulation import Simulation, longest_without_endpoints, model_of, rollout, serving, uri_of, words
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
