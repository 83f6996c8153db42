"""Whether the series of an answer can be counted at all; a series that cannot is named, with what to do about it."""

import math
from collections.abc import Iterable
from typing import Final

from serin_operator.decide.analysis import QueryFailed
from serin_operator.observe.prometheus_client import Series

START, END, BORN, ALIVE, INTERVAL, ELSEWHERE = "start", "end", "born", "alive", "interval", "elsewhere"
PROCESS: Final = "server_id"
BIRTH_TIME: Final = "serin_process_start_time_seconds"
_COUNTERS: Final = frozenset({START, END})
_MUCH: Final = 1.5
"""How many times the configured interval is no longer jitter."""


def flaw_of(counter: str, labels: Iterable[str], bounds: Iterable[str], series: Iterable[Series]) -> QueryFailed | None:
    """The first flaw that makes counting impossible: a label that is missing, a value that no counter has.

    Args:
        counter: Name of the counter that was asked for.
        labels: Labels that tell its series apart; Serin's servers give every one of them.
        bounds: Which of them are numbers, the upper bounds of buckets.
        series: The answer.
    """
    wanted = tuple(labels)
    for one in series:
        at = one.labels.get("at")
        if at not in {*_COUNTERS, BORN, ALIVE}:
            continue
        name, needed = (counter, wanted) if at in _COUNTERS else (BIRTH_TIME, (PROCESS,))
        if lacking := next((label for label in needed if not one.labels.get(label)), None):
            return QueryFailed(
                f"series {shown(name, one)} has no label {lacking}, without which nothing can be counted: some relabelling"
                " of Prometheus drops it, keep it"
            )
        if odd := next((b for b in bounds if b in needed and not _is_bound(one.labels.get(b, ""))), None):
            return QueryFailed(f"series {shown(name, one)}: {odd} is no number, and Serin's servers write one")
        if not math.isfinite(one.value) or one.value < 0:
            return QueryFailed(
                f"series {shown(name, one)} is {one.value:g}, which no server of Serin counts: look for a recording rule"
                " or another job that writes this name"
            )
    return None


def shown(name: str, one: Series) -> str:
    """A series as people write it, without what the query put into it."""
    told = [f'{key}="{value}"' for key, value in sorted(one.labels.items()) if key not in {"at", "configured"}]
    return f"{name}{{{', '.join(told)}}}"


def missed(server: str, series: Iterable[Series]) -> str:
    """Why a process that was there has no sample at the start of a look: it is scraped seldom, or a scrape was missed."""
    said = f"Prometheus has no sample of {server} at the start of the look"
    seldom = scraped_seldom(one for one in series if one.labels.get(PROCESS) == server)
    return f"{said}: it is {seldom}" if seldom else f"{said}: a scrape was missed"


def scraped_seldom(series: Iterable[Series]) -> str | None:
    """How often processes are scraped, if that is more seldom than the operator was told."""
    for one in series:
        configured = float(one.labels.get("configured", "nan"))
        if one.labels.get("at") == INTERVAL and one.value > _MUCH * configured:
            return (
                f"scraped about every {one.value:.0f} s, and prometheus.scrapeIntervalSeconds of the chart says"
                f" {configured:g}: set it to {one.value:.0f}"
            )
    return None


def from_elsewhere(series: Iterable[Series], namespace_label: str) -> str | None:
    """What to do where series of the model come from other namespaces alone: somebody forges them, or a label is another's."""
    places = sorted({one.labels.get(namespace_label, "") for one in series if one.labels.get("at") == ELSEWHERE} - {""})
    if not places:
        return None
    told = ", ".join(places[:3])
    return (
        f"Prometheus has series of this model from pods of namespace {told} only (label {namespace_label}), and none of them"
        " counts: look there for who exports this model's name; if that label says something else in your Prometheus, set"
        " prometheus.namespaceLabel of the chart to the one that has the pod's namespace"
    )


def _is_bound(text: str) -> bool:
    try:
        return not math.isnan(float(text))
    except ValueError:
        return False
