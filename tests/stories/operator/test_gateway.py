"""Requests come by a route of ours: exact weights, and nothing that gets requests loses its last pod."""

import pytest
from tests.support.simulation import (
    GATEWAY,
    Simulation,
    behind_gateway,
    canary,
    deployment_of,
    model_of,
    phase,
    revision_of,
    rollout,
    serving,
    uri_of,
    wanted_pods,
    words,
)
from tests.support.simulation.cluster import JsonObject

from serin_operator.api import names

V2 = uri_of("v2")


def split_of(simulation: Simulation) -> dict[str, int]:
    """Weights of our route by Service, where no pin is concerned."""
    route = simulation.gateways.route()
    assert route is not None
    return {b["name"]: b["weight"] for b in route["spec"]["rules"][-1]["backendRefs"]}


def shares_seen(simulation: Simulation) -> list[int]:
    """Percent of the requests that others than the first had, each time the data plane changed."""
    return [sum(w for _, w in split[1:]) if len(split) > 1 else 0 for _, split in simulation.gateways.taken_up]


async def test_a_canary_is_promoted_by_exact_weights_and_no_request_is_lost() -> None:
    simulation = await behind_gateway()
    await canary(simulation, rollout=rollout(10, 25, hold=20))
    assert simulation.child("Service", simulation.name)["spec"]["selector"][names.LABEL_REVISION] == revision_of(
        simulation, "v1"
    )
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 300)
    await simulation.live(20)
    assert shares_seen(simulation) == [0, 10, 25, 0]
    assert split_of(simulation) == {f"{simulation.name}-{revision_of(simulation, 'v2')}": 100}
    assert simulation.lost == 0
    assert simulation.condition("Ready")["status"] == "True"
    assert deployment_of(simulation, "v1") is None


async def test_a_version_that_fails_at_fifty_percent_loses_its_traffic_with_one_write_and_then_its_pods() -> None:
    simulation = await behind_gateway(replicas=4)
    await canary(simulation, rollout=rollout(50, hold=60))
    await simulation.live_until(lambda s: phase(s) == "Holding", 60)
    assert wanted_pods(simulation, "v2") == 2
    simulation.behave(V2, error_rate=0.5)
    before = len(simulation.story)
    await simulation.live_until(lambda s: s.outcome("v2") == "RolledBack", 120)
    await simulation.live(10)
    told = [line for line in simulation.story[before:] if " apply " in line or " delete " in line]
    assert "apply HTTPRoute" in told[0], told
    assert "delete Deployment" in told[1], told
    assert float(told[1].split("s")[0]) > float(told[0].split("s")[0]), told  # the gateway took it up in between
    assert list(split_of(simulation).values()) == [100]
    assert simulation.lost == 0


async def test_a_weight_of_ninety_means_ninety() -> None:
    simulation = await behind_gateway(analysis=False, replicas=5)
    await canary(simulation, rollout=rollout(90, hold=40))
    await simulation.live_until(lambda s: phase(s) == "Holding", 60)
    assert wanted_pods(simulation, "v2") == 5
    await simulation.live(30)
    assert simulation.share_of("v2", 20) == pytest.approx(0.9, abs=0.01)
    assert simulation.status["canary"]["weight"] == 90
    assert simulation.status["stable"]["weight"] == 10


async def test_a_weight_waits_for_the_pods_that_can_bear_it() -> None:
    simulation = await behind_gateway(analysis=False, replicas=8)
    await canary(simulation, rollout=rollout(10, 75, hold=10))
    simulation.behave(V2, ready_after=40)
    await simulation.live_until(lambda s: wanted_pods(s, "v2") == 6, 60)
    await simulation.live(20)
    assert sorted(split_of(simulation).values()) == [10, 90]
    assert "needs 5 ready pods and has 2" in words(simulation)
    await simulation.live_until(lambda s: phase(s) == "Holding", 60)
    assert sorted(split_of(simulation).values()) == [25, 75]


async def test_a_canary_without_a_ready_pod_gets_no_request_until_it_has_one_again() -> None:
    simulation = await behind_gateway(analysis=False)
    await canary(simulation, rollout=rollout(30, hold=300))
    await simulation.live_until(lambda s: phase(s) == "Holding", 60)
    began = simulation.lost
    simulation.blip(revision_of(simulation, "v2"), 20)
    await simulation.live(10)
    assert sorted(split_of(simulation).values()) == [0, 100]
    assert simulation.lost - began <= 3 * 12  # what it had until the gateway followed
    await simulation.live(20)
    assert sorted(split_of(simulation).values()) == [30, 70]


