"""Pods of one version differ by chance: a slow node, a neighbour, a bad disk. What one pod does the version need not have done.

Unlike a client's requests, which fall anew on a version at each connection, a pod stays what it is: looking longer does not
average it out. So it is no design effect; it widens the margin. If the log odds of pods scatter by τ, those of a canary of m pods differ from
stable's by about τ·√(1/m + 1/s) for no other reason. τ² is estimated by moments from stable's pods, within looks

    τ² = Σ((bᵢ − p·nᵢ)² − p(1−p)·nᵢ·(1 − nᵢ/n)) / Σ(p(1−p)·nᵢ)²

(DerSimonian and Laird 1986, on the counts), one standard error less, since pods that do not differ seem to at first; and Student's t of as many
degrees of freedom as there are pods less one, since few pods tell little about pods.

Three pods that happen to be alike say little of a fourth, and at first, when few answers were bad, pods look alike that are not. So nobody is
blamed while a canary is not further from stable, in log odds of all answers, than another of stable's pods would be at 99.75 %,

    t·S·√(1 + 1/s)

with S² the variance of the log odds of stable's s pods, chance included, and not less than chance makes: the t-test of pods, which holds
however much they differ. It asks for no more than pods of one version plausibly differ by (`PLAUSIBLE`), so a version that fails at once is found at once.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import add
from statistics import fmean, variance
from typing import Final

from serin_operator.decide.analysis.samples import Arm
from serin_operator.decide.analysis.state import MetricState

PLAUSIBLE: Final = 0.5
"""Standard deviation of the log odds of pods of one version, at most, as long as nobody knows these pods."""
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
MOST_TOLD: Final = 10
"""Pods of stable whose sums are kept: more of them are not few."""
_T_OF_ONE: Final = (14.089, 7.453, 5.598, 4.773, 4.317, 4.029, 3.833, 3.690)  # one-sided 99.75 %, two to nine degrees
_NORMAL_OF_ONE: Final = 3.0
_BY_LUCK: Final = 2.326
"""Standard deviations of chance that the answers so far are allowed, and those of one look, which is one of many."""
_BY_LUCK_IN_A_LOOK: Final = 3.0


@dataclass(frozen=True, slots=True)
class PodScatter:
    """Sums over stable's pods and looks: what they scatter beyond chance, and what it is worth."""

    excess: float = 0.0
    worth: float = 0.0
    pods: int = 0
    each: tuple[int, ...] = ()
    """(bad, total) of each pod over all looks, flat, while it is as many pods; of no more than `MOST_TOLD`."""

    def after(self, stable_pods: Sequence[Arm]) -> "PodScatter":
        """With one more look. Fewer than three pods, or nothing (or everything) bad, tell nothing."""
        arms = [pod for pod in stable_pods if pod.total]
        bad, total = sum(pod.bad for pod in arms), sum(pod.total for pod in arms)
        each = self._summed(stable_pods)
        if len(arms) < LEAST or bad in (0, total):
            return replace(self, each=each)
        rate = bad / total
        by_chance = [rate * (1 - rate) * pod.total for pod in arms]
        excess = math.fsum(
            (pod.bad - rate * pod.total) ** 2 - chance * (1 - pod.total / total)
            for pod, chance in zip(arms, by_chance, strict=True)
        )
        return PodScatter(self.excess + excess, self.worth + math.fsum(c * c for c in by_chance), len(arms), each)

    def _summed(self, stable_pods: Sequence[Arm]) -> tuple[int, ...]:
        """Pods come in one order. Where it is another number of them their sums begin anew; of fewer than three nothing is learnt, and nothing forgotten."""
        known = stable_pods[:MOST_TOLD]
        if sum(1 for pod in known if pod.total) < LEAST:
            return self.each
        told = tuple(count for pod in known for count in (pod.bad, pod.total))
        return tuple(map(add, self.each, told)) if len(self.each) == len(told) else told

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

    def apart(self) -> float:
        """How far the log odds of a canary may lie from stable's and be those of one more of its pods; 0: of so few pods nobody says.

        By the sums of pods over all looks, since what they differ by stays; of a canary of one pod, which is where a rollout begins.
        """
        each = [Arm(bad, total) for bad, total in zip(self.each[0::2], self.each[1::2], strict=True)]
        pods = [pod for pod in each if pod.total]  # an idle one is not alike, nor unlike
        if len(pods) < LEAST:
            return 0.0
        squared = max(variance(map(_log_odds, pods)), fmean(map(_by_chance, pods)))
        degrees = len(pods) - 1
        apart = min(_T_OF_ONE[degrees - 2] * math.sqrt(squared), _NORMAL_OF_ONE * PLAUSIBLE)
        return apart * math.sqrt(1 + 1 / len(pods))


def may_explain(state: MetricState) -> bool:
    """Whether one more of stable's pods could be as bad as the canary is, in all answers that were compared and in the last look's."""
    if not state.apart:
        return False
    canary_bad, canary, stable_bad, stable = state.latest or (0, 0, 0, 0)
    so_far, by_chance = _difference(state.canary, state.stable)
    of_look, by_chance_in_it = _difference(Arm(canary_bad, canary), Arm(stable_bad, stable))
    return (
        so_far <= math.hypot(state.apart, _BY_LUCK * by_chance)
        and of_look <= state.apart + _BY_LUCK_IN_A_LOOK * by_chance_in_it
    )


def _difference(canary: Arm, stable: Arm) -> tuple[float, float]:
    """Of their log odds, and its standard deviation by chance."""
    return _log_odds(canary) - _log_odds(stable), math.sqrt(_by_chance(canary) + _by_chance(stable))


def _log_odds(arm: Arm) -> float:
    """With half an answer of either kind more (Haldane 1956), so that a pod without a bad answer has some, too."""
    return math.log((arm.bad + 0.5) / (arm.total - arm.bad + 0.5))


def _by_chance(arm: Arm) -> float:
    """The variance of these log odds."""
    return 1 / (arm.bad + 0.5) + 1 / (arm.total - arm.bad + 0.5)
