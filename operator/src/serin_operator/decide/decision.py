"""``decide``: from a world to what should be done about it. A pure function; the heart of the operator."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from serin_operator.api.reasons import EventReason, Outcome
from serin_operator.decide.analysis import InvalidAnalysis, LookRecord
from serin_operator.decide.children.intent import operations
from serin_operator.decide.children.operations import Announcement, Operation
from serin_operator.decide.judging.judge import at_next_step, config_of, due_look, judge, next_look_in
from serin_operator.decide.looks import Look, Span
from serin_operator.decide.memory import ledger as book
from serin_operator.decide.memory.memory import Analysis, Memory, Stable
from serin_operator.decide.memory.rebuild import recall, was_lost
from serin_operator.decide.memory.states import (
    Candidate,
    Ended,
    Idle,
    Judgement,
    Resolving,
    Rollout,
    Shifting,
    Stepping,
)
from serin_operator.decide.rollout.advance import advance
from serin_operator.decide.rollout.facts import facts_of, found_digest, plan_of, ticked
from serin_operator.decide.rollout.steering import hear
from serin_operator.decide.settings import Settings, settings_of
from serin_operator.decide.telling.alarms import alarms
from serin_operator.decide.telling.situation import situation_of
from serin_operator.decide.telling.status import status_of
from serin_operator.decide.timestamps import parse
from serin_operator.decide.traffic.replica_ratio import achieved_weight
from serin_operator.decide.world import World

MOST_ARROWS = 8
MOST_WEIGHT_CHANGES = 50
WIRE: Final[dict[str, Any]] = {"by_alias": True, "exclude_none": True, "mode": "json"}
CLOCK_GRAIN_SECONDS = 5.0
"""How often observed time is written down when nothing else has changed."""
IMPATIENCE_SECONDS = 5.0


@dataclass(frozen=True)
class Decision:
    """What to write, in this order: status (the memory), operations, events."""

    status: dict[str, Any]
    operations: tuple[Operation, ...]
    announcements: tuple[Announcement, ...]
    requeue_after: float | None
    ended: tuple[Ended, ...] = ()
    records: tuple[LookRecord, ...] = ()
    """What the analysis counted, for the log."""


def decide(world: World) -> Decision:
    """Decide about one ModelDeployment. Deciding again about the world that results changes nothing."""
    settings = settings_of(world.mdep.spec)
    said: list[Announcement] = []
    if was_lost(world):
        said.append(
            Announcement(EventReason.STATUS_REBUILT, "status was lost; it was rebuilt from the children", warning=True)
        )
    heard = hear(world, recall(world), settings)
    said += heard.announcements
    memory = _prepared(world, heard.memory, settings)
    memory, judgement, records = _judged(world, memory)
    memory = _with_clock(world, memory, settings)
    ended: list[Ended] = []
    abort = heard.abort
    for _ in range(MOST_ARROWS):
        facts = facts_of(world, memory, settings, judgement, abort=abort)
        after = advance(memory.rollout, facts, plan_of(world, memory, settings))
        if after == memory.rollout:
            break
        said += _announced(memory.rollout, after, settings)
        if isinstance(after, Ended):
            ended.append(after)
            abort = False
        memory = _entered(world, memory, after, settings)
        judgement = Judgement(passed=world.mdep.spec.analysis is None)
    facts = facts_of(world, memory, settings, judgement, abort=False)
    keep = [r for r in (memory.stable and memory.stable.revision, settings.revision) if r]
    memory = replace(memory, ledger=book.pruned(memory.ledger, keep, settings.history_limit))
    situation = situation_of(world, memory, settings, facts)
    status = _settled(world, status_of(world, memory, settings, situation).model_dump(**WIRE))
    todo = operations(world, memory, settings)
    if not ended:  # its own event tells how it ended
        said += alarms(world, status, todo)
    return Decision(status, todo, tuple(said), _requeue(world, memory, situation.moving), tuple(ended), records)


def look_due(world: World) -> Look | None:
    """What to ask Prometheus before deciding about ``world``; None when no look is due."""
    settings = settings_of(world.mdep.spec)
    return due_look(world, _prepared(world, recall(world), settings))


def _prepared(world: World, memory: Memory, settings: Settings) -> Memory:
    """Take up what is new in the spec and in the resolve Job."""
    rollout = memory.rollout
    if isinstance(rollout, Resolving) and rollout.candidate.sha256 is None:
        digest = found_digest(world, rollout.candidate)
        if digest and not book.conflicting(memory.ledger, rollout.candidate.version, digest):
            candidate = replace(rollout.candidate, sha256=digest)
            ledger = book.resolved(memory.ledger, candidate.revision, digest)
            return replace(memory, rollout=replace(rollout, candidate=candidate), ledger=ledger)
    weight = memory.analysis.step_weight
    if isinstance(rollout, Stepping) and weight is not None and settings.weight(rollout.step) != weight:
        return replace(memory, rollout=replace(rollout, step=settings.place_of(weight)))
    if isinstance(rollout, Shifting) and rollout.step >= len(settings.steps):
        return replace(memory, rollout=replace(rollout, step=len(settings.steps) - 1))
    return memory


def _judged(world: World, memory: Memory) -> tuple[Memory, Judgement, tuple[LookRecord, ...]]:
    """Take this reconcile's look into account, if it is about the present rollout."""
    wanted, look = world.mdep.spec.analysis, world.look
    if wanted is None:
        return memory, Judgement(), ()
    waiting = Judgement(passed=False, missing=_missing(memory.analysis))
    rollout = memory.rollout
    if look is None or not isinstance(rollout, Stepping) or look.look.canary != rollout.candidate.revision:
        return memory, waiting, ()
    if look.look.start != memory.analysis.look_from:
        return memory, waiting, ()
    try:
        judged = judge(memory.analysis, look, config_of(wanted), world.now, world.config.design_effect)
    except InvalidAnalysis as error:
        return memory, Judgement(passed=False, missing=str(error)), ()
    return replace(memory, analysis=judged.analysis), judged.judgement, judged.records


