"""Stories in which the engine decides wrongly: each of these tests fails until that is mended."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.support.simulation import (
    ANALYSIS,
    Crash,
    Simulation,
    canary,
    deployment_of,
    late_from,
    longest_without_endpoints,
    revision_of,
    rollout,
    serving,
    spec,
    uri_of,
    wanted_pods,
    words,
)
from tests.support.simulation.faults import webhook

from serin_operator.api import spec as api
from serin_operator.decide.analysis import Arm, Proportions, Stratum, Value
from serin_operator.decide.judging.config import config_of
from serin_operator.decide.judging.judge import judge
from serin_operator.decide.looks import Look, LookResult, Span
from serin_operator.decide.memory.comparison import Comparison
from serin_operator.observe.desk import _Request
from serin_operator.observe.looks import take

V1, V2, V3 = uri_of("v1"), uri_of("v2"), uri_of("v3")
IMMEDIATE = {"strategy": "Immediate", "bakeSeconds": 10}
NOT_THERE = {"ok": False, "reason": "SourceNotFound", "message": "404"}


def phase(simulation: Simulation) -> str | None:
    return (simulation.status.get("canary") or {}).get("phase")


async def baking_v2(**more: Any) -> Simulation:
    simulation = await serving()
    await canary(simulation, rollout=rollout(bakeSeconds=120, **more))
    await simulation.live_until(lambda s: phase(s) == "Baking", 200)
    await simulation.live(5)
    return simulation


def name(version: str) -> dict[str, str]:
    return {"version": version, "uri": uri_of(version)}


# ---- what serves is taken away -------------------------------------------------------------------------------------


async def test_a_baking_version_without_a_ready_pod_is_not_promoted_because_the_spec_moves_on() -> None:
    simulation = await baking_v2()
    simulation.behave(V2, never_ready=True)
    simulation.behave(V3, ready_after=60)
    simulation.change_spec(model=name("v3"))
    began = simulation.elapsed
    await simulation.live(30)
    assert deployment_of(simulation, "v1") is not None, simulation.story[-8:]
    assert simulation.moments[-1].endpoints == {"v1": 3}
    assert longest_without_endpoints(simulation.since(began), could=True) <= 15


async def test_a_baking_version_with_most_pods_lost_does_not_replace_one_that_has_them_all() -> None:
    simulation = await serving()
    await canary(simulation, rollout=rollout(bakeSeconds=30, progressDeadlineSeconds=60))
    await simulation.live_until(lambda s: phase(s) == "Baking", 200)
    simulation.blip(revision_of(simulation, "v2"), 1e6, 2)
    await simulation.live(50)
    assert deployment_of(simulation, "v1") is not None, simulation.story[-6:]
    await simulation.live_until(lambda s: s.moments[-1].endpoints == {"v1": 3}, 60)
    assert simulation.outcome("v2") == "RolledBack"


async def test_pods_that_are_kept_since_nothing_else_serves_are_kept_through_a_blip() -> None:
    simulation = await serving()
    await canary(simulation, rollout=rollout(25, hold=600))
    await simulation.live(10)
    simulation.behave(V1, never_ready=True)
    await simulation.live(5)
    simulation.annotate("abort@now")
    await simulation.live(10)
    assert simulation.moments[-1].endpoints == {"v2": 1}
    simulation.blip(revision_of(simulation, "v2"), 2)
    await simulation.live(20)
    assert simulation.moments[-1].endpoints == {"v2": 1}, simulation.story[-6:]


async def test_a_first_version_that_serves_a_little_is_kept_though_it_blinks_when_the_spec_moves_on() -> None:
    simulation = Simulation()
    simulation.behave(V1, ready_after=lambda ordinal: 3.0 if ordinal < 2 else 1e9)
    simulation.behave(V2, ready_after=60)
    simulation.kubectl_apply(spec("v1", rollout=rollout(progressDeadlineSeconds=30)))
    await simulation.live(100)
    assert simulation.moments[-1].endpoints == {"v1": 2}
    simulation.blip(revision_of(simulation, "v1"), 2)
    simulation.change_spec(model=name("v2"))
    await simulation.live(10)
    assert simulation.moments[-1].endpoints == {"v1": 2}, simulation.story[-6:]


# ---- what is promoted without what was asked for -------------------------------------------------------------------


async def test_a_broken_service_is_no_reason_to_skip_a_canary_while_stables_pods_are_ready() -> None:
    simulation = await serving()
    simulation.behave(V2, error_rate=0.5)
    simulation.refuse(webhook(kind="Service", verb="apply", name=simulation.name))
    service = simulation.child("Service", simulation.name)
    service["spec"]["selector"] = {"app": "nobody"}
    simulation.touch(service)
    await simulation.live(30)
    simulation.change_spec(model=name("v2"), rollout=rollout(10, 25, hold=60))
    await simulation.live(90)
    simulation.api.faults.declared.clear()
    await simulation.live(120)
    assert simulation.stable == "v1", simulation.story[-10:]
    assert simulation.outcome("v2") != "Promoted"


async def test_a_strategy_that_becomes_canary_before_the_first_traffic_is_a_canary() -> None:
    simulation = await serving(rollout=IMMEDIATE)
    simulation.behave(V2, ready_after=20)
    simulation.change_spec(model=name("v2"))
    await simulation.live_until(lambda s: phase(s) == "Starting")
    simulation.change_spec(rollout=rollout(10, hold=60))
    await simulation.live(60)
    assert simulation.moments[-1].endpoints.get("v1") == 3, simulation.story[-6:]


async def test_a_metric_that_is_added_while_people_pause_is_looked_at_before_the_step_ends() -> None:
    simulation = await serving()
    simulation.behave(V2, accuracy=0.2)
    slow = {**ANALYSIS, "intervalSeconds": 30}
    await canary(simulation, rollout=rollout(25, hold=20), analysis={**slow, "metrics": ANALYSIS["metrics"][:1]})
    simulation.change_spec(paused=True)
    await simulation.live_until(lambda s: s.status["canary"].get("lookedAfterHold"), 200)
    await simulation.live(8)
    simulation.change_spec(analysis=slow, paused=None)
    for _ in range(40):
        await simulation.live(1)
        assert phase(simulation) in {"Holding", None}, simulation.story[-5:]
        assert simulation.moments[-1].endpoints.get("v1") == 3


async def test_a_step_whose_weight_is_raised_is_held_for_its_time_at_that_weight() -> None:
    simulation = await serving(replicas=9)
    await canary(simulation, rollout=rollout(10, hold=20))
    simulation.change_spec(paused=True)
    await simulation.live(40)
    simulation.change_spec(rollout=rollout(50, hold=20), paused=None)
    await simulation.live_until(lambda s: s.moments[-1].endpoints.get("v2") == 9, 30)
    began = simulation.elapsed
    await simulation.live_until(lambda s: phase(s) != "Holding" and phase(s) != "Reaching", 100)
    assert simulation.elapsed - began >= 19, simulation.story[-5:]


# ---- what waits for ever -------------------------------------------------------------------------------------------


async def test_a_canary_that_starts_can_become_immediate() -> None:
    simulation = await serving()
    simulation.behave(V2, ready_after=20)
    simulation.change_spec(model=name("v2"))
    await simulation.live_until(lambda s: phase(s) == "Starting")
    simulation.change_spec(rollout=IMMEDIATE)
    await simulation.live(120)
    assert simulation.errors == []
    assert simulation.outcome("v2") == "Promoted", words(simulation)


@pytest.mark.parametrize("kind", ["First", "Direct", "Rescue"])
@pytest.mark.parametrize("where", ["Reaching", "Holding"])
async def test_a_kind_that_does_not_go_with_its_phase_raises_nothing(kind: str, where: str) -> None:
    simulation = await serving()
    await canary(simulation, rollout=rollout(25, 50, hold=40))
    await simulation.live(8)
    simulation.edit_status(lambda status: status["canary"].update(kind=kind, phase=where, nextStep=1))
    await simulation.live(30)
    assert simulation.errors == []


@pytest.mark.parametrize("is_bad", [False, True], ids=["good", "bad"])
async def test_a_leader_before_whose_clock_was_ahead_holds_nothing_up(is_bad: bool) -> None:
    simulation = await serving()
    simulation.restart_operator(clock_offset=3600)
    await simulation.live(5)
    await canary(simulation, rollout=rollout(25, 50, hold=20))
    await simulation.live(30)
    simulation.restart_operator(clock_offset=0)
    simulation.behave(V2, error_rate=1.0 if is_bad else 0.0)
    await simulation.live(240)
    assert simulation.outcome("v2") == ("RolledBack" if is_bad else "Promoted"), words(simulation)


class SlowDesk:
    """A desk whose Prometheus takes its time, in the simulation's seconds."""

    def __init__(self, simulation: Simulation, seconds: float) -> None:
        self.simulation, self.seconds = simulation, seconds
        self.running: tuple[Any, float, Any] | None = None

    async def result(self, _key: Any, look: Any, analysis: Any, scrape: float, now: datetime) -> Any:
        wanted = _Request(look, analysis, scrape, now)
        if self.running and self.simulation.elapsed >= self.running[1]:
            request, _, result = self.running
            self.running = None
            if request.serves(wanted):
                return result
        if self.running is None:
            taken = await take(self.simulation.prom, look, analysis, scrape, now)
            self.running = (wanted, self.simulation.elapsed + self.seconds, taken)
        return None


