"""The comparison goes on after a promotion: how a guard begins, what it does meanwhile, and how it ends.

It lives beside Idle and moves nothing by itself. One that fails says so; if it is to go back, it makes a hold of the version
before, as a person does with ``rollback=<version>``, and the state machine does the rest.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from serin_operator.api.reasons import EventReason, Outcome
from serin_operator.decide.health.diagnosis import trouble_of
from serin_operator.decide.judging.blocked import blocked_of
from serin_operator.decide.judging.due import pace_of
from serin_operator.decide.judging.guarded import floor_of
from serin_operator.decide.judging.judge import remembered_judgement
from serin_operator.decide.judging.shares import observed as observed_shares
from serin_operator.decide.memory import ledger as book
from serin_operator.decide.memory.comparison import Comparison
from serin_operator.decide.memory.guard import Guard
from serin_operator.decide.memory.guarded import ALL
from serin_operator.decide.memory.memory import Memory
from serin_operator.decide.memory.outbox import Announcement
from serin_operator.decide.memory.states import Ended, Idle, Kind
from serin_operator.decide.memory.stops import Hold
from serin_operator.decide.rollout.sizes import live_size_of
from serin_operator.decide.rollout.target import is_remembered
from serin_operator.decide.timestamps import stamp
from serin_operator.decide.traffic.split import Arms
from serin_operator.decide.wanted.settings import GuardSettings, Settings
from serin_operator.decide.world import World

MOST_SAID: Final = 800
"""Characters of evidence in an Event, which has to say what follows as well."""
WATCHED: Final = frozenset({Kind.CANARY, Kind.DIRECT})
"""The first version, one that replaced what served nothing, and one that a person went back to have nothing better behind them."""


@dataclass(frozen=True)
class Guarded:
    """Memory after one more observation, and what is said of it."""

    memory: Memory
    announcements: tuple[Announcement, ...] = ()


def begun(world: World, memory: Memory, ended: Ended, settings: Settings) -> tuple[Guard | None, Comparison]:
    """The guard of the version that a rollout has just promoted, and the comparison that it goes on with: its evidence is its own.

    Args:
        world: What is observed.
        memory: As it was in the rollout.
        ended: How that ended.
        settings: What the spec asks for.
    """
    candidate, stable = ended.candidate, memory.stable
    is_wanted = candidate.kind in WATCHED and candidate.revision == settings.revision
    if settings.guard is None or ended.outcome is not Outcome.PROMOTED or stable is None or not is_wanted:
        return None, Comparison()
    guard = Guard(candidate.revision, candidate.version, stable.revision, stable.version, world.now, world.now)
    known = memory.comparison
    is_open = known.share == ALL and known.change_from is None
    return guard, Comparison(
        since=known.since or world.now,
        look_from=known.look_from if is_open else None,
        share=ALL,
        change_from=None if is_open and known.look_from else known.change_from or world.now,
        closed=known.closed,
        changes=known.changes,
        taken_at=known.taken_at,
    )


def observed_beside(world: World, memory: Memory) -> Memory:
    """One more observation of a version that has all traffic, whoever leads it there."""
    guard = memory.guard
    if guard is None:
        return memory
    arms = Arms(world.reached(guard.previous_revision), world.reached(guard.revision))
    comparison = observed_shares(memory.comparison, arms, guard.at, world.now, pace_of(world, guard.at))
    return replace(memory, comparison=comparison, guard=replace(guard, at=world.now))


def guarded(world: World, memory: Memory, settings: Settings) -> Guarded:
    """What becomes of a guard, after this reconcile's look."""
    guard, stable = memory.guard, memory.stable
    if guard is None or not isinstance(memory.rollout, Idle):
        return Guarded(memory)
    if settings.guard is None or stable is None or stable.revision != guard.revision:
        return ended(memory, "the spec asks for none any more")
    failed = remembered_judgement(memory.comparison).failed
    if failed and not book.is_doubted(memory.ledger, guard.revision):
        return _failed(world, memory, guard, settings, failed)
    if book.entry(memory.ledger, guard.previous_revision) is None:
        return ended(memory, f"status.versions knows nothing of revision {guard.previous_revision} any more")
    if world.now >= ends_at(guard, settings.guard):
        return ended(memory, f"its time is over; {_found(memory)}")
    return Guarded(memory)


def ended(memory: Memory, why: str) -> Guarded:
    """Nobody watches any more; the version before goes."""
    guard = memory.guard
    if guard is None:
        return Guarded(memory)
    said = Announcement(EventReason.GUARD_ENDED, f"{guard.version} is no longer compared with {guard.previous}: {why}")
    return Guarded(replace(memory, guard=None, comparison=Comparison()), (said,))


def ends_at(guard: Guard, wanted: GuardSettings) -> datetime:
    """When the guard is over: by the wall clock, since nothing has to be waited for."""
    return guard.since + timedelta(seconds=wanted.seconds)


