"""The rollout's transitions, one row an arrow: from this state, with these facts, comes that, or waits for that."""

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
    Idle,
    Judgement,
    Kind,
    Moved,
    Reaching,
    Refusal,
    Resolving,
    Rollout,
    Starting,
    Switching,
    Waiting,
)
from serin_operator.decide.rollout.advance import advance
from serin_operator.decide.rollout.facts import Arm, Facts
from serin_operator.decide.rollout.plan import Plan
from serin_operator.decide.traffic.split import Force
from serin_operator.decide.wanted.stages import FULL, Evidence, Stage

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
A_SECOND_AGO = NOW - timedelta(seconds=1)
CANARY = Candidate("rev2", "v2", "http://m/v2", Kind.CANARY, NOW, "ab" * 32)
FIRST, DIRECT, RESCUE = (replace(CANARY, kind=kind) for kind in (Kind.FIRST, Kind.DIRECT, Kind.RESCUE))
OTHER = replace(CANARY, revision="rev3", version="v3")
FRESH = Clock(A_SECOND_AGO)
LATE = replace(FRESH, waited=600.0)
HELD = replace(FRESH, held=60.0)
BAKED = replace(FRESH, held=300.0)
DARK = replace(FRESH, dark=3.0)
OUT_OF_TIME = replace(HELD, analysed=7200.0)
PLAN = Plan((Stage(10, 60), Stage(25, 60), Stage(50, 60)), 4, 600.0, 7200.0, OnDeadline.PAUSE, 300.0)
ASLEEP = replace(PLAN, replicas=0)
ANALYSED, PAUSED = replace(PLAN, analysed=True), replace(PLAN, paused=True)
UNBAKED = replace(PLAN, bake_seconds=0)
ASIDE = replace(PLAN, stages=(Stage(0, 60, FULL, has_preview=True),))
"""One stage without requests, on all pods."""
ASIDE_JUDGED = replace(ASIDE, analysed=True)
COPIED = replace(PLAN, stages=(Stage(0, 60, mirror=50), Stage(50, 60)), analysed=True)
"""Copies of half of the requests before half of the requests."""
BY_LABELS = replace(COPIED, gathered=frozenset({Evidence.LABELS}))
TESTED = replace(PLAN, stages=(Stage(0, 60, testers=True),), analysed=True)
WARMED = replace(ANALYSED, stages=(Stage(0, 60), Stage(50, 60)))
"""A stage without requests before one that has them."""
WAITING = Judgement(passed=False, missing="errors: 12 of 100 samples")
WORSE = Judgement("accuracy: worse", passed=False)
STALE = Judgement(is_ripe=False)

REACH_0 = Reaching(CANARY, FRESH, 0, NOW)
STEADY_0 = replace(REACH_0, steady=A_SECOND_AGO)
STEP_0 = Holding(CANARY, FRESH, 0, NOW)
HELD_0 = replace(STEP_0, clock=HELD)
HELD_2 = replace(HELD_0, stage=2)
GROWING, SWITCHING, BAKING = Growing(CANARY, FRESH, 2), Switching(CANARY, FRESH), Baking(CANARY, FRESH)

ALL_STABLE, NO_STABLE = Arm("v1", 4, 4, 4), Arm("v1", 4, 0, 0)
ONE_CANARY = Arm("v2", 1, 1, 1)
SOME, NEARLY, ALL, NONE = (Arm("v2", 4, n, n) for n in (2, 3, 4, 0))
IN_FORCE, OFF = (
    Force(is_reached=True, share=20, is_exact=True),
    Force(is_reached=False, share=0, waits_for="pod x is Terminating"),
)
READY_ASIDE: dict[str, Any] = {
    "candidate": Arm("v2", 4, 4, 0),
    "force": Force(is_reached=True, share=0, is_exact=True),
    "preview": "m-preview",
}
NOBODY_JUDGES = Refusal(Reason.PROMETHEUS_NOT_CONFIGURED, "none")
IMPOSSIBLE = Refusal(Reason.INVALID_SPEC, "spec.rollout.steps[1]: 4 pods beside 4 get 50 %, not 10 %")
CANNOT_COPY = Refusal(Reason.GATEWAY_CANNOT, "spec.rollout.shadow.mirrorPercent needs HTTPRouteRequestMirror")
NOTHING_YET = Judgement(passed=False)
TROUBLE = Refusal(Reason.IMAGE_PULL_FAILED, "pod p: ErrImagePull")
WELL: dict[str, Any] = {"candidate": ONE_CANARY, "force": IN_FORCE}
SERVES_ALL: dict[str, Any] = {"candidate": ALL, "force": Force(is_reached=True, share=100)}


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


