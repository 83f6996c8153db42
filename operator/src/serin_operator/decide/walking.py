"""From one state to the next, until nothing moves: what is judged, what is remembered on the way, what is said."""

from dataclasses import dataclass, replace
from datetime import datetime
from math import floor
from typing import Final

from serin_operator.api import names
from serin_operator.api.reasons import EventReason, Outcome, Reason
from serin_operator.decide.judging.blocked import blocked_of
from serin_operator.decide.judging.verdict import Verdict
from serin_operator.decide.memory import ledger as book
from serin_operator.decide.memory.actions import concluded
from serin_operator.decide.memory.comparison import Comparison
from serin_operator.decide.memory.memory import Memory, Stable
from serin_operator.decide.memory.outbox import Announcement, Line
from serin_operator.decide.memory.states import (
    Baking,
    Candidate,
    Ended,
    Holding,
    Idle,
    Kind,
    Moved,
    Moving,
    Reaching,
    Resolving,
    Switching,
    Waiting,
)
from serin_operator.decide.rollout.advance import advance
from serin_operator.decide.rollout.facts import facts_of
from serin_operator.decide.rollout.guarding import begins, begun
from serin_operator.decide.rollout.guarding import ended as over
from serin_operator.decide.rollout.intent import intent_of
from serin_operator.decide.rollout.leaving import left_by
from serin_operator.decide.rollout.plan import plan_of
from serin_operator.decide.rollout.sizes import with_floor
from serin_operator.decide.traffic.provider import provider_of
from serin_operator.decide.wanted.settings import Settings
from serin_operator.decide.world import World

MOST_ARROWS: Final = 12

EVENT_OF: Final = {
    Outcome.PROMOTED: EventReason.PROMOTED,
    Outcome.ROLLED_BACK: EventReason.ROLLED_BACK,
    Outcome.FAILED_PREFLIGHT: EventReason.PREFLIGHT_FAILED,
    Outcome.SUPERSEDED: EventReason.SUPERSEDED,
    Outcome.ABORTED: EventReason.ABORTED,
}


@dataclass(frozen=True)
class Walked:
    """Where it ends."""

    memory: Memory
    waiting: Waiting
    said: tuple[Announcement | Line, ...] = ()
    has_ended: bool = False
    is_blocked: bool = False
    """Something forbids judging, so no look will be due."""


def walk(world: World, verdict: Verdict, settings: Settings, *, abort: bool) -> Walked:
    """Advance until the rollout waits for something."""
    memory, judgement = verdict.memory, verdict.judgement
    said: list[Announcement | Line] = []
    has_ended, blocked = False, blocked_of(world)
    for _ in range(MOST_ARROWS):
        facts = facts_of(world, memory, settings, judgement, abort=abort, blocked=blocked)
        step = advance(memory.rollout, facts, plan_of(memory, settings))
        if isinstance(step, Waiting):
            return Walked(memory, step, tuple(said), has_ended, blocked is not None)
        said += _said(world, memory, step, settings)
        if isinstance(step, Ended):
            has_ended, abort = True, False
            said += _said_of_guards(memory, step)
            memory = _closed(world, memory, step, settings)
            said += [begins(memory.guard, settings)] if memory.guard else []
        else:
            memory = _entered(world, memory, step.state, settings)
        judgement = replace(judgement, failed=None, is_ripe=not settings.analysed)
    return Walked(memory, Waiting(Reason.REPAIRING, "there is more to do than in one look"), tuple(said), has_ended)


def _entered(world: World, memory: Memory, after: Moving, settings: Settings) -> Memory:
    """What is remembered on entering a state."""
    before = memory.rollout
    match after:
        case Resolving(candidate=candidate):
            ledger = book.begin(memory.ledger, candidate)
            return replace(memory, rollout=after, comparison=Comparison(), ledger=ledger, guard=None)
        case Reaching() | Switching():
            return with_floor(world, memory, after, settings)
        case Holding() if isinstance(before, Reaching):
            return replace(memory, rollout=after, comparison=_in_force(world, memory, after, settings))
        case _:
            return replace(memory, rollout=after)


def _in_force(world: World, memory: Memory, after: Holding, settings: Settings) -> Comparison:
    """A stage's weight has come into force: its samples are counted from here."""
    weight = plan_of(memory, settings).stages[after.stage].weight
    return replace(
        memory.comparison,
        stage_from=_stage_from(memory, world.now),
        stage_weight=weight,
        achieved=_achieved(world, memory, after.candidate.revision),
        is_ripe=False,
    )


