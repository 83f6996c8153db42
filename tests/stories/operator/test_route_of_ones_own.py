"""``routeRef``: people own the route, and Serin changes two weights in it, and gives them back."""

from typing import Any

import pytest
from tests.support.simulation import (
    ANALYSIS,
    Simulation,
    behind_route,
    canary,
    deployment_of,
    model_of,
    phase,
    revision_of,
    rollout,
    uri_of,
    words,
)
from tests.support.simulation.beginnings import backend
from tests.support.simulation.cluster import copied

from serin_operator.api import names

ONE, TWO = "credit-risk", "credit-risk-canary"


def rule(*backends: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"backendRefs": list(backends), **more}


def weights(simulation: Simulation, number: int = 0) -> list[int]:
    route = simulation.gateways.route("mine")
    assert route is not None
    return [b["weight"] for b in route["spec"]["rules"][number]["backendRefs"]]


async def test_only_our_two_weights_are_changed_and_they_are_given_back() -> None:
    others = rule(backend("shop", 1), name="shop", matches=[{"path": {"type": "Exact", "value": "/shop"}}])
    ours = rule(backend(ONE, 90), backend("legacy", 100), backend(TWO, 10), name="models", timeouts={"request": "5s"})
    simulation = await behind_route(others, ours)
    route = simulation.gateways.route("mine")
    assert route is not None
    before = copied(route["spec"])
    await canary(simulation, rollout=rollout(25, hold=20))
    await simulation.live_until(lambda s: phase(s) == "Holding", 60)
    assert weights(simulation, 1) == [75, 100, 25]
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 300)
    await simulation.live(40)
    assert weights(simulation, 1) == [100, 100, 0]
    before["rules"][1]["backendRefs"][0]["weight"], before["rules"][1]["backendRefs"][2]["weight"] = 100, 0
    assert route["spec"] == before
    assert simulation.written("apply", "HTTPRoute") == 0
    assert "labels" not in route["metadata"]
    assert simulation.condition("Ready")["status"] == "True"


async def test_a_version_that_fails_gives_its_weight_back_at_once() -> None:
    simulation = await behind_route()
    await canary(simulation, rollout=rollout(50, hold=60))
    await simulation.live_until(lambda s: phase(s) == "Holding", 60)
    assert weights(simulation) == [50, 50]
    simulation.behave(uri_of("v2"), error_rate=0.5)
    await simulation.live_until(lambda s: s.outcome("v2") == "RolledBack", 120)
    await simulation.live(40)
    assert weights(simulation) == [100, 0]
    assert deployment_of(simulation, "v2") is None
    assert simulation.lost == 0


async def test_a_weight_that_somebody_edits_in_a_long_hold_is_put_right_within_seconds() -> None:
    simulation = await behind_route()
    await canary(simulation, analysis={**ANALYSIS, "intervalSeconds": 60}, rollout=rollout(25, hold=900))
    await simulation.live_until(lambda s: phase(s) == "Holding", 60)
    await simulation.live(100)
    route = simulation.gateways.route("mine")
    assert route is not None
    first, second = route["spec"]["rules"][0]["backendRefs"]
    for wait in (0, 2, 3):  # whenever the last look was
        await simulation.live(wait)
        first["weight"], second["weight"] = 0, 100
        await simulation.live(8)
        assert weights(simulation) == [75, 25]


async def test_a_weight_of_ninety_means_ninety() -> None:
    simulation = await behind_route(analysis=False)
    await canary(simulation, rollout=rollout(90, hold=60))
    await simulation.live_until(lambda s: phase(s) == "Holding", 60)
    await simulation.live(30)
    assert simulation.share_of("v2", 20) == pytest.approx(0.9, abs=0.01)


