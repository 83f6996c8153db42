"""Shadow: copies of requests go to the new version, of whose answers no client hears; then it takes over, or clients come bit by bit."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.support.simulation import (
    ANALYSIS,
    GATEWAY,
    Crash,
    Simulation,
    behind_gateway,
    behind_route,
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
from tests.support.simulation.gateways import PLAIN

V1, V2 = uri_of("v1"), uri_of("v2")


def shadow(hold: int = 20, bake: int = 10, **more: Any) -> dict[str, Any]:
    return {
        "strategy": "Shadow",
        "shadow": {"holdSeconds": hold, **more.pop("of", {})},
        "bakeSeconds": bake,
        "progressDeadlineSeconds": 60,
        **more,
    }


def copies_of(simulation: Simulation) -> list[tuple[str, int]]:
    """Who gets copies, by our route."""
    rules = (simulation.gateways.route() or {})["spec"]["rules"]
    found = [[f["requestMirror"] for f in rule.get("filters") or () if "requestMirror" in f] for rule in rules]
    assert all(
        [(m["backendRef"]["name"], m.get("percent")) for m in of_rule]
        == [(m["backendRef"]["name"], m.get("percent")) for m in found[-1]]
        for of_rule in found
    )
    return [(m["backendRef"]["name"], m.get("percent", 100)) for m in found[-1]]


def weights_of(simulation: Simulation) -> list[int]:
    rules = (simulation.gateways.route() or {})["spec"]["rules"]
    return [b["weight"] for b in rules[-1]["backendRefs"]]


async def begun(*, analysis: bool = True, way: dict[str, Any] | None = None, **more: Any) -> Simulation:
    """v1 serves behind a gateway, and somebody has asked for v2."""
    simulation = await behind_gateway(analysis=analysis, rollout=way or shadow(), **more)
    simulation.change_spec(model=model_of("v2"))
    return simulation


async def shadowed(**more: Any) -> Simulation:
    """v2 gets copies, and no client hears of it."""
    simulation = await begun(**more)
    await simulation.live_until(lambda s: phase(s) == "Holding", 90)
    return simulation


def heard_of(simulation: Simulation, version: str) -> int:
    return simulation.network.answered.get(version, 0)


# ---- it passes -----------------------------------------------------------------------------------------------------


async def test_a_version_that_answers_copies_well_takes_all_traffic_and_no_client_heard_of_it_before() -> None:
    simulation = await shadowed()
    v2 = f"{simulation.name}-{revision_of(simulation, 'v2')}"
    assert copies_of(simulation) == [(v2, 100)]
    assert weights_of(simulation) == [100]
    assert wanted_pods(simulation, "v2") == 3  # as many as stable, for as many requests
    await simulation.live(8)
    assert simulation.network.copied["v2"] > 200
    assert heard_of(simulation, "v2") == 0
    status = simulation.status["canary"]
    assert (status["weight"], status["mirrorPercent"], simulation.status["stable"]["weight"]) == (0, 100, 100)
    await simulation.live_until(lambda s: s.stable == "v2", 200)
    await simulation.live(10)
    assert (copies_of(simulation), weights_of(simulation)) == ([], [100])
    assert simulation.lost == 0
    assert deployment_of(simulation, "v1") is None
    assert simulation.condition("Ready")["status"] == "True"


async def test_what_is_waited_for_is_said_and_that_no_client_hears_its_answers() -> None:
    simulation = await shadowed(way=shadow(hold=60))
    await simulation.live(20)
    ready = simulation.condition("Ready")
    assert ready["reason"] == "Mirrored"
    assert "its answers reach no client, for 60 s at least" in ready["message"]
    assert "metrics of labels are not waited for" in ready["message"]
    assert any("it gets copies of 100 % of the requests" in told for told in simulation.told("StepStarted"))
    rows = {row["metric"]: row for row in simulation.status["canary"]["analysis"]}
    assert rows["errors"]["verdict"] == "Pass"
    assert rows["accuracy"]["verdict"] == "Inconclusive"


async def test_steps_that_are_given_come_after_it() -> None:
    way = shadow(steps=[{"weight": 25, "holdSeconds": 15}], of={"mirrorPercent": 50})
    simulation = await shadowed(way=way)
    assert wanted_pods(simulation, "v2") == 2
    assert simulation.gateways.copied[-1][0][1] == 50
    await simulation.live_until(lambda s: heard_of(s, "v2"), 120)
    assert copies_of(simulation) == []
    await simulation.live_until(lambda s: phase(s) == "Holding", 60)
    assert weights_of(simulation) == [75, 25]
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 300)
    assert simulation.lost == 0


async def test_a_canary_may_begin_with_copies_of_more_and_more_requests() -> None:
    mirrors = [{"weight": 0, "mirrorPercent": percent, "holdSeconds": 10} for percent in (10, 50)]
    way = {**rollout(), "steps": [*mirrors, {"weight": 50, "holdSeconds": 10}]}
    simulation = await begun(way=way)
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 400)
    await simulation.live(5)
    v2 = f"{simulation.name}-{simulation.status['stable']['revision']}"
    assert simulation.gateways.copied == [[(v2, 10)], [(v2, 50)], []]
    assert [sum(w for _, w in split[1:]) for _, split in simulation.gateways.taken_up] == [0, 50, 0]
    assert simulation.lost == 0


async def test_without_an_analysis_time_pods_and_crashes_decide() -> None:
    simulation = await shadowed(analysis=False, way=shadow(hold=30))
    assert "gets copies of 100 % of the requests" in words(simulation)
    simulation.behave(V2, crash=Crash(times=2))
    await simulation.live_until(lambda s: s.outcome("v2") == "RolledBack", 120)
    assert heard_of(simulation, "v2") == 0


async def test_labels_alone_cannot_be_waited_for_so_time_decides_and_it_is_said() -> None:
    labels = {**ANALYSIS, "metrics": [ANALYSIS["metrics"][1]]}
    simulation = await behind_gateway(rollout=shadow(hold=15))
    simulation.change_spec(model=model_of("v2"), analysis=labels)
    await simulation.live_until(lambda s: phase(s) == "Holding", 60)
    await simulation.live(5)
    assert "without labels spec.analysis compares nothing" in words(simulation)
    await simulation.live_until(lambda s: s.stable == "v2", 60)


async def test_blue_green_with_copies_is_judged_too() -> None:
    way = {**shadow(), "strategy": "BlueGreen", "blueGreen": {"holdSeconds": 30, "mirrorPercent": 100}}
    del way["shadow"]
    simulation = await shadowed(way=way)
    assert [s for s in simulation.of_kind("Service") if s["metadata"]["name"].endswith("-preview")] == []
    simulation.behave(V2, error_rate=0.4)
    await simulation.live_until(lambda s: s.outcome("v2") == "RolledBack", 90)
    assert heard_of(simulation, "v2") == 0


# ---- it fails ------------------------------------------------------------------------------------------------------


async def test_a_version_that_fails_copies_is_rolled_back_with_the_numbers_and_no_client_noticed() -> None:
    simulation = await begun()
    simulation.behave(V2, error_rate=0.3)
    await simulation.live_until(lambda s: s.outcome("v2") == "RolledBack", 200)
    await simulation.live(10)
    assert "errors:" in simulation.told("RolledBack")[0]
    assert heard_of(simulation, "v2") == 0
    assert simulation.network.failed.get("v1", 0) == 0
    assert (copies_of(simulation), weights_of(simulation)) == ([], [100])
    assert deployment_of(simulation, "v2") is None
    assert simulation.lost == 0


async def test_stable_is_compared_at_the_same_time_so_a_bad_hour_blames_nobody() -> None:
    simulation = await shadowed(way=shadow(hold=60))
    for uri in (V1, V2):
        simulation.behave(uri, error_rate=0.2)
    await simulation.live(120)
    assert simulation.outcome("v2") != "RolledBack"


async def test_a_version_that_only_fails_copies_of_the_second_stage_is_found_by_then() -> None:
    steps = [{"weight": 0, "mirrorPercent": 50, "holdSeconds": 15}, {"weight": 25, "holdSeconds": 600}]
    simulation = await begun(way={**rollout(), "steps": steps})
    await simulation.live_until(lambda s: heard_of(s, "v2"), 120)
    simulation.behave(V2, error_rate=0.4)
    await simulation.live_until(lambda s: s.outcome("v2") == "RolledBack", 60)
    assert weights_of(simulation) == [100]


async def test_nobody_who_sends_requests_is_no_evidence_and_the_deadline_decides() -> None:
    simulation = await behind_gateway(rollout=shadow(deadlineSeconds=40, onDeadline="Rollback"))
    simulation.requests_a_second = 0
    simulation.change_spec(model=model_of("v2"))
    await simulation.live_until(lambda s: s.outcome("v2") == "RolledBack", 200)
    assert "no verdict within 40 s" in simulation.told("RolledBack")[0]


# ---- it is refused -------------------------------------------------------------------------------------------------


async def test_a_gateway_that_cannot_copy_is_not_asked_to_and_it_is_said_before_a_version_comes() -> None:
    simulation = Simulation()
    simulation.gateways.install("HTTPRouteBackendProtocolH2C")
    simulation.kubectl_apply({"model": model_of("v1"), "replicas": 3, "traffic": GATEWAY, "rollout": shadow()})
    await simulation.live_until(lambda s: s.stable == "v1")
    await simulation.live(30)
    degraded = simulation.condition("Degraded")
    assert degraded["reason"] == "GatewayCannot"
    assert "spec.rollout.shadow.mirrorPercent needs HTTPRouteRequestMirror" in degraded["message"]
    assert "GatewayClass envoy does not list" in degraded["message"]
    simulation.change_spec(model=model_of("v2"))
    await simulation.live(60)
    assert (phase(simulation), simulation.gateways.copied) == ("Starting", [])
    assert simulation.condition("Stalled")["reason"] == "GatewayCannot"
    simulation.change_spec(rollout=rollout(50, hold=5))
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 200)


async def test_a_part_of_the_requests_is_another_feature_than_all_of_them() -> None:
    simulation = Simulation()
    simulation.gateways.install(*PLAIN)
    way = shadow(of={"mirrorPercent": 20})
    simulation.kubectl_apply({"model": model_of("v1"), "replicas": 3, "traffic": GATEWAY, "rollout": way})
    await simulation.live_until(lambda s: s.stable == "v1")
    await simulation.live(30)
    assert "HTTPRouteRequestPercentageMirror" in simulation.condition("Degraded")["message"]
    simulation.change_spec(rollout=shadow(), model=model_of("v2"))
    await simulation.live_until(lambda s: s.stable == "v2", 200)


async def test_a_class_that_loses_the_feature_in_mid_shadow_is_not_asked_any_more() -> None:
    simulation = await shadowed(analysis=False, way=shadow(hold=600))
    simulation.gateways.install("HTTPRouteBackendProtocolH2C")
    await simulation.live(60)
    assert copies_of(simulation) == []
    assert simulation.condition("Degraded")["reason"] == "GatewayCannot"
    assert phase(simulation) == "Holding"
    simulation.gateways.install()
    await simulation.live(60)
    assert len(copies_of(simulation)) == 1
    assert simulation.condition("Degraded")["status"] == "False"


@pytest.mark.parametrize("begin", [serving, behind_route], ids=["pods", "a route of people"])
async def test_what_no_api_server_lets_pass_never_opens_the_service(
    begin: Callable[..., Awaitable[Simulation]],
) -> None:
    simulation = await begin(analysis=False, rollout=shadow())
    assert "add spec.traffic.gateway" in words(simulation)
    simulation.change_spec(model=model_of("v2"))
    await simulation.live(40)
    assert (phase(simulation), heard_of(simulation, "v2")) == ("Starting", 0)
    assert simulation.condition("Stalled")["status"] == "True"


async def test_a_gateway_that_is_taken_out_of_the_spec_in_mid_shadow_lets_no_client_in() -> None:
    simulation = await shadowed(analysis=False, way=shadow(hold=600))
    simulation.change_spec(traffic=None)
    await simulation.live(30)
    assert heard_of(simulation, "v2") == 0
    assert simulation.gateways.route() is None
    assert "add spec.traffic.gateway" in words(simulation)
    assert simulation.lost == 0


# ---- what goes wrong -----------------------------------------------------------------------------------------------


async def test_a_shadow_whose_pods_are_gone_gets_no_copies_until_they_are_back() -> None:
    simulation = await shadowed(analysis=False, way=shadow(hold=300))
    simulation.blip(revision_of(simulation, "v2"), 20)
    await simulation.live(10)
    assert copies_of(simulation) == []
    await simulation.live(25)
    assert [percent for _, percent in copies_of(simulation)] == [100]
    assert (simulation.lost, heard_of(simulation, "v2")) == (0, 0)


async def test_a_stable_version_that_blips_hands_no_client_to_a_version_that_nobody_has_tried() -> None:
    simulation = await shadowed(analysis=False, way=shadow(hold=300))
    simulation.blip(revision_of(simulation, "v1"), 20)
    await simulation.live(30)
    assert heard_of(simulation, "v2") == 0
    assert phase(simulation) == "Holding"


async def test_a_stable_version_that_stays_down_is_replaced_by_its_shadow() -> None:
    simulation = await shadowed(analysis=False, way=shadow(hold=600))
    simulation.behave(V1, never_ready=True)
    await simulation.live_until(lambda s: s.stable == "v2", 300)


async def test_a_filter_that_somebody_takes_out_is_put_back_and_told() -> None:
    simulation = await shadowed(analysis=False, way=shadow(hold=300))
    route = simulation.gateways.route()
    assert route is not None
    simulation.edit(route, "kubectl-edit", lambda r: [rule.pop("filters") for rule in r["spec"]["rules"]])
    await simulation.live(5)
    assert len(copies_of(simulation)) == 1
    assert any("HTTPRoute credit-risk had been edited" in message for message in simulation.told("Repaired"))


async def test_a_gateway_that_says_that_it_copies_and_does_not_is_found_out_by_the_counts() -> None:
    simulation = await behind_gateway(rollout=shadow(hold=30))
    simulation.gateways.follows = False
    simulation.change_spec(model=model_of("v2"))
    await simulation.live_until(lambda s: "GatewayStrays" in words(s), 120)
    assert "no copy of" in words(simulation)
    assert phase(simulation) == "Holding"
    simulation.gateways.follows = True
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 300)


async def test_a_gateway_that_copies_more_than_it_says_is_found_out_by_the_counts() -> None:
    simulation = await shadowed(way=shadow(hold=60, of={"mirrorPercent": 10}))
    assert simulation.condition("Degraded")["status"] == "False"
    simulation.gateways.follows = False
    simulation.gateways.copies[simulation.name] = [
        (service, 100) for service, _ in simulation.gateways.copies["credit-risk"]
    ]
    await simulation.live_until(lambda s: "GatewayStrays" in words(s), 60)
    assert "copies of 10 % are all that it should get" in words(simulation)


async def test_a_controller_that_is_away_keeps_the_pods_that_still_get_copies() -> None:
    simulation = await shadowed(analysis=False, way=shadow(hold=300))
    simulation.gateways.is_away = True
    simulation.annotate("abort@now")
    await simulation.live(60)
    assert copies_of(simulation) == []
    assert deployment_of(simulation, "v2") is not None, "copies still go there"
    simulation.gateways.is_away = False
    await simulation.live(10)
    assert deployment_of(simulation, "v2") is None
    assert simulation.lost == 0


async def test_an_autoscaler_that_scales_in_mid_shadow_scales_the_shadow_too() -> None:
    simulation = await shadowed(way=shadow(hold=60))
    simulation.kubectl_scale(6)
    await simulation.live(20)
    assert (wanted_pods(simulation, "v1"), wanted_pods(simulation, "v2")) == (6, 6)
    await simulation.live_until(lambda s: s.stable == "v2", 200)
    assert simulation.lost == 0


async def test_stable_keeps_its_pods_beside_a_shadow_also_where_it_shrinks_beside_a_canary() -> None:
    way = shadow(hold=30, stableScale="Shrink", steps=[{"weight": 50, "holdSeconds": 20}])
    simulation = await shadowed(analysis=False, way=way)
    assert (wanted_pods(simulation, "v1"), wanted_pods(simulation, "v2")) == (3, 3)


# ---- people --------------------------------------------------------------------------------------------------------


async def test_an_abort_leaves_no_filter_behind() -> None:
    simulation = await shadowed(analysis=False, way=shadow(hold=300))
    simulation.annotate("abort@1")
    await simulation.live(15)
    assert (simulation.outcome("v2"), copies_of(simulation), weights_of(simulation)) == ("Aborted", [], [100])
    assert deployment_of(simulation, "v2") is None


async def test_a_step_of_copies_can_be_skipped() -> None:
    simulation = await shadowed(way=shadow(hold=300, steps=[{"weight": 25, "holdSeconds": 300}]))
    simulation.annotate("skip-step@1")
    await simulation.live_until(lambda s: heard_of(s, "v2"), 60)
    assert copies_of(simulation) == []
    assert simulation.condition("Ready")["reason"] != "Mirrored"


async def test_a_shadow_waits_for_a_person_where_it_says_so() -> None:
    simulation = await shadowed(way=shadow(hold=10, of={"pause": True}))
    await simulation.live_until(lambda s: s.condition("Ready")["reason"] == "StepPaused", 120)
    await simulation.live(60)
    assert simulation.stable == "v1"
    simulation.annotate("resume@1")
    await simulation.live_until(lambda s: s.stable == "v2", 120)


async def test_paused_holds_a_shadow_and_a_fail_ends_it_all_the_same() -> None:
    simulation = await shadowed(way=shadow(hold=5))
    simulation.change_spec(paused=True)
    await simulation.live(90)
    assert (simulation.stable, phase(simulation)) == ("v1", "Holding")
    simulation.behave(V2, error_rate=0.5)
    await simulation.live_until(lambda s: s.outcome("v2") == "RolledBack", 60)


async def test_a_percentage_that_is_edited_in_mid_shadow_is_followed_and_closes_the_look() -> None:
    simulation = await shadowed(way=shadow(hold=90, of={"mirrorPercent": 10}))
    await simulation.live(20)
    simulation.change_spec(rollout=shadow(hold=90, of={"mirrorPercent": 60}))
    await simulation.live(15)
    assert [percent for _, percent in copies_of(simulation)] == [60]
    assert simulation.status["canary"]["mirrorPercent"] == 60
    assert len(simulation.status["canary"]["weightChanges"]) == 2
    await simulation.live_until(lambda s: s.stable == "v2", 300)


async def test_going_back_by_hand_leaves_no_filter_behind() -> None:
    simulation = await begun(way=rollout(50, hold=5))
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 200)
    simulation.change_spec(model=model_of("v3"), rollout=shadow(hold=300))
    await simulation.live_until(lambda s: phase(s) == "Holding", 100)
    simulation.annotate("rollback=v1@night")
    await simulation.live_until(lambda s: s.stable == "v1" and phase(s) is None, 200)
    assert (copies_of(simulation), heard_of(simulation, "v3")) == ([], 0)


# ---- what is remembered ----------------------------------------------------------------------------------------------


async def test_it_is_scaled_to_zero_and_woken_in_mid_shadow() -> None:
    simulation = await shadowed(way=shadow(hold=30))
    simulation.kubectl_scale(0)
    await simulation.live(40)
    simulation.kubectl_scale(3)
    await simulation.live_until(lambda s: s.stable == "v2", 300)
    assert heard_of(simulation, "v2") > 0


async def test_status_that_is_lost_in_a_shadow_leaves_no_copies_behind() -> None:
    simulation = await shadowed(analysis=False, way=shadow(hold=600))
    simulation.lose_status()
    simulation.change_spec(model=model_of("v1"))
    await simulation.live(200)
    assert (simulation.stable, copies_of(simulation)) == ("v1", [])


async def test_a_status_of_the_release_before_goes_on_in_a_shadow() -> None:
    simulation = await shadowed(way=shadow(hold=30))
    simulation.edit_status(lambda status: [status["canary"].pop(key, None) for key in ("mirrorPercent", "testers")])
    simulation.restart_operator()
    await simulation.live_until(lambda s: s.stable == "v2", 200)
    assert simulation.lost == 0


async def test_it_is_deleted_in_mid_shadow_with_its_route() -> None:
    simulation = await shadowed(analysis=False, way=shadow(hold=600))
    simulation.remove(simulation.mdep)
    await simulation.live(20)
    assert simulation.gateways.route() is None
