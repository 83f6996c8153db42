"""Are answers missing by choice? Then no test on those that are there can be fair, and this is the only sign of it.

Labels come for some predictions only, and the control answers some requests only. That is fair while the chance of it
does not depend on the version, or on its answer. Two arms' shares of missing ones are compared in each stratum, in both
directions, by the exact conditional test of `eprocess`: evidence that the odds differ by more than a twentieth. A canary
that looks better, or worse, because it gets other labels is so told apart from one that is.
"""

from collections.abc import Sequence
from math import sqrt
from typing import Final

from serin_operator.decide.analysis.eprocess import (
    add,
    log_likelihood_ratios,
    log_mixture,
    needed,
)
from serin_operator.decide.analysis.samples import Stratum

TOLERATED: Final = 0.05
"""Log odds by which shares may differ: below this what is missing moves an accuracy by less than anyone's margin."""
FALSE_ALARMS: Final = 0.01
"""How often it may ever speak wrongly, for each metric; it costs nobody's rollback, since it only holds."""
_SUSPECTED: Final = 0.5
_DOUBTFUL: Final = 1.25
"""Standard deviations. It is asked only when a version would be blamed, so looking often makes no more of it."""
_AT_MOST: Final = 2.0
"""Standard deviations above what was counted that labels may be more: the upper end of a 95 % interval."""
_MORE: Final = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
_FEWER: Final = tuple(-step for step in _MORE)
_WAYS: Final = (*_MORE, *_FEWER)


def observe(before: Sequence[int], strata: Sequence[Stratum], design_effect: float = 1.0) -> tuple[int, ...]:
    """Log evidence, in both directions, after the strata of one look; each is its own (age of a prediction)."""
    told = [one for one in strata if one.canary.total and one.stable.total]
    if not told:
        return tuple(before)
    return add(before, [(_both_ways(one), design_effect) for one in told], _WAYS)


def is_suspected(evidence: Sequence[int]) -> bool:
    """Whether it is half sure: the square root of what proves it. Enough to hold a verdict back, for it costs nothing but time."""
    return log_mixture(evidence) >= _SUSPECTED * needed(FALSE_ALARMS)


def excess(before: Sequence[float], strata: Sequence[Stratum], design_effect: float = 1.0) -> tuple[float, ...]:
    """How many more of the canary's are there than its share of all, and the variance of that number, over all looks (Mantel, Haenszel 1959)."""
    more, variance = before or (0.0, 0.0)
    for one in strata:
        canary, total = one.canary.total, one.canary.total + one.stable.total
        missing = one.canary.bad + one.stable.bad
        there = total - missing
        if canary and one.stable.total and total > 1:
            more += (canary - one.canary.bad) - there * canary / total
            variance += design_effect * there * missing * canary * one.stable.total / (total * total * (total - 1))
    return (round(more, 6), round(variance, 6)) if variance else tuple(before)


def may_explain(told: Sequence[float], lost: float) -> bool:
    """Whether what is missing may be why a version looks worse: too much to blame it at this moment.

    That is so where shares differ by more than luck would have it in one of five, and where the labels that one version has
    more than the other, at the upper end of what luck allows, are as many as the bad answers that speak against the canary.

    Args:
        told: What `excess` gave.
        lost: How many more of the canary's answers were bad than if it were as good as stable.
    """
    if not told:
        return False
    more, variance = told
    return more * more > _DOUBTFUL**2 * variance and abs(more) + _AT_MOST * sqrt(variance) >= lost


def _both_ways(stratum: Stratum) -> list[float]:
    more = log_likelihood_ratios(stratum, TOLERATED, _MORE)
    return [*more, *log_likelihood_ratios(stratum, -TOLERATED, _FEWER)]