async def test_when_the_spec_lets_go_of_the_route_the_weights_are_given_back() -> None:
    simulation = await behind_route(analysis=False)
    await canary(simulation, rollout=rollout(40, hold=600))
    await simulation.live_until(lambda s: phase(s) == "Holding", 60)
    simulation.change_spec(traffic=None)
    simulation.restart_operator()
    await simulation.live(30)
    assert weights(simulation) == [100, 0]
    assert simulation.status["traffic"]["lent"] == ["mine"]
    assert simulation.lost == 0
    second = simulation.child("Service", TWO)["spec"]["selector"]
    assert second[names.LABEL_REVISION] == revision_of(simulation, "v1")  # the route still names it
    simulation.gateways.people_write("mine", [rule(backend(ONE, 1))])
    await simulation.live(310)
    assert "traffic" not in simulation.status
    assert [s["metadata"]["name"] for s in simulation.of_kind("Service") if s["metadata"]["name"] == TWO] == []


@pytest.mark.parametrize(
    ("rules", "reason", "said"),
    [
        ([rule(backend(ONE, 1))], "RouteUnfit", "Service credit-risk-canary as backendRefs of one rule: add them"),
        (
            [rule(backend(ONE, 3), backend(TWO, 0), backend("x", 1))],
            "RouteUnfit",
            "the weights of the two Services add up to 3",
        ),
    ],
)
async def test_a_route_that_lacks_what_is_needed_is_left_alone(rules: Any, reason: str, said: str) -> None:
    simulation = Simulation()
    simulation.gateways.install()
    simulation.gateways.people_write("mine", rules)
    simulation.kubectl_apply({"model": model_of("v1"), "traffic": {"routeRef": {"name": "mine"}}})
    await simulation.live(40)
    assert simulation.condition("Stalled")["reason"] == reason
    assert said in words(simulation)
    assert simulation.written("json") == 0


async def test_a_route_that_is_not_there_is_named() -> None:
    simulation = Simulation()
    simulation.gateways.install()
    simulation.kubectl_apply({"model": model_of("v1"), "traffic": {"routeRef": {"name": "mine"}}})
    await simulation.live(40)
    assert simulation.condition("Stalled")["reason"] == "RouteNotFound"
    simulation.gateways.people_write("mine", [rule(backend(ONE, 100), backend(TWO, 0))])
    await simulation.live(40)
    assert simulation.condition("Ready")["status"] == "True"


async def test_somebody_who_edits_the_route_meanwhile_loses_nothing() -> None:
    simulation = await behind_route(analysis=False)
    route = simulation.gateways.route("mine")
    assert route is not None

    def edit() -> None:
        if not simulation.written("json"):
            route["spec"]["rules"].insert(0, rule(backend("shop", 1)))
            route["metadata"]["generation"] += 1
            simulation.touch(route)
            simulation.api.after_observation.clear()

    await simulation.live(5)
    simulation.change_spec(model=model_of("v2"), rollout=rollout(30, hold=30))
    await simulation.live_until(lambda s: phase(s) == "Starting", 60)
    simulation.api.after_observation.append(edit)
    await simulation.live_until(lambda s: phase(s) == "Holding", 60)
    assert weights(simulation, 0) == [1]
    assert weights(simulation, 1) == [70, 30]


async def test_a_backend_of_others_that_is_missing_is_told_and_waited_for() -> None:
    simulation = await behind_route(analysis=False)
    ours = rule(backend(ONE, 100), backend(TWO, 0))
    simulation.gateways.people_write("mine", [rule(backend("gone", 1)), ours])
    await simulation.live(40)
    assert simulation.condition("Stalled")["status"] == "False"
    await simulation.live(60)
    assert simulation.condition("Stalled")["reason"] == "RouteNotAccepted"
    assert "Service gone not found" in words(simulation)
    simulation.gateways.other_service("gone")
    await simulation.live(40)
    assert simulation.condition("Ready")["status"] == "True"


@pytest.mark.parametrize("writes", range(12))
async def test_an_operator_that_is_killed_at_any_write_gives_the_weights_back(writes: int) -> None:
    simulation = await behind_route(analysis=False)
    simulation.change_spec(model=model_of("v2"), rollout=rollout(40, hold=5))
    simulation.writes_until_death = 3 * writes + 1
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 400)
    await simulation.live(40)
    assert simulation.lost == 0
    assert weights(simulation) == [100, 0]
    assert simulation.condition("Ready")["status"] == "True"
    assert deployment_of(simulation, "v1") is None
