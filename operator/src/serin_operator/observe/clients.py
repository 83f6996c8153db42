"""Sums over stable's clients in one look, from which follows how much its requests resemble one another."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from serin_operator.api.kinds.reading import Counter
from serin_operator.decide.analysis import Clients, NoData, QueryFailed
from serin_operator.decide.looks import Look
from serin_operator.observe.counts import counted, told_of
from serin_operator.observe.prometheus_client import Series

STRETCH_SECONDS: Final = 30
"""The servers' windows: they begin at whole multiples of it."""


def clients_of(
    counter: Counter, series: Sequence[Series], look: Look, start: datetime, end: datetime
) -> Clients | None:
    """The sums between two moments; None where servers export none, or a scrape was missed."""
    counts = counted(counter, None, series, start)
    if isinstance(counts, NoData | QueryFailed):
        return None
    told = {name: round(value) for name, value in told_of(counts, look.stable).items()}
    if not told.get("all"):
        return None
    return Clients(
        clients=told.get("clients", 0),
        stretches=int(end.timestamp() // STRETCH_SECONDS) - int(start.timestamp() // STRETCH_SECONDS),
        total=told["all"],
        bad=told.get("bad", 0),
        total_squared=told.get("all_squared", 0),
        bad_squared=told.get("bad_squared", 0),
        total_bad=told.get("all_times_bad", 0),
    )
