"""Exact counts of one counter in one look, from its series at both ends.

Servers label each series with a ``server_id`` that is new for each process, so a counter never goes back to 0 within a
series. Exact to the last scrape. Counters of somebody else have no such label: one that falls has begun anew, as everywhere.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from math import isfinite

from serin_operator.api.kinds.reading import Counter, Told, bucket
from serin_operator.decide.analysis import NoData, QueryFailed
from serin_operator.observe.prometheus_client import Series
from serin_operator.observe.questions import labels_of, needed_of
from serin_operator.observe.soundness import ALIVE, BORN, END, PROCESS, START, flaw_of, missed, shown

GRACE_SECONDS = 1.0
"""Clocks of a pod and of Prometheus may differ by this much."""

Counts = dict[tuple[str, str, str], float]
"""By revision, outcome and age; the last two are empty where there are none."""


def counted(
    counter: Counter, age: str | None, series: Sequence[Series], start: datetime
) -> Counts | NoData | QueryFailed:
    """Events in the look; NoData where a counter's beginning cannot be known.

    QueryFailed, with the series named, where what came are no counters of Serin's servers.
    """
    if counter.is_foreign:
        return _foreign(counter, series)
    bounds = (*([counter.told_by] if counter.is_bound else []), *([age] if age else []))
    if flaw := flaw_of(counter.series, needed_of(counter, age), bounds, series):
        return flaw
    return _level(counter, series) if counter.is_level else _of_processes(counter, age, series, start)


def _of_processes(counter: Counter, age: str | None, series: Sequence[Series], start: datetime) -> Counts | NoData:
    """A series that is missing at the start began at 0 only if its process was born after the start, or had been seen then
    under other labels (or at all, where series come late); otherwise a scrape was missed and nobody knows what it was.
    """
    labels = labels_of(counter, age)
    first: dict[tuple[str, ...], float] = {}
    last: dict[tuple[str, ...], Series] = {}
    born: dict[str, float] = {}
    seen: set[str] = set()
    for one in series:
        key = tuple(one.labels.get(label, "") for label in labels)
        server = one.labels.get(PROCESS, "")
        match one.labels.get("at"):
            case "start":
                first[key] = one.value
                seen.add(server)
            case "end":
                last[key] = one
            case "born":
                born[server] = one.value
            case "alive" if counter.comes_late:
                seen.add(server)
            case _:
                continue
    counts: Counts = defaultdict(float)
    for key, one in last.items():
        server = one.labels.get(PROCESS, "")
        if key not in first and server not in seen and born.get(server, 0.0) < start.timestamp() - GRACE_SECONDS:
            return NoData(missed(server, series))
        began = first.get(key, 0.0)
        if one.value < began:
            name = shown(counter.series, one)
            return NoData(f"series {name} fell from {began:g} to {one.value:g}, though its process is the same")
        counts[_key(counter, age, one)] += _amount(counter, one.value - began)
    return dict(counts)


def _level(counter: Counter, series: Sequence[Series]) -> Counts:
    counts: Counts = {}
    for one in series:
        if one.labels.get("at") == END:
            key = _key(counter, None, one)
            counts[key] = max(counts.get(key, 0.0), one.value)
    return counts


def _foreign(counter: Counter, series: Sequence[Series]) -> Counts | NoData:
    first: dict[frozenset[tuple[str, str]], float] = {}
    counts: Counts = defaultdict(float)
    for one in series:
        if not isfinite(one.value) or one.value < 0:
            return NoData(
                f"series {shown(counter.series, one)} is {one.value:g}, which no counter is: look at its exporter"
            )
        if one.labels.get("at") == START:
            first[_identity(one)] = one.value
    for one in series:
        if one.labels.get("at") == END:
            began = first.get(_identity(one), 0.0)
            counts[_key(counter, None, one)] += _amount(counter, one.value - (began if one.value >= began else 0.0))
    return dict(counts)


def _identity(one: Series) -> frozenset[tuple[str, str]]:
    return frozenset(item for item in one.labels.items() if item[0] != "at")


def _key(counter: Counter, age: str | None, one: Series) -> tuple[str, str, str]:
    told = one.labels.get(counter.told_by, "") if counter.told_by else ""
    return (
        one.labels.get(counter.arm, ""),
        bucket(float(told)) if counter.is_bound else told,
        one.labels.get(age or "", ""),
    )


def _amount(counter: Counter, value: float) -> float:
    return round(value) if counter.is_whole else value


def told_of(counts: Counts, revision: str, age: str | None = None) -> Told:
    """Counts of one version by outcome, of one age or of all."""
    told: dict[str, float] = defaultdict(float)
    for (arm, outcome, of_age), amount in counts.items():
        if arm == revision and age in (None, of_age):
            told[outcome] += amount
    return dict(told)


def knows_processes(series: Sequence[Series]) -> bool:
    """Whether Prometheus knows any process of the model."""
    return any(one.labels.get("at") in {BORN, ALIVE} for one in series)
