"""Pods of one version differ by chance: a slow node, a neighbour, a bad disk. What one pod does the version need not have done.

Unlike a client's requests, which fall anew on a version at each connection, a pod stays what it is: looking longer does not
average it out. So it is no design effect; it widens the margin. If the log odds of pods scatter by τ, those of a canary of m pods differ from
stable's by about τ·√(1/m + 1/s) for no other reason. τ² is estimated by moments from stable's pods, within looks

    τ² = Σ((bᵢ − p·nᵢ)² − p(1−p)·nᵢ·(1 − nᵢ/n)) / Σ(p(1−p)·nᵢ)²

(DerSimonian and Laird 1986, on the counts), one standard error less, since pods that do not differ seem to at first; and Student's t of as many
degrees of freedom as there are pods less one, since few pods tell little about pods.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from serin_operator.decide.analysis.samples import Arm

LEAST: Final = 3
"""With fewer pods of stable nothing is known of how they differ, and they are taken to be alike."""
_T: Final = (
    6.965,
    4.541,
    3.747,
    3.365,
    3.143,
    2.998,
    2.896,
    2.821,
    2.764,
)  # one-sided 99 %, from two degrees of freedom
_NORMAL: Final = 2.764  # for more: a little wide


@dataclass(frozen=True, slots=True)
class PodScatter:
    """Sums over stable's pods and looks: what they scatter beyond chance, and what it is worth."""

    excess: float = 0.0
    worth: float = 0.0
    pods: int = 0

    def after(self, stable_pods: Sequence[Arm]) -> "PodScatter":
        """With one more look. Fewer than three pods, or nothing (or everything) bad, tell nothing."""
        arms = [pod for pod in stable_pods if pod.total]
        bad, total = sum(pod.bad for pod in arms), sum(pod.total for pod in arms)
        if len(arms) < LEAST or bad in (0, total):
            return self
        rate = bad / total
        by_chance = [rate * (1 - rate) * pod.total for pod in arms]
        excess = math.fsum(
            (pod.bad - rate * pod.total) ** 2 - chance * (1 - pod.total / total)
            for pod, chance in zip(arms, by_chance, strict=True)
        )
        return PodScatter(self.excess + excess, self.worth + math.fsum(c * c for c in by_chance), len(arms))

    def log_odds(self, canary_pods: int = 1) -> float:
        """By how much the log odds of a canary of so many pods may differ from stable's because pods do."""
        if not self.worth:
            return 0.0
        squared = (self.excess - math.sqrt(2 * self.worth)) / self.worth
        if squared <= 0:
            return 0.0
        degrees = self.pods - 1
        t = _T[degrees - 2] if degrees - 2 < len(_T) else _NORMAL
        return t * math.sqrt(squared * (1 / max(1, canary_pods) + 1 / self.pods))
