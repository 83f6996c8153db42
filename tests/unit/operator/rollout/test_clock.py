"""What each clock of a rollout counts, and what it does not: one row an observation, ten seconds after the one before."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from serin_operator.api.spec import OnDeadline
from serin_operator.api.status_of_rollouts import MetricStatus
from serin_operator.decide.memory.comparison import Comparison
from serin_operator.decide.memory.memory import Memory
from serin_operator.decide.memory.states import (
    Baking,
    Candidate,
    Clock,
    Growing,
    Holding,
    Idle,
    Kind,
    Moving,
    Order,
    Reaching,
    Resolving,
    Starting,
    Switching,
)
from serin_operator.decide.pod import Pod
from serin_operator.decide.rollout.clock import MOST_REMEMBERED, is_set_back, ticked
from serin_operator.decide.rollout.facts import Arm, Facts
from serin_operator.decide.rollout.plan import Plan
from serin_operator.decide.traffic.split import Force
from serin_operator.decide.wanted.stages import Stage

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
CANARY = Candidate("rev2", "v2", "http://m/v2", Kind.CANARY, NOW)
CLOCK = Clock(NOW - timedelta(seconds=10), waited=4.0, held=5.0, analysed=6.0, dark=0.0, best=2)
PLAN = Plan((Stage(10, 60), Stage(50, 60, pause=True)), 4, 600.0, 7200.0, OnDeadline.PAUSE, 300.0, analysed=True)
PAUSED, ASLEEP = replace(PLAN, paused=True), replace(PLAN, replicas=0)
RESOLVING, STARTING, GROWING = Resolving(CANARY, CLOCK), Starting(CANARY, CLOCK), Growing(CANARY, CLOCK, 1)
REACHING, HOLDING = Reaching(CANARY, CLOCK, 0, NOW), Holding(CANARY, CLOCK, 0, NOW)
FOR_A_PERSON = replace(HOLDING, stage=1, clock=replace(CLOCK, held=60.0))
SWITCHING, BAKING = Switching(CANARY, CLOCK), Baking(CANARY, CLOCK)
ALL, SOME, NONE = Arm("v2", 2, 2, 2), Arm("v2", 4, 2, 2), Arm("v2", 2, 0, 0)
MORE = Arm("v2", 4, 3, 3)
IN_FORCE, OFF = Force(is_reached=True, share=10), Force(is_reached=False, share=0)
STABLE, NO_STABLE = Arm("v1", 4, 4, 4), Arm("v1", 4, 0, 0)
WELL: dict[str, Any] = {"candidate": ALL, "force": IN_FORCE, "stable": STABLE}
LACKS: dict[str, Any] = {"candidate": SOME, "force": OFF, "stable": STABLE}
DARK: dict[str, Any] = {"candidate": NONE, "force": IN_FORCE, "stable": STABLE}
OPEN = MetricStatus(metric="errors", verdict="Inconclusive", reason="TooFewSamples", message="12 of 100")
WARNS = OPEN.model_copy(update={"mode": "Warn"})
FINE = OPEN.model_copy(update={"verdict": "Pass"})


@dataclass(frozen=True)
class Row:
    sentence: str
    state: Moving
    facts: dict[str, Any]
    clock: dict[str, Any]
    """What changes; the rest stays."""
    plan: Plan = PLAN
    rows: tuple[MetricStatus, ...] = ()
    more: dict[str, Any] = field(default_factory=dict)
    failed_at: datetime | None = None


TABLE = [
    Row("a Job is waited for", RESOLVING, WELL, {"waited": 14.0}),
    Row("pods that start are waited for", STARTING, LACKS, {"waited": 14.0}),
    Row("another pod that is ready is progress", STARTING, {**LACKS, "candidate": MORE}, {"waited": 0.0, "best": 3}),
    Row("nobody is waited for once all are ready", STARTING, WELL, {"waited": 0.0}),
    Row("nothing is held against it that others are to blame for", STARTING, LACKS, {}, more={"obstructed": True}),
    Row("nobody waits at zero", STARTING, LACKS, {"waited": 0.0, "best": 0}, ASLEEP),
    Row("a weight on its way is waited for", REACHING, LACKS, {"waited": 14.0}),
    Row("a weight in force is not", REACHING, {**LACKS, "force": IN_FORCE}, {"waited": 0.0}),
    Row("a step is held while its weight is in force", HOLDING, WELL, {"waited": 0.0, "held": 15.0}),
    Row("and not while it is not", HOLDING, LACKS, {"waited": 14.0}),
    Row("time at a step counts while people have paused", HOLDING, WELL, {"waited": 0.0, "held": 15.0}, PAUSED),
    Row("one that grows has its time once all of its pods are there", GROWING, WELL, {"waited": 0.0, "held": 15.0}),
    Row("and none before", GROWING, LACKS, {"waited": 14.0, "held": 0.0}),
    Row("switching waits for pods", SWITCHING, {**WELL, "candidate": SOME}, {"waited": 14.0}),
    Row("switching waits for requests", SWITCHING, {**WELL, "force": OFF}, {"waited": 14.0}),
    Row("and for nothing else", SWITCHING, WELL, {"waited": 0.0}),
    Row("baking counts while it serves", BAKING, WELL, {"waited": 0.0, "held": 15.0}),
    Row("baking counts while it serves on enough", BAKING, {**WELL, "force": OFF}, {"waited": 0.0, "held": 15.0}),
    Row("baking waits for the pods that it lost", BAKING, {**WELL, "candidate": SOME}, {"waited": 14.0, "held": 15.0}),
    Row("not for time that nobody serves", BAKING, {**DARK, "stable": None}, {"waited": 14.0}),
    Row("nor for time in which people have paused", BAKING, WELL, {"waited": 0.0}, PAUSED),
    Row("darkness begins with the observation that finds it", BAKING, DARK, {"waited": 14.0, "dark": 0.001}),
    Row("and while switching", SWITCHING, DARK, {"waited": 14.0, "dark": 0.001}),
    Row("it is not dark where stable could not answer", BAKING, {**DARK, "stable": NO_STABLE}, {"waited": 14.0}),
    Row("nor before it has all traffic", HOLDING, DARK, {"waited": 0.0, "held": 15.0}),
    Row(
        "nor with a pod that is ready",
        BAKING,
        {**DARK, "candidate": replace(NONE, ready=1)},
        {"waited": 14.0},
    ),
    Row("evidence that decides nothing uses up its deadline", HOLDING, WELL, {"waited": 0.0, "held": 15.0, "analysed": 16.0}, rows=(OPEN,)),
    Row("on the way to a step too", REACHING, LACKS, {"waited": 14.0, "analysed": 16.0}, rows=(FINE, OPEN)),
    Row("and while it grows", GROWING, WELL, {"waited": 0.0, "held": 15.0, "analysed": 16.0}, rows=(OPEN,)),
    Row("not while it bakes", BAKING, WELL, {"waited": 0.0, "held": 15.0}, rows=(OPEN,)),
    Row("evidence that has decided does not", HOLDING, WELL, {"waited": 0.0, "held": 15.0}, rows=(FINE,)),
    Row("nor what only warns", HOLDING, WELL, {"waited": 0.0, "held": 15.0}, rows=(WARNS,)),
    Row("nor while Prometheus does not answer", HOLDING, WELL, {"waited": 0.0, "held": 15.0}, rows=(OPEN,), failed_at=NOW),
    Row("nor while people have paused", HOLDING, WELL, {"waited": 0.0, "held": 15.0}, PAUSED, (OPEN,)),
    Row("nor of a metric that the step does not wait for", HOLDING, WELL, {"waited": 0.0, "held": 15.0}, rows=(OPEN,), more={"waited": frozenset({"other"})}),
    Row("one that it waits for does", HOLDING, WELL, {"waited": 0.0, "held": 15.0, "analysed": 16.0}, rows=(OPEN,), more={"waited": frozenset({"errors"})}),
    Row("nor once a step waits for a person", FOR_A_PERSON, WELL, {"waited": 0.0, "held": 70.0}, rows=(OPEN,)),
    Row(
        "it does before that",
        replace(FOR_A_PERSON, clock=replace(CLOCK, held=59.0)),
        WELL,
        {"waited": 0.0, "held": 69.0, "analysed": 16.0},
        rows=(OPEN,),
    ),
    Row(
        "and once the person let it go on",
        replace(FOR_A_PERSON, candidate=replace(CANARY, order=Order.GO_ON)),
        WELL,
        {"waited": 0.0, "held": 70.0, "analysed": 16.0},
        rows=(OPEN,),
    ),
    Row("fewer pods that are wanted are less to have had", REACHING, {**LACKS, "candidate": replace(NONE, wanted=1)}, {"waited": 14.0, "best": 1}),
    Row("what was ready is remembered while it is lost", REACHING, {**LACKS, "candidate": replace(SOME, ready=1)}, {"waited": 14.0}),
]  # fmt: skip


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.sentence)
def test_what_is_counted(row: Row) -> None:
    memory = Memory(rollout=row.state, comparison=Comparison(results=row.rows, failed_at=row.failed_at))
    more = {"obstructed": False, **row.more}
    after = ticked(memory, Facts(NOW, None, **row.facts), row.plan, (), **more).rollout
    assert after == replace(row.state, clock=replace(row.state.clock, at=NOW, **row.clock))


def test_darkness_goes_on() -> None:
    dark = replace(BAKING, clock=replace(CLOCK, dark=1.0))
    assert clock_of(dark, DARK).dark == 11.0
    assert clock_of(dark, WELL).dark == 0.0
    woken = replace(BAKING, clock=replace(CLOCK, best=0))
    assert clock_of(woken, DARK).dark == 0.0, "one that was woken has not been ready yet"
    alone = replace(BAKING, clock=replace(CLOCK, best=1))
    assert clock_of(alone, {**DARK, "stable": replace(STABLE, ready=1)}).dark == 0.001, "where both have one pod too"


@pytest.mark.parametrize(
    ("ago", "watched", "waited", "held"),
    [
        (10, 15.0, 10.0, 10.0),
        (100, 15.0, 15.0, 15.0),  # nobody saw the rest
        (40, 60.0, 15.0, 40.0),  # it was watched, but what is wrong may have begun a moment ago
        (100, 60.0, 15.0, 60.0),
        (-100, 15.0, 0.0, 0.0),  # the clock was set back
    ],
)
def test_only_what_was_observed_counts(ago: int, watched: float, waited: float, held: float) -> None:
    clock = Clock(NOW - timedelta(seconds=ago), best=2)
    more = {"obstructed": False, "watched_seconds": watched}
    at_a_step = ticked(Memory(rollout=replace(HOLDING, clock=clock)), Facts(NOW, None, **WELL), PLAN, (), **more)
    on_its_way = ticked(Memory(rollout=replace(REACHING, clock=clock)), Facts(NOW, None, **LACKS), PLAN, (), **more)
    assert (at_a_step.rollout.clock.held, on_its_way.rollout.clock.waited) == (held, waited)


def test_nothing_is_counted_without_a_rollout() -> None:
    memory = Memory(rollout=Idle())
    assert ticked(memory, Facts(NOW, None), PLAN, (), obstructed=False) is memory


@pytest.mark.parametrize(("behind", "is_back"), [(0.0, False), (2.0, False), (2.1, True), (-60.0, False)])
def test_a_clock_is_set_back_by_more_than_two_seconds(behind: float, is_back: bool) -> None:
    assert is_set_back(Clock(NOW + timedelta(seconds=behind)), NOW) == is_back


def test_ends_of_pods_that_warm_up_are_remembered_as_long_as_the_pods_are_there() -> None:
    known = replace(CANARY, warm_restarts=(("a", 2), ("gone", 1), ("ready", 1)))
    pods = (pod("a", 3), pod("b", 1), pod("calm", 0), pod("ready", 5, was_ready=True))
    memory = ticked(Memory(rollout=Starting(known, CLOCK)), Facts(NOW, None, **LACKS), PLAN, pods, obstructed=False)
    assert memory.rollout.candidate.warm_restarts == (("a", 3), ("b", 1), ("ready", 1))


def test_of_very_many_pods_some_are_remembered() -> None:
    pods = tuple(pod(f"p{number:03}", 1) for number in range(MOST_REMEMBERED + 5))
    memory = ticked(Memory(rollout=STARTING), Facts(NOW, None, **LACKS), PLAN, pods, obstructed=False)
    assert len(memory.rollout.candidate.warm_restarts) == MOST_REMEMBERED


def clock_of(state: Moving, facts: dict[str, Any]) -> Clock:
    return ticked(Memory(rollout=state), Facts(NOW, None, **facts), PLAN, (), obstructed=False).rollout.clock


def pod(name: str, restarts: int, *, was_ready: bool = False) -> Pod:
    return Pod(name, "rev2", "server", "Running", False, False, restarts, NOW, was_ready=was_ready)
