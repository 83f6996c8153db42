"""``decide``: from a world to what should be done about it. A pure function; the heart of the operator.

The order is that of the files: recall memory, hear what people ask for, observe, judge, walk the rollout, and from the
memory that results say what should exist and what is told.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

from serin_operator.api.reasons import EventReason
from serin_operator.decide.again import Again, again_of, waited_for
from serin_operator.decide.children.guard import keep_what_serves
from serin_operator.decide.children.operations import Operation
from serin_operator.decide.children.wanted import operations
from serin_operator.decide.judging.due import due_look
from serin_operator.decide.judging.verdict import judged
from serin_operator.decide.looks import Look
from serin_operator.decide.memory import ledger as book
from serin_operator.decide.memory.memory import Memory
from serin_operator.decide.memory.outbox import Announcement, Content, Letter, delivered, posted
from serin_operator.decide.memory.rebuild import recall
from serin_operator.decide.memory.recalled import Recalled
from serin_operator.decide.memory.states import Idle
from serin_operator.decide.memory.written import written_outbox
from serin_operator.decide.observing import Observed, observed, prepared
from serin_operator.decide.rollout.guarding import guarded
from serin_operator.decide.rollout.steering import Heard, hear
from serin_operator.decide.telling.alarms import alarms
from serin_operator.decide.telling.notices import notices
from serin_operator.decide.telling.overlay import overlaid
from serin_operator.decide.telling.settled import LONGEST_GRAIN_SECONDS, settled
from serin_operator.decide.telling.size import fitted
from serin_operator.decide.telling.status import status_of
from serin_operator.decide.traffic.lending import lent_after
from serin_operator.decide.walking import walk
from serin_operator.decide.wanted.settings import Settings, settings_of
from serin_operator.decide.world import World

WIRE: Final[dict[str, Any]] = {"by_alias": True, "exclude_none": True, "mode": "json"}
SHORTEST_GRAIN_SECONDS: Final = 5.0


@dataclass(frozen=True)
class Decision:
    """What to write, in this order: status (the memory), operations; then what is to be told."""

    status: dict[str, Any]
    carried: dict[str, Any] | None
    """The status with the clocks of now, where those alone are not worth a write; for the next decision of this process."""
    operations: tuple[Operation, ...]
    letters: tuple[Letter, ...]
    again: Again
    """When to look again, even if nothing happens."""

    @property
    def requeue_after(self) -> float | None:
        """Seconds until then, for who takes looks itself."""
        return self.again.after


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
        again_of(world, memory, found.memory, settings, waiting, is_blocked=walked.is_blocked),
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
    return min(max(waited_for(memory, settings) / 100, SHORTEST_GRAIN_SECONDS), LONGEST_GRAIN_SECONDS)


def _about_memory(found: Recalled) -> list[Announcement]:
    if not found.unreadable:
        return []
    fields = ", ".join(f"status.{name}" for name in found.unreadable)
    message = f"{fields} was lost or cannot be read; it was rebuilt from what exists"
    return [Announcement(EventReason.STATUS_REBUILT, message, warning=True)]