async def test_a_prometheus_that_takes_longer_than_an_interval_is_still_heard() -> None:
    simulation = await serving()
    simulation.reconciler._desk = SlowDesk(simulation, 8)
    simulation.behave(V2, error_rate=0.5)
    await canary(simulation, rollout=rollout(25, hold=30))
    await simulation.live(120)
    assert simulation.outcome("v2") == "RolledBack", words(simulation)


async def test_a_fix_that_never_gets_ready_while_stable_serves_nothing_is_stalled_after_its_deadline() -> None:
    simulation = await serving()
    simulation.behave(V1, never_ready=True)
    await simulation.live(80)
    simulation.behave(V2, never_ready=True)
    simulation.change_spec(model=name("v2"), rollout=rollout(progressDeadlineSeconds=30))
    await simulation.live(200)
    assert simulation.condition("Stalled")["status"] == "True", words(simulation)


async def test_a_stable_version_that_lost_half_of_its_pods_does_not_hold_its_successor_for_ever() -> None:
    simulation = await serving(replicas=10)
    simulation.behave(V1, crash=Crash(pods=frozenset(range(6)), exit_code=1, reason="Error", message="segfault"))
    await simulation.live(30)
    simulation.change_spec(model=name("v2"), rollout=rollout(10, 50, progressDeadlineSeconds=60, deadlineSeconds=120))
    await simulation.live(600)
    is_stalled = simulation.condition("Stalled")["status"] == "True"
    assert simulation.outcome("v2") == "Promoted" or is_stalled, words(simulation)


