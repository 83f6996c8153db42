"""What people steer, one row an arrow: from this state, after this order, with these facts, comes that."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from serin_operator.api.reasons import Outcome, Reason
from serin_operator.api.spec import OnDeadline
from serin_operator.decide.memory.states import (
    Baking,
    Candidate,
    Clock,
    Ended,
    Growing,
    Holding,
    Judgement,
    Kind,
    Moved,
    Moving,
    Order,
    Reaching,
    Resolving,
    Starting,
    Switching,
    Waiting,
)
from serin_operator.decide.rollout.advance import advance
from serin_operator.decide.rollout.facts import Arm, Facts
from serin_operator.decide.rollout.plan import Plan
from serin_operator.decide.traffic.split import Force
from serin_operator.decide.wanted.stages import Stage

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
CANARY = Candidate("rev2", "v2", "http://m/v2", Kind.CANARY, NOW, "ab" * 32)
PROMOTED, SKIPPED, LET_GO = (replace(CANARY, order=order) for order in (Order.PROMOTE, Order.SKIP_STEP, Order.GO_ON))
BACK = replace(CANARY, kind=Kind.ROLLBACK)
FRESH = Clock(NOW - timedelta(seconds=1))
HELD, LATE = replace(FRESH, held=60.0), replace(FRESH, waited=600.0)
OUT_OF_TIME = replace(FRESH, held=60.0, analysed=7200.0)
PLAN = Plan((Stage(10, 60), Stage(25, 60, pause=True), Stage(50, 60)), 4, 600.0, 7200.0, OnDeadline.PAUSE, 300.0)
PAUSED, ANALYSED = replace(PLAN, paused=True), replace(PLAN, analysed=True)
PROMOTES = replace(ANALYSED, on_deadline=OnDeadline.PROMOTE)
WAITING, WORSE = Judgement(passed=False, missing="12 of 100 samples"), Judgement("accuracy: worse", passed=False)

WELL: dict[str, Any] = {"candidate": Arm("v2", 1, 1, 1), "force": Force(is_reached=True, share=20, is_exact=True)}
UNREACHED: dict[str, Any] = {"candidate": Arm("v2", 1, 1, 0), "force": Force(is_reached=False, share=0)}
ALL: dict[str, Any] = {"candidate": Arm("v2", 4, 4, 4), "force": Force(is_reached=True, share=100)}
SOME: dict[str, Any] = {"candidate": Arm("v2", 4, 2, 2), "force": Force(is_reached=True, share=100)}
NONE: dict[str, Any] = {"candidate": Arm("v2", 4, 0, 0)}
BY_HAND: dict[str, Any] = {"went_back_to": "v2"}
AWAY: dict[str, Any] = {"went_back_to": "v1", "target": None}


@dataclass(frozen=True)
class Row:
    sentence: str
    state: Moving
    facts: dict[str, Any]
    then: type[Any]
    plan: Plan = PLAN
    has: dict[str, Any] = field(default_factory=dict)


def ends(outcome: Outcome, reason: Reason) -> dict[str, Any]:
    return {"outcome": outcome, "reason": reason}


def waits(reason: Reason, **more: Any) -> dict[str, Any]:
    return {"reason": reason, **more}


EVERY_STATE: dict[str, Moving] = {
    "while it is resolved": Resolving(CANARY, FRESH),
    "while its pods start": Starting(CANARY, FRESH),
    "on its way to a step": Reaching(CANARY, FRESH, 0, NOW),
    "at a step": Holding(CANARY, FRESH, 0, NOW),
    "while it grows": Growing(CANARY, FRESH, 2),
    "in the switch": Switching(CANARY, FRESH),
    "while it bakes": Baking(CANARY, FRESH),
}
SUPERSEDED = {**ends(Outcome.SUPERSEDED, Reason.SUPERSEDED), "message": "a person went back to v1"}

TABLE = [
    # A step that waits for a person
    Row(
        "a step with a pause waits for a person when its time is over",
        Holding(CANARY, HELD, 1, NOW),
        WELL,
        Waiting,
        has=waits(Reason.STEP_PAUSED, is_moving=False, is_stalled=False),
    ),
    Row(
        "before that it is held as any step", Holding(CANARY, FRESH, 1, NOW), WELL, Waiting, has=waits(Reason.STEP_HELD)
    ),
    Row("let go, it is followed by the next", Holding(LET_GO, HELD, 1, NOW), WELL, Reaching, has={"stage": 2}),
    Row(
        "being let go is for one step only",
        Holding(LET_GO, HELD, 1, NOW),
        WELL,
        Reaching,
        has={"candidate": CANARY},
    ),
    Row("let go before its time is over, it lasts for its time", Holding(LET_GO, FRESH, 1, NOW), WELL, Waiting),
    Row(
        "let go, it waits for the evidence still",
        Holding(LET_GO, HELD, 1, NOW),
        {**WELL, "judgement": WAITING},
        Waiting,
        ANALYSED,
        waits(Reason.WAITING_FOR_DATA),
    ),
    Row(
        "a Fail rolls back a step that waits for a person",
        Holding(CANARY, HELD, 1, NOW),
        {**WELL, "judgement": WORSE},
        Ended,
        ANALYSED,
        ends(Outcome.ROLLED_BACK, Reason.ANALYSIS_FAILED),
    ),
    Row(
        "no deadline promotes past a step that waits for a person",
        Holding(CANARY, OUT_OF_TIME, 1, NOW),
        {**WELL, "judgement": WAITING},
        Waiting,
        PROMOTES,
    ),
    Row(
        "a deadline that promotes goes on step by step where a later one waits for a person",
        Holding(CANARY, OUT_OF_TIME, 0, NOW),
        {**WELL, "judgement": WAITING},
        Reaching,
        PROMOTES,
        {"stage": 1},
    ),
    Row(
        "… and at once where none does",
        Holding(CANARY, OUT_OF_TIME, 2, NOW),
        {**WELL, "judgement": WAITING},
        Growing,
        PROMOTES,
    ),
    # skip-step
    Row(
        "a skipped step ends before its time, and without evidence",
        Holding(SKIPPED, FRESH, 0, NOW),
        {**WELL, "judgement": WAITING},
        Reaching,
        ANALYSED,
        {"stage": 1, "in_force": 0, "candidate": CANARY},
    ),
    Row("… though it waits for a person", Holding(SKIPPED, FRESH, 1, NOW), WELL, Reaching, has={"stage": 2}),
    Row("… though a pause holds what comes then", Holding(SKIPPED, FRESH, 0, NOW), WELL, Reaching, PAUSED),
    Row("the last step that is skipped is followed by growth", Holding(SKIPPED, FRESH, 2, NOW), WELL, Growing),
    Row(
        "a step can be skipped before its weight is in force",
        Reaching(SKIPPED, FRESH, 0, NOW),
        UNREACHED,
        Reaching,
        has={"stage": 1, "in_force": None, "candidate": CANARY},
    ),
    Row(
        "a Fail that came before comes before a skipped step",
        Holding(SKIPPED, FRESH, 0, NOW),
        {**WELL, "judgement": WORSE},
        Ended,
        ANALYSED,
    ),
    # promote
    Row(
        "promoted while its pods start, it takes over without steps",
        Starting(PROMOTED, FRESH),
        {**NONE, "kind": Kind.DIRECT},
        Starting,
        has={"candidate": replace(PROMOTED, kind=Kind.DIRECT)},
    ),
    Row(
        "… when its pods are ready",
        Starting(replace(PROMOTED, kind=Kind.DIRECT), FRESH),
        {**SOME, "kind": Kind.DIRECT},
        Waiting,
    ),
    Row(
        "… and then it bakes as any version does",
        Starting(replace(PROMOTED, kind=Kind.DIRECT), FRESH),
        {**ALL, "kind": Kind.DIRECT},
        Switching,
        has={"candidate": replace(CANARY, kind=Kind.DIRECT)},
    ),
    Row(
        "promoted at a step it grows, without evidence",
        Holding(PROMOTED, FRESH, 0, NOW),
        {**WELL, "judgement": WAITING},
        Growing,
        ANALYSED,
        {"stage": 0, "candidate": CANARY},
    ),
    Row("promoted on its way to a step it grows", Reaching(PROMOTED, FRESH, 1, NOW, 0), UNREACHED, Growing),
    Row(
        "a Fail that came before is not skipped",
        Holding(PROMOTED, FRESH, 0, NOW),
        {**WELL, "judgement": WORSE},
        Ended,
        ANALYSED,
        ends(Outcome.ROLLED_BACK, Reason.ANALYSIS_FAILED),
    ),
    Row("promoted while it bakes it is stable", Baking(PROMOTED, FRESH), ALL, Ended, has={"outcome": Outcome.PROMOTED}),
    Row("… when enough of its pods are reached", Baking(PROMOTED, FRESH), SOME, Waiting),
    # A person goes back to another version
    *(
        Row(f"a version that is left for another ends {where}", state, {**WELL, **AWAY}, Ended, has=SUPERSEDED)
        for where, state in EVERY_STATE.items()
    ),
    *(
        Row(f"… paused or not {where}", state, {**WELL, **AWAY}, Ended, PAUSED, SUPERSEDED)
        for where, state in EVERY_STATE.items()
    ),
    Row(
        "what the evidence said of a version that is left stays true",
        Holding(CANARY, FRESH, 0, NOW),
        {**WELL, **AWAY, "judgement": WORSE},
        Ended,
        ANALYSED,
        ends(Outcome.ROLLED_BACK, Reason.ANALYSIS_FAILED),
    ),
    *(
        Row(
            f"an abort ends a rollout {where}",
            state,
            {**WELL, "abort": True},
            Ended,
            PAUSED,
            ends(Outcome.ABORTED, Reason.ABORTED),
        )
        for where, state in EVERY_STATE.items()
    ),
    # The version that a person went back to
    Row("a version that comes back is not resolved again", Resolving(BACK, FRESH), BY_HAND, Starting),
    Row(
        "one of which nothing tells how it is made cannot come back",
        Resolving(BACK, FRESH),
        {**BY_HAND, "is_remembered": False},
        Ended,
        has=ends(Outcome.ROLLED_BACK, Reason.BIRTH_FORGOTTEN),
    ),
    Row(
        "… nor one that is forgotten while its pods start",
        Starting(BACK, FRESH),
        {**BY_HAND, **NONE, "is_remembered": False},
        Ended,
        has=ends(Outcome.ROLLED_BACK, Reason.BIRTH_FORGOTTEN),
    ),
    Row(
        "it takes over when every pod is ready",
        Starting(BACK, FRESH),
        {**BY_HAND, **SOME},
        Waiting,
        has=waits(Reason.RESTORING),
    ),
    Row("… then at once, paused or not", Starting(BACK, FRESH), {**BY_HAND, **ALL}, Switching, PAUSED),
    Row(
        "it does not bake, paused or not",
        Switching(BACK, FRESH),
        {**BY_HAND, **ALL},
        Ended,
        PAUSED,
        ends(Outcome.PROMOTED, Reason.PROMOTED),
    ),
    Row(
        "… and where a guard brought it back, it says so",
        Switching(BACK, FRESH),
        {**BY_HAND, **ALL, "why_back": "the guard of v3 failed"},
        Ended,
        has={"message": "v2 serves all traffic again, since the guard of v3 failed"},
    ),
    Row(
        "… nor is it held where nothing else serves",
        Switching(replace(BACK, kind=Kind.RESCUE), FRESH),
        {**BY_HAND, **ALL},
        Ended,
        PAUSED,
        ends(Outcome.PROMOTED, Reason.PROMOTED),
    ),
    Row(
        "it needs no evidence",
        Switching(BACK, FRESH),
        {**BY_HAND, **ALL, "judgement": WORSE},
        Ended,
        ANALYSED,
        ends(Outcome.PROMOTED, Reason.PROMOTED),
    ),
    Row(
        "it does not take over if it crashes, while something else serves",
        Switching(BACK, FRESH),
        {**BY_HAND, **SOME, "crashes": 2},
        Ended,
        has=ends(Outcome.ROLLED_BACK, Reason.CANARY_CRASHED),
    ),
    Row(
        "if it does not start, what serves goes on serving",
        Starting(BACK, LATE),
        {**BY_HAND, **NONE},
        Ended,
        has=ends(Outcome.ROLLED_BACK, Reason.PROGRESS_DEADLINE_EXCEEDED),
    ),
    Row(
        "where nothing serves its first ready pod gets everything",
        Starting(BACK, FRESH),
        {**BY_HAND, **SOME, "stable_is_down": True, "kind": Kind.RESCUE},
        Starting,
        has={"candidate": replace(BACK, kind=Kind.RESCUE)},
    ),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.sentence)
def test_steered_transitions(row: Row) -> None:
    candidate = row.state.candidate
    stable = Arm("v1", 4, 4, 4)
    facts = {"now": NOW, "target": candidate, "kind": candidate.kind, "stable": stable, "candidate": NONE["candidate"]}

    step = advance(row.state, Facts(**{**facts, **row.facts}), row.plan)

    after = step.state if isinstance(step, Moved) else step
    assert type(after) is row.then
    for name, value in row.has.items():
        assert getattr(after, name) == value, name
