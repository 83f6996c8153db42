"""Pairs of one look: the same requests answered by both versions, as the canary's servers counted them.

A pair counts in the look in which it became known. Both of its answers are of the same moment, so no change of the shares lies
between them: pairs need no strata.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import inf, log2
from typing import Final

from serin_operator.api.kinds.reading import Counter, PairReading
from serin_operator.decide.analysis import Arm, NoData, Pairs, Proportions, QueryFailed, Sample, Stratum, Value
from serin_operator.decide.looks import Look
from serin_operator.observe.counts import Counts, counted, told_of
from serin_operator.observe.prometheus_client import Series

_FIRST_BOUND: Final = 4.0
"""Seconds; servers double it, a little rounded, from bound to bound."""
_LAST_AGE: Final = 18
"""The place of ages beyond all bounds."""
Asked = tuple[Counter, str | None]
"""A counter, and the label of ages that it has."""


def asked_of(reading: PairReading) -> tuple[Asked, ...]:
    """The counters that it needs."""
    more = (*([reading.agreement] if reading.agreement else []), *(reading.answers or ()))
    return ((reading.judged, reading.age), *((one, None) for one in more))


def with_pairs(sample: Sample, reading: PairReading, series: Sequence[Sequence[Series]], look: Look) -> Sample:
    """The sample with its pairs, where there are any; pairs that cannot be counted cost themselves and nothing else."""
    found = []
    for (counter, age), of in zip(asked_of(reading), series, strict=True):
        counts = counted(counter, age, of, look.start)
        if isinstance(counts, NoData | QueryFailed):
            return sample
        found.append(counts)
    if isinstance(sample, QueryFailed):
        return sample
    unpaired = sample.observed if isinstance(sample, Value) else Proportions()
    if not isinstance(unpaired, Proportions):
        return sample
    seen = _seen(unpaired, reading, found, look)
    return sample if seen == unpaired else Value(seen)


def _seen(unpaired: Proportions, reading: PairReading, counts: Sequence[Counts], look: Look) -> Proportions:
    judged = told_of(counts[0], look.canary)
    total = sum(amount for outcome, amount in judged.items() if outcome != reading.unknown)
    canary, control = (judged.get(outcome, 0.0) for outcome in (reading.only_canary, reading.only_control))
    seen = replace(
        unpaired, pairs=Pairs(round(canary), round(control), round(total)), pair_ages=_by_age(reading, counts[0], look)
    )
    if reading.agreement is None or reading.answers is None:
        return seen
    answered, left = (told_of(of, look.canary) for of in counts[2:])
    if not answered and not left:  # numbers: two that are alike can lie on both sides of what is still right
        return seen
    told = told_of(counts[1], look.canary)
    alike, other = round(told.get("agree", 0)), round(told.get("disagree", 0))
    return replace(seen, differing=Arm(other, alike + other), unanswered=_unanswered(answered, left))


def _by_age(reading: PairReading, counts: Counts, look: Look) -> tuple[Pairs, ...]:
    """Pairs by age of the prediction, the youngest first: one number for each bound that servers count by, whatever came in this look."""
    found: dict[int, Pairs] = {}
    for age in {age for (revision, _, age), amount in counts.items() if revision == look.canary and age and amount}:
        told = told_of(counts, look.canary, age)
        total = sum(amount for outcome, amount in told.items() if outcome != reading.unknown)
        canary, control = (round(told.get(outcome, 0.0)) for outcome in (reading.only_canary, reading.only_control))
        found[_place(float(age))] = found.get(_place(float(age)), Pairs()) + Pairs(canary, control, round(total))
    return tuple(found.get(place, Pairs()) for place in range(max(found, default=-1) + 1))


def _place(bound: float) -> int:
    return min(_LAST_AGE, round(log2(max(bound, _FIRST_BOUND) / _FIRST_BOUND))) if bound < inf else _LAST_AGE


def _unanswered(answered: Mapping[str, float], left: Mapping[str, float]) -> tuple[Stratum, ...]:
    """By the first class, in order of names: it is the same one in every look, whatever is left unanswered."""
    first = min({**answered, **left})
    arms = []
    for is_first in (True, False):
        given, missing = (
            round(sum(amount for name, amount in of.items() if (name == first) is is_first)) for of in (answered, left)
        )
        arms.append(Arm(missing, given + missing))
    return (Stratum(*arms),) if all(arm.total for arm in arms) else ()
