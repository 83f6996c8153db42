"""When a ModelDeployment is looked at again even if nothing happens; events come by themselves."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from serin_operator.decide.health.collecting import is_down
from serin_operator.decide.judging.due import look_ahead
from serin_operator.decide.looks import Look
from serin_operator.decide.memory.memory import Memory
from serin_operator.decide.memory.outbox import Announcement, Notice
from serin_operator.decide.memory.states import Baking, Holding, Idle, Moving, Reaching, Waiting
from serin_operator.decide.rollout.guarding import ends_at
from serin_operator.decide.traffic.provider import provider_of
from serin_operator.decide.wanted.settings import Settings
from serin_operator.decide.world import World

IMPATIENCE_SECONDS: Final = 5.0
SOON_SECONDS: Final = 1.0
AUTOSCALER_SECONDS: Final = 30.0
"""Nobody tells when one that aims at a child has gone."""
COLLECTOR_SECONDS: Final = 30.0
"""Nobody tells what becomes of the pods of a collector that does not run."""
TOLD_SECONDS: Final = 0.2
"""Where nothing moves any more, what was told leaves status at once, and then status rests."""
CALM_SECONDS: Final = 40.0
"""The longest that nobody looks at a hold; beyond the usual interval of looks, below ``LONGEST_WATCHED_SECONDS``."""
QUIET_SECONDS: Final = 60.0
"""So long the shares have been as they are before a hold counts as calm."""


@dataclass(frozen=True)
class Again:
    """When to look again."""

    after: float | None
    """Seconds, for who takes looks itself; None: only when something happens."""
    look: Look | None = None
    """The look that comes next, as things stand."""
    look_after: float = 0.0
    """Seconds until it can be asked for."""
    meanwhile: float | None = None
    """The same as ``after``, for who is told when the look has been taken."""


def again_of(
    world: World, memory: Memory, before: Memory, settings: Settings, waiting: Waiting, *, is_blocked: bool
) -> Again:
    """When to look again, and at what.

    Args:
        world: As it was decided about.
        memory: As it is now.
        before: As it was found.
        settings: From the spec.
        waiting: What the rollout waits for.
        is_blocked: Something forbids judging, so no look will be due.
    """
    delays = _delays(world, memory, before, settings, waiting)
    ahead = None if is_blocked else look_ahead(world, memory)
    meanwhile = min(delays, default=None)
    if ahead is None:
        return Again(meanwhile, meanwhile=meanwhile)
    look, due = ahead
    return Again(min([*delays, max(due, 0.2)]), look, due, meanwhile)


def _delays(world: World, memory: Memory, before: Memory, settings: Settings, waiting: Waiting) -> list[float]:
    """Of everything but looks."""
    again = provider_of(world).look_again_in(world)
    patience = _patience_seconds(world, memory, settings, waiting)
    moves = waiting.is_moving or memory.outage or memory.rebuilt_at or memory.floor
    delays = [*([again] if again else []), *([patience] if moves else [])]
    if world.autoscalers:
        delays.append(AUTOSCALER_SECONDS)
    if is_down(world):
        delays.append(COLLECTOR_SECONDS)
    if isinstance(memory.rollout, Idle):
        return [*delays, *_until_told(memory, before), *_of_guard(world, memory, settings)]
    delays.append(patience)
    if _is_settling(world, memory, memory.rollout):
        delays.append(SOON_SECONDS)
    return delays


def _patience_seconds(world: World, memory: Memory, settings: Settings, waiting: Waiting) -> float:
    """How often is looked while nothing happens, which events would tell. A kill loses no more than a twentieth of a hold."""
    rollout = memory.rollout
    if not isinstance(rollout, Holding | Baking) or not _is_calm(world, memory, rollout, waiting):
        return IMPATIENCE_SECONDS
    lasts = waited_for(memory, settings)
    patience = min(max(lasts / 20, IMPATIENCE_SECONDS), CALM_SECONDS)
    left = [lasts - rollout.clock.held, settings.deadline_seconds - rollout.clock.analysed]
    return min([patience, *(max(each, 0.2) for each in left if each > 0)])


def _is_calm(world: World, memory: Memory, rollout: Holding | Baking, waiting: Waiting) -> bool:
    """Whether nothing is the matter, and nothing was a moment ago: what comes next is a look, or the end of the hold."""
    clock, changes = rollout.clock, memory.comparison.changes
    is_untold = provider_of(world).look_again_in(world) is not None  # a route of one's own, say, which others edit
    is_odd = is_untold or memory.outage or memory.rebuilt_at or waiting.degraded or clock.waited or clock.dark
    if is_odd or memory.comparison.look_from is None:
        return False
    return not changes or (world.now - changes[-1].end).total_seconds() >= QUIET_SECONDS


def waited_for(memory: Memory, settings: Settings) -> float:
    """Seconds for which the present state lasts at least."""
    if isinstance(memory.rollout, Holding) and memory.rollout.stage < len(settings.stages):
        return settings.stages[memory.rollout.stage].hold_seconds
    return settings.bake_seconds if isinstance(memory.rollout, Baking) else 0.0


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


def _of_guard(world: World, memory: Memory, settings: Settings) -> list[float]:
    """When a guard has something to do beside its looks: its end, or shares that have just become as they are."""
    if memory.guard is None or settings.guard is None:
        return []
    delays = [max((ends_at(memory.guard, settings.guard) - world.now).total_seconds(), 0.2)]
    if _is_just_so(world, memory.comparison.steady_from):
        delays.append(SOON_SECONDS)
    return delays