async def test_a_gateway_that_accepts_late_is_waited_for() -> None:
    simulation = await behind_gateway(analysis=False)
    simulation.gateways.takes = 30
    simulation.change_spec(model=model_of("v2"), rollout=rollout(25, hold=10))
    await simulation.live_until(lambda s: phase(s) == "Reaching", 60)
    await simulation.live(10)
    assert phase(simulation) == "Reaching"
    assert "Gateway scoring/public has not taken up HTTPRoute credit-risk as it is now" in words(simulation)
    assert simulation.condition("Degraded")["status"] == "False"
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 300)
    await simulation.live(60)
    assert simulation.lost == 0


async def test_a_route_that_is_not_accepted_keeps_a_new_version_from_traffic_and_is_told_in_the_gateways_words() -> (
    None
):
    simulation = await behind_gateway(analysis=False)
    simulation.gateways.refuses = ("NotAllowedByListeners", "namespace scoring is not selected")
    await simulation.live(10)
    assert simulation.condition("Stalled")["reason"] == "RouteNotAccepted"
    assert simulation.condition("Available")["status"] == "True"
    writes = simulation.written("apply", "HTTPRoute")
    simulation.change_spec(model=model_of("v2"))
    await simulation.live(60)
    assert phase(simulation) == "Starting"
    assert "(NotAllowedByListeners): namespace scoring is not selected" in words(simulation)
    assert "Gateway scoring/public does not accept HTTPRoute credit-risk" in words(simulation)
    assert simulation.written("apply", "HTTPRoute") == writes
    assert simulation.network.answered.get("v2") is None
    simulation.gateways.refuses = None
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 300)


async def test_a_controller_that_is_away_keeps_the_pods_that_its_data_plane_still_uses() -> None:
    simulation = await behind_gateway(replicas=4)
    await canary(simulation, rollout=rollout(50, hold=300))
    await simulation.live_until(lambda s: phase(s) == "Holding", 60)
    simulation.gateways.is_away = True
    simulation.annotate("abort@now")
    await simulation.live(60)
    assert list(split_of(simulation).values()) == [100]
    assert deployment_of(simulation, "v2") is not None, "requests still go there"
    assert simulation.lost == 0
    assert "has not taken up HTTPRoute credit-risk" in simulation.condition("Ready")["message"]
    simulation.gateways.is_away = False
    await simulation.live(10)
    assert deployment_of(simulation, "v2") is None
    assert simulation.lost == 0


async def test_a_route_that_somebody_edits_is_put_right_and_told() -> None:
    simulation = await behind_gateway(analysis=False)
    await canary(simulation, rollout=rollout(25, hold=300))
    await simulation.live_until(lambda s: phase(s) == "Holding", 60)
    route = simulation.gateways.route()
    assert route is not None

    def edit(obj: JsonObject) -> None:
        obj["spec"]["rules"][-1]["backendRefs"][1]["weight"] = 80
        obj["spec"]["rules"][0]["filters"] = [{"type": "RequestHeaderModifier"}]

    simulation.edit(route, "kubectl-edit", edit)
    await simulation.live(5)
    assert sorted(split_of(simulation).values()) == [25, 75]
    assert "filters" not in route["spec"]["rules"][0]
    assert any("HTTPRoute credit-risk had been edited" in message for message in simulation.told("Repaired"))


async def test_a_route_that_somebody_deletes_is_made_again() -> None:
    simulation = await behind_gateway()
    route = simulation.gateways.route()
    assert route is not None
    simulation.remove(route)
    await simulation.live(5)
    assert simulation.gateways.route() is not None
    assert any("HTTPRoute credit-risk was gone" in message for message in simulation.told("Repaired"))
    assert simulation.condition("Ready")["status"] == "True"


async def test_pins_lead_testers_while_both_versions_have_traffic() -> None:
    header, cookie = {"name": "X-Tester", "value": "yes"}, {"name": "tester", "value": "1.0"}
    pins = [{"header": header, "to": "Canary"}, {"cookie": cookie, "to": "Stable"}]
    simulation = await behind_gateway(analysis=False, traffic={**GATEWAY, "pins": pins})
    route = simulation.gateways.route()
    assert route is not None
    assert len(route["spec"]["rules"]) == 2  # gRPC and HTTP
    await canary(simulation, rollout=rollout(10, hold=60))
    await simulation.live_until(lambda s: phase(s) == "Holding", 60)
    rules = route["spec"]["rules"]
    assert len(rules) == 6
    by_pin = {r["matches"][0]["headers"][0]["name"]: r["backendRefs"] for r in rules if "headers" in r["matches"][0]}
    v1, v2 = (f"{simulation.name}-{revision_of(simulation, version)}" for version in ("v1", "v2"))
    assert [b["name"] for b in by_pin["X-Tester"]] == [v2]
    assert [b["name"] for b in by_pin["Cookie"]] == [v1]
    assert rules[0]["matches"][0]["path"]["value"] == "/inference.GRPCInferenceService"
    assert {b["port"] for b in rules[0]["backendRefs"]} == {8081}
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 300)
    assert len(route["spec"]["rules"]) == 2


