"""Versions that are tried before clients that have not asked for them reach them."""

from typing import Any

import pytest
from tests.golden.rollouts.kept import Story, is_as_it_was_reviewed, rows, with_analysis
from tests.support.simulation import GATEWAY, Simulation

V2 = "http://models/v2.onnx"
PINS = [{"header": {"name": "X-Tester", "value": "yes"}, "to": "Canary"}]
SHADOW: dict[str, Any] = {"strategy": "Shadow", "shadow": {"holdSeconds": 20}, "bakeSeconds": 10}
AB_TEST: dict[str, Any] = {"strategy": "ABTest", "abTest": {"holdSeconds": 20}, "bakeSeconds": 10}


async def routed(way: dict[str, Any], *features: str) -> Simulation:
    """v1 has served behind a gateway for a minute."""
    simulation = Simulation()
    simulation.gateways.install(*features)
    simulation.network.testers_a_second = 10
    traffic = {**GATEWAY, "pins": PINS}
    simulation.kubectl_apply(with_analysis("v1", rollout=way, traffic=traffic))
    await simulation.run_until(lambda s: s.stable == "v1")
    await simulation.run(60)
    return simulation


async def asked(way: dict[str, Any], *features: str) -> Simulation:
    """Somebody has asked for v2."""
    simulation = await routed(way, *features)
    simulation.change_spec(model={"version": "v2", "uri": V2})
    return simulation


def heard(simulation: Simulation) -> None:
    """What people hear, and how many requests of clients v2 has answered."""
    simulation.tell(f"---- kubectl get mdep: {simulation.condition('Ready')['message']}")
    answered, copies = simulation.network.answered.get("v2", 0), simulation.network.copied.get("v2", 0)
    simulation.tell(f"---- v2 has answered {answered} requests of clients and {copies} copies")


async def a_shadow_answers_copies_and_then_takes_over() -> Simulation:
    simulation = await asked(SHADOW)
    await simulation.run_until(lambda s: s.condition("Ready")["reason"] == "Mirrored")
    heard(simulation)
    await simulation.run_until(lambda s: s.stable == "v2")
    await simulation.run(10)
    return simulation


async def a_shadow_fails_copies_and_no_client_hears_of_it() -> Simulation:
    simulation = await routed(SHADOW)
    simulation.behave(V2, error_rate=0.3)
    simulation.change_spec(model={"version": "v2", "uri": V2})
    await simulation.run_until(lambda s: s.outcome("v2") == "RolledBack")
    await simulation.run(10)
    heard(simulation)
    return simulation


async def a_gateway_that_cannot_copy_refuses_a_shadow_before_it_is_tried() -> Simulation:
    simulation = await asked(SHADOW, "HTTPRouteBackendProtocolH2C")
    await simulation.run(30)
    heard(simulation)
    simulation.tell("---- a person: strategy BlueGreen")
    simulation.change_spec(rollout={"strategy": "BlueGreen", "blueGreen": {"holdSeconds": 5}, "bakeSeconds": 10})
    await simulation.run_until(lambda s: s.stable == "v2")
    return simulation


async def a_shadow_is_paused_skipped_and_aborted_by_people() -> Simulation:
    simulation = await asked({**SHADOW, "steps": [{"weight": 25, "holdSeconds": 60}]})
    await simulation.run_until(lambda s: (s.status.get("canary") or {}).get("phase") == "Holding")
    for word in ("pause@1", "resume@2", "skip-step@3", "abort@4"):
        simulation.tell(f"---- a person: {word}")
        simulation.annotate(word)
        await simulation.run(12)
        heard(simulation)
    return simulation


async def testers_try_a_version_before_everybody_has_it() -> Simulation:
    simulation = await asked(AB_TEST)
    await simulation.run_until(lambda s: s.condition("Ready")["reason"] == "Tested")
    heard(simulation)
    await simulation.run_until(lambda s: s.stable == "v2")
    await simulation.run(10)
    return simulation


async def testers_find_a_version_worse() -> Simulation:
    simulation = await routed(AB_TEST)
    simulation.behave(V2, accuracy=0.5)
    simulation.change_spec(model={"version": "v2", "uri": V2})
    await simulation.run_until(lambda s: s.outcome("v2") == "RolledBack")
    await simulation.run(10)
    heard(simulation)
    return simulation


async def no_tester_comes_and_a_person_skips_the_test() -> Simulation:
    simulation = await asked(AB_TEST)
    simulation.network.testers_a_second = 0
    await simulation.run(40)
    heard(simulation)
    simulation.tell("---- a person: skip-step@1")
    simulation.annotate("skip-step@1")
    await simulation.run_until(lambda s: s.stable == "v2")
    return simulation


ALL = [
    a_shadow_answers_copies_and_then_takes_over,
    a_shadow_fails_copies_and_no_client_hears_of_it,
    a_gateway_that_cannot_copy_refuses_a_shadow_before_it_is_tried,
    a_shadow_is_paused_skipped_and_aborted_by_people,
    testers_try_a_version_before_everybody_has_it,
    testers_find_a_version_worse,
    no_tester_comes_and_a_person_skips_the_test,
]


QUICK = (a_shadow_fails_copies_and_no_client_hears_of_it,)


@pytest.mark.parametrize("story", rows(ALL, *QUICK))
async def test_story(story: Story) -> None:
    await is_as_it_was_reviewed(story)
