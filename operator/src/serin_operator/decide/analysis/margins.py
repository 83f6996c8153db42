"""From "at most one point worse" to the odds ratio that the exact test needs.

An odds ratio is exact whatever the base rate does. A margin δ in points is the odds ratio

    ψ(p) = odds(p + δ) / odds(p),   odds(q) = q / (1 − q)

only for a base rate p that nobody knows. Two estimates are at hand, and neither breaks the conditional test, because
neither looks at how the k bad answers of this look fell on the two arms: stable's rate in *earlier* looks, and this
look's pooled rate with the margin's part taken off, (k + ½)/(n + 1) − δ·n_c/n. ψ(p) falls with p up to p = (1 − δ)/2,
so against the canary the larger ψ of the two is taken and for it the smaller one. With the earlier rate alone, an
incident that ends in mid-canary (5 % to 0.2 % at 50,000 answers a look) rolls back 52–100 % of canaries that keep
their margin; with the larger of the two, none.
"""

import math

from serin_operator.decide.analysis.config import Margin, OddsRatio
from serin_operator.decide.analysis.samples import Arm, Stratum

LEAST_RATE = 1e-9


def log_odds_at_margin(margin: Margin, base: Arm, stratum: Stratum) -> tuple[float, float]:
    """The log odds ratio that counts as "at the margin": (for evidence against the canary, for evidence for it).

    `base` is stable in earlier looks; it must not be empty for a margin in points.
    """
    if isinstance(margin, OddsRatio):
        log_ratio = math.log(margin.ratio)
        return log_ratio, log_ratio
    delta = margin.increase
    earlier = log_odds_of_points(smoothed(base), delta)
    now = log_odds_of_points(_pooled_now(stratum, delta), delta)
    return max(earlier, now), min(earlier, now)


def smoothed(arm: Arm) -> float:
    """The rate of an arm, half a bad answer added to one (Jeffreys), so that it is never 0 or 1."""
    return (arm.bad + 0.5) / (arm.total + 1.0)


def log_odds_of_points(rate: float, delta: float) -> float:
    """Log ψ(p). Infinite when p + δ reaches 1: nothing can be that much worse."""
    worse = rate + delta
    if worse >= 1.0:
        return math.inf
    return math.log(worse / (1.0 - worse)) - math.log(rate / (1.0 - rate))


def _pooled_now(stratum: Stratum, delta: float) -> float:
    """This look's base rate if the canary sat at its margin; held to the branch on which ψ falls with p.

    So one more bad answer never makes the margin wider, which keeps the evidence monotone in the canary's failures.
    """
    canary, stable = stratum.canary, stratum.stable
    total = canary.total + stable.total
    pooled = (canary.bad + stable.bad + 0.5) / (total + 1.0) - delta * canary.total / total
    return min(max(pooled, LEAST_RATE), (1.0 - delta) / 2.0)
