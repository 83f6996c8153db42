"""Samples of one look, from the counts of the counters that a kind of metric reads."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from math import inf

from serin_operator.api.kinds.reading import Bins, Quotient, Shares
from serin_operator.decide import analysis
from serin_operator.decide.analysis import (
    Arm,
    Cell,
    Difference,
    Histograms,
    NoData,
    Proportions,
    QueryFailed,
    Sample,
    Stratum,
    Value,
    labelled_counts,
)
from serin_operator.decide.looks import Look
from serin_operator.observe.counts import Counts, counted, knows_processes, told_of
from serin_operator.observe.prometheus_client import Series
from serin_operator.observe.soundness import PROCESS, from_elsewhere, scraped_seldom

Answers = Sequence[Sequence[Series]]
"""The series of each counter that a kind reads, in its order."""


def sample_of(reading: Shares | Bins | Quotient, series: Answers, look: Look) -> Sample:
    """The sample of one metric in one look."""
    counts = _counted(reading, series, look.start)
    if isinstance(counts, NoData | QueryFailed):
        return counts
    try:
        match reading:
            case Shares():
                return _shares(reading, counts, series, look)
            case Bins():
                return _bins(reading, counts, series, look)
            case Quotient():
                return _quotient(reading, counts, series, look)
    except LookupError as error:
        return NoData(f"{reading.counters[0].series}: {error.args[0]}")


def before_of(reading: Shares, series: Answers, look: Look) -> Sample:
    """Stable alone, before the canary had traffic: tells the base rate, moves no evidence."""
    counts = _counted(reading, series, look.before[0] if look.before else look.start)
    if isinstance(counts, NoData | QueryFailed):
        return counts
    try:
        arm = _arm(reading, counts, look.stable)
    except LookupError as error:
        return NoData(str(error.args[0]))
    if not arm.total:
        return NoData("stable answered nothing before the canary had traffic")
    return Value(Proportions((), arm))


def stable_pods_of(reading: Shares, series: Answers, stable: str, start: datetime) -> tuple[Arm, ...]:
    """Stable's counts by process since ``start``: their spread tells how much counts scatter beyond chance.

    One that cannot be counted this time keeps its place, since pods are known by it.

    Labels are heard by any pod, whichever made the prediction, so they tell nothing about pods.
    """
    if reading.age is not None or any(counter.is_foreign for counter in reading.counters):
        return ()
    label = reading.counters[0].arm
    servers = {one.labels.get(PROCESS, "") for of in series for one in of if one.labels.get(label) == stable}
    arms = []
    for server in sorted(servers):
        mine = [[one for one in of if one.labels.get(PROCESS) == server] for of in series]
        counts = _counted(reading, mine, start)
        if isinstance(counts, QueryFailed):
            return ()
        try:
            arms.append(Arm() if isinstance(counts, NoData) else _arm(reading, counts, stable))
        except LookupError:
            return ()
    return tuple(arms)


def _counted(
    reading: Shares | Bins | Quotient, series: Answers, start: datetime
) -> list[Counts] | NoData | QueryFailed:
    age = reading.age if isinstance(reading, Shares) else None
    found = []
    for counter, of in zip(reading.counters, series, strict=True):
        counts = counted(counter, age, of, start)
        if isinstance(counts, NoData | QueryFailed):
            return counts
        found.append(counts)
    return found


def _arm(reading: Shares, counts: Sequence[Counts], revision: str, age: str | None = None) -> Arm:
    return Arm(*reading.arm([told_of(of, revision, age) for of in counts]))


def _shares(reading: Shares, counts: Sequence[Counts], series: Answers, look: Look) -> Sample:
    if reading.age is None:
        stratum = Stratum(_arm(reading, counts, look.canary), _arm(reading, counts, look.stable))
        seen = Proportions((stratum,))
    else:
        spelled = {float(age): age for of in counts for _, _, age in of}
        cells = [
            Cell(low, high, Stratum(*(_arm(reading, counts, arm, spelled[high]) for arm in (look.canary, look.stable))))
            for low, high in ages(spelled)
        ]
        window = analysis.Look(look.start.timestamp(), look.end.timestamp())
        seen, _ = labelled_counts(window, cells, look.canary_since.timestamp(), _moments(look))
    if any(one.canary.total or one.stable.total for one in seen.strata) or seen.stable_alone.total:
        return Value(seen)
    return _nothing(reading.noun, reading.lacks, series, look, reading.comes)


def ages(bounds: Mapping[float, str]) -> list[tuple[float, float]]:
    """(lower, upper) bounds in seconds of the ages of predictions that occur, by the bucket bounds of the servers."""
    upper = sorted(bounds)
    return list(zip([0.0, *upper], upper, strict=False))


def _moments(look: Look) -> list[float]:
    """The weight changes as moments, so close that a window as long as the look cannot lie between two of one change."""
    step = (look.end - look.start).total_seconds()
    moments = []
    for change in look.weight_changes:
        begin, end = change.start.timestamp(), change.end.timestamp()
        moments += [begin + n * step for n in range(int((end - begin) / step) + 1)] + [end]
    return moments


def _bins(reading: Bins, counts: Sequence[Counts], series: Answers, look: Look) -> Sample:
    canary = told_of(counts[0], look.canary)
    reference = told_of(counts[0], look.stable) if len(counts) == 1 else told_of(counts[1], look.canary)
    if not any(canary.values()) or not any(reference.values()):
        return _nothing("values", reading.lacks, series, look)
    if set(canary) != set(reference):
        odd = min(set(canary) ^ set(reference))
        return NoData(f"the two have other bins ({odd!r} is in one only): make both baselines with the same bins")
    order = sorted(canary, key=_place)
    return Value(Histograms(*(tuple(round(of[name]) for name in order) for of in (canary, reference))))


def _place(name: str) -> tuple[float, str]:
    """Bounds ascend; categories follow by name."""
    try:
        return float(name), name
    except ValueError:
        return inf, name


def _quotient(reading: Quotient, counts: Sequence[Counts], series: Answers, look: Look) -> Sample:
    canary, stable = (reading.value([told_of(of, arm) for of in counts]) for arm in (look.canary, look.stable))
    if canary is None or stable is None:
        return _nothing(reading.noun, "", series, look)
    return Value(Difference(canary, stable))


def _nothing(noun: str, lacks: str, series: Answers, look: Look, comes: str = "") -> NoData:
    """Why there is nothing, and what to look at."""
    everything = [one for of in series for one in of]
    if seldom := scraped_seldom(everything):
        return NoData(f"no {noun} of either version in this look: pods are {seldom}")
    if not knows_processes(everything) and (elsewhere := from_elsewhere(everything, look.namespace_label)):
        return NoData(f"no {noun} of either version in this look: {elsewhere}")
    if lacks:
        return NoData(f"no {noun} of both versions in this look: {lacks}")
    if knows_processes(everything):
        return NoData(f"no {noun} of either version in this look" + (f": {comes}" if comes else ""))
    return NoData(
        f"no {noun} of either version in this look, and Prometheus knows no process of the model: it does not scrape its"
        " pods, or relabels model_namespace and model_name"
    )
