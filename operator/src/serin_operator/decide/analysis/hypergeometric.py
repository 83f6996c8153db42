"""Fisher's noncentral hypergeometric distribution, exact at any size.

`k` bad answers fell on two arms of `canary` and `stable` answers. When each answer of the canary is bad with odds ψ
times stable's, the number `x` that fell on the canary has, given `k` and whatever the base rate,

    P(x | k; ψ) = C(canary, x) · C(stable, k−x) · ψˣ / Z(ψ),   Z(ψ) = Σᵤ C(canary, u) · C(stable, k−u) · ψᵘ

(Fisher 1935; Fog 2008, *Communications in Statistics* 37:2). Everything here works with θ = log ψ.

**How Z is summed.** Around its mode the sum is taken term by term while it is narrow. When it is wide (standard
deviation σ in the thousands, say) only every h-th term is taken and the sum multiplied by h. That is no approximation
to worry about: Z(ψ) as a polynomial in ψ has only real roots (Vatutin and Mikhailov 1982), so x is distributed as
a sum of independent Bernoulli variables, whose characteristic function φ satisfies |φ(t)| ≤ exp(−σ²(1−cos t)). By the
discrete Poisson summation formula the relative error of the thinned sum is at most

    Σ_{j=1}^{h−1} |φ(2πj/h)| ≤ 2 Σ_{j≥1} exp(−8 σ² j²/h²),

below 10⁻²⁰ with h ≤ σ/2.5. What remains is the rounding of floats, kept small by never forming large logarithms.
"""

import math
from itertools import accumulate
from operator import mul

_NARROW = 30.0  # standard deviations below this are summed term by term
_SPREAD = 2.5  # terms a standard deviation when thinned
_REACH = 8.0  # standard deviations to each side; more only if the terms there are not yet negligible
_TAIL = 1e-16  # a term this small beside the largest ends the sum: the terms are log-concave, so what follows is smaller still
_MOST_LOG_ODDS = 60.0
_STIRLING_FROM = 1000


def support(canary: int, stable: int, k: int) -> tuple[int, int]:
    """The fewest and the most of `k` bad answers that the canary can have."""
    return max(0, k - stable), min(k, canary)


def log_probabilities(x: int, canary: int, stable: int, k: int, log_odds: tuple[float, ...]) -> list[float]:
    """Log P(x | k; e^θ) for each θ of `log_odds` (clipped to ±60, where the distribution is a single point anyway)."""
    low, high = support(canary, stable, k)
    if not low <= x <= high:
        raise ValueError(f"x = {x} lies outside {low}..{high}")
    if low == high:
        return [0.0] * len(log_odds)
    pmf = _Terms(canary, stable, k)
    return [pmf.log_probability(x, max(-_MOST_LOG_ODDS, min(_MOST_LOG_ODDS, theta))) for theta in log_odds]


class _Terms:
    """The unnormalised terms of one (canary, stable, k), shared by all odds."""

    __slots__ = ("canary", "high", "k", "low", "missing")

    def __init__(self, canary: int, stable: int, k: int) -> None:
        self.canary, self.k = canary, k
        self.missing = stable - k  # stable's good answers are `missing + u`
        self.low, self.high = support(canary, stable, k)

    def log_probability(self, x: int, theta: float) -> float:
        mode = self.mode(theta)
        spread = self.spread(mode)
        if spread < _NARROW:
            total = self._sum_every(mode, math.exp(theta), int(_REACH * spread) + 8)
        else:
            total = self._sum_thinned(mode, theta, int(spread / _SPREAD))
        return self.log_ratio(mode, x - mode, theta) - math.log(total)

    def mode(self, theta: float) -> int:
        """Where the terms are largest: root of the quadratic of Liao and Rosen 2001, *American Statistician* 55:4."""
        odds = math.exp(theta)
        a = odds - 1.0
        b = (self.canary + self.k + 2) * odds + self.missing
        c = odds * (self.canary + 1.0) * (self.k + 1.0)
        root = 2.0 * c / (b + math.sqrt(max(0.0, b * b - 4.0 * a * c)))
        return max(self.low, min(self.high, int(root)))

    def spread(self, mode: int) -> float:
        """Standard deviation, about: the inverse curvature of the log terms at the mode."""
        curvature = (
            1 / (mode + 0.5)
            + 1 / (self.canary - mode + 0.5)
            + 1 / (self.k - mode + 0.5)
            + 1 / (self.missing + mode + 0.5)
        )
        return 1 / math.sqrt(curvature)

    def log_ratio(self, at: int, step: int, theta: float) -> float:
        """Log of term(at + step) / term(at), without a difference of large logarithms."""
        if step == 0:
            return 0.0
        up, left = at, self.missing + at
        down, right = self.canary - at, self.k - at
        slope = theta + _log_of(down) + _log_of(right) - _log_of(up) - _log_of(left)
        return step * slope - (_bent(up, step) + _bent(left, step) + _bent(down, -step) + _bent(right, -step))

    def _sum_every(self, mode: int, odds: float, reach: int) -> float:
        """Σ term(u)/term(mode), every u. Terms come from their neighbours by multiplication."""
        canary, k, missing = self.canary, self.k, self.missing
        upper = min(self.high, mode + reach)
        up: list[float] = list(
            accumulate(
                [odds * ((canary - u) * (k - u) / ((u + 1) * (missing + u + 1))) for u in range(mode, upper)], mul
            )
        )
        lower = max(self.low, mode - reach)
        down: list[float] = list(
            accumulate(
                [u * (missing + u) / (odds * ((canary - u + 1) * (k - u + 1))) for u in range(mode, lower, -1)], mul
            )
        )
        if (upper < self.high and up[-1] > _TAIL) or (lower > self.low and down[-1] > _TAIL):
            return self._sum_every(mode, odds, 2 * reach)
        return 1.0 + sum(up) + sum(down)

    def _sum_thinned(self, mode: int, theta: float, stride: int) -> float:
        """The same sum from every `stride`-th term. Where it is wide, its ends are so far off that they count for nothing."""
        total = 1.0
        for direction, end in ((stride, self.high), (-stride, self.low)):
            for step in range(direction, end - mode, direction):
                term = math.exp(self.log_ratio(mode, step, theta))
                total += term
                if term < _TAIL:
                    break
        return total * stride


def _log_of(count: int) -> float:
    """log(count); of zero, where no step is possible, something finite that cancels in `_bent`."""
    return math.log(count or 0.5)


def _bent(count: int, step: int) -> float:
    """log((count + step)! / count!) − step · log(count), small where step is small beside count.

    From Stirling's series (Abramowitz and Stegun 6.1.40), in which the large parts cancel before they are rounded.
    """
    end = count + step
    if count < _STIRLING_FROM:
        return math.lgamma(end + 1) - math.lgamma(count + 1) - step * _log_of(count)
    if end < _STIRLING_FROM:
        return math.lgamma(end + 1) - _log_factorial(count) - step * math.log(count)
    return (end + 0.5) * math.log1p(step / count) - step + _stirling_rest(end) - _stirling_rest(count)


def _log_factorial(count: int) -> float:
    return (count + 0.5) * math.log(count) - count + 0.5 * math.log(2 * math.pi) + _stirling_rest(count)


def _stirling_rest(count: int) -> float:
    square = 1.0 / (count * count)
    return (1 / 12 - square * (1 / 360 - square / 1260)) / count
