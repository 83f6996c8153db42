"""The API server fails when it is asked for routes: that is told as it is, and nothing is concluded from it."""

import pytest
from tests.support.simulation import (
    Simulation,
    behind_gateway,
    behind_route,
    deployment_of,
    model_of,
    phase,
    rollout,
    words,
)
from tests.support.simulation.cluster import copied

FAILS = "get HTTPRoute scoring/mine: conversion webhook for gateway.networking.k8s.io/v1 failed (HTTP 500)"
WAYS = pytest.mark.parametrize("way", ["gateway", "route"])


async def behind(way: str) -> Simulation:
    return await (behind_gateway if way == "gateway" else behind_route)(analysis=False)


def routes(simulation: Simulation) -> list[object]:
    return [copied(route["spec"]) for route in simulation.of_kind("HTTPRoute")]


@WAYS
async def test_it_is_told_with_the_code_and_by_no_other_name_and_passes_by_itself(way: str) -> None:
    simulation = await behind(way)
    before = routes(simulation)
    simulation.gateways.outage = FAILS
    await simulation.live(320)  # in peace it is looked at every five minutes
    assert simulation.condition("Degraded")["reason"] == "RoutesUnreadable", words(simulation)
    assert "HTTP 500" in simulation.condition("Degraded")["message"]
    assert "GatewayApiMissing" not in words(simulation)
    assert simulation.condition("Stalled")["status"] == "False"
    assert simulation.condition("Available")["status"] == "True"
    assert routes(simulation) == before
    simulation.gateways.outage = None
    await simulation.live(20)
    assert simulation.condition("Ready")["status"] == "True", words(simulation)


@WAYS
@pytest.mark.parametrize("end", ["abort@now", "rollback=v1@now"])
async def test_a_rollout_that_ends_meanwhile_takes_nothing_away_that_a_route_may_lead_to(way: str, end: str) -> None:
    simulation = await behind(way)
    simulation.change_spec(model=model_of("v2"), rollout=rollout(50, hold=600))
    await simulation.live_until(lambda s: phase(s) == "Holding", 100)
    before = routes(simulation)
    simulation.gateways.outage = FAILS
    simulation.annotate(end)
    await simulation.live(60)
    assert deployment_of(simulation, "v2") is not None
    assert routes(simulation) == before
    assert simulation.lost == 0
    simulation.gateways.outage = None
    await simulation.live(60)
    assert simulation.moments[-1].answered.keys() == {"v1"}
    assert deployment_of(simulation, "v2") is None
    assert simulation.lost == 0


@WAYS
async def test_pods_are_repaired_meanwhile(way: str) -> None:
    simulation = await behind(way)
    simulation.gateways.outage = FAILS
    deployment = deployment_of(simulation, "v1")
    assert deployment is not None
    simulation.remove(deployment)
    await simulation.live(20)
    assert simulation.moments[-1].endpoints == {"v1": 3}


async def test_a_new_version_waits_before_its_first_traffic() -> None:
    simulation = await behind("gateway")
    simulation.gateways.outage = FAILS
    simulation.change_spec(model=model_of("v2"), rollout=rollout(50, hold=5))
    await simulation.live(60)
    assert phase(simulation) == "Starting"
    assert simulation.condition("Ready")["reason"] == "RoutesUnreadable", words(simulation)
    simulation.gateways.outage = None
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 200)