def message_of(world: World, memory: Memory, guard: Guard, settings: Settings) -> str:
    """What it is compared with, and what keeps it from that. Never with a clock in it."""
    keeps = kept_pods(world, memory, settings).get(guard.previous_revision, 0)
    told = [f"{guard.version} has all traffic; {_with_what(world, guard, keeps)}"]
    if blocked := blocked_of(world):
        told.append(f"nothing is judged: {blocked.message}")
    elif settings.guard and not settings.guard.metrics and floor_of(memory, settings) is None:
        told.append("nothing is judged: spec.analysis has no gate; name metrics in spec.guard.metrics")
    told += [beaten] if (beaten := _not_beaten(world, memory, guard, settings)) else []
    judged = remembered_judgement(memory.comparison)
    told += [f"nothing is judged for now: {judged.unanswered}"] if judged.unanswered and not blocked else []
    told += [judged.failed] if judged.failed else []
    return "; ".join(told)


def _not_beaten(world: World, memory: Memory, guard: Guard, settings: Settings) -> str | None:
    """Why the simple baseline judges nothing, where the spec asks for it."""
    wanted = world.mdep.spec.guard
    if wanted is None or wanted.must_beat is None or settings.guard is None:
        return None
    if settings.guard.must_beat is None:
        return "mustBeat is not judged: spec.analysis has no metric of kind accuracy, whose labels would tell"
    if floor_of(memory, settings) is None:
        return (
            f"mustBeat is not judged: no simpleBaseline.accuracy between 0 and 1 was read in the baseline.json of {guard.version}"
            " when it was resolved (spec.preflight.baseline)"
        )
    return None


def kept_pods(world: World, memory: Memory, settings: Settings) -> dict[str, int]:
    """Pods of the version before, by its revision: none where none are to be kept, and never more than of what serves.

    They make room where pods of the version that serves find none; then they wait for some of their own.
    """
    guard, wanted = memory.guard, settings.guard
    if guard is None or wanted is None or not wanted.keeps or not isinstance(memory.rollout, Idle):
        return {}
    if _lacks_room(world, guard):
        return {}
    return {guard.previous_revision: min(wanted.keeps, live_size_of(world, memory, settings))}


def _lacks_room(world: World, guard: Guard) -> bool:
    return any(pod.unschedulable for pod in world.revision(guard.revision).servers)


def _with_what(world: World, guard: Guard, keeps: int) -> str:
    if not keeps and _lacks_room(world, guard):
        return f"{guard.previous}, the version before, keeps no pod while one of {guard.version} finds no node"
    if not keeps:
        return f"{guard.previous}, the version before, keeps no pod"
    before = world.revision(guard.previous_revision)
    kept = f"{guard.previous} is kept to be compared with"
    if before.ready:
        return kept
    trouble = trouble_of(before)
    return f"{kept}, and none of its pods is ready: {trouble.message if trouble else 'they start, or do not say why'}"


def _failed(world: World, memory: Memory, guard: Guard, settings: Settings, evidence: str) -> Guarded:
    """The evidence is written down for good; what was asked for in that case is done at once."""
    memory = replace(memory, ledger=book.doubted(memory.ledger, guard.revision, evidence))
    refusal = next(_not_back(world, memory, guard, settings), None)
    then = refusal or f"{guard.previous} comes back at once, without a canary"
    said = (Announcement(EventReason.GUARD_FAILED, f"{guard.version}: {evidence[:MOST_SAID]}; {then}", warning=True),)
    if refusal:
        return Guarded(memory, said)
    hold = Hold(guard.previous_revision, guard.previous, settings.revision, world.now, guard_of=guard.version)
    return Guarded(replace(memory, guard=None, comparison=Comparison(), hold=hold), said)


def _not_back(world: World, memory: Memory, guard: Guard, settings: Settings) -> Iterator[str]:
    """Why the version before does not come back."""
    if settings.guard and not settings.guard.goes_back:
        yield f"it serves on, as spec.guard.onFailure says; {guard.previous} can be gone back to"
    if memory.hold:
        yield f"it serves on, since it is held by {memory.hold.told}"
    if book.entry(memory.ledger, guard.previous_revision) is None or not is_remembered(
        world, settings, guard.previous_revision
    ):
        yield f"it serves on, since nothing tells any more how pods of {guard.previous} are made"


def _found(memory: Memory) -> str:
    """What each metric says at the end."""
    rows = [f"{row.metric}: {row.message or row.reason}" for row in memory.comparison.results]
    return "; ".join(rows) or "nothing was judged"


def begins(guard: Guard, settings: Settings) -> Announcement:
    """What is told of a guard that has just begun."""
    until = f" until {stamp(ends_at(guard, settings.guard))}" if settings.guard else ""
    message = f"{guard.version} is watched{until}; status.guard tells how it compares with {guard.previous}"
    return Announcement(EventReason.GUARD_BEGAN, message)