async def test_a_baking_version_that_serves_nothing_beside_a_dead_one_is_not_said_to_serve_and_is_stalled() -> None:
    simulation = await baking_v2(progressDeadlineSeconds=60)
    simulation.behave(V1, never_ready=True)
    await simulation.live(5)
    simulation.behave(V2, never_ready=True)
    await simulation.live(200)
    assert "v2 serves all traffic" not in words(simulation)
    assert simulation.condition("Stalled")["status"] == "True", words(simulation)


async def test_a_retry_never_answers_from_the_job_of_an_attempt_before_it() -> None:
    simulation = await serving()
    simulation.behave(V2, report=NOT_THERE, resolve_after=20)
    simulation.change_spec(model=name("v2"))
    await simulation.live(5)
    simulation.annotate("retry@1")
    await simulation.live_until(lambda s: s.outcome("v2") == "FailedPreflight", 100)
    simulation.behave(V2)
    simulation.annotate("retry@2")
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 150)


# ---- what is held against somebody wrongly -------------------------------------------------------------------------


async def test_restarts_while_warming_up_are_forgiven_to_every_pod_of_a_large_version() -> None:
    simulation = await serving(replicas=60, requests_a_second=60)
    simulation.behave(V2, fails_warm_up=1)
    simulation.change_spec(model=name("v2"), rollout=rollout(50))
    await simulation.live(60)
    assert simulation.outcome("v2") != "RolledBack", words(simulation)


async def test_a_spec_that_names_a_rejected_version_takes_no_traffic_from_one_that_bakes() -> None:
    simulation = await serving()
    simulation.behave(V3, report=NOT_THERE)
    simulation.change_spec(model=name("v3"))
    await simulation.live_until(lambda s: s.outcome("v3") == "FailedPreflight", 100)
    await canary(simulation, rollout=rollout(bakeSeconds=120))
    await simulation.live_until(lambda s: phase(s) == "Baking", 200)
    simulation.change_spec(model=name("v3"))
    await simulation.live(20)
    assert simulation.moments[-1].endpoints == {"v2": 3}, simulation.story[-5:]


