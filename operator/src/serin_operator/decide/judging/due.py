"""When a look is due, and what it asks."""

from datetime import datetime, timedelta
from typing import Final

from serin_operator.decide.judging.alone import looks_an_interval
from serin_operator.decide.judging.blocked import blocked_of
from serin_operator.decide.judging.config import interval_of
from serin_operator.decide.judging.judge import remembered_judgement
from serin_operator.decide.judging.shares import Pace
from serin_operator.decide.looks import Look, Span
from serin_operator.decide.memory.compared import sides_of
from serin_operator.decide.memory.memory import Memory
from serin_operator.decide.watched import watched_seconds
from serin_operator.decide.world import World

LOOKS_BEFORE: Final = 8
SCRAPED_LATE: Final = timedelta(seconds=1)
"""A look needs two scrapes of every pod, and a busy Prometheus comes so much later to some."""


def pace_of(world: World, before: datetime) -> Pace:
    """How often this ModelDeployment is looked at, which was observed last at ``before``."""
    analysis = world.mdep.spec.analysis
    interval = interval_of(analysis).total_seconds() if analysis else 30.0
    return Pace(interval, world.config.scrape_interval_seconds, watched_seconds(world, before))


def due_look(world: World, memory: Memory) -> Look | None:
    """The look that can be asked for now; None when it is too early, or nothing is to be judged.

    Looks that a change has closed come first, the oldest before the others; one that is due by its age already is taken as far as
    can be asked for, and its rest a moment later. The end of a look lies two scrape intervals
    back at least: what Prometheus says about it no longer changes, so the same look can be asked for again after a restart.
    """
    look = _look(world, memory, world.now)
    return None if look is None or blocked_of(world) else look


def _look(world: World, memory: Memory, now: datetime) -> Look | None:
    """The look that can be asked for at ``now``."""
    analysis, sides, comparison = world.mdep.spec.analysis, sides_of(memory), memory.comparison
    if analysis is None or sides is None or has_failed(memory):
        return None
    span = _due_span(world, memory, now)
    if span is None:
        return None
    since = comparison.since or span.start
    quiet_until = comparison.changes[0].start if comparison.changes else since
    is_first = not comparison.evidence.get("metrics")
    return Look(
        namespace=world.mdep.namespace,
        name=world.mdep.name,
        stable=sides.stable,
        canary=sides.canary,
        start=span.start,
        end=span.end,
        canary_since=since,
        weight_changes=comparison.changes,
        before=(quiet_until - LOOKS_BEFORE * interval_of(analysis), quiet_until) if is_first else None,
        namespace_label=world.config.namespace_label,
    )


def look_ahead(world: World, memory: Memory) -> tuple[Look, float] | None:
    """The look that comes next as things stand, if nothing forbids judging, and the seconds until it can be asked for.

    Whatever happens until then may close it, or change what it asks: then another comes in its place.
    """
    due = _due_at(world, memory)
    if due is None:
        return None
    due = max(due, world.now)
    look = _look(world, memory, due)
    return None if look is None else (look, (due - world.now).total_seconds())


def has_failed(memory: Memory) -> bool:
    """Whether a guard has found what it was for: a Fail stands, and more looks would not change it."""
    return memory.guard is not None and remembered_judgement(memory.comparison).failed is not None


def _due_span(world: World, memory: Memory, now: datetime) -> Span | None:
    due, comparison = _due_at(world, memory), memory.comparison
    if due is None or now < due:
        return None
    scrape = timedelta(seconds=world.config.scrape_interval_seconds)
    settled = now - 2 * scrape
    if comparison.closed:
        first = comparison.closed[0]
        return first if settled >= first.end else Span(first.start, min(settled, first.end - scrape))
    return Span(comparison.look_from, settled) if comparison.look_from else None


def _due_at(world: World, memory: Memory) -> datetime | None:
    analysis, comparison = world.mdep.spec.analysis, memory.comparison
    if analysis is None:
        return None
    scrape, interval = timedelta(seconds=world.config.scrape_interval_seconds), interval_of(analysis)
    start = comparison.closed[0].start if comparison.closed else comparison.look_from
    pace = interval / looks_an_interval(world, memory, analysis)
    if start is None:
        return None
    # The first is an interval after the first request, not after the weight is in force: clients hear both alike.
    paced = (comparison.taken_at or comparison.since or start) + pace
    due = max(start + 3 * scrape + min(scrape, SCRAPED_LATE), paced)
    if comparison.closed:
        ended = comparison.closed[0].end
        # What would be left of it may be too short to be counted.
        due = due if due <= ended + scrape else ended + 2 * scrape
    return max(due, comparison.failed_at + interval) if comparison.failed_at else due