def waits(reason: Reason, **more: Any) -> dict[str, Any]:
    return {"reason": reason, **more}


ROLLED_BACK, SUPERSEDED = Outcome.ROLLED_BACK, ends(Outcome.SUPERSEDED, Reason.SUPERSEDED)
TOO_LATE = ends(ROLLED_BACK, Reason.PROGRESS_DEADLINE_EXCEEDED)
WORSE_END = ends(ROLLED_BACK, Reason.ANALYSIS_FAILED)
CRASHED = ends(ROLLED_BACK, Reason.CANARY_CRASHED)
PROMOTED = ends(Outcome.PROMOTED, Reason.PROMOTED)
IN_TRAFFIC = {
    "at a step": STEP_0,
    "on its way to one": REACH_0,
    "growing": GROWING,
    "switching": SWITCHING,
    "baking": BAKING,
}

TABLE = [
    # Idle
    Row("nothing to roll out: nothing happens", Idle(), {"target": None}, Waiting),
    Row("a new target is resolved first", Idle(), {}, Resolving),
    # Whatever the state
    Row("the spec moves on while resolving", Resolving(CANARY, FRESH), {"target": OTHER}, Ended, has=SUPERSEDED),
    Row("the spec moves on at a step", STEP_0, {"target": OTHER}, Ended, has=SUPERSEDED),
    Row("the spec goes back to stable at a step", STEP_0, {"target": None}, Ended, has=SUPERSEDED),
    Row("the spec moves on while switching", SWITCHING, {"target": OTHER}, Ended, has=SUPERSEDED),
    Row("the spec goes back to stable while baking", BAKING, {"target": None}, Ended, has=SUPERSEDED),
    Row(
        "the spec moves on to a third version while baking: the second has passed",
        BAKING,
        {**SERVES_ALL, "target": OTHER},
        Ended,
        has=PROMOTED,
    ),
    Row("a person aborts at a step", STEP_0, {"abort": True}, Ended, has=ends(Outcome.ABORTED, Reason.ABORTED)),
    Row("a person aborts while baking", BAKING, {"abort": True}, Ended, has=ends(Outcome.ABORTED, Reason.ABORTED)),
    Row("moving on wins over failing", STEP_0, {"target": None, "judgement": WORSE}, Ended, has=SUPERSEDED),
    *(
        Row(
            f"a failing look rolls back {where}",
            state,
            {**WELL, "judgement": WORSE},
            Ended,
            ANALYSED,
            {**WORSE_END, "message": "accuracy: worse"},
        )
        for where, state in IN_TRAFFIC.items()
    ),
    *(
        Row(
            f"paused does not keep a failing canary {where}",
            state,
            {**WELL, "judgement": WORSE},
            Ended,
            replace(ANALYSED, paused=True),
            WORSE_END,
        )
        for where, state in IN_TRAFFIC.items()
    ),
    *(
        Row(f"a second crash rolls back {where}", state, {**WELL, "crashes": 2}, Ended, has=CRASHED)
        for where, state in IN_TRAFFIC.items()
    ),
    Row("one crash is forgiven", STEP_0, {**WELL, "crashes": 1}, Waiting, has=waits(Reason.STEP_HELD)),
    Row(
        "crashes do not take away a version when stable has no pod to go back to",
        STEP_0,
        {**WELL, "crashes": 9, "stable": NO_STABLE},
        Waiting,
    ),
    Row(
        "the spec moves on to a third version while one bakes that has lost its pods",
        BAKING,
        {"target": OTHER, "candidate": NONE},
        Ended,
        has=SUPERSEDED,
    ),
    Row(
        "the spec moves on to a third version while one bakes and people pause",
        BAKING,
        {**SERVES_ALL, "target": OTHER},
        Waiting,
        PAUSED,
        waits(Reason.PAUSED),
    ),
    Row("a bake that has lost too many pods is not over", replace(BAKING, clock=BAKED), {"candidate": SOME}, Waiting),
    Row("… and goes back at the deadline", replace(BAKING, clock=LATE), {"candidate": SOME}, Ended, has=TOO_LATE),
    Row(
        "a kind that people have changed before the first traffic is changed",
        Starting(CANARY, FRESH),
        {"kind": Kind.DIRECT},
        Starting,
        has={"candidate": DIRECT},
    ),
    # Resolving
    Row("resolving goes on while the Job runs", Resolving(CANARY, FRESH), {}, Waiting, has=waits(Reason.RESOLVING)),
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
    Row(
        "a canary that is not ready gets no traffic",
        Starting(CANARY, FRESH),
        {},
        Waiting,
        has=waits(Reason.CANARY_STARTING),
    ),
    Row(
        "what keeps pods from starting is told",
        Starting(CANARY, FRESH),
        {"trouble": TROUBLE},
        Waiting,
        has={"degraded": TROUBLE},
    ),
    Row(
        "a ready canary begins its first step",
        Starting(CANARY, FRESH),
        WELL,
        Reaching,
        has={"stage": 0, "in_force": None},
    ),
    Row("a ready canary waits while paused", Starting(CANARY, FRESH), WELL, Waiting, PAUSED, waits(Reason.PAUSED)),
    Row(
        "a ready canary waits while nobody could judge it",
        Starting(CANARY, FRESH),
        {**WELL, "blocked": Refusal(Reason.PROMETHEUS_NOT_CONFIGURED, "none")},
        Waiting,
        has=waits(Reason.PROMETHEUS_NOT_CONFIGURED, is_stalled=True),
    ),
    Row("a canary that is never ready is rolled back", Starting(CANARY, LATE), {}, Ended, has=TOO_LATE),
    Row(
        "a first version that is not ready is kept, and a person is called: there is nothing to go back to",
        Starting(FIRST, LATE),
        {"stable": None},
        Waiting,
        has=waits(Reason.PROGRESS_DEADLINE_EXCEEDED, is_stalled=True),
    ),
    Row("a ready first version takes all traffic", Starting(FIRST, FRESH), SERVES_ALL, Switching),
    Row("a first version is not held by paused", Starting(FIRST, FRESH), SERVES_ALL, Switching, PAUSED),
    Row("a restored version takes all traffic without steps", Starting(DIRECT, FRESH), SERVES_ALL, Switching),
    Row("a restored version waits for every pod", Starting(DIRECT, FRESH), {"candidate": NEARLY}, Waiting),
    Row(
        "a restored version waits while paused",
        Starting(DIRECT, FRESH),
        SERVES_ALL,
        Waiting,
        PAUSED,
        waits(Reason.PAUSED),
    ),
    Row(
        "where stable serves nothing a canary need not be one",
        Starting(CANARY, FRESH),
        {"stable_is_down": True, "kind": Kind.RESCUE},
        Starting,
        has={"candidate": RESCUE},
    ),
    Row(
        "the first ready pod of a rescue gets everything",
        Starting(RESCUE, FRESH),
        {"stable_is_down": True, "candidate": SOME},
        Switching,
    ),
    Row(
        "a rescue that is not ready is not given up: nothing else serves",
        Starting(RESCUE, LATE),
        {"stable_is_down": True, "candidate": NONE},
        Waiting,
    ),
    Row(
        "stable is back before a rescue was ready: a canary again",
        Starting(RESCUE, FRESH),
        {"candidate": NONE, "kind": Kind.CANARY},
        Starting,
        has={"candidate": CANARY},
    ),
    # Reaching
    Row("a weight has to be in force twice", REACH_0, WELL, Reaching, has={"steady": NOW}),
    Row("a weight that stays in force begins its step", STEADY_0, WELL, Holding, has={"stage": 0}),
    Row(
        "a weight that was in force only for a moment does not",
        STEADY_0,
        {"force": OFF},
        Reaching,
        has={"steady": None},
    ),
    Row(
        "what a weight waits for is named",
        REACH_0,
        {"force": OFF, "candidate": ONE_CANARY},
        Waiting,
        has={"message": "v2: bringing step 1/3 (10 %) into force: pod x is Terminating"},
    ),
    Row(
        "slices that are behind are named so",
        REACH_0,
        {"force": replace(OFF, slices_behind=True), "candidate": ONE_CANARY},
        Waiting,
        has=waits(Reason.ENDPOINTS_BEHIND),
    ),
    Row(
        "canary pods that never come are rolled back", replace(REACH_0, clock=LATE), {"force": OFF}, Ended, has=TOO_LATE
    ),
    Row(
        "missing stable pods do not blame the canary",
        replace(REACH_0, clock=LATE),
        {"force": OFF, "candidate": ONE_CANARY},
        Waiting,
    ),
    Row(
        "missing stable pods are told",
        REACH_0,
        {"force": OFF, "candidate": ONE_CANARY, "stable_trouble": TROUBLE},
        Waiting,
        has={"degraded": TROUBLE},
    ),
    # Holding
    Row("a step lasts for its hold", STEP_0, WELL, Waiting, has=waits(Reason.STEP_HELD)),
    Row("a held step is followed by the next", HELD_0, WELL, Reaching, has={"stage": 1, "in_force": 0}),
    Row("the last step is followed by growth", HELD_2, WELL, Growing, has={"stage": 2}),
    Row("paused holds a step", HELD_0, WELL, Waiting, PAUSED, waits(Reason.PAUSED)),
    Row(
        "a step without a passing look is held",
        HELD_0,
        {**WELL, "judgement": WAITING},
        Waiting,
        ANALYSED,
        waits(Reason.WAITING_FOR_DATA),
    ),
    Row("a passing look after the hold ends the step", HELD_0, WELL, Reaching, ANALYSED, has={"stage": 1}),
    Row("a passing look before the hold does not", STEP_0, WELL, Waiting, ANALYSED, waits(Reason.ANALYSING)),
    Row(
        "what an earlier look said does not end a step either", HELD_0, {**WELL, "judgement": STALE}, Waiting, ANALYSED
    ),
    Row(
        "a blip ends no step and begins none",
        HELD_0,
        {"force": OFF, "candidate": ONE_CANARY},
        Waiting,
        has=waits(Reason.SHIFTING),
    ),
    Row(
        "a canary that is lost at a step is rolled back in the end",
        replace(STEP_0, clock=LATE),
        {"force": OFF},
        Ended,
        has=TOO_LATE,
    ),
    Row(
        "silence at the deadline pauses",
        replace(STEP_0, clock=OUT_OF_TIME),
        {**WELL, "judgement": WAITING},
        Waiting,
        ANALYSED,
        waits(Reason.DEADLINE_EXCEEDED, is_stalled=True),
    ),
    Row(
        "silence at the deadline rolls back where the spec says so",
        replace(STEP_0, clock=OUT_OF_TIME),
        {**WELL, "judgement": WAITING},
        Ended,
        replace(ANALYSED, on_deadline=OnDeadline.ROLLBACK),
        ends(ROLLED_BACK, Reason.DEADLINE_EXCEEDED),
    ),
    Row(
        "silence at the deadline promotes where the spec says so",
        replace(STEP_0, clock=OUT_OF_TIME),
        {**WELL, "judgement": WAITING},
        Growing,
        replace(ANALYSED, on_deadline=OnDeadline.PROMOTE),
    ),
    Row(
        "a deadline promotes no version that there is evidence enough against, whatever else may explain it",
        replace(STEP_0, clock=OUT_OF_TIME),
        {**WELL, "judgement": replace(WAITING, is_doubted=True)},
        Waiting,
        replace(ANALYSED, on_deadline=OnDeadline.PROMOTE),
        {"reason": Reason.DEADLINE_EXCEEDED},
    ),
    Row(
        "a verdict that passes is no silence",
        replace(STEP_0, clock=replace(OUT_OF_TIME, held=0)),
        {**WELL, "judgement": STALE},
        Waiting,
        replace(ANALYSED, on_deadline=OnDeadline.ROLLBACK),
    ),
    Row(
        "a deadline does not end a rollout without analysis",
        replace(STEP_0, clock=replace(FRESH, analysed=9999.0)),
        WELL,
        Waiting,
    ),
    Row(
        "stable goes down at a step: the canary takes everything",
        STEP_0,
        {**WELL, "stable_is_down": True},
        Switching,
        has={"candidate": RESCUE},
    ),
    Row(
        "… also while a person has paused: nothing else answers",
        STEP_0,
        {**WELL, "stable_is_down": True},
        Switching,
        PAUSED,
    ),
    Row(
        "a ready rescue is not held by paused",
        Starting(RESCUE, FRESH),
        {**WELL, "stable_is_down": True},
        Switching,
        PAUSED,
    ),
    # Scaled by people and autoscalers
    *(
        Row(
            f"at zero a canary {where} leaves the traffic, and keeps what it has reached",
            state,
            {**WELL, "stable": NO_STABLE},
            Starting,
            ASLEEP,
            {"candidate": CANARY},
        )
        for where, state in list(IN_TRAFFIC.items())[:3]
    ),
    *(
        Row(
            f"at zero a version that is {where} waits, however long",
            replace(state, clock=LATE),
            {"candidate": Arm("v2", 0, 0, 0), "stable": Arm("v1", 0, 0, 0)},
            Waiting,
            ASLEEP,
            waits(Reason.SCALED_TO_ZERO, is_stalled=False, degraded=None),
        )
        for where, state in (("starting", Starting(CANARY, FRESH)), ("switching", SWITCHING), ("baking", BAKING))
    ),
    Row("a first version at zero waits too", Starting(FIRST, LATE), {"stable": None}, Waiting, ASLEEP),
    Row("at zero a model is verified all the same", Resolving(CANARY, FRESH), {"born": True}, Starting, ASLEEP),
    Row("a failing look counts at zero", STEP_0, {**WELL, "judgement": WORSE}, Ended, ASLEEP, WORSE_END),
    Row("people end a rollout at zero", Starting(CANARY, FRESH), {"abort": True}, Ended, ASLEEP),
    Row(
        "a canary that was asleep begins at the step where it was",
        Starting(CANARY, FRESH),
        WELL,
        Reaching,
        replace(PLAN, resumes_at=1),
        {"stage": 1, "in_force": None, "weight": 25},
    ),
    Row(
        "pods that an autoscaler adds beside a step, and that find no room, are held against nobody",
        replace(STEP_0, clock=replace(LATE, best=1)),
        {"force": OFF, "candidate": Arm("v2", 2, 1, 1)},
        Waiting,
        has=waits(Reason.SHIFTING, is_stalled=True),
    ),
    Row(
        "… but a canary that has lost one of its own is",
        replace(STEP_0, clock=replace(LATE, best=2)),
        {"force": OFF, "candidate": Arm("v2", 2, 1, 1)},
        Ended,
        has=TOO_LATE,
    ),
    Row(
        "a version grows to the size at its first traffic; what is asked for beyond may come later",
        replace(GROWING, clock=replace(FRESH, waited=30.0)),
        {"candidate": Arm("v2", 12, 4, 1, floor=4)},
        Switching,
    ),
    Row(
        "a bake is not lost because an autoscaler wants more",
        replace(BAKING, clock=BAKED),
        {**SERVES_ALL, "candidate": Arm("v2", 12, 4, 4, floor=4)},
        Ended,
        has=PROMOTED,
    ),
    # Growing
    Row("growth waits for full size", GROWING, {"candidate": SOME}, Waiting, has=waits(Reason.PROMOTING)),
    Row("a version at full size takes everything", GROWING, {"candidate": ALL}, Switching),
    Row(
        "the last of many pods is not waited for any longer when none has come for a while",
        replace(GROWING, clock=replace(FRESH, waited=30.0)),
        {"candidate": NEARLY},
        Switching,
    ),
    Row("… but while they come, it is", GROWING, {"candidate": NEARLY}, Waiting),
    Row("paused holds growth", GROWING, {"candidate": ALL}, Waiting, PAUSED, waits(Reason.PAUSED)),
    Row(
        "a canary that cannot grow is rolled back",
        replace(GROWING, clock=LATE),
        {"candidate": SOME},
        Ended,
        has=TOO_LATE,
    ),
    # Switching
    Row(
        "the switch waits for the Service",
        SWITCHING,
        {"candidate": ALL, "force": OFF},
        Waiting,
        has=waits(Reason.PROMOTING),
    ),
    Row(
        "the switch waits until every pod is reached",
        SWITCHING,
        {**SERVES_ALL, "candidate": Arm("v2", 4, 4, 2)},
        Waiting,
    ),
    Row("a version that has everything bakes", SWITCHING, SERVES_ALL, Baking),
    Row("a fix bakes beside a stable version that serves again", Switching(RESCUE, FRESH), SERVES_ALL, Baking),
    Row(
        "a fix that leaves nothing to go back to does not bake",
        Switching(RESCUE, FRESH),
        {**SERVES_ALL, "stable": NO_STABLE},
        Ended,
        has=PROMOTED,
    ),
    Row("without a bake time it is stable at once", SWITCHING, SERVES_ALL, Ended, UNBAKED, PROMOTED),
    Row(
        "a first version has nothing to bake for",
        Switching(FIRST, FRESH),
        {**SERVES_ALL, "stable": None},
        Ended,
        has=PROMOTED,
    ),
    Row("paused holds the switch", SWITCHING, SERVES_ALL, Waiting, PAUSED, waits(Reason.PAUSED)),
    Row(
        "a first version is not held", Switching(FIRST, FRESH), {**SERVES_ALL, "stable": None}, Ended, PAUSED, PROMOTED
    ),
    Row(
        "pods that are lost in the switch are waited for, and then it goes back",
        replace(SWITCHING, clock=LATE),
        {"candidate": SOME, "force": OFF},
        Ended,
        has=TOO_LATE,
    ),
    Row(
        "where there is nothing to go back to, a person is called",
        Switching(RESCUE, LATE),
        {"candidate": SOME, "force": OFF, "stable": NO_STABLE},
        Waiting,
        has=waits(Reason.PROGRESS_DEADLINE_EXCEEDED, is_stalled=True),
    ),
    *(
        Row(
            f"no pod is ready any more {where}: it goes back",
            replace(state, clock=DARK),
            {"candidate": NONE, "force": OFF},
            Ended,
            has=ends(ROLLED_BACK, Reason.STOPPED_SERVING),
        )
        for where, state in (("in the switch", SWITCHING), ("while baking", BAKING))
    ),
    # Copies of requests, and testers
    Row("copies begin as a weight does", Starting(CANARY, FRESH), READY_ASIDE, Reaching, COPIED, {"stage": 0}),
    Row(
        "… but not while nobody could judge them",
        Starting(CANARY, FRESH),
        {**READY_ASIDE, "blocked": NOBODY_JUDGES},
        Waiting,
        COPIED,
        waits(Reason.PROMETHEUS_NOT_CONFIGURED),
    ),
    Row(
        "… nor while stable, with which they are compared, is not reached",
        Starting(CANARY, FRESH),
        {**READY_ASIDE, "stable": NO_STABLE},
        Waiting,
        COPIED,
        waits(Reason.PODS_NOT_READY),
    ),
    Row(
        "… nor where a gateway cannot make them",
        Starting(CANARY, FRESH),
        {**READY_ASIDE, "refused_stage": CANNOT_COPY},
        Waiting,
        COPIED,
        {"reason": Reason.GATEWAY_CANNOT, "is_stalled": True},
    ),
    Row("they are judged for their time", STEP_0, READY_ASIDE, Waiting, COPIED, waits(Reason.MIRRORED)),
    Row(
        "… and it is said who hears the answers",
        STEP_0,
        READY_ASIDE,
        Waiting,
        COPIED,
        {
            "message": "v2 at step 1/2 (copies of 50 % of the requests): its answers reach no client, for 60 s at least; metrics of labels are not waited for, since no client sees what it predicts"
        },
    ),
    Row(
        "they wait for evidence",
        HELD_0,
        {**READY_ASIDE, "judgement": WAITING},
        Waiting,
        COPIED,
        waits(Reason.WAITING_FOR_DATA),
    ),
    Row("… and end when it has passed", HELD_0, READY_ASIDE, Reaching, COPIED, {"stage": 1, "weight": 50}),
    Row("a Fail of them rolls back", STEP_0, {**READY_ASIDE, "judgement": WORSE}, Ended, COPIED, WORSE_END),
    Row(
        "where only labels would tell, time decides",
        HELD_0,
        {**READY_ASIDE, "judgement": NOTHING_YET},
        Reaching,
        BY_LABELS,
    ),
    Row("testers are judged for their time", STEP_0, READY_ASIDE, Waiting, TESTED, waits(Reason.TESTED)),
    Row("… and end when they have passed", HELD_0, READY_ASIDE, Growing, TESTED),
    Row(
        "no verdict of theirs is decided by the deadline",
        replace(STEP_0, clock=OUT_OF_TIME),
        {**READY_ASIDE, "judgement": NOTHING_YET},
        Ended,
        replace(TESTED, on_deadline=OnDeadline.ROLLBACK),
        ends(Outcome.ROLLED_BACK, Reason.DEADLINE_EXCEEDED),
    ),
    # A stage without requests
    Row("all pods ready begin a stage without requests", Starting(CANARY, FRESH), READY_ASIDE, Reaching, ASIDE),
    Row("… but not while some are not", Starting(CANARY, FRESH), {"candidate": SOME}, Waiting, ASIDE),
    Row("… nor while paused", Starting(CANARY, FRESH), READY_ASIDE, Waiting, replace(ASIDE, paused=True)),
    Row(
        "… but while stable is not reached for a moment: nothing is compared",
        Starting(CANARY, FRESH),
        {**READY_ASIDE, "stable": NO_STABLE},
        Reaching,
        ASIDE,
    ),
    Row(
        "… and though nobody could judge: there is nothing to judge",
        Starting(CANARY, FRESH),
        {**READY_ASIDE, "blocked": NOBODY_JUDGES},
        Reaching,
        ASIDE_JUDGED,
    ),
    Row("never ready aside is rolled back", Starting(CANARY, LATE), {}, Ended, ASIDE, TOO_LATE),
    Row("it is in force when it was so twice", STEADY_0, READY_ASIDE, Holding, ASIDE, {"stage": 0}),
    Row(
        "what it waits for is named",
        REACH_0,
        {**READY_ASIDE, "force": replace(OFF, waits_for="2 of 4 pods of v2 are ready")},
        Waiting,
        ASIDE,
        {"message": "v2: bringing step 1/1 (0 %) into force: 2 of 4 pods of v2 are ready"},
    ),
    Row("it lasts for its time", STEP_0, READY_ASIDE, Waiting, ASIDE, waits(Reason.PREVIEWED)),
    Row(
        "it says where it can be tried, and that nothing is compared",
        STEP_0,
        {**READY_ASIDE, "judgement": NOTHING_YET},
        Waiting,
        ASIDE_JUDGED,
        {
            "message": "v2 is ready on 4 of 4 pods and gets no request of clients, for 60 s at least; try it at Service m-preview;"
            " without requests spec.analysis compares nothing"
        },
    ),
    Row("it does not wait for evidence", HELD_0, {**READY_ASIDE, "judgement": NOTHING_YET}, Growing, ASIDE_JUDGED),
    Row("… nor for a look after its time", HELD_0, {**READY_ASIDE, "judgement": STALE}, Growing, ASIDE_JUDGED),
    Row(
        "… nor does it reach the deadline of the evidence",
        replace(STEP_0, clock=replace(FRESH, analysed=9999.0)),
        {**READY_ASIDE, "judgement": NOTHING_YET},
        Waiting,
        replace(ASIDE_JUDGED, on_deadline=OnDeadline.ROLLBACK),
        waits(Reason.PREVIEWED),
    ),
    Row("paused holds it", HELD_0, READY_ASIDE, Waiting, replace(ASIDE, paused=True), waits(Reason.PAUSED)),
    Row("pods that are lost hold it", HELD_0, {**READY_ASIDE, "force": OFF}, Waiting, ASIDE, waits(Reason.SHIFTING)),
    Row(
        "… and roll it back in the end",
        replace(STEP_0, clock=LATE),
        {"candidate": SOME, "force": OFF},
        Ended,
        ASIDE,
        TOO_LATE,
    ),
    Row(
        "a preview that cannot be made holds it for ever, and a person is called",
        replace(REACH_0, clock=LATE),
        {**READY_ASIDE, "force": replace(OFF, waits_for="Service m-preview does not select v2 yet")},
        Waiting,
        ASIDE,
        {"is_stalled": True},
    ),
    Row("crashes roll it back", STEP_0, {**READY_ASIDE, "crashes": 2}, Ended, ASIDE, CRASHED),
    Row(
        "a person aborts it",
        STEP_0,
        {**READY_ASIDE, "abort": True},
        Ended,
        ASIDE,
        ends(Outcome.ABORTED, Reason.ABORTED),
    ),
    Row("the spec moves on from it", STEP_0, {**READY_ASIDE, "target": OTHER}, Ended, ASIDE, SUPERSEDED),
    Row(
        "stable goes down beside it",
        STEP_0,
        {**READY_ASIDE, "stable_is_down": True},
        Switching,
        ASIDE,
        {"candidate": RESCUE},
    ),
    Row("all pods take over from it", Growing(CANARY, FRESH, 0), READY_ASIDE | {"candidate": ALL}, Switching, ASIDE),
    Row(
        "a stage with requests does not begin while nobody could judge it",
        HELD_0,
        {**READY_ASIDE, "blocked": NOBODY_JUDGES},
        Waiting,
        WARMED,
        waits(Reason.PROMETHEUS_NOT_CONFIGURED, is_stalled=True),
    ),
    Row("… and begins when somebody can", HELD_0, READY_ASIDE, Reaching, WARMED, {"stage": 1, "weight": 50}),
    Row(
        "steps that cannot be are told before the first request",
        Starting(CANARY, FRESH),
        {**WELL, "refused_stage": IMPOSSIBLE},
        Waiting,
        has=waits(Reason.INVALID_SPEC, is_stalled=True),
    ),
    Row(
        "… and those that are edited so are not begun",
        HELD_0,
        {**WELL, "refused_stage": IMPOSSIBLE},
        Waiting,
        has=waits(Reason.INVALID_SPEC, is_stalled=True),
    ),
    Row(
        "while it bakes it is said that nothing was compared",
        BAKING,
        SERVES_ALL,
        Waiting,
        ASIDE_JUDGED,
        {
            "message": "v2 serves all traffic; v1 keeps its pods for 300 s, to go back to; spec.analysis compares nothing, since"
            " the two never answer clients side by side"
        },
    ),
    # Baking
    Row("the version before is kept for a while", BAKING, SERVES_ALL, Waiting, has=waits(Reason.BAKING)),
    Row("then the new one is stable", replace(BAKING, clock=BAKED), SERVES_ALL, Ended, has=PROMOTED),
    Row("paused holds it", replace(BAKING, clock=BAKED), SERVES_ALL, Waiting, PAUSED, waits(Reason.PAUSED)),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.sentence)
