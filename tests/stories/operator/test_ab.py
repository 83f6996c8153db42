"""A/B: testers alone reach the new version, for a time, and it is judged by what it answered them."""

from typing import Any

import pytest
from tests.support.simulation import (
    GATEWAY,
    Simulation,
    behind_gateway,
    model_of,
    phase,
    revision_of,
    rollout,
    serving,
    uri_of,
    wanted_pods,
    words,
)

V2 = uri_of("v2")
PINS = [{"header": {"name": "X-Tester", "value": "yes"}, "to": "Canary"}]
ROUTED = {**GATEWAY, "pins": PINS}


def ab_test(hold: int = 20, **more: Any) -> dict[str, Any]:
    return {
        "strategy": "ABTest",
        "abTest": {"holdSeconds": hold, **more.pop("of", {})},
        "bakeSeconds": 10,
        "progressDeadlineSeconds": 60,
        **more,
    }


async def begun(*, testers: float = 10, analysis: bool = True, **way: Any) -> Simulation:
    """v1 serves behind a gateway, and somebody has asked for v2."""
    simulation = await behind_gateway(analysis=analysis, rollout=ab_test(**way), traffic=ROUTED)
    simulation.network.testers_a_second = testers
    simulation.change_spec(model=model_of("v2"))
    return simulation


async def asked_testers(**way: Any) -> Simulation:
    simulation = await begun(**way)
    await simulation.live_until(lambda s: phase(s) == "Holding", 90)
    return simulation


async def test_testers_alone_reach_the_new_version_until_it_has_passed() -> None:
    simulation = await asked_testers(hold=40)
    assert wanted_pods(simulation, "v2") == 1
    await simulation.live(10)
    assert simulation.share_of("v2", 8) == pytest.approx(0.25, abs=0.03)
    route = simulation.gateways.route()
    assert route is not None
    assert [b["name"] for b in route["spec"]["rules"][-1]["backendRefs"]] == [
        f"{simulation.name}-{revision_of(simulation, 'v1')}"
    ]
    status = simulation.status["canary"]
    assert (status["weight"], status["testers"]) == (0, True)
    await simulation.live_until(lambda s: s.condition("Ready")["reason"] == "Tested", 60)
    assert "(requests of testers): nobody else reaches it, for 40 s at least" in words(simulation)
    await simulation.live_until(lambda s: s.stable == "v2", 200)
    assert simulation.lost == 0


@pytest.mark.parametrize("behaviour", [{"error_rate": 0.4}, {"accuracy": 0.4}], ids=["errors", "labels"])
async def test_a_version_that_is_worse_for_testers_is_rolled_back_and_nobody_else_had_it(
    behaviour: dict[str, float],
) -> None:
    simulation = await begun(hold=60)
    simulation.behave(V2, **behaviour)
    await simulation.live_until(lambda s: s.outcome("v2") == "RolledBack", 300)
    await simulation.live(10)
    answered = simulation.network.answered["v2"]
    assert answered < 0.3 * simulation.network.answered["v1"]
    assert len((simulation.gateways.route() or {})["spec"]["rules"]) == 2
    assert simulation.lost == 0


async def test_without_testers_there_is_no_evidence_and_it_waits() -> None:
    simulation = await asked_testers(testers=0, hold=10)
    await simulation.live(120)
    assert (phase(simulation), simulation.stable) == ("Holding", "v1")
    assert simulation.condition("Ready")["reason"] == "WaitingForData"
    assert "requests of testers" in words(simulation)


async def test_steps_that_are_given_come_after_it() -> None:
    simulation = await asked_testers(steps=[{"weight": 50, "holdSeconds": 15}])
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 400)
    weights = [sum(w for _, w in split[1:]) for _, split in simulation.gateways.taken_up]
    assert weights == [0, 0, 50, 0]  # none until the pods for it are there
    assert simulation.lost == 0


async def test_a_canary_may_begin_with_testers_and_blue_green_may_have_them() -> None:
    step = {"weight": 0, "testers": True, "holdSeconds": 10}
    ways = ({**rollout(), "steps": [step, {"weight": 50, "holdSeconds": 10}]}, blue_green())
    for way in ways:
        simulation = await behind_gateway(rollout=way, traffic=ROUTED)
        simulation.network.testers_a_second = 10
        simulation.change_spec(model=model_of("v2"))
        await simulation.live_until(lambda s: (s.status.get("canary") or {}).get("testers"), 90)
        assert not [s for s in simulation.of_kind("Service") if s["metadata"]["name"].endswith("-preview")]
        await simulation.live_until(lambda s: s.stable == "v2", 300)


def blue_green() -> dict[str, Any]:
    return {"strategy": "BlueGreen", "blueGreen": {"holdSeconds": 10, "testers": True}, "bakeSeconds": 10}


async def test_testers_are_with_stable_again_when_the_new_version_has_no_pods() -> None:
    simulation = await asked_testers(hold=300)
    simulation.blip(revision_of(simulation, "v2"), 20)
    await simulation.live(10)
    lost = simulation.lost
    await simulation.live(5)
    assert simulation.lost == lost
    assert len((simulation.gateways.route() or {})["spec"]["rules"]) == 2
    await simulation.live(30)
    assert len((simulation.gateways.route() or {})["spec"]["rules"]) == 4


@pytest.mark.parametrize("action", ["abort@1", "skip-step@1"])
async def test_people_end_it_before_its_time(action: str) -> None:
    simulation = await asked_testers(hold=600)
    simulation.annotate(action)
    await simulation.live(60)
    assert phase(simulation) != "Holding"
    assert len((simulation.gateways.route() or {})["spec"]["rules"]) == 2


async def test_pins_do_not_lead_testers_to_a_version_that_gets_copies() -> None:
    way = {"strategy": "Shadow", "shadow": {"holdSeconds": 60}, "bakeSeconds": 10}
    simulation = await behind_gateway(analysis=False, rollout=way, traffic=ROUTED)
    simulation.network.testers_a_second = 10
    simulation.change_spec(model=model_of("v2"))
    await simulation.live_until(lambda s: phase(s) == "Holding", 60)
    await simulation.live(20)
    assert simulation.network.answered.get("v2") is None
    assert simulation.network.copied["v2"] > 100


async def test_pins_that_nobody_has_written_are_asked_for() -> None:
    simulation = await behind_gateway(analysis=False, rollout=ab_test())
    assert "spec.rollout.abTest: testers are those whom spec.traffic.pins lead to Canary" in words(simulation)
    simulation.change_spec(model=model_of("v2"))
    await simulation.live(60)
    assert phase(simulation) == "Starting"
    simulation.change_spec(traffic=ROUTED)
    await simulation.live_until(lambda s: s.stable == "v2", 200)


async def test_pods_alone_have_no_way_for_testers() -> None:
    simulation = await serving(analysis=False, calm=5, rollout=ab_test())
    assert "ways for testers alone are made by a route that Serin owns" in words(simulation)
