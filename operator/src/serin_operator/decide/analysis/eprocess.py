"""Evidence that may be looked at as often as one likes.

For each alternative θ_j beyond the margin θ₀ a look adds the log-likelihood ratio log P(data; θ_j) − log P(data; θ₀).
Under every truth on the near side of θ₀ each exp(sum) is a non-negative supermartingale (the likelihood ratio is
monotone), so is their mixture E, and by Ville's inequality P(E ever reaches 1/α) ≤ α, at any look, however often one
looks and however the base rate drifts. See Turner, Ly, Grünwald 2024 (*Generic E-variables for exact sequential
k-sample tests*), Ramdas, Grünwald, Vovk, Shafer 2023 (*Game-theoretic statistics and safe anytime-valid inference*)
and, for the same idea with multinomial counts, Lindon, Sanden, Shirikian 2022 (arXiv 2205.14762).

Both directions are one formula: against the canary the steps from θ₀ are positive, for it (non-inferiority) negative.
"""

import math
from collections.abc import Iterable, Sequence

from serin_operator.decide.analysis.hypergeometric import log_probabilities
from serin_operator.decide.analysis.samples import Arm, Stratum

STEPS = (0.15, 0.3, 0.45, 0.6, 0.8, 1.5, 2.2, 3.2)
"""Distances of the alternatives from the margin, in log odds; equal weights.

Any set is valid. These eight detect effects from 2 points of 8 % to "everything fails" a little sooner than ten spread
wider: a step nobody is near costs log(10/8) nats and gives nothing.
"""

MICRO = 1_000_000
_ROUNDING = 1e-11  # relative: more than what floats can lose in one log-likelihood ratio; taken off

Steps = tuple[float, ...]


def against_steps() -> Steps:
    """Alternatives worse than the margin."""
    return STEPS


def for_steps() -> Steps:
    """Alternatives better than the margin: the mirror image."""
    return tuple(-step for step in STEPS)


def log_likelihood_ratios(stratum: Stratum, at_margin: float, steps: Steps) -> list[float]:
    """Log P(x_c | k; θ₀ + step) − log P(x_c | k; θ₀) for each step: the exact conditional test of one stratum.

    Nothing but zeros where the counts can fall only one way (an arm without answers, nothing bad, everything bad) or the
    margin is infinite.
    """
    canary, stable = stratum.canary, stratum.stable
    odds = (at_margin, *(at_margin + step for step in steps))
    null, *alternatives = log_probabilities(canary.bad, canary.total, stable.total, canary.bad + stable.bad, odds)
    return [alternative - null for alternative in alternatives]


def log_likelihood_ratios_of_one_sample(arm: Arm, bound: float, steps: Steps) -> list[float]:
    """The same against a fixed bad rate p₀: x·s − n·log(1 + p₀(eˢ − 1)), the tilted binomial. Exact at any size."""
    return [arm.bad * step - arm.total * math.log1p(bound * math.expm1(step)) for step in steps]


def add(evidence: Sequence[int], looks: Iterable[tuple[Sequence[float], float]], steps: Steps) -> tuple[int, ...]:
    """Add the log-likelihood ratios of a look's strata, each divided by its design effect, rounded down.

    The tempered ratio keeps E ≤ 1 in expectation where counts scatter φ times as much as independent ones would: the
    quasi-likelihood's log-likelihood ratio is the ordinary one over φ (McCullagh and Nelder 1989, ch. 9). φ = 1 is
    exact. The sum is `fsum`, so the order of strata does not matter; the rounding lowers evidence by at most 10⁻⁶.
    """
    before = evidence or (0,) * len(steps)
    strata = [[ratio / design_effect for ratio in ratios] for ratios, design_effect in looks]
    return tuple(
        old + math.floor(MICRO * (math.fsum(column) - _ROUNDING * math.fsum(map(abs, column))))
        for old, column in zip(before, zip(*strata, strict=True), strict=True)
    )


def log_mixture(evidence: Sequence[int]) -> int:
    """Log E of the mixture with equal weights, in micronats and rounded down; 0 (E = 1) before any evidence."""
    if not evidence:
        return 0
    most = max(evidence)
    share = math.fsum(math.exp((one - most) / MICRO) for one in evidence) / len(evidence)
    return most + math.floor(MICRO * math.log(share))


def log_weighted(parts: Sequence[tuple[float, int]]) -> int:
    """Log of the weighted mean of several e-processes, which is one again: how kinds of evidence share one error rate.

    Better than a share of α for each: it reaches 1/α wherever one of them reaches 1/(weight · α), and sooner where
    several speak. They may depend on one another, and on the same labels (Vovk and Wang 2021, *E-values*).
    """
    if len(parts) == 1:
        return parts[0][1]
    most = max(log for _, log in parts)
    return most + math.floor(MICRO * math.log(math.fsum(w * math.exp((log - most) / MICRO) for w, log in parts)))


def needed(error_rate: float) -> int:
    """What `log_mixture` has to reach: log(1/α) in micronats, rounded up."""
    return math.ceil(-MICRO * math.log(error_rate))