@pytest.mark.parametrize("writes", range(14))
async def test_an_operator_that_is_killed_at_any_write_ends_where_it_should(writes: int) -> None:
    simulation = await behind_gateway(analysis=False)
    simulation.change_spec(model=model_of("v2"), rollout=rollout(40, hold=5))
    simulation.writes_until_death = 3 * writes + 1
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 400)
    await simulation.live(30)
    assert simulation.lost == 0
    assert list(split_of(simulation).values()) == [100]
    assert shares_seen(simulation)[-1] == 0
    assert simulation.condition("Ready")["status"] == "True"
    assert deployment_of(simulation, "v1") is None


async def test_a_gateway_that_is_added_in_mid_rollout_takes_the_traffic_over() -> None:
    simulation = await serving(analysis=False)
    simulation.gateways.install()
    await canary(simulation, rollout=rollout(50, hold=60))
    await simulation.live_until(lambda s: phase(s) == "Holding", 60)
    simulation.change_spec(traffic=GATEWAY)
    await simulation.live(20)
    assert list(split_of(simulation).values()) == [50, 50]
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 300)
    await simulation.live(20)
    assert simulation.lost == 0
    assert simulation.condition("Ready")["status"] == "True"


async def test_a_gateway_that_is_taken_out_of_the_spec_leaves_what_serves_with_the_service() -> None:
    simulation = await behind_gateway(analysis=False)
    await canary(simulation, rollout=rollout(50, hold=60))
    await simulation.live_until(lambda s: phase(s) == "Holding", 60)
    simulation.change_spec(traffic=None)
    await simulation.live(20)
    assert simulation.gateways.route() is None
    assert simulation.moments[-1].endpoints == {"v1": 3, "v2": 3}
    assert simulation.lost == 0
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 300)
    assert "traffic" not in simulation.status


async def test_a_stable_version_that_dies_in_mid_canary_is_replaced_by_the_canary() -> None:
    simulation = await behind_gateway(analysis=False)
    await canary(simulation, rollout=rollout(30, hold=600))
    await simulation.live_until(lambda s: phase(s) == "Holding", 60)
    simulation.behave(uri_of("v1"), never_ready=True)
    await simulation.live(10)
    assert sorted(split_of(simulation).values()) == [0, 100]
    assert simulation.moments[-1].endpoints == {"v2": 2}
    await simulation.live_until(lambda s: s.stable == "v2", 300)


async def test_a_gateway_that_says_that_it_splits_and_does_not_is_found_out_by_the_counts() -> None:
    simulation = await behind_gateway()
    simulation.gateways.follows = False
    simulation.change_spec(model=model_of("v2"), rollout=rollout(50, hold=30))
    await simulation.live_until(lambda s: "GatewayStrays" in words(s), 120)
    assert "reached the canary, whose weight is 50 %" in words(simulation)
    await simulation.live(60)
    assert phase(simulation) == "Holding"
    simulation.gateways.follows = True
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 300)


async def test_a_gateway_that_gives_the_canary_more_than_its_weight_is_found_out_by_the_counts() -> None:
    simulation = await behind_gateway(replicas=4)
    await canary(simulation, rollout=rollout(50, 60, hold=20))
    await simulation.live_until(lambda s: phase(s) == "Holding", 60)
    await simulation.live(10)
    assert simulation.condition("Degraded")["status"] == "False", words(simulation)
    simulation.gateways.follows = False
    v1 = f"{simulation.name}-{revision_of(simulation, 'v1')}"
    simulation.gateways.taken[simulation.name] = [
        (service, 5 if service == v1 else 95) for service, _ in simulation.gateways.taken[simulation.name]
    ]
    await simulation.live_until(lambda s: "GatewayStrays" in words(s), 60)
    assert "and its weight is 50 %: the gateway does not do what it says" in words(simulation)
    await simulation.live(60)
    assert simulation.status["canary"]["step"] == 0