def test_transitions(row: Row) -> None:
    target = row.state.candidate if not isinstance(row.state, Idle) else CANARY
    kind = row.state.candidate.kind if not isinstance(row.state, Idle) else Kind.CANARY
    facts = Facts(
        **{
            "now": NOW,
            "target": target,
            "kind": kind,
            "stable": ALL_STABLE,
            "candidate": Arm("v2", 1, 0, 0),
            **row.facts,
        }
    )

    step = advance(row.state, facts, row.plan)

    after = step.state if isinstance(step, Moved) else step
    assert type(after) is row.then
    for name, value in row.has.items():
        assert getattr(after, name) == value, name


def test_a_new_step_is_held_from_the_beginning() -> None:
    facts = Facts(now=NOW, target=CANARY, stable=ALL_STABLE, **WELL)
    reach = advance(HELD_0, facts, PLAN)
    assert isinstance(reach, Moved)
    assert isinstance(reach.state, Reaching)
    step = advance(replace(reach.state, steady=A_SECOND_AGO), facts, PLAN)

    assert isinstance(step, Moved)
    assert step.state.clock.held == 0


def test_the_deadline_of_the_verdict_runs_over_all_steps() -> None:
    clock = replace(HELD, analysed=500.0)
    step = advance(replace(HELD_0, clock=clock), Facts(now=NOW, target=CANARY, stable=ALL_STABLE, **WELL), ANALYSED)

    assert isinstance(step, Moved)
    assert step.state.clock.analysed == 500.0
