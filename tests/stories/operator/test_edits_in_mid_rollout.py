"""People change their minds while a rollout is under way."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.support.simulation import (
    ANALYSIS,
    Simulation,
    behind_gateway,
    canary,
    late_from,
    phase,
    rollout,
    serving,
    uri_of,
    wanted_pods,
    words,
)
from tests.support.simulation.faults import webhook

V2 = uri_of("v2")


async def test_paused_holds_a_version_that_grows_before_it_takes_all_traffic() -> None:
    simulation = await serving()
    simulation.behave(V2, ready_after=late_from(1, 30))
    await canary(simulation, rollout=rollout(25))
    await simulation.live_until(lambda s: wanted_pods(s, "v2") == 3)
    simulation.change_spec(paused=True)
    await simulation.live(120)
    assert simulation.stable == "v1"
    assert simulation.moments[-1].endpoints.get("v1") == 3
    assert simulation.condition("Ready")["reason"] == "Paused"
    simulation.change_spec(paused=None)
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 60)


async def test_paused_does_not_keep_a_bad_version_in_traffic() -> None:
    simulation = await serving()
    await canary(simulation, rollout=rollout(25, hold=300))
    simulation.change_spec(paused=True)
    simulation.behave(V2, error_rate=1.0)
    await simulation.live_until(lambda s: s.outcome("v2") == "RolledBack", 60)


async def test_steps_that_are_edited_between_two_of_them_take_no_traffic_away() -> None:
    simulation = await serving(replicas=12, requests_a_second=120)
    simulation.behave(V2, ready_after=late_from(4, 40))
    await canary(simulation, rollout=rollout(25, 50))
    before = wanted_pods(simulation, "v2")
    await simulation.live_until(lambda s: wanted_pods(s, "v2") > before)
    simulation.change_spec(rollout=rollout(8, 25, 50))
    for _ in range(60):
        await simulation.live(1)
        assert wanted_pods(simulation, "v2") >= before
        assert simulation.moments[-1].endpoints.get("v2", 0) >= before
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 300)


@pytest.mark.parametrize("steps", [(10,), (50,), (5, 10, 20, 30, 40, 50)], ids=str)
async def test_steps_can_be_edited_while_one_is_in_force(steps: tuple[int, ...]) -> None:
    simulation = await serving(replicas=6, requests_a_second=60)
    await canary(simulation, rollout=rollout(25, 50, hold=20))
    pods = wanted_pods(simulation, "v2")
    simulation.change_spec(rollout=rollout(*steps, hold=20))
    await simulation.live(15)
    if max(steps) >= 25:
        assert wanted_pods(simulation, "v2") >= pods
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 400)
    assert simulation.lost == 0


BLUE_GREEN = {"strategy": "BlueGreen", "blueGreen": {"holdSeconds": 5}, "bakeSeconds": 10}
SHADOW = {"strategy": "Shadow", "shadow": {"holdSeconds": 5}, "bakeSeconds": 10}
EDITED = {"blue-green": (serving, BLUE_GREEN), "shadow": (behind_gateway, SHADOW)}


@pytest.mark.parametrize(("begin", "way"), EDITED.values(), ids=EDITED)
async def test_a_version_that_has_requests_keeps_its_deadline_when_the_strategy_becomes_one_without(
    begin: Callable[[], Awaitable[Simulation]], way: dict[str, Any]
) -> None:
    simulation = await begin()
    simulation.network.labels_are_late = True
    late = {"deadlineSeconds": 60, "onDeadline": "Rollback"}
    await canary(simulation, rollout=rollout(25, hold=5, **late))
    await simulation.live_until(lambda s: phase(s) == "Holding", 60)
    simulation.change_spec(rollout={**way, **late})
    await simulation.live(20)
    assert simulation.moments[-1].answered.get("v2")
    await simulation.live_until(lambda s: s.outcome("v2") == "RolledBack", 120)
    assert "no verdict within 60 s" in words(simulation)


async def test_a_strategy_that_changes_between_two_steps_is_told_with_the_weight_that_stays_in_force() -> None:
    simulation = await serving()
    simulation.behave(V2, ready_after=late_from(1, 30))
    await canary(simulation, rollout=rollout(25, 50))
    await simulation.live_until(lambda s: (s.status.get("canary") or {}).get("stepWeight") == 25, 60)
    await simulation.live_until(lambda s: phase(s) == "Reaching", 120)
    simulation.change_spec(rollout=BLUE_GREEN)
    before = len(simulation.told("StepStarted"))
    await simulation.live_until(lambda s: len(s.told("StepStarted")) > before, 120)
    assert "weight 25 %" in simulation.told("StepStarted")[-1]


async def test_a_step_is_told_with_the_weight_that_it_reaches() -> None:
    simulation = await serving(replicas=1)
    await canary(simulation, rollout=rollout(10, hold=30))
    await simulation.live(5)
    assert any("50 %" in message for message in simulation.told("StepStarted")), simulation.told("StepStarted")


async def test_a_metric_that_is_edited_starts_anew_and_the_rollout_goes_on() -> None:
    simulation = await serving()
    await canary(simulation, rollout=rollout(25, hold=60))
    await simulation.live(20)
    metrics = [{"name": "errors", "errorRate": {"maxIncrease": 0.05}}]
    simulation.change_spec(analysis={**ANALYSIS, "metrics": metrics})
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 300)
    assert simulation.errors == []


async def test_a_refused_disruption_budget_makes_nothing_stand_still() -> None:
    simulation = await serving()
    simulation.refuse(webhook(kind="PodDisruptionBudget"))
    simulation.remove(simulation.child("PodDisruptionBudget", simulation.name))
    await simulation.live(60)
    assert simulation.condition("Ready")["status"] == "True"
    assert simulation.condition("Stalled")["status"] == "False", words(simulation)
    assert simulation.condition("Degraded")["status"] == "True"
    await canary(simulation)
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 200)


async def test_status_stays_small_whatever_versions_said_when_they_failed() -> None:
    simulation = await serving(revisionHistoryLimit=50)
    for number in range(2, 60):
        report = {"ok": False, "reason": "ModelInvalid", "message": "the graph has no output; " * 60}
        simulation.behave(uri_of(f"v{number}"), report=report)
        simulation.change_spec(model={"version": f"v{number}", "uri": uri_of(f"v{number}") + "?" + "q" * 1900})
        simulation.behave(simulation.mdep["spec"]["model"]["uri"], report=report)
        await simulation.live(6)
    assert len(json.dumps(simulation.status)) < 64 * 1024


async def test_the_spec_goes_to_and_fro_and_ends_where_it_says() -> None:
    simulation = await serving()
    for version in ("v2", "v3", "v1", "v2", "v1", "v3"):
        simulation.change_spec(model={"version": version, "uri": uri_of(version)})
        await simulation.live(9)
    await simulation.live_until(lambda s: s.stable == "v3", 300)
    assert simulation.lost == 0
    assert simulation.errors == []
