"""Means without a bound: a confidence sequence on the differences within looks.

Each look gives one number, canary's mean minus stable's, so a drift that both arms feel cancels. With n looks of mean m
and (population) standard deviation s, with probability about 1 − α for all n at once

    true difference ≥ m − s · √(r / (1 − r)),   r = (1 − e^(−2L/n)) · (n + c²)/n,   L = log( √((n + c²)/c²) / 2α )

This is the mixture t-test of Wang and Ramdas 2025 (*Anytime-valid t-tests and confidence sequences for Gaussian means
with unknown variance*, Sequential Analysis 44; after Lai 1976), used on one side. For normal differences it holds at any n.
That each look is independent of those before nobody can promise, nor that no look is very far off: with an autocorrelation of
a half 18 % of equal canaries are beyond a margin of 0 at 1 %, with heavy tails 13 %, and longer blocks of looks only move
that further out. So a mean warns, and where it gates it holds a step for people: it never rolls back.
As n grows it becomes the asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas 2024 (*Annals of
Statistics* 52:6, with ρ = 1/c), which needs no normality but many looks; so nothing is said before `least_looks`.
"""

import math
from dataclasses import replace
from typing import Final

from serin_operator.decide.analysis.config import MeanDifference
from serin_operator.decide.analysis.samples import Difference
from serin_operator.decide.analysis.state import MetricState
from serin_operator.decide.analysis.verdicts import Fail, Inconclusive, Pass, Reason, Verdict

_BY_HAND: Final = (
    "a mean rolls nothing back, because no test of it holds whatever looks have in common: promote or abort by hand, or gate"
    " a share instead"
)
_TIGHTEST_AT = 50.0  # looks at which the sequence is narrowest


def observe(state: MetricState, seen: Difference) -> MetricState:
    """Count, mean and sum of squares of the differences, updated without cancellation (Welford 1962)."""
    count, mean, squares = state.numbers or (0.0, 0.0, 0.0)
    difference = seen.canary - seen.stable
    after = mean + (difference - mean) / (count + 1)
    numbers = (count + 1, after, squares + (difference - mean) * (difference - after))
    return replace(state, numbers=numbers, looks=state.looks + 1)


def width(looks: float, error_rate: float) -> float:
    """Half-width in standard deviations of a difference; c makes it narrowest at 50 looks (Waudby-Smith, eq. 14)."""
    wanted = -2 * math.log(2 * error_rate)
    c2 = _TIGHTEST_AT / (wanted + math.log(wanted + 1))
    log_bound = math.log(math.sqrt((looks + c2) / c2) / (2 * error_rate))
    ratio = -math.expm1(-2 * log_bound / looks) * (looks + c2) / looks
    return math.sqrt(ratio / (1 - ratio)) if ratio < 1 else math.inf


def _half_width(count: float, squares: float, error_rate: float) -> float:
    wide = width(count, error_rate)
    return wide if wide == math.inf else math.sqrt(squares / count) * wide


def verdict(rule: MeanDifference, state: MetricState, error_rate: float, *, is_gate: bool = False) -> Verdict:
    """Fail, or for a gate Inconclusive, once the whole interval lies beyond the margin; pass when enough looks did not."""
    count, mean, squares = state.numbers or (0.0, 0.0, 0.0)
    if count < rule.least_looks:
        return Inconclusive(Reason.NOT_ENOUGH_SAMPLES, f"{count:.0f} of {rule.least_looks} looks")
    half = _half_width(count, squares, error_rate)
    upward = rule.max_decrease is None
    margin = rule.max_increase if rule.max_decrease is None else rule.max_decrease
    worse_by = mean if upward else -mean
    said = (
        f"canary {'above' if upward else 'below'} stable by {worse_by:.4g} ± {half:.3g} over {count:.0f} looks, "
        f"{margin:.4g} allowed"
    )
    is_beyond = worse_by - half > margin
    if is_gate and is_beyond:
        return Inconclusive(Reason.MEANS_ONLY_WARN, f"{said}; {_BY_HAND}")
    if not is_gate and (state.failed or is_beyond):
        return Fail(Reason.WORSE_THAN_STABLE, said)
    return Pass(Reason.NO_EVIDENCE_AGAINST, said)
