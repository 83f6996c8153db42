"""A person goes back while routes are in the way: what serves inside the cluster is led right, and what is missing is named."""

import pytest
from tests.support.simulation import (
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

WAYS = pytest.mark.parametrize("way", ["gateway", "route"])
V1 = uri_of("v1")


async def behind(way: str) -> Simulation:
    """v1 serves by a route of ours, or by one of people's."""
    return await (behind_gateway if way == "gateway" else behind_route)(analysis=False)


async def promoted(way: str) -> Simulation:
    """v2 serves, and v1 did before it."""
    simulation = await behind(way)
    simulation.change_spec(model=model_of("v2"), rollout=rollout(50, hold=5))
    await simulation.live_until(lambda s: s.stable == "v2", 200)
    await simulation.live(40)
    return simulation


async def beside(simulation: Simulation, where: str) -> None:
    """v3 has come so far."""
    preview = {"strategy": "BlueGreen", "blueGreen": {"holdSeconds": 300}}
    how = {"Holding": rollout(50, hold=300), "Baking": rollout(50, hold=5, bakeSeconds=300), "preview": preview}
    simulation.change_spec(model=model_of("v3"), rollout=how[where])
    await simulation.live_until(lambda s: phase(s) == ("Baking" if where == "Baking" else "Holding"), 100)


def hinder(simulation: Simulation, trouble: str | None) -> None:
    """No route is followed, or seen, from now on; None: they are."""
    simulation.gateways.refuses = ("NotAllowed", "no such listener") if trouble == "refused" else None
    simulation.gateways.problem = "list httproutes is forbidden" if trouble == "unseen" else None


@pytest.mark.parametrize("way", ["gateway", "route"])
async def test_a_git_revert_goes_back_though_no_gateway_follows(way: str) -> None:
    simulation = await promoted(way)
    hinder(simulation, "refused")
    await simulation.live(10)
    simulation.change_spec(model=model_of("v1"))
    await simulation.live(40)
    assert set(simulation.moments[-1].endpoints) == {"v1"}, words(simulation)
    assert simulation.condition("Stalled")["status"] == "True"
    hinder(simulation, None)
    await simulation.live_until(lambda s: s.stable == "v1", 200)
    assert simulation.lost == 0


@WAYS
@pytest.mark.parametrize("trouble", ["refused", "unseen"])
@pytest.mark.parametrize("where", ["Idle", "Holding", "preview", "Baking"])
async def test_a_person_goes_back_though_no_gateway_follows(way: str, trouble: str, where: str) -> None:
    simulation = await promoted(way)
    if where != "Idle":
        await beside(simulation, where)
    hinder(simulation, trouble)
    await simulation.live(10)
    simulation.annotate("rollback=v1@night")
    await simulation.live(40)
    assert set(simulation.moments[-1].endpoints) == {"v1"}, words(simulation)
    assert simulation.condition("Stalled")["status"] == "True"
    assert ("no such listener" if trouble == "refused" else "list httproutes is forbidden") in words(simulation)
    assert deployment_of(simulation, "v2") is not None, "a gateway may still lead there"
    await simulation.live(100)
    assert set(simulation.moments[-1].endpoints) == {"v1"}
    hinder(simulation, None)
    await simulation.live(40)
    assert simulation.stable == "v1"
    assert set(simulation.moments[-1].answered) == {"v1"}
    assert simulation.condition("Ready")["reason"] == "HeldByRollback"
    assert deployment_of(simulation, "v2") is None
    assert deployment_of(simulation, "v3") is None


@WAYS
async def test_a_stable_version_that_is_down_is_replaced_though_the_gateway_refuses_the_route(way: str) -> None:
    simulation = await behind(way)
    hinder(simulation, "refused")
    simulation.behave(V1, never_ready=True)
    await simulation.live(70)
    simulation.change_spec(model=model_of("v2"))
    await simulation.live(60)
    assert simulation.moments[-1].endpoints == {"v2": 3}, words(simulation)
    assert "no such listener" in words(simulation)
    hinder(simulation, None)
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 100)


@WAYS
async def test_a_missing_right_is_named_and_nobody_is_told_to_install_what_is_there(way: str) -> None:
    simulation = await behind(way)
    refused = 'httproutes.gateway.networking.k8s.io is forbidden: User "serin" cannot list resource "httproutes"'
    simulation.gateways.problem = f"list httproutes: {refused}"
    simulation.restart_operator()
    simulation.change_spec(model=model_of("v2"))
    await simulation.live(40)
    assert simulation.condition("Stalled")["reason"] == "GatewayApiMissing"
    assert refused in words(simulation)
    assert "upgrade the chart" in words(simulation)
    assert "install the Gateway API" not in words(simulation)
    assert simulation.condition("Available")["status"] == "True"
    hinder(simulation, None)
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 200)


@WAYS
@pytest.mark.parametrize("writes", [1, 4, 7, 10])
async def test_an_operator_that_is_killed_while_it_goes_back_ends_where_it_should(way: str, writes: int) -> None:
    simulation = await promoted(way)
    simulation.annotate("rollback=v1@night")
    simulation.writes_until_death = writes
    await simulation.live_until(lambda s: s.stable == "v1", 200)
    await simulation.live(40)
    assert simulation.lost == 0
    assert set(simulation.moments[-1].answered) == {"v1"}
    assert simulation.condition("Ready")["reason"] == "HeldByRollback"
