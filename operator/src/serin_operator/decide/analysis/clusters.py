"""Where connections or users are split instead of requests, counts scatter more than the test assumes.

The design effect φ is by how much: the variance of an arm's bad answers over the variance that independent answers
would have (Kish 1965). It is estimated from the spread between stable's pods, which all run the same model.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from serin_operator.decide.analysis.samples import Arm

LEAST_PODS = 3
BY_CONNECTION = 6.0
"""A default where connections are split: 1 + (m − 1)·ρ (Kish) for m = 100 requests a connection, correlation ρ = 0.05."""
_WORTH_OF_DEFAULT = 10  # degrees of freedom that the default counts for, lest the first looks' luck decides


@dataclass(frozen=True, slots=True)
class Spread:
    """How much stable's pods scatter, over all looks so far: Pearson's χ² and its degrees of freedom.

    McCullagh and Nelder 1989, *Generalized Linear Models*, section 4.5.2. Pods are compared within a look, so a base
    rate that drifts is not mistaken for scatter; looks are added up, since one look of few pods tells little.
    """

    chi2: float = 0.0
    degrees: int = 0

    def after(self, stable_pods: Sequence[Arm]) -> "Spread":
        """With one more look. Fewer than three pods, or nothing (or everything) bad, tell nothing."""
        pods = [pod for pod in stable_pods if pod.total]
        bad, total = sum(pod.bad for pod in pods), sum(pod.total for pod in pods)
        if len(pods) < LEAST_PODS or bad in (0, total):
            return self
        rate = bad / total
        chi2 = math.fsum((pod.bad - pod.total * rate) ** 2 / (pod.total * rate * (1 - rate)) for pod in pods)
        return Spread(self.chi2 + chi2, self.degrees + len(pods) - 1)

    def design_effect(self, default: float) -> float:
        """φ, never below 1: the configured default at first, what was seen as looks add up.

        Estimate it from the looks *before* the one that is judged. From one look of three pods alone it would be off by
        a factor of three either way, which rolls back 3 % of equal canaries instead of 1 %; so the default counts like
        ten degrees of freedom, and one standard error, √(2/ν) of a χ²/ν, is added.
        """
        degrees = self.degrees + _WORTH_OF_DEFAULT
        seen = (self.chi2 + default * _WORTH_OF_DEFAULT) / degrees
        return max(1.0, seen * (1.0 + math.sqrt(2.0 / degrees)))
