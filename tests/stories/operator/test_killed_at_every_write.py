"""The operator is killed between any two of its writes, Events and status included: the same end, each thing told once."""

from collections.abc import Awaitable, Callable
from functools import cache

import pytest
from tests.support.simulation import (
    ANALYSIS,
    Simulation,
    behind_gateway,
    deployment_of,
    model_of,
    rollout,
    serving,
    uri_of,
)

QUICK = rollout(25, 50, hold=5, bakeSeconds=5)


async def a_promotion() -> Simulation:
    simulation = await serving(rollout=QUICK)
    return begun(simulation, "v2")


async def a_rollback() -> Simulation:
    simulation = await serving(rollout=QUICK)
    simulation.behave(uri_of("v2"), accuracy=0.5)
    return begun(simulation, "v2")


async def a_shadow() -> Simulation:
    way = {"strategy": "Shadow", "shadow": {"holdSeconds": 5}, "bakeSeconds": 5}
    return begun(await behind_gateway(rollout={**way, "steps": [{"weight": 50, "holdSeconds": 5}]}), "v2")


async def a_shadow_that_fails() -> Simulation:
    simulation = await behind_gateway(rollout={"strategy": "Shadow", "shadow": {"holdSeconds": 60}})
    simulation.behave(uri_of("v2"), error_rate=0.5)
    return begun(simulation, "v2")


async def a_refused_model() -> Simulation:
    simulation = await serving(rollout=QUICK)
    simulation.behave(uri_of("v2"), report={"ok": False, "reason": "ModelInvalid", "message": "no ONNX"})
    return begun(simulation, "v2")


async def a_restore() -> Simulation:
    simulation = begun(await serving(analysis=False, rollout=QUICK), "v2")
    await simulation.live_until(lambda s: s.stable == "v2", 200)
    await simulation.live(20)
    return begun(simulation, "v1")


async def a_guard_that_goes_back() -> Simulation:
    """v2 is promoted, watched, and decays."""
    analysis = {**ANALYSIS, "pairing": {"sample": 1.0}}
    simulation = await serving(tells_pairs=True, rollout=QUICK, serving={"feedback": {"signing": "Managed"}})
    simulation.change_spec(analysis=analysis, guard={"seconds": 600})
    begun(simulation, "v2")
    await simulation.live_until(lambda s: s.stable == "v2", 200)
    await simulation.live(20)
    simulation.behave(uri_of("v2"), accuracy=0.6, differs=0.35)
    return simulation


async def a_guard_that_only_tells() -> Simulation:
    simulation = await a_guard_that_goes_back()
    simulation.change_spec(guard={"seconds": 100, "onFailure": "Notify"})
    return simulation


def begun(simulation: Simulation, version: str) -> Simulation:
    simulation.change_spec(model=model_of(version))
    return simulation


async def told_until_rest(
    make: Callable[[], Awaitable[Simulation]], killed_at: int
) -> tuple[Simulation, list[str], int]:
    """What was told of the story in order, and how many writes it took."""
    simulation = await make()
    told, shown = len(simulation.api.events), len(simulation.moments)
    simulation.writes_until_death = killed_at
    await simulation.live(150)
    left = simulation.writes_until_death
    assert (simulation.lost, simulation.errors) == (0, [])
    assert all(moment.endpoints for moment in simulation.moments[shown:])
    writes = 0 if left is None else killed_at - left
    return simulation, [reason for _, _, reason, _ in simulation.api.events[told:]], writes


def end_of(simulation: Simulation) -> tuple[object, ...]:
    outcomes = {v["version"]: v["outcome"] for v in simulation.status["versions"]}
    there = {version: deployment_of(simulation, version) is not None for version in ("v1", "v2")}
    rules = (simulation.gateways.route() or {"spec": {}})["spec"].get("rules", [])
    ways = simulation.condition("Ready")["reason"], [(rule["backendRefs"], rule.get("filters")) for rule in rules]
    return simulation.stable, simulation.moments[-1].endpoints, outcomes, there, *ways


MOST_WRITES = {
    a_promotion: 44,
    a_rollback: 31,
    a_shadow: 48,
    a_shadow_that_fails: 30,
    a_refused_model: 9,
    a_restore: 21,
    a_guard_that_goes_back: 22,
    a_guard_that_only_tells: 11,
}


@cache
def undisturbed() -> dict[str, tuple[list[str], tuple[object, ...]]]:
    return {}


@pytest.mark.parametrize(
    ("make", "write"),
    [pytest.param(make, n, id=f"{make.__name__}-{n}") for make, most in MOST_WRITES.items() for n in range(most)],
)
async def test_it_ends_as_if_the_operator_had_never_died(make: Callable[[], Awaitable[Simulation]], write: int) -> None:
    known = undisturbed()
    if make.__name__ not in known:
        simulation, told, writes = await told_until_rest(make, 10_000)
        assert writes < MOST_WRITES[make], f"{make.__name__} takes {writes} writes: kill at more of them"
        known[make.__name__] = told, end_of(simulation)
    simulation, told, _ = await told_until_rest(make, write)
    assert (told, end_of(simulation)) == known[make.__name__]
