"""Has a distribution moved? The population stability index without its bias, and with an interval.

PSI = Σ (p_i − q_i) · ln(p_i / q_i) over bins is never negative, so noise alone makes it positive: by about
(B − 1)(1/n + 1/m) for B bins when nothing moved (it is then a χ² statistic over nm/(n + m); Yurdakul 2018,
*Statistical properties of population stability index*). That is subtracted, and a verdict rests on the lower end of
the interval. Looks are compared one by one, because a cumulative histogram mixes times in unequal parts, and averaged
by their worth nm/(n + m).
"""

import math
from dataclasses import replace

from serin_operator.decide.analysis.config import Drift
from serin_operator.decide.analysis.samples import Histograms
from serin_operator.decide.analysis.state import MetricState
from serin_operator.decide.analysis.verdicts import Fail, Inconclusive, Pass, Reason, Verdict

_QUANTILE = 3.0902  # of the normal distribution, one-sided 0.1 %
_LEAST_EXPECTED = 5.0  # a bin, after merging: the usual condition of χ² statistics (Cochran 1954)


def psi(canary: tuple[int, ...], reference: tuple[int, ...]) -> tuple[float, float, float] | None:
    """(PSI less its bias, variance, worth nm/(n + m)); None when there is too little for two bins.

    The variance is the delta method's for both multinomials plus the χ² part 2(B − 1)(1/n + 1/m)², which is all that
    is left when nothing moved.
    """
    bins = _merged(canary, reference)
    if len(bins) < 2:
        return None
    n, m = sum(a for a, _ in bins), sum(b for _, b in bins)
    half = 0.5
    p = [(a + half) / (n + half * len(bins)) for a, _ in bins]
    q = [(b + half) / (m + half * len(bins)) for _, b in bins]
    index = math.fsum((a - b) * math.log(a / b) for a, b in zip(p, q, strict=True))
    noise = 1 / n + 1 / m
    by_p = [math.log(a / b) + 1 - b / a for a, b in zip(p, q, strict=True)]
    by_q = [math.log(b / a) + 1 - a / b for a, b in zip(p, q, strict=True)]
    variance = _spread(p, by_p) / n + _spread(q, by_q) / m + 2 * (len(bins) - 1) * noise**2
    return index - (len(bins) - 1) * noise, variance, 1 / noise


def _merged(canary: tuple[int, ...], reference: tuple[int, ...]) -> list[tuple[int, int]]:
    """Neighbouring bins joined until both arms can expect five in each; decided on the sum, which favours no arm."""
    n, m = sum(canary), sum(reference)
    if not n or not m:
        return []
    least = _LEAST_EXPECTED * (n + m) / min(n, m)
    joined: list[tuple[int, int]] = []
    a = b = 0
    for one, other in zip(canary, reference, strict=True):
        a, b = a + one, b + other
        if a + b >= least:
            joined.append((a, b))
            a = b = 0
    if joined and a + b:
        last = joined.pop()
        joined.append((last[0] + a, last[1] + b))
    return joined


def _spread(weights: list[float], values: list[float]) -> float:
    mean = math.fsum(w * v for w, v in zip(weights, values, strict=True))
    return math.fsum(w * (v - mean) ** 2 for w, v in zip(weights, values, strict=True))


def observe(state: MetricState, seen: Histograms, design_effect: float) -> MetricState:
    """Add one look to the weighted mean; a look with too little in it adds nothing."""
    measured = psi(seen.canary, seen.reference)
    if measured is None:
        return state
    index, variance, worth = measured
    total, weighted, scatter = state.numbers or (0.0, 0.0, 0.0)
    numbers = (total + worth, weighted + worth * index, scatter + worth**2 * variance * design_effect)
    samples = sum(seen.canary)
    return replace(
        state,
        numbers=numbers,
        looks=state.looks + 1,
        canary_total=state.canary_total + samples,
        step_samples=state.step_samples + samples,
    )


def verdict(rule: Drift, state: MetricState, samples_needed: int) -> Verdict:
    """Fail only when the interval's lower end is beyond the bound."""
    if not state.numbers:
        return Inconclusive(Reason.NOT_ENOUGH_SAMPLES, f"{state.canary_total:,} values, too few to compare two bins")
    total, weighted, scatter = state.numbers
    index, half = weighted / total, _QUANTILE * math.sqrt(scatter) / total
    said = f"PSI {index:.3f} ± {half:.3f} over {state.canary_total:,} values, at most {rule.max_psi:g}"
    if state.failed or index - half > rule.max_psi:
        return Fail(Reason.DRIFTED, f"{said} (no error rate is promised)")
    if state.step_samples < samples_needed:
        return Inconclusive(
            Reason.NOT_ENOUGH_SAMPLES, f"{state.step_samples:,} of {samples_needed:,} values in this step; {said}"
        )
    return Pass(Reason.WITHIN_BOUND, said)