async def test_a_retry_does_not_shrink_the_only_version_that_serves() -> None:
    simulation = await serving()
    simulation.behave(V1, never_ready=True)
    await simulation.live(80)
    simulation.behave(V2, ready_after=late_from(1, 60, first=5))
    simulation.change_spec(model=name("v2"))
    await simulation.live_until(lambda s: s.moments[-1].endpoints.get("v2"), 200)
    simulation.annotate("retry@now")
    for _ in range(30):
        await simulation.live(1)
        assert wanted_pods(simulation, "v2") == 3, simulation.story[-4:]


# ---- evidence ------------------------------------------------------------------------------------------------------


def test_what_a_look_did_not_see_before_a_change_closed_it_is_judged_too() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    wanted = api.Analysis.model_validate({"intervalSeconds": 60, "metrics": [{"name": "errors", "errorRate": {}}]})
    whole = Span(at, at + timedelta(seconds=120))
    comparison = Comparison(since=at, change_from=whole.end, closed=(whole,))
    look = Look("ns", "a", "stable", "canary", at, at + timedelta(seconds=60), canary_since=at)
    seen = Value(Proportions((Stratum(canary=Arm(1, 200), stable=Arm(4, 800)),)))
    after = judge(comparison, LookResult(look, {"errors": seen}), config_of(wanted), whole.end).comparison
    assert after.closed == (replace(whole, start=look.end),)


# ---- what is told, and how often -----------------------------------------------------------------------------------


def writes_counted(simulation: Simulation) -> list[float]:
    """When status is written from now on."""
    writes: list[float] = []
    write = simulation.api.replace_status

    async def counted(obj: Any) -> Any:
        writes.append(simulation.elapsed)
        return await write(obj)

    simulation.api.replace_status = counted  # type: ignore[method-assign]
    return writes


async def test_a_canary_that_gets_no_traffic_is_one_change_of_the_shares_and_no_endless_string_of_them() -> None:
    simulation = await serving()
    await canary(simulation, rollout=rollout(25, hold=600))
    await simulation.live(30)
    simulation.behave(V2, never_ready=True)
    await simulation.live(30)
    before = simulation.status["canary"]["weightChanges"]
    await simulation.live(60)
    assert simulation.status["canary"]["weightChanges"] == before


async def test_status_is_not_written_every_five_seconds_for_as_long_as_stable_is_down() -> None:
    simulation = await serving(analysis=False)
    simulation.behave(V1, never_ready=True)
    await simulation.live(120)
    writes = writes_counted(simulation)
    await simulation.live(300)
    assert len(writes) <= 10, writes


async def test_reconciling_stays_true_until_a_paused_bake_is_over() -> None:
    simulation = await baking_v2()
    simulation.change_spec(paused=True)
    await simulation.live(10)
    assert simulation.outcome("v2") == "InProgress"
    assert simulation.condition("Reconciling")["status"] == "True", words(simulation)


async def test_ready_is_true_from_the_switch_on_also_while_people_pause() -> None:
    simulation = await serving()
    simulation.change_spec(model=name("v2"))
    await simulation.live_until(lambda s: phase(s) == "Switching", 200)
    simulation.change_spec(paused=True)
    await simulation.live(20)
    assert simulation.moments[-1].endpoints == {"v2": 3}
    assert simulation.condition("Ready")["status"] == "True", words(simulation)


# ---- clocks that count what nobody saw -----------------------------------------------------------------------------


@pytest.mark.parametrize("calm", [13, 14, 15])
async def test_a_readiness_that_is_gone_for_two_seconds_rolls_no_baking_version_back(calm: float) -> None:
    simulation = await serving(replicas=1, analysis=False)
    await canary(simulation, rollout=rollout(bakeSeconds=120))
    await simulation.live_until(lambda s: phase(s) == "Baking", 200)
    await simulation.live(calm)
    simulation.blip(revision_of(simulation, "v2"), 1.9)
    await simulation.live(5)
    assert simulation.outcome("v2") == "InProgress", simulation.story[-4:]


