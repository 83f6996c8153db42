"""The rollout's transitions, one row an arrow: from this state, with these facts, comes that."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from serin_operator.api.reasons import Outcome, Reason
from serin_operator.api.spec import OnDeadline
from serin_operator.decide.memory.states import (
    Candidate,
    Clock,
    Ended,
    Facts,
    Idle,
    Judgement,
    Kind,
    Plan,
    Promoting,
    Refusal,
    Resolving,
    Rollout,
    Shifting,
    Starting,
    Stepping,
)
from serin_operator.decide.rollout.advance import advance

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
CANARY = Candidate("rev2", "v2", "http://m/v2", Kind.CANARY, NOW, "ab" * 32)
FIRST = replace(CANARY, kind=Kind.FIRST)
DIRECT = replace(CANARY, kind=Kind.DIRECT)
OTHER = replace(CANARY, revision="rev3", version="v3")
FRESH = Clock(NOW - timedelta(seconds=1))
LATE = replace(FRESH, waited=600.0)
HELD = replace(FRESH, held=60.0)
PLAN = Plan(3, 60.0, 600.0, 7200.0, OnDeadline.PAUSE)
ANALYSED = replace(PLAN, analysis=True)
OUT_OF_TIME = replace(HELD, analysed=7200.0)
WAITING = Judgement(passed=False, missing="errors: 12 of 100 samples")

STEP_0 = Stepping(CANARY, FRESH, 0, NOW, (3, 1))
HELD_0 = replace(STEP_0, clock=HELD)
HELD_2 = replace(HELD_0, step=2)
SHIFT_0 = Shifting(CANARY, FRESH, 0, NOW)
IN_FORCE: dict[str, Any] = {"ready": True, "weight_in_force": True, "ratio": (3, 1)}


@dataclass(frozen=True)
class Row:
    sentence: str
    state: Rollout
    facts: dict[str, Any]
    then: type[Any]
    plan: Plan = PLAN
    has: dict[str, Any] = field(default_factory=dict)


def ends(outcome: Outcome, reason: Reason) -> dict[str, Any]:
    return {"outcome": outcome, "reason": reason}


ROLLED_BACK, SUPERSEDED = Outcome.ROLLED_BACK, ends(Outcome.SUPERSEDED, Reason.SUPERSEDED)
TOO_LATE = ends(ROLLED_BACK, Reason.PROGRESS_DEADLINE_EXCEEDED)

TABLE = [
    # Idle
    Row("nothing to roll out: nothing happens", Idle(), {"target": None}, Idle),
    Row("a new target is resolved first", Idle(), {}, Resolving),
    # Whatever the state
    Row("the spec moves on while resolving", Resolving(CANARY, FRESH), {"target": OTHER}, Ended, has=SUPERSEDED),
    Row("the spec moves on at a step", STEP_0, {"target": OTHER}, Ended, has=SUPERSEDED),
    Row("the spec goes back to stable at a step", STEP_0, {"target": None}, Ended, has=SUPERSEDED),
    Row("the spec moves on while promoting", Promoting(CANARY, FRESH, 2), {"target": OTHER}, Ended, has=SUPERSEDED),
    Row("a person aborts at a step", STEP_0, {"abort": True}, Ended, has=ends(Outcome.ABORTED, Reason.ABORTED)),
    Row(
        "moving on wins over failing",
        STEP_0,
        {"target": None, "judgement": Judgement("worse", passed=False)},
        Ended,
        has=SUPERSEDED,
    ),
    # Resolving
    Row("resolving goes on while the Job runs", Resolving(CANARY, FRESH), {}, Resolving),
    Row("a born revision starts", Resolving(CANARY, FRESH), {"born": True}, Starting),
    Row(
        "a refused model never gets a pod",
        Resolving(CANARY, FRESH),
        {"refused": Refusal(Reason.MODEL_INVALID, "not ONNX")},
        Ended,
        has=ends(Outcome.FAILED_PREFLIGHT, Reason.MODEL_INVALID),
    ),
    Row(
        "an unreachable source fails at the deadline with its own reason",
        Resolving(CANARY, LATE),
        {"trouble": Refusal(Reason.SOURCE_UNREACHABLE, "connection refused")},
        Ended,
        has=ends(Outcome.FAILED_PREFLIGHT, Reason.SOURCE_UNREACHABLE),
    ),
    # Starting
    Row("a canary that is not ready gets no traffic", Starting(CANARY, FRESH), {}, Starting),
    Row(
        "a ready canary begins its first step",
        Starting(CANARY, FRESH),
        {"ready": True},
        Shifting,
        has={"step": 0, "in_force": None},
    ),
    Row(
        "a ready canary waits while paused",
        Starting(CANARY, FRESH),
        {"ready": True},
        Starting,
        replace(PLAN, paused=True),
    ),
    Row(
        "a ready canary waits while nobody could judge it",
        Starting(CANARY, FRESH),
        {"ready": True, "blocked": Refusal(Reason.PROMETHEUS_NOT_CONFIGURED, "none")},
        Starting,
    ),
    Row("a canary that is never ready is rolled back", Starting(CANARY, LATE), {}, Ended, has=TOO_LATE),
    Row(
        "a first version that is not ready is kept: there is nothing to go back to", Starting(FIRST, LATE), {}, Starting
    ),
    Row("a ready first version takes all traffic", Starting(FIRST, FRESH), {"ready": True}, Promoting),
    Row(
        "a first version is not held by paused",
        Starting(FIRST, FRESH),
        {"ready": True},
        Promoting,
        replace(PLAN, paused=True),
    ),
    Row("a restored version takes all traffic without steps", Starting(DIRECT, FRESH), {"ready": True}, Promoting),
    Row(
        "a restored version waits while paused",
        Starting(DIRECT, FRESH),
        {"ready": True},
        Starting,
        replace(PLAN, paused=True),
    ),
    # Shifting
    Row("a weight that is in force begins its step", SHIFT_0, IN_FORCE, Stepping, has={"step": 0, "ratio": (3, 1)}),
    Row("a weight that is not in force yet is waited for", SHIFT_0, {"ready": True}, Shifting),
    Row("canary pods that never come are rolled back", replace(SHIFT_0, clock=LATE), {}, Ended, has=TOO_LATE),
    Row("missing stable pods do not blame the canary", replace(SHIFT_0, clock=LATE), {"ready": True}, Shifting),
    # Stepping
    Row("a step lasts for its hold", STEP_0, IN_FORCE, Stepping),
    Row("a held step is followed by the next", HELD_0, IN_FORCE, Shifting, has={"step": 1, "in_force": 0}),
    Row("the last step is followed by promotion", HELD_2, IN_FORCE, Promoting, has={"step": 2}),
    Row("paused holds a step", HELD_0, IN_FORCE, Stepping, replace(PLAN, paused=True)),
    Row("a step without a passing look is held", HELD_0, {**IN_FORCE, "judgement": WAITING}, Stepping, ANALYSED),
    Row("a passing look after the hold ends the step", HELD_0, IN_FORCE, Shifting, ANALYSED, has={"step": 1}),
    Row("a passing look before the hold does not", STEP_0, IN_FORCE, Stepping, ANALYSED),
    Row(
        "a pod that is lost brings the same weight into force again",
        STEP_0,
        {},
        Shifting,
        has={"step": 0, "in_force": 0},
    ),
    Row(
        "a failing look rolls back",
        STEP_0,
        {**IN_FORCE, "judgement": Judgement("accuracy: worse", passed=False)},
        Ended,
        ANALYSED,
        has={**ends(ROLLED_BACK, Reason.ANALYSIS_FAILED), "message": "accuracy: worse"},
    ),
    Row(
        "paused does not keep a failing canary",
        STEP_0,
        {**IN_FORCE, "judgement": Judgement("worse", passed=False)},
        Ended,
        replace(ANALYSED, paused=True),
        has=ends(ROLLED_BACK, Reason.ANALYSIS_FAILED),
    ),
    Row("one crash is forgiven", STEP_0, {**IN_FORCE, "restarts": 1}, Stepping),
    Row(
        "a second crash rolls back",
        STEP_0,
        {**IN_FORCE, "restarts": 2},
        Ended,
        has=ends(ROLLED_BACK, Reason.CANARY_CRASHED),
    ),
    Row(
        "crashes while warming up do not count",
        replace(STEP_0, candidate=replace(CANARY, restarts=2)),
        {**IN_FORCE, "restarts": 3, "target": CANARY},
        Stepping,
    ),
    Row(
        "silence at the deadline pauses",
        replace(STEP_0, clock=OUT_OF_TIME),
        {**IN_FORCE, "judgement": WAITING},
        Stepping,
        ANALYSED,
    ),
    Row(
        "silence at the deadline rolls back where the spec says so",
        replace(STEP_0, clock=OUT_OF_TIME),
        {**IN_FORCE, "judgement": WAITING},
        Ended,
        replace(ANALYSED, on_deadline=OnDeadline.ROLLBACK),
        has=ends(ROLLED_BACK, Reason.DEADLINE_EXCEEDED),
    ),
    Row(
        "silence at the deadline promotes where the spec says so",
        replace(STEP_0, clock=OUT_OF_TIME),
        {**IN_FORCE, "judgement": WAITING},
        Promoting,
        replace(ANALYSED, on_deadline=OnDeadline.PROMOTE),
    ),
    Row(
        "a deadline does not end a rollout without analysis",
        replace(STEP_0, clock=replace(FRESH, analysed=9999.0)),
        IN_FORCE,
        Stepping,
    ),
    # Promoting
    Row("promotion waits for full size", Promoting(CANARY, FRESH, 2), {"ready": False}, Promoting),
    Row("promotion waits for the Service", Promoting(CANARY, FRESH, 2), {"serves_all": True}, Promoting),
    Row(
        "promotion waits until requests go to no other pod",
        Promoting(CANARY, FRESH, 2),
        {"ready": True, "pinned_to_candidate": True},
        Promoting,
    ),
    Row(
        "a pinned version that serves everything is stable",
        Promoting(CANARY, FRESH, 2),
        {"serves_all": True, "pinned_to_candidate": True},
        Ended,
        has=ends(Outcome.PROMOTED, Reason.PROMOTED),
    ),
    Row("a canary that cannot grow is rolled back", Promoting(CANARY, LATE, 2), {}, Ended, has=TOO_LATE),
    Row(
        "a canary that crashes while it grows is rolled back",
        Promoting(CANARY, FRESH, 2),
        {"restarts": 2},
        Ended,
        has=ends(ROLLED_BACK, Reason.CANARY_CRASHED),
    ),
    Row("a first version that cannot grow is kept", Promoting(FIRST, LATE), {}, Promoting),
    Row("once pinned, nothing is taken back", Promoting(CANARY, LATE, 2), {"pinned_to_candidate": True}, Promoting),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.sentence)
def test_transitions(row: Row) -> None:
    target = row.state.candidate if not isinstance(row.state, Idle) else CANARY
    facts = Facts(**{"now": NOW, "target": target, **row.facts})

    after = advance(row.state, facts, row.plan)

    assert type(after) is row.then
    for name, value in row.has.items():
        assert getattr(after, name) == value, name


def test_a_new_step_is_held_from_the_beginning() -> None:
    facts = Facts(now=NOW, target=CANARY, **IN_FORCE)
    shift = advance(HELD_0, facts, PLAN)
    step = advance(shift, facts, PLAN)

    assert isinstance(step, Stepping)
    assert step.clock.held == 0


def test_a_step_whose_weight_was_restored_keeps_the_time_it_was_held() -> None:
    lost = advance(HELD_0, Facts(now=NOW, target=CANARY), replace(PLAN, hold_seconds=90))
    back = advance(lost, Facts(now=NOW, target=CANARY, **IN_FORCE), replace(PLAN, hold_seconds=90))

    assert isinstance(back, Stepping)
    assert back.clock.held == HELD.held


def test_the_deadline_of_the_verdict_runs_over_all_steps() -> None:
    clock = replace(HELD, analysed=500.0)
    shift = advance(replace(HELD_0, clock=clock), Facts(now=NOW, target=CANARY, **IN_FORCE), ANALYSED)

    assert isinstance(shift, Shifting)
    assert shift.clock.analysed == 500.0
