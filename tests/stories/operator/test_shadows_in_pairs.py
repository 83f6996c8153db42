"""Copies of requests and pairs at once: the control is there while copies are sent, and gone when nothing is compared."""

from typing import Any

from tests.support.simulation import Simulation, behind_gateway, canary, model_of, phase, rollout, serving, uri_of

V2 = uri_of("v2")
SIGNED = {"feedback": {"signing": "Managed"}}
ACCURACY = {"name": "accuracy", "accuracy": {"maxDecrease": 0.01}}
ERRORS = {"name": "errors", "errorRate": {}}
PAIRED = {"intervalSeconds": 5, "minSamples": 50, "metrics": [ACCURACY, ERRORS], "pairing": {"sample": 1.0}}
SHADOW = {"strategy": "Shadow", "shadow": {"holdSeconds": 20}, "bakeSeconds": 10, "progressDeadlineSeconds": 60}


async def shadowed_in_pairs(**behaviour: Any) -> Simulation:
    """v2 gets copies, and asks the control for each."""
    simulation = await behind_gateway(analysis=False, rollout=SHADOW, serving=SIGNED)
    simulation.network.tells_pairs = True
    simulation.change_spec(analysis=PAIRED)
    simulation.behave(V2, **behaviour)
    await simulation.live(30)
    simulation.change_spec(model=model_of("v2"))
    return simulation


def has_control(simulation: Simulation) -> bool:
    return any(one["metadata"]["name"] == f"{simulation.name}-control" for one in simulation.of_kind("Service"))


async def test_a_shadow_that_answers_like_stable_in_pairs_takes_over() -> None:
    simulation = await shadowed_in_pairs(differs=0.002)
    await simulation.live_until(lambda s: phase(s) == "Holding", 90)
    assert has_control(simulation)
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 300)
    assert simulation.lost == 0


async def test_a_shadow_that_alone_fails_is_taken_back_with_its_control_and_no_client_heard_of_it() -> None:
    simulation = await shadowed_in_pairs(error_rate=0.2)
    await simulation.live_until(lambda s: s.outcome("v2") == "RolledBack", 200)
    await simulation.live(20)
    assert not has_control(simulation)
    assert simulation.network.answered.get("v2", 0) == 0


async def test_a_shadow_in_pairs_that_becomes_a_canary_gets_clients_and_goes_on() -> None:
    simulation = await shadowed_in_pairs(differs=0.002)
    await simulation.live_until(lambda s: phase(s) == "Holding", 90)
    simulation.change_spec(rollout=rollout(25, hold=20))
    await simulation.live_until(lambda s: s.network.answered.get("v2"), 90)
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 400)
    assert simulation.lost == 0


async def test_an_operator_that_restarts_every_second_rolls_back_on_pairs_all_the_same() -> None:
    simulation = await serving(calm=30, analysis=False, tells_pairs=True, serving=SIGNED)
    simulation.change_spec(analysis=PAIRED)
    simulation.behave(V2, error_rate=0.1)
    await canary(simulation, rollout=rollout(25, hold=60))
    for _ in range(60):
        simulation.restart_operator()
        await simulation.live(1)
    assert simulation.outcome("v2") == "RolledBack"
