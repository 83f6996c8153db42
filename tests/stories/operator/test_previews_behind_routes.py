"""BlueGreen and steps of weight 0 where requests come by a route: nobody is led to a preview, and a switch is one write."""

from typing import Any

import pytest
from tests.support.simulation import (
    Crash,
    Simulation,
    behind_gateway,
    behind_route,
    deployment_of,
    model_of,
    phase,
    rollout,
    uri_of,
    words,
)
from tests.support.simulation.beginnings import JsonObject

WAYS = pytest.mark.parametrize("way", ["gateway", "route"])
V2 = uri_of("v2")


async def behind(way: str, **fields: Any) -> Simulation:
    """v1 serves by a route of ours, or by one of people's."""
    return await (behind_gateway if way == "gateway" else behind_route)(analysis=False, **fields)


def blue_green(hold: int = 20, bake: int = 10, **more: Any) -> dict[str, Any]:
    return {"strategy": "BlueGreen", "blueGreen": {"holdSeconds": hold, **more}, "bakeSeconds": bake}


async def at(where: str, way: str, how: dict[str, Any]) -> Simulation:
    """v2 has come so far."""
    simulation = await behind(way)
    simulation.change_spec(model=model_of("v2"), rollout=how)
    await simulation.live_until(lambda s: phase(s) == where, 200)
    return simulation


def answered(simulation: Simulation) -> list[tuple[str, ...]]:
    """The versions that answered, each time they changed."""
    seen = [tuple(sorted(m.answered)) for m in simulation.moments if m.answered]
    return [each for place, each in enumerate(seen) if place == 0 or each != seen[place - 1]]


def previews(simulation: Simulation) -> list[JsonObject]:
    return [s for s in simulation.of_kind("Service") if s["metadata"]["name"].endswith("-preview")]


@WAYS
async def test_all_requests_go_to_one_version_and_then_to_the_other(way: str) -> None:
    simulation = await at("Holding", way, blue_green())
    assert previews(simulation)
    began = simulation.elapsed
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 120)
    await simulation.live(30)
    assert answered(simulation) == [("v1",), ("v2",)]
    written = [line for line in simulation.story if "apply HTTPRoute" in line and float(line.split("s")[0]) > began]
    assert len(written) == (1 if way == "gateway" else 0)
    assert simulation.lost == 0
    assert simulation.condition("Ready")["status"] == "True", words(simulation)


@WAYS
async def test_a_step_of_weight_zero_comes_before_exact_weights(way: str) -> None:
    steps = {"steps": [{"weight": 0, "holdSeconds": 15}, {"weight": 50, "holdSeconds": 10}], "bakeSeconds": 10}
    simulation = await at("Holding", way, steps)
    assert previews(simulation)
    await simulation.live(12)
    assert answered(simulation) == [("v1",)]
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 200)
    await simulation.live(30)
    assert answered(simulation) == [("v1",), ("v1", "v2"), ("v2",)]
    assert simulation.lost == 0


@WAYS
@pytest.mark.parametrize("fault", [{"crash": Crash()}, {"never_ready": True}], ids=["crash", "never ready"])
async def test_a_version_that_fails_while_it_bakes_goes_back(way: str, fault: dict[str, Any]) -> None:
    simulation = await at("Baking", way, blue_green(hold=5, bake=120))
    simulation.behave(V2, **fault)
    await simulation.live_until(lambda s: s.outcome("v2") == "RolledBack", 100)
    await simulation.live(30)
    assert set(simulation.moments[-1].answered) == {"v1"}
    assert deployment_of(simulation, "v2") is None


@WAYS
@pytest.mark.parametrize("change", ["added", "removed"])
@pytest.mark.parametrize("where", ["Holding", "Baking"])
async def test_traffic_that_comes_or_goes_meanwhile_leads_nobody_to_a_preview(
    way: str, change: str, where: str
) -> None:
    simulation = await behind(way)
    traffic = simulation.mdep["spec"]["traffic"]
    if change == "added":
        simulation.change_spec(traffic=None)
        await simulation.live(20)
    simulation.change_spec(model=model_of("v2"), rollout=blue_green(bake=60))
    await simulation.live_until(lambda s: phase(s) == where, 100)
    simulation.change_spec(traffic=traffic if change == "added" else None)
    await simulation.live(4)
    simulation.restart_operator()
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 300)
    await simulation.live(40)
    assert answered(simulation) == [("v1",), ("v2",)]
    assert simulation.lost == 0
    assert simulation.condition("Ready")["status"] == "True", words(simulation)


@WAYS
@pytest.mark.parametrize("verb", ["promote", "skip-step", "resume", "retry", "abort"])
async def test_a_preview_that_waits_for_a_person_hears_every_verb(way: str, verb: str) -> None:
    simulation = await behind(way)
    simulation.change_spec(model=model_of("v2"), rollout=blue_green(hold=5, pause=True))
    await simulation.live_until(lambda s: s.condition("Ready")["reason"] == "StepPaused", 100)
    simulation.annotate(f"{verb}@now")
    await simulation.live(60)
    if verb == "retry":
        assert simulation.condition("Ready")["reason"] == "StepPaused"
        assert simulation.moments[-1].answered.keys() == {"v1"}
        return
    assert simulation.outcome("v2") == ("Aborted" if verb == "abort" else "Promoted"), words(simulation)
    assert simulation.moments[-1].answered.keys() == {"v1" if verb == "abort" else "v2"}
    assert not previews(simulation)
    assert simulation.lost == 0


@WAYS
async def test_a_rollout_that_slept_resumes_behind_its_preview(way: str) -> None:
    steps = [{"weight": 0, "holdSeconds": 5}, {"weight": 25, "holdSeconds": 5}, {"weight": 50, "holdSeconds": 60}]
    simulation = await at("Holding", way, {"steps": steps, "bakeSeconds": 10})
    await simulation.live_until(lambda s: phase(s) == "Holding" and s.status["canary"]["step"] == 2, 200)
    told = len(simulation.told("StepStarted"))
    simulation.kubectl_scale(0)
    await simulation.live(30)
    assert not previews(simulation)
    simulation.kubectl_scale(3)
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 300)
    assert simulation.told("StepStarted")[told:] == ["v2: step 3 of 3, weight 50 %"]


@WAYS
@pytest.mark.parametrize("writes", [1, 5, 9, 13, 17, 21])
async def test_an_operator_that_is_killed_at_any_write_switches_all_the_same(way: str, writes: int) -> None:
    simulation = await behind(way)
    simulation.change_spec(model=model_of("v2"), rollout=blue_green(hold=5))
    simulation.writes_until_death = writes
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 300)
    await simulation.live(30)
    assert answered(simulation) == [("v1",), ("v2",)]
    assert simulation.lost == 0


@WAYS
async def test_pods_that_cannot_bear_a_weight_are_refused_in_words_and_promote_goes_past_them(way: str) -> None:
    simulation = await behind(way, replicas=10)
    odd = {"steps": [{"weight": 10, "holdSeconds": 10}, {"weight": 50, "pods": 1}], "bakeSeconds": 10}
    simulation.change_spec(model=model_of("v2"), rollout=rollout(10, hold=60))
    await simulation.live_until(lambda s: phase(s) == "Holding", 100)
    simulation.change_spec(rollout=odd)
    simulation.annotate("skip-step@now")
    await simulation.live(20)
    assert "spec.rollout.steps[1]: 1 canary pods cannot bear 50 %" in words(simulation)
    assert phase(simulation) == "Holding"
    simulation.annotate("promote@now")
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 100)
