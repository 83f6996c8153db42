"""A guard and its comparison, to status and back."""

from datetime import datetime

from serin_operator.api.status_of_rollouts import GuardStatus
from serin_operator.decide.looks import Span
from serin_operator.decide.memory.comparison import Comparison
from serin_operator.decide.memory.guard import Guard
from serin_operator.decide.timestamps import parse, precise

ALL = 100
"""Percent of the traffic that a promoted version has, unless its pods are gone."""


def written_guard(guard: Guard, comparison: Comparison, *, until: datetime, verdict: str, message: str) -> GuardStatus:
    """What has to be remembered, and what people want to know.

    Args:
        guard: Which versions.
        comparison: What was counted.
        until: When it ends.
        verdict: Of all gates.
        message: What it is compared with, in a sentence.
    """
    return GuardStatus(
        version=guard.version,
        revision=guard.revision,
        previous=guard.previous,
        previous_revision=guard.previous_revision,
        since=precise(guard.since),
        until=precise(until),
        verdict=verdict,
        message=message[:1024],
        analysis=list(comparison.results) or None,
        observed_at=precise(guard.at),
        canary_since=precise(comparison.since or guard.since),
        weight_changes=[str(span) for span in comparison.changes] or None,
        share=None if comparison.share == ALL else comparison.share,
        change_since=_moment(comparison.change_from),
        change_steady_since=_moment(comparison.steady_from),
        closed_looks=[str(span) for span in comparison.closed] or None,
        last_look_at=_moment(comparison.look_from),
        look_taken_at=_moment(comparison.taken_at),
        failed_look_at=_moment(comparison.failed_at),
        evidence=dict(comparison.evidence) or None,
    )


def recalled_guard(status: GuardStatus | None) -> Guard | None:
    """Inverse. Raises ValueError for what no operator wrote."""
    if status is None:
        return None
    return Guard(
        status.revision,
        status.version,
        status.previous_revision,
        status.previous,
        parse(status.since),
        parse(status.observed_at),
    )


def recalled_comparison(status: GuardStatus) -> Comparison:
    """What was counted. Raises ValueError for what no operator wrote."""
    return Comparison(
        evidence=status.evidence or {},
        results=tuple(status.analysis or ()),
        since=parse(status.canary_since),
        look_from=_parsed(status.last_look_at),
        share=ALL if status.share is None else status.share,
        change_from=_parsed(status.change_since),
        steady_from=_parsed(status.change_steady_since),
        closed=tuple(span for span in map(Span.parse, status.closed_looks or ()) if span.start < span.end),
        changes=tuple(map(Span.parse, status.weight_changes or ())),
        taken_at=_parsed(status.look_taken_at),
        failed_at=_parsed(status.failed_look_at),
    )


def _moment(moment: datetime | None) -> str | None:
    return precise(moment) if moment else None


def _parsed(text: str | None) -> datetime | None:
    return parse(text) if text else None
