"""Margins in points, kept exactly and whatever the base rate: is canary's rate above stable's plus δ?

"At most half a point more errors" is a statement about two rates, a ≤ b + δ, and its odds ratio depends on a base rate
that nobody knows where stable has said little: half a point is six times the odds at a base of 0.1 % and next to nothing
at 4 %. So the rates themselves are tested. For an alternative (a₁, b₁) beyond the margin and the point (a₀, b₀) of the
margin a = b + δ that is nearest to it, in n_c·KL(a₁‖a₀) + n_s·KL(b₁‖b₀), the likelihood ratio of a look

    (a₁/a₀)^x_c · ((1−a₁)/(1−a₀))^(n_c−x_c) · (b₁/b₀)^x_s · ((1−b₁)/(1−b₀))^(n_s−x_s)

has an expectation of at most 1 under *every* pair of rates that keeps the margin: its logarithm is concave in the rates, and
"nearest" makes its slope along and across the margin that of a maximum (Turner and Grünwald 2023, *Exact anytime-valid
confidence intervals for contingency tables and beyond*, after Grünwald, de Heide, Koolen 2024, *Safe testing*). Rates
may differ from look to look and from answer to answer. The alternative is stable's rate of *earlier* looks and some steps beyond the
margin, in log odds: a poor guess costs time and never the guarantee.

A look whose base rate is nothing like the guess, as in an incident that hits both, would cost far more evidence than it
tells. So a tenth of the evidence stays out of each bet: ε = 0.9·ratio + 0.1 has an expectation of at most 1 as well, and no look takes away more
than nine tenths.
"""

import math

from serin_operator.decide.analysis.samples import Arm, Stratum

AT_STAKE = 0.9
"""Share of the evidence that a look can take away."""
STARTING = 0.5
"""The same where new pods may still be starting: the margin is far out then, and what a look does not show there is no evidence for a version."""
_LEAST = 1e-12  # a rate of zero has no logarithm
_CLOSE = 1e-13  # relative: where the search for the nearest point ends
_MOST_STEPS = 200


def guessed_base(stable_before: Arm, delta: float) -> float:
    """Stable's rate as it is guessed from earlier looks; without any, a base as large as the margin."""
    return (stable_before.bad + delta) / (stable_before.total + 1.0)


def widened(delta: float, base: float, log_odds: float) -> float:
    """The margin in points when the odds at it are moved by so much: outwards against a version, inwards (negative) for it."""
    if not log_odds or is_impossible(base, delta):
        return delta
    logit = math.log(base + delta) - math.log1p(-base - delta)
    return max(1.0 / (1.0 + math.exp(-logit - log_odds)) - base, _LEAST - base)


def is_impossible(base: float, delta: float) -> bool:
    """Whether nothing can be that much worse."""
    return base + delta >= 1.0


def log_evidence(
    stratum: Stratum,
    delta: float,
    base: float,
    steps: tuple[float, ...],
    design_effect: float = 1.0,
    *,
    at_stake: float = AT_STAKE,
) -> list[float]:
    """Logarithm of the evidence of one stratum for each alternative.

    Args:
        stratum: Exact counts of both arms.
        delta: The margin, as a share of all answers.
        base: Stable's rate as guessed before this look.
        steps: Distances of the alternatives from the margin in log odds: positive against the canary, negative for it.
        design_effect: How many times as much the counts scatter as independent ones; 1 is exact.
        at_stake: Share of the evidence that the look can take away.
    """
    if is_impossible(base, delta) or not stratum.canary.total or not stratum.stable.total:
        return [0.0] * len(steps)
    return [_hedged(ratio / design_effect, at_stake) for ratio in log_ratios(stratum, delta, base, steps)]


def log_ratios(stratum: Stratum, delta: float, base: float, steps: tuple[float, ...]) -> list[float]:
    """The same with everything at stake: the plain likelihood ratios."""
    logit = math.log(base + delta) - math.log1p(-base - delta)
    alternatives = (1.0 / (1.0 + math.exp(-logit - step)) for step in steps)
    return [_log_ratio(stratum.canary, stratum.stable, one, base, delta) for one in alternatives]


def nearest_base(canary: int, stable: int, alternative: tuple[float, float], delta: float) -> float:
    """The b₀ of the pair (b₀ + δ, b₀) nearest to the alternative, where arms have so many answers.

    The slope of the distance grows with b, so its root is found by Newton's steps, kept within what is known to hold it.
    """
    a1, b1 = alternative
    low, high = max(min(b1, a1 - delta), _LEAST), min(max(b1, a1 - delta), 1.0 - delta)
    b = (canary * max(a1 - delta, _LEAST) + stable * b1) / (canary + stable)
    for _ in range(_MOST_STEPS):
        a = b + delta
        of_a, of_b = a * (1.0 - a), b * (1.0 - b)
        slope = canary * (a - a1) / of_a + stable * (b - b1) / of_b
        low, high = (b, high) if slope < 0 else (low, b)
        curve = canary * (1.0 - (a - a1) * (1.0 - 2.0 * a) / of_a) / of_a
        curve += stable * (1.0 - (b - b1) * (1.0 - 2.0 * b) / of_b) / of_b
        step = slope / curve if curve > 0 else math.inf
        after = b - step if low < b - step < high else (low + high) / 2.0
        if abs(after - b) <= _CLOSE * b:
            return after
        b = after
    return b


def _log_ratio(canary: Arm, stable: Arm, a1: float, b1: float, delta: float) -> float:
    b0 = nearest_base(canary.total, stable.total, (a1, b1), delta)
    a0 = b0 + delta
    return math.fsum(
        (
            canary.bad * math.log(a1 / a0),
            (canary.total - canary.bad) * (math.log1p(-a1) - math.log1p(-a0)),
            stable.bad * math.log(b1 / b0),
            (stable.total - stable.bad) * (math.log1p(-b1) - math.log1p(-b0)),
        )
    )


def _hedged(log_ratio: float, at_stake: float) -> float:
    """Log of 0.9·ratio + 0.1, where nine tenths are at stake."""
    staked, kept = math.log(at_stake) + log_ratio, math.log1p(-at_stake)
    most = max(staked, kept)
    return most + math.log1p(math.exp(min(staked, kept) - most))