def _achieved(world: World, memory: Memory, canary: str) -> int:
    """Percent of the requests that the canary gets, as observed."""
    stable = memory.stable.revision if memory.stable else ""
    return floor(provider_of(world).arms(world, stable, canary).share + 0.5)


def _stage_from(memory: Memory, now: datetime) -> datetime:
    """Since the weight has been steady: the look that is open began then or later."""
    rollout = memory.rollout
    steady = rollout.steady if isinstance(rollout, Reaching) else None
    return steady or now


def _closed(world: World, memory: Memory, ended: Ended, settings: Settings) -> Memory:
    ledger, stable = book.end(memory.ledger, ended, world.now), memory.stable
    candidate = ended.candidate
    if ended.outcome is Outcome.PROMOTED and stable:
        ledger = book.replaced(ledger, stable.revision, world.now)
        ledger = book.taken_away(ledger, stable.revision) if _is_done(memory, candidate) else ledger
    # A first version that serves, if only partly, serves on until something else does.
    takes_over = ended.outcome is Outcome.PROMOTED or (
        candidate.kind is Kind.FIRST and stable is None and world.revision(candidate.revision).has_proven_itself
    )
    if takes_over:
        stable = Stable(candidate.version, candidate.revision, candidate.sha256 or "")
    floor = memory.floor and replace(memory.floor, at=world.now)
    guard, comparison = begun(world, memory, ended, settings)
    return replace(
        memory,
        stable=stable,
        rollout=Idle(),
        comparison=comparison,
        guard=guard,
        hold=None if ended.outcome is Outcome.PROMOTED and _is_done(memory, candidate) else memory.hold,
        ledger=ledger,
        outage=None,
        floor=floor,
        leaving=left_by(world, memory, ended, settings),
        actions=concluded(memory.actions, ended),
    )


def _is_done(memory: Memory, candidate: Candidate) -> bool:
    """Whether the version comes back that a guard went back to: what it replaces is rejected, so nothing has to be held."""
    hold = memory.hold
    return hold is not None and hold.guard_of is not None and hold.revision == candidate.revision


def _said_of_guards(memory: Memory, ended: Ended) -> list[Announcement | Line]:
    """That a version is rejected after all, once the one before serves in its place."""
    stable = memory.stable
    if ended.outcome is not Outcome.PROMOTED or stable is None or not _is_done(memory, ended.candidate):
        return []
    known = book.entry(memory.ledger, stable.revision)
    message = f"{stable.version}: {known.message if known else 'its guard failed'}"
    return [Announcement(EventReason.ROLLED_BACK, message, warning=True)]


def _said(world: World, memory: Memory, step: Moved | Ended, settings: Settings) -> list[Announcement | Line]:
    if isinstance(step, Ended):
        candidate, outcome = step.candidate, step.outcome
        warning = outcome not in {Outcome.PROMOTED, Outcome.SUPERSEDED}
        event = Announcement(EVENT_OF[outcome], f"{candidate.version}: {step.message}", warning=warning)
        fields = {
            "namespace": world.mdep.namespace,
            "name": world.mdep.name,
            "version": candidate.version,
            "outcome": outcome.value,
            "reason": step.reason.value,
            "message": step.message,
        }
        return [event, Line("rollout ended", fields)]
    match step.state:
        case Resolving(candidate=candidate):
            started = Announcement(EventReason.ROLLOUT_STARTED, f"{candidate.version} from {candidate.shown_uri}")
            return [*over(memory, f"{candidate.version} is rolled out").announcements, started]
        case Holding(candidate=candidate, stage=stage):
            stages, reached = plan_of(memory, settings).stages, _achieved(world, memory, candidate.revision)
            weight = stages[stage].weight
            more = "" if reached == weight else f"; the pods there are make it {reached} %"
            if intent_of(world, replace(memory, rollout=step.state), settings).preview:
                more = f"; it can be tried at Service {names.preview_service(world.mdep.name)}"
            elif not weight:
                more = f"; it gets {stages[stage].words}"
            place = f"step {stage + 1} of {len(stages)}, weight {weight} %{more}"
            then = "; after its time it waits for a person" if stages[stage].pause else ""
            return [Announcement(EventReason.STEP_STARTED, f"{candidate.version}: {place}{then}")]
        case Baking(candidate=candidate):
            message = f"{candidate.version} has all traffic; the version before is kept for {settings.bake_seconds} s"
            return [Announcement(EventReason.SWITCHED, message)]
        case state if isinstance(memory.rollout, Resolving):
            candidate = state.candidate
            return [Announcement(EventReason.MODEL_RESOLVED, f"{candidate.version} is sha256:{candidate.sha256}")]
        case _:
            return []
