"""The same request answered by both versions: each label tells about both, and only rows on which they differ matter.

D = (canary wrong) − (control wrong) ∈ {−1, 0, 1} of one request. While the canary keeps a margin of δ points the
mean of D, given everything before, is at most δ; so for any λ in [0, 1/(1+δ)) the product of 1 + λ(D − δ) is a
non-negative supermartingale, and so is the mean over a grid of λ: P(it ever reaches 1/α) ≤ α (Ville). Whatever drifts, in
whatever clusters requests come, however they were chosen: the sum speaks of the very requests that were paired. With b
rows on which only the canary was wrong, c only the control, of n:

    b·log(1 + λ(1−δ)) + (n−b−c)·log(1 − λδ) + c·log(1 − λ(1+δ))

(Waudby-Smith and Ramdas 2024, *Estimating means of bounded random variables by betting*; for δ = 0 McNemar's test of 1947
made sequential.) Non-inferiority is the mirror image: D has a mean of at least δ, bets are on δ − D.

**Agreement.** Two versions that give different answers to a share d of the requests differ by at most d in accuracy. So
evidence that d is below δ, the one-sample test on all pairs without a single label, is evidence of non-inferiority. It
never speaks against a version.
"""

import math
from functools import lru_cache
from typing import Final

from serin_operator.decide.analysis.eprocess import for_steps, log_likelihood_ratios_of_one_sample
from serin_operator.decide.analysis.samples import Arm, Pairs

BETS: Final = tuple(0.02 * 49.0 ** (number / 11) for number in range(12))
"""λ as a share of the most that may be staked: from 2 % to 98 %, each half as large again or so. Any grid is valid; this one finds 2 points
of 6 % differing rows and 1 point of 2 % with the fewest labels of those tried."""


def log_against(pairs: Pairs, delta: float) -> list[float]:
    """Log evidence of a look's pairs that the canary is worse by more than `delta`, for each bet."""
    b, c, same = pairs.only_canary_bad, pairs.only_control_bad, _same(pairs)
    return [math.fsum((b * worse, same * equal, c * better)) for worse, equal, better in _factors(delta)]


def log_for_it(pairs: Pairs, delta: float) -> list[float]:
    """Log evidence that it is worse by less than `delta`, for each bet: nothing can show that at a margin of 0 but being better."""
    b, c, same = pairs.only_canary_bad, pairs.only_control_bad, _same(pairs)
    return [math.fsum((c * better, same * equal, b * worse)) for better, equal, worse in _factors(-delta)]


@lru_cache(maxsize=64)
def _factors(delta: float) -> tuple[tuple[float, float, float], ...]:
    """For each bet the log factor of a row that speaks for it, of one on which both are alike, and of one that speaks against it."""
    stakes = (share / (1.0 + delta) for share in BETS)
    return tuple(
        (math.log1p(x * (1.0 - delta)), math.log1p(-x * delta), math.log1p(-x * (1.0 + delta))) for x in stakes
    )


def log_alike(differing: Arm, delta: float) -> list[float]:
    """Log evidence of a look's pairs that the versions differ on less than `delta` of the requests."""
    if delta <= 0:
        return [0.0] * len(for_steps())
    return log_likelihood_ratios_of_one_sample(differing, delta, for_steps())


def _same(pairs: Pairs) -> int:
    return pairs.total - pairs.only_canary_bad - pairs.only_control_bad