async def test_one_pod_that_has_long_been_missing_makes_no_deadline_of_anothers_blip() -> None:
    simulation = await serving(replicas=8, analysis=False)
    await canary(simulation, rollout=rollout(50, hold=600, progressDeadlineSeconds=60))
    await simulation.live_until(lambda s: phase(s) == "Holding", 200)
    simulation.blip(revision_of(simulation, "v2"), 1e6, 1)
    await simulation.live(120)
    assert phase(simulation) == "Holding"
    simulation.blip(revision_of(simulation, "v2"), 2, 3)
    await simulation.live(10)
    assert simulation.outcome("v2") == "InProgress", simulation.story[-4:]


async def test_a_stable_version_that_blinks_at_the_switch_is_still_kept_while_the_new_one_bakes() -> None:
    simulation = await serving(analysis=False)
    await canary(simulation, rollout=rollout(25, bakeSeconds=120))
    await simulation.live_until(lambda s: phase(s) == "Switching", 200)
    simulation.blip(revision_of(simulation, "v1"), 2)
    await simulation.live(20)
    assert deployment_of(simulation, "v1") is not None, simulation.story[-5:]
    assert phase(simulation) == "Baking"


async def test_nothing_is_promoted_while_people_pause_though_the_spec_moves_on() -> None:
    simulation = await baking_v2()
    simulation.change_spec(paused=True)
    await simulation.live(5)
    simulation.change_spec(model=name("v3"))
    await simulation.live(15)
    assert deployment_of(simulation, "v1") is not None, simulation.story[-5:]


# ---- waits in which only a person can help -------------------------------------------------------------------------


async def test_pods_that_a_policy_forbids_are_a_persons_to_mend_and_so_stalled() -> None:
    simulation = await serving(analysis=False)
    simulation.workloads.pods_forbidden = 'admission webhook "p.example.com" denied the request: no'
    simulation.change_spec(model=name("v2"), rollout=rollout(progressDeadlineSeconds=60))
    await simulation.live(300)
    assert simulation.outcome("v2") == "InProgress"
    assert simulation.condition("Stalled")["status"] == "True", words(simulation)


async def test_endpoints_that_never_follow_a_switch_are_not_told_as_nothing_is_wrong() -> None:
    simulation = await serving(analysis=False)
    await canary(simulation, rollout=rollout(25, progressDeadlineSeconds=60))
    await simulation.live_until(lambda s: phase(s) == "Switching", 200)
    simulation.endpoints_are_late = True
    await simulation.live(400)
    assert phase(simulation) == "Switching"
    told = simulation.condition("Degraded")["status"] == "True" or simulation.condition("Stalled")["status"] == "True"
    assert told, words(simulation)


# ---- status that was edited by hand --------------------------------------------------------------------------------


def in_metric(**fields: Any) -> Any:
    return lambda status: status["canary"]["evidence"]["metrics"]["errors"].update(fields)


def in_evidence(**fields: Any) -> Any:
    return lambda status: status["canary"]["evidence"].update(fields)


def in_canary(**fields: Any) -> Any:
    return lambda status: status["canary"].update(fields)


NEVER = "2099-11-20T12:01:00+00:00"
EDITS = {
    "evidence of words": in_metric(against=["a"]),
    "too little evidence": in_metric(against=[1]),
    "counts of words": in_metric(canary_total="many"),
    "rates of words": in_metric(base="x"),
    "evidence counted until yesterday": in_evidence(takenAt="yesterday"),
    "evidence counted until a time to come": in_evidence(takenAt=4e9),
    "a closed look without a time zone": in_canary(closedLooks=["2026-11-20T12:00:50/2026-11-20T12:01:00"]),
    "a closed look of no length": in_canary(
        closedLooks=["2026-11-20T12:01:00+00:00/2026-11-20T12:01:00+00:00"],
    ),
    "a closed look that is still to come": in_canary(closedLooks=[f"{NEVER}/2099-11-20T12:03:00+00:00"]),
    "a step that is still to come": in_canary(stepSince=NEVER),
    "a rebuilding that is still to come": lambda status: status.update(rebuiltAt=NEVER),
}


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit)
async def test_a_rollout_goes_on_though_status_says_what_cannot_be(edit: str) -> None:
    simulation = await serving()
    await canary(simulation, rollout=rollout(25, 50, hold=30))
    await simulation.live(14)
    simulation.edit_status(EDITS[edit])
    await simulation.live(200)
    assert simulation.errors == []
    assert simulation.outcome("v2") == "Promoted", words(simulation)
    assert deployment_of(simulation, "v1") is None, simulation.story[-3:]