def _missing(analysis: Analysis) -> str | None:
    return "; ".join(f"{r.metric}: {r.message}" for r in analysis.results if r.verdict == "Inconclusive") or None


def _with_clock(world: World, memory: Memory, settings: Settings) -> Memory:
    rollout = memory.rollout
    if isinstance(rollout, Idle):
        return memory
    facts = facts_of(world, memory, settings, Judgement(), abort=False)
    analysing = world.mdep.spec.analysis is not None and isinstance(rollout, Stepping)
    clock = ticked(rollout.clock, world.now, facts, analysing=analysing)
    return replace(memory, rollout=replace(rollout, clock=clock))


def _entered(world: World, memory: Memory, after: Rollout | Ended, settings: Settings) -> Memory:
    """What is remembered on entering a state."""
    now = world.now
    match after:
        case Ended():
            return _closed(memory, after, now)
        case Resolving(candidate=candidate):
            return replace(memory, rollout=after, analysis=Analysis(), ledger=book.begin(memory.ledger, candidate))
        case Shifting():
            return replace(memory, rollout=after, analysis=replace(memory.analysis, look_from=None))
        case Stepping():
            return replace(memory, rollout=after, analysis=_in_force(memory, after, settings, now))
        case _:
            return replace(memory, rollout=after)


def _in_force(memory: Memory, after: Stepping, settings: Settings, now: datetime) -> Analysis:
    """A step's weight has come into force: looks begin anew, samples of a new step are counted anew."""
    before, analysis = memory.rollout, memory.analysis
    since = before.since if isinstance(before, Shifting) else now
    same_step = isinstance(before, Shifting) and before.in_force == before.step
    changes = (*analysis.weight_changes, Span(since, now))[-MOST_WEIGHT_CHANGES:]
    return replace(
        analysis if same_step else at_next_step(analysis),
        look_from=now,
        canary_since=analysis.canary_since or since,
        weight_changes=changes,
        step_weight=settings.weight(after.step),
        achieved_weight=achieved_weight(*after.ratio),
    )


def _closed(memory: Memory, ended: Ended, now: datetime) -> Memory:
    ledger = book.end(memory.ledger, ended, now)
    stable = memory.stable
    if ended.outcome is Outcome.PROMOTED:
        if stable:
            ledger = book.replaced(ledger, stable.revision, now)
        candidate = ended.candidate
        stable = Stable(candidate.version, candidate.revision, candidate.sha256 or "")
    return replace(memory, stable=stable, rollout=Idle(), analysis=Analysis(), ledger=ledger)


EVENT_OF = {
    Outcome.PROMOTED: EventReason.PROMOTED,
    Outcome.ROLLED_BACK: EventReason.ROLLED_BACK,
    Outcome.FAILED_PREFLIGHT: EventReason.PREFLIGHT_FAILED,
    Outcome.SUPERSEDED: EventReason.SUPERSEDED,
    Outcome.ABORTED: EventReason.ABORTED,
}


def _announced(before: Rollout, after: Rollout | Ended, settings: Settings) -> list[Announcement]:
    match after:
        case Ended(candidate=candidate, outcome=outcome, message=message):
            warning = outcome not in {Outcome.PROMOTED, Outcome.SUPERSEDED}
            return [Announcement(EVENT_OF[outcome], f"{candidate.version}: {message}", warning=warning)]
        case Resolving(candidate=candidate):
            return [Announcement(EventReason.ROLLOUT_STARTED, f"{candidate.version} from {candidate.shown_uri}")]
        case Stepping(candidate=candidate, step=step) if not _same_step(before):
            place = f"step {step + 1} of {len(settings.steps)}, weight {settings.weight(step)} %"
            return [Announcement(EventReason.STEP_STARTED, f"{candidate.version}: {place}")]
        case _:
            return _resolved(before, after)


def _same_step(before: Rollout) -> bool:
    return isinstance(before, Shifting) and before.in_force == before.step


def _resolved(before: Rollout, after: Rollout | Ended) -> list[Announcement]:
    if isinstance(before, Resolving) and not isinstance(after, Ended | Idle):
        candidate: Candidate = after.candidate
        return [Announcement(EventReason.MODEL_RESOLVED, f"{candidate.version} is sha256:{candidate.sha256}")]
    return []


def _settled(world: World, status: dict[str, Any]) -> dict[str, Any]:
    """The old status, when only the clock has moved, and only a little: every write wakes everybody who watches."""
    old = world.mdep.status.model_dump(**WIRE)
    if not (old.get("canary") and status.get("canary")):
        return status
    was = old["canary"]["observed"]
    if (world.now - parse(was["at"])).total_seconds() >= CLOCK_GRAIN_SECONDS:
        return status
    same = {**status, "canary": {**status["canary"], "observed": was}} == old
    return old if same else status


def _requeue(world: World, memory: Memory, moving: bool) -> float | None:
    """When to look again even if nothing happens; events come by themselves."""
    if isinstance(memory.rollout, Idle):
        return IMPATIENCE_SECONDS if moving else None
    look = next_look_in(world, memory)
    return min(IMPATIENCE_SECONDS, max(look, 0.2)) if look is not None else IMPATIENCE_SECONDS
