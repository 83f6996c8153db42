"""The shares of traffic as they are observed: what opens a look, and what closes it.

A look compares two versions over one interval of constant shares. It goes on through whatever the rollout does, as long as
the canary's share stays where it was, give or take what one pod makes. A change closes it: what came before is judged, and
only the interval of the change is dropped. A change that does not end is judged too, in pieces: never is nobody looking.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from serin_operator.decide.looks import Span
from serin_operator.decide.memory.comparison import Comparison
from serin_operator.decide.traffic.split import Arms
from serin_operator.decide.watched import LONGEST_GAP_SECONDS

STEADY_SECONDS: Final = 1.0
"""So long the shares must have been as they are before a look begins: two observations running."""
NEWS_SECONDS: Final = 1.0
"""What changes is told by watches within this time."""
MOST_CHANGES: Final = 40
MOST_CLOSED: Final = 10


@dataclass(frozen=True)
class Pace:
    """How often is looked, what is too short to be counted, and how long is watched without looking. All in seconds."""

    interval: float
    scrape: float
    watched: float = LONGEST_GAP_SECONDS
    """Who has not looked for longer may have missed when something changed."""


def observed(comparison: Comparison, arms: Arms, before: datetime, now: datetime, pace: Pace) -> Comparison:
    """Take one observation into account.

    Args:
        comparison: As it was remembered.
        arms: How the requests are shared now.
        before: When this was observed the time before: a change has happened since then.
        now: The time of this observation.
        pace: Of the looks.
    """
    before = min(before, now)
    if comparison.since is None:
        if not arms.has_canary:
            return comparison
        comparison = replace(comparison, since=before, change_from=before)
    comparison = _without_future(comparison, now)
    if comparison.change_from is None:
        if _is_steady(comparison, arms) and comparison.look_from is not None:
            return comparison
        comparison = _closed(comparison, before, now, pace)
    return _settling(comparison, arms, now, pace)


def _is_steady(comparison: Comparison, arms: Arms) -> bool:
    if not arms.is_settled or arms.stable + arms.canary <= 0:
        return False
    return abs(arms.share - comparison.share) <= arms.tolerance and _same_side(comparison, arms)


def _same_side(comparison: Comparison, arms: Arms) -> bool:
    """Nobody who had traffic has none now, and nobody who had none has some; nor has it come in another way."""
    if (arms.mirror, arms.testers) != (comparison.mirror, comparison.testers):
        return False
    return (arms.canary > 0) == (comparison.share > 0) and (arms.stable > 0) == (comparison.share < 100)


def _closed(comparison: Comparison, before: datetime, now: datetime, pace: Pace) -> Comparison:
    """The open look ends where the shares may have begun to change."""
    start = comparison.look_from or before
    if (now - before).total_seconds() <= pace.watched:
        before = max(before, now - timedelta(seconds=NEWS_SECONDS))
    end = min(max(before, start), now)
    ended = replace(comparison, look_from=None, change_from=end, steady_from=None)
    if (end - start).total_seconds() >= pace.scrape:
        return replace(ended, closed=(*comparison.closed, Span(start, end))[-MOST_CLOSED:])
    # Both ends of less may be the same scrape. What is too short to be judged is part of the change around it.
    last = comparison.changes[-1] if comparison.changes else None
    if last is None or last.end != start:
        return replace(ended, change_from=start)
    return replace(ended, change_from=last.start, changes=comparison.changes[:-1])


def _settling(comparison: Comparison, arms: Arms, now: datetime, pace: Pace) -> Comparison:
    """In a change: it is over when the shares stay; one that lasts is judged as it is, since nobody else would."""
    if arms.stable + arms.canary <= 0:  # as at zero: nobody answers, so there is nothing to judge until somebody does
        return replace(comparison, steady_from=None)
    share = arms.rounded
    start = comparison.change_from or now
    lasts = (now - start).total_seconds() >= 2 * pace.interval
    if lasts:
        changes = (*comparison.changes, Span(start, now))
        closed = (*comparison.closed, Span(start, now))[-MOST_CLOSED:]
        comparison = _trimmed(replace(comparison, changes=changes, closed=closed, change_from=now))
    if comparison.steady_from is None or not _is_steady(comparison, arms):
        return replace(comparison, steady_from=now, share=share, mirror=arms.mirror, testers=arms.testers)
    if (now - comparison.steady_from).total_seconds() < 0.9 * STEADY_SECONDS:
        return comparison
    changes = (*comparison.changes, Span(comparison.change_from or now, now))
    return _trimmed(replace(comparison, changes=changes, change_from=None, steady_from=None, look_from=now))


def _trimmed(comparison: Comparison) -> Comparison:
    """Only so many changes are remembered; what came before the oldest is not used any more."""
    if len(comparison.changes) <= MOST_CHANGES:
        return comparison
    dropped = comparison.changes[-MOST_CHANGES - 1]
    since = max(comparison.since or dropped.end, dropped.end)
    return replace(comparison, changes=comparison.changes[-MOST_CHANGES:], since=since)


def _without_future(comparison: Comparison, now: datetime) -> Comparison:
    """A clock that was set back leaves times in the future: what they speak of is dropped, and begins now."""
    late = now + timedelta(seconds=1)
    counted = comparison.evidence.get("takenAt") or 0.0
    spans = (*comparison.closed, *comparison.changes)
    moments = (comparison.look_from, comparison.change_from, comparison.steady_from, comparison.taken_at)
    others = (comparison.failed_at, comparison.since, comparison.stage_from, *(span.end for span in spans))
    if counted <= late.timestamp() and not any(moment and moment > late for moment in (*moments, *others)):
        return comparison
    evidence = {**comparison.evidence, "takenAt": min(counted, now.timestamp())} if comparison.evidence else {}
    return replace(
        comparison,
        evidence=evidence,
        since=min(comparison.since or now, now),
        look_from=None,
        change_from=now,
        steady_from=None,
        closed=(),
        changes=tuple(span for span in comparison.changes if span.end <= late),
        stage_from=min(comparison.stage_from, now) if comparison.stage_from else None,
        taken_at=None,
        failed_at=None,
    )
