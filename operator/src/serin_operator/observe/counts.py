"""Exact counts of one look, from raw counters at both of its ends.

``increase()`` extrapolates and invents fractions of events, so the counters themselves are read, in one query: the last
sample at or before each end, of every process of every pod. Servers label each series with a ``server_id`` that is new
for each process, so a counter never goes back to 0 within a series. Exact to the last scrape.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from serin_operator.api import spec as api
from serin_operator.decide import analysis
from serin_operator.decide.analysis import (
    Arm,
    Cell,
    NoData,
    Proportions,
    QueryFailed,
    Sample,
    Stratum,
    Value,
    labelled_counts,
)
from serin_operator.decide.looks import Look
from serin_operator.observe.prometheus_client import Series
from serin_operator.observe.soundness import (
    BIRTH_TIME,
    BORN,
    END,
    INTERVAL,
    START,
    flaw_of,
    missed,
    scraped_seldom,
    shown,
)

_LONG_SECONDS, _LONG_SCRAPES = 300.0, 10
"""Over how much time, at least, it is found out how often a process is scraped."""
GRACE_SECONDS = 1.0
"""Clocks of a pod and of Prometheus may differ by this much."""


@dataclass(frozen=True)
class Question:
    """What to count: a counter, the label that tells versions apart, and the labels that tell good from bad."""

    counter: str
    arm: str
    outcome: str
    bad: str
    age: str | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels that are kept."""
        return (self.arm, "server_id", self.outcome, *([self.age] if self.age else []))


ERROR_RATE = Question("serin_requests_total", "model_revision", "error", "true")
ACCURACY = Question("serin_feedback_total", "predicted_revision", "outcome", "wrong", "age_le")


def question_of(metric: api.Metric) -> Question:
    """Which counter a metric of the spec reads."""
    return ACCURACY if metric.accuracy is not None else ERROR_RATE


def promql(question: Question, look: Look, start: datetime, end: datetime, scrape_seconds: float) -> str:
    """One query for both ends, and for the time at which each process was born.

    ``max by`` drops whatever else a scrape adds, so a server scraped twice counts once.
    """
    here = f'model_namespace="{look.namespace}",model_name="{look.name}"'
    arms = f'{question.arm}=~"{look.stable}|{look.canary}"'
    kept = ", ".join(question.labels)
    reach = (end - start).total_seconds() + scrape_seconds

    def at(moment: datetime, window: float, end_label: str) -> str:
        inner = f"last_over_time({question.counter}{{{here},{arms}}}[{_duration(window)}] @ {moment.timestamp():.3f})"
        return f'label_replace(max by ({kept}) ({inner}), "at", "{end_label}", "", "")'

    born = f"last_over_time({BIRTH_TIME}{{{here}}}[{_duration(reach)}] @ {end.timestamp():.3f})"
    interval = _interval(f"{BIRTH_TIME}{{{here}}}", end, scrape_seconds)
    return " or ".join(
        [
            at(end, reach, END),
            at(start, 2 * scrape_seconds, START),
            f'label_replace(max by (server_id) ({born}), "at", "{BORN}", "", "")',
            f'label_replace(label_replace({interval}, "at", "{INTERVAL}", "", ""), "configured", "{scrape_seconds:g}", "", "")',
        ]
    )


def _interval(selector: str, end: datetime, scrape_seconds: float) -> str:
    """Seconds between the scrapes of each process, where at least three of them tell."""
    window = max(_LONG_SECONDS, _LONG_SCRAPES * scrape_seconds)
    moments = f"timestamp({selector})[{_duration(window)}:{_duration(scrape_seconds)}] @ {end.timestamp():.3f}"
    between = f"(max_over_time({moments}) - min_over_time({moments})) / (changes({moments}) >= 2)"
    return f"max by (server_id) ({between})"


def _duration(seconds: float) -> str:
    """As PromQL writes it: whole milliseconds."""
    return f"{round(seconds * 1000)}ms"


def counted(
    question: Question, series: Sequence[Series], start: datetime
) -> dict[tuple[str, ...], int] | NoData | QueryFailed:
    """Events in the look by (arm, outcome[, age]); NoData where a counter's beginning cannot be known.

    QueryFailed, with the series named, where what came are no counters of Serin's servers.

    A series that is missing at the start began at 0 only if its process was born after the start, or had been seen then
    under other labels; otherwise a scrape was missed and nobody knows what it was.
    """
    if flaw := flaw_of(question.counter, question.labels, question.age, series):
        return flaw
    first: dict[tuple[str, ...], float] = {}
    last: dict[tuple[str, ...], float] = {}
    born: dict[str, float] = {}
    names: dict[tuple[str, ...], str] = {}
    for one in series:
        key = tuple(one.labels.get(label, "") for label in question.labels)
        match one.labels.get("at"):
            case "start":
                first[key] = one.value
            case "end":
                last[key] = one.value
                names[key] = shown(question.counter, one)
            case "born":
                born[one.labels.get("server_id", "")] = one.value
            case _:
                continue
    seen_at_start = {key[1] for key in first}
    counts: dict[tuple[str, ...], int] = defaultdict(int)
    for key, value in last.items():
        server = key[1]
        known = key in first or server in seen_at_start
        if not known and born.get(server, 0.0) < start.timestamp() - GRACE_SECONDS:
            return NoData(missed(server, series))
        began = first.get(key, 0.0)
        if value < began:
            return NoData(f"series {names[key]} fell from {began:g} to {value:g}, though its process is the same")
        counts[(key[0], *key[2:])] += round(value - began)
    return dict(counts)


