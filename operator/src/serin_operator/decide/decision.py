"""``decide``: from a world to what should be done about it. A pure function; the heart of the operator.

The order is that of the files: recall memory, hear what people ask for, observe, judge, walk the rollout, and from the
memory that results say what should exist and what is told.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from serin_operator.api.reasons import EventReason
from serin_operator.decide.children.guard import keep_what_serves
from serin_operator.decide.children.operations import Operation
from serin_operator.decide.children.wanted import operations
from serin_operator.decide.health.collecting import is_down
from serin_operator.decide.judging.due import due_look, next_look_in
from serin_operator.decide.judging.verdict import judged
from serin_operator.decide.looks import Look
from serin_operator.decide.memory import ledger as book
from serin_operator.decide.memory.memory import Memory
from serin_operator.decide.memory.outbox import Announcement, Content, Letter, Notice, delivered, posted
from serin_operator.decide.memory.rebuild import recall
from serin_operator.decide.memory.recalled import Recalled
from serin_operator.decide.memory.states import Baking, Holding, Idle, Moving, Reaching, Waiting
from serin_operator.decide.memory.written import written_outbox
from serin_operator.decide.observing import Observed, observed, prepared
from serin_operator.decide.rollout.guarding import ends_at, guarded
from serin_operator.decide.rollout.steering import Heard, hear
from serin_operator.decide.telling.alarms import alarms
from serin_operator.decide.telling.notices import notices
from serin_operator.decide.telling.overlay import overlaid
from serin_operator.decide.telling.settled import LONGEST_GRAIN_SECONDS, settled
from serin_operator.decide.telling.size import fitted
from serin_operator.decide.telling.status import status_of
from serin_operator.decide.traffic.lending import lent_after
from serin_operator.decide.traffic.provider import provider_of
from serin_operator.decide.walking import Walked, walk
from serin_operator.decide.wanted.settings import Settings, settings_of
from serin_operator.decide.world import World

WIRE: Final[dict[str, Any]] = {"by_alias": True, "exclude_none": True, "mode": "json"}
IMPATIENCE_SECONDS: Final = 5.0
SOON_SECONDS: Final = 1.0
AUTOSCALER_SECONDS: Final = 30.0
"""Nobody tells when one that aims at a child has gone."""
COLLECTOR_SECONDS: Final = 30.0
"""Nobody tells what becomes of the pods of a collector that does not run."""
TOLD_SECONDS: Final = 0.2
"""Where nothing moves any more, what was told leaves status at once, and then status rests."""
SHORTEST_GRAIN_SECONDS: Final = 5.0
CALM_SECONDS: Final = 10.0
"""How often is looked at a hold of which this is a hundredth; less than ``LONGEST_GAP_SECONDS``, beyond which time does not count."""


@dataclass(frozen=True)
class Decision:
    """What to write, in this order: status (the memory), operations; then what is to be told."""

    status: dict[str, Any]
    carried: dict[str, Any] | None
    """The status with the clocks of now, where those alone are not worth a write; for the next decision of this process."""
    operations: tuple[Operation, ...]
    letters: tuple[Letter, ...]
    requeue_after: float | None


@dataclass(frozen=True)
class Opening:
    """How a decision begins, up to where a look is wanted: nothing in it depends on what came of the look."""

    settings: Settings
    found: Recalled
    heard: Heard
    seen: Observed


def opening_of(world: World) -> Opening:
    """Recall memory, hear what people ask for, observe."""
    settings = settings_of(world.mdep.spec)
    found = recall(world)
    outbox = delivered(found.memory.outbox, world.told, world.config.channels)
    heard = hear(world, replace(found.memory, outbox=outbox), settings)
    return Opening(settings, found, heard, observed(world, prepared(world, heard.memory, settings), settings))


def look_due(world: World, opening: Opening) -> Look | None:
    """What to ask Prometheus before deciding about ``world``; None when no look is due."""
    return due_look(world, opening.seen.memory)


def decide(world: World, opening: Opening | None = None) -> Decision:
    """Decide about one ModelDeployment. Deciding again about the world that results changes nothing.

    Args:
        world: As observed, with the look that was due.
        opening: Of the same world without its look, where that has been made already.
    """
    opening = opening or opening_of(world)
    settings, found, heard, seen = opening.settings, opening.found, opening.heard, opening.seen
    verdict = judged(world, seen.memory, settings)
    watched = guarded(world, verdict.memory, settings)
    walked = walk(world, replace(verdict, memory=watched.memory), settings, abort=heard.abort)
    memory = replace(walked.memory, ledger=_pruned(walked.memory, settings), lent=lent_after(world, walked.memory.lent))
    todo, kept = keep_what_serves(world, operations(world, memory, settings), asleep=not settings.replicas)
    waiting = overlaid(world, memory, settings, walked.waiting, kept)
    told = status_of(world, memory, settings, waiting)
    said: list[Content] = [
        *_about_memory(found),
        *heard.announcements,
        *seen.announcements,
        *verdict.lines,
        *watched.announcements,
        *walked.said,
    ]
    if not walked.has_ended:  # its own event tells how it ended
        said += alarms(world, told, todo)
    said += notices(world, told, said)
    memory = replace(memory, outbox=posted(memory.outbox, said, world.now))
    told = told.model_copy(update={"outbox": written_outbox(memory.outbox)})
    exact = fitted(told.model_dump(**WIRE))
    is_at_rest = isinstance(memory.rollout, Idle)
    status = settled(world, exact, _grain_seconds(memory, settings), is_at_rest=is_at_rest)
    return Decision(
        status,
        exact if status != exact else None,
        todo,
        memory.outbox,
        _requeue(world, memory, walked, waiting, opening),
    )


def _pruned(memory: Memory, settings: Settings) -> book.Ledger:
    keep = {settings.revision}
    keep |= {memory.stable.revision} if memory.stable else set()
    keep |= {memory.hold.revision} if memory.hold else set()
    keep |= {memory.guard.previous_revision} if memory.guard else set()
    keep |= set() if isinstance(memory.rollout, Idle) else {memory.rollout.candidate.revision}
    return book.pruned(memory.ledger, keep, settings.history_limit)


def _grain_seconds(memory: Memory, settings: Settings) -> float:
    """How often clocks are written down: a kill loses a hundredth of what is being waited for, or a few seconds."""
    return min(max(_waited_for(memory, settings) / 100, SHORTEST_GRAIN_SECONDS), LONGEST_GRAIN_SECONDS)


def _patience_seconds(memory: Memory, settings: Settings) -> float:
    """How often is looked while nothing happens, which events would tell: what is held long may end a hundredth late."""
    return CALM_SECONDS if _waited_for(memory, settings) >= 100 * CALM_SECONDS else IMPATIENCE_SECONDS


def _waited_for(memory: Memory, settings: Settings) -> float:
    """Seconds for which the present state lasts at least."""
    if isinstance(memory.rollout, Holding) and memory.rollout.stage < len(settings.stages):
        return settings.stages[memory.rollout.stage].hold_seconds
    return settings.bake_seconds if isinstance(memory.rollout, Baking) else 0.0


def _about_memory(found: Recalled) -> list[Announcement]:
    if not found.unreadable:
        return []
    fields = ", ".join(f"status.{name}" for name in found.unreadable)
    message = f"{fields} was lost or cannot be read; it was rebuilt from what exists"
    return [Announcement(EventReason.STATUS_REBUILT, message, warning=True)]


def _until_told(memory: Memory, before: Memory) -> list[float]:
    """Until status is written without what was told at once; lines of a guard's looks are told once, and wait for the next write.

    Whoever delivers notices says when they have been, be it in a day.
    """
    letters = [each for each in memory.outbox if not isinstance(each.content, Notice)]
    if memory.guard is not None:
        letters = [each for each in letters if isinstance(each.content, Announcement)]
    known = {letter.key for letter in before.outbox}
    if not letters:
        return []
    return [IMPATIENCE_SECONDS if all(letter.key in known for letter in letters) else TOLD_SECONDS]


def _is_settling(world: World, memory: Memory, rollout: Moving) -> bool:
    """Whether something has just become so, and counts only if it still is in a second."""
    steady = rollout.steady if isinstance(rollout, Reaching) else None
    since = (memory.comparison.steady_from, steady)
    return any(_is_just_so(world, moment) for moment in since) or 0 < rollout.clock.dark < IMPATIENCE_SECONDS


def _is_just_so(world: World, moment: datetime | None) -> bool:
    return moment is not None and (world.now - moment).total_seconds() < 2 * SOON_SECONDS


def _of_guard(world: World, memory: Memory, settings: Settings, *, is_blocked: bool) -> list[float]:
    """When a guard has something to do: a look, its end, or shares that have just become as they are."""
    if memory.guard is None or settings.guard is None:
        return []
    delays = [max((ends_at(memory.guard, settings.guard) - world.now).total_seconds(), 0.2)]
    if _is_just_so(world, memory.comparison.steady_from):
        delays.append(SOON_SECONDS)
    look = None if is_blocked else next_look_in(world, memory)
    return delays if look is None else [*delays, max(look, 0.2)]


def _requeue(world: World, memory: Memory, walked: Walked, waiting: Waiting, opening: Opening) -> float | None:
    """When to look again even if nothing happens; events come by themselves."""
    again = provider_of(world).look_again_in(world)
    patience = IMPATIENCE_SECONDS if memory.outage else _patience_seconds(memory, opening.settings)
    moves = waiting.is_moving or memory.outage or memory.rebuilt_at or memory.floor
    delays = [*([again] if again else []), *([patience] if moves else [])]
    if world.autoscalers:
        delays.append(AUTOSCALER_SECONDS)
    if is_down(world):
        delays.append(COLLECTOR_SECONDS)
    if isinstance(memory.rollout, Idle):
        delays += _until_told(memory, opening.found.memory)
        delays += _of_guard(world, memory, opening.settings, is_blocked=walked.is_blocked)
    else:
        delays.append(patience)
        if _is_settling(world, memory, memory.rollout):
            delays.append(SOON_SECONDS)
        look = None if walked.is_blocked else next_look_in(world, memory)
        if look is not None:
            delays.append(max(look, 0.2))
    return min(delays, default=None)
