"""Pods that are added in mid-rollout start, and that is no trouble; pods that are lost meanwhile are."""

import pytest
from tests.support.simulation import (
    Simulation,
    behind_gateway,
    model_of,
    rollout,
    serving,
    uri_of,
    wanted_pods,
    words,
)

WAYS = pytest.mark.parametrize("way", ["pods", "gateway"])
SCALES = pytest.mark.parametrize("scale", ["Keep", "Shrink"])


async def held(way: str, scale: str = "Keep", **more: object) -> Simulation:
    """v2 holds half of the traffic beside four pods."""
    simulation = await (serving(replicas=4) if way == "pods" else behind_gateway(analysis=False, replicas=4))
    simulation.change_spec(model=model_of("v2"), rollout=rollout(50, hold=600, stableScale=scale, **more))
    await simulation.live_until(lambda s: s.phase == "Holding", 100)
    await simulation.live(5)
    return simulation


@WAYS
@SCALES
async def test_what_follows_the_load_in_mid_rollout_is_never_told_as_trouble(way: str, scale: str) -> None:
    simulation = await held(way, scale)
    simulation.behave(uri_of("v1"), ready_after=lambda ordinal: 2.0 + ordinal)
    for replicas in (8, 12, 6, 9, 4):
        simulation.kubectl_scale(replicas)
        for _ in range(20):
            await simulation.live(1)
            assert simulation.condition("Degraded")["status"] == "False", (replicas, words(simulation))
    assert simulation.phase == "Holding"


@WAYS
async def test_a_pod_of_stable_that_is_lost_while_others_are_added_is_told(way: str) -> None:
    simulation = await held(way)
    simulation.behave(uri_of("v1"), ready_after=60)
    simulation.kubectl_scale(8)
    await simulation.live(10)
    assert simulation.condition("Degraded")["status"] == "False", words(simulation)
    simulation.blip(simulation.status["stable"]["revision"], 60, 1)
    await simulation.live(10)
    degraded = simulation.condition("Degraded")
    assert (degraded["status"], degraded["reason"]) == ("True", "PodsNotReady"), words(simulation)
    assert "v1 serves on 3 of 8 pods" in degraded["message"]


@WAYS
async def test_additions_that_never_come_are_told_after_the_time_that_pods_have(way: str) -> None:
    simulation = await held(way, progressDeadlineSeconds=60)
    simulation.behave(uri_of("v1"), ready_after=1e9)
    simulation.restart_operator()
    simulation.kubectl_scale(6)
    await simulation.live(40)
    simulation.restart_operator()
    assert simulation.condition("Degraded")["status"] == "False", words(simulation)
    await simulation.live(60)
    assert simulation.condition("Degraded")["status"] == "True", words(simulation)
    assert wanted_pods(simulation, "v1") == 6


@WAYS
async def test_what_is_woken_in_mid_rollout_is_no_addition_and_nothing_is_forgotten(way: str) -> None:
    simulation = await held(way)
    simulation.kubectl_scale(0)
    await simulation.live(30)
    simulation.kubectl_scale(4)
    await simulation.live(30)
    assert simulation.told("StatusRebuilt") == [], words(simulation)
    assert simulation.phase in {"Reaching", "Holding"}