def sample_of(question: Question, series: Sequence[Series], look: Look) -> Sample:
    """The sample of one metric in one look."""
    counts = counted(question, series, look.start)
    if isinstance(counts, NoData | QueryFailed):
        return counts
    if question.age is None:
        stratum = Stratum(_arm(question, counts, look.canary), _arm(question, counts, look.stable))
        return _value([stratum], Arm(), question, series)
    cells = []
    for low, high in ages(counts):
        of_age = {key[:2]: n for key, n in counts.items() if key[2] == _label(high, counts)}
        stratum = Stratum(_arm(question, of_age, look.canary), _arm(question, of_age, look.stable))
        cells.append(Cell(low, high, stratum))
    window = analysis.Look(look.start.timestamp(), look.end.timestamp())
    seen, _ = labelled_counts(window, cells, look.canary_since.timestamp(), _moments(look))
    return _value(seen.strata, seen.stable_alone, question, series)


def _moments(look: Look) -> list[float]:
    """The weight changes as moments, so close that a window as long as the look cannot lie between two of one change."""
    step = (look.end - look.start).total_seconds()
    moments = []
    for change in look.weight_changes:
        begin, end = change.start.timestamp(), change.end.timestamp()
        moments += [begin + n * step for n in range(int((end - begin) / step) + 1)] + [end]
    return moments


def stable_pods_of(question: Question, series: Sequence[Series], look: Look) -> tuple[Arm, ...]:
    """Stable's counts by process: their spread tells how much counts scatter beyond chance.

    Labels are heard by any pod, whichever made the prediction, so they tell nothing about pods.
    """
    if question.age is not None:
        return ()
    servers = {one.labels.get("server_id", "") for one in series if one.labels.get(question.arm) == look.stable}
    arms = []
    for server in sorted(servers):
        counts = counted(question, [one for one in series if one.labels.get("server_id") == server], look.start)
        if not isinstance(counts, NoData | QueryFailed):
            arms.append(_arm(question, counts, look.stable))
    return tuple(arms)


def before_of(question: Question, series: Sequence[Series], look: Look) -> Sample:
    """Stable alone, before the canary had traffic: tells the base rate, moves no evidence."""
    start = look.before[0] if look.before else look.start
    counts = counted(question, series, start)
    if isinstance(counts, NoData | QueryFailed):
        return counts
    arm = Arm()
    for key, n in counts.items():
        if key[0] == look.stable:
            arm += Arm(n if key[1] == question.bad else 0, n)
    return Value(Proportions((), arm)) if arm.total else NoData("stable answered nothing before the canary had traffic")


def _value(strata: Sequence[Stratum], alone: Arm, question: Question, series: Iterable[Series]) -> Sample:
    canary = sum(s.canary.total for s in strata)
    if not canary and not any(s.stable.total for s in strata) and not alone.total:
        what = "labels" if question.age else "requests"
        series = list(series)
        if seldom := scraped_seldom(series):
            return NoData(f"no {what} of either version in this look: pods are {seldom}")
        if any(one.labels.get("at") == BORN for one in series):
            return NoData(f"no {what} of either version in this look")
        return NoData(
            f"no {what} of either version in this look, and Prometheus knows no process of the model: it does not scrape its"
            " pods, or relabels model_namespace and model_name"
        )
    return Value(Proportions(tuple(strata), alone))


def _arm(question: Question, counts: Mapping[tuple[str, ...], int], revision: str) -> Arm:
    total = sum(n for key, n in counts.items() if key[0] == revision)
    bad = sum(n for key, n in counts.items() if key[0] == revision and key[1] == question.bad)
    return Arm(bad, total)


def ages(counts: Mapping[tuple[str, ...], int]) -> list[tuple[float, float]]:
    """(lower, upper) bounds in seconds of the ages of predictions that occur, by the bucket bounds of the servers."""
    bounds = sorted({float(key[2]) for key in counts})
    return list(zip([0.0, *bounds], bounds, strict=False))


def _label(bound: float, counts: Mapping[tuple[str, ...], int]) -> str:
    return next(key[2] for key in counts if float(key[2]) == bound)
