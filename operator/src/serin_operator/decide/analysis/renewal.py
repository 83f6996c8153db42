"""Evidence of something that may begin at any time: a version that was good for a month, and then decays.

Evidence that is summed up from the start is lost in the good time: what a million fair pairs have taken away, a decay has to
bring back first. So a guard bets on each moment as the one at which it began. With prior weights w_k of a beginning before
look k, which are known beforehand and sum up to 1 at most, and an e-process E^k that begins there,

    M = Σ_{k begun} w_k · E^k + (1 − Σ_{k begun} w_k)

is a non-negative supermartingale under every version that keeps its margin: an average of such, where those that have not
begun stand at 1. One more with the weight 1 begins at the start of all, so M begins at 2 and P(M ever reaches 2/α) ≤ α
(Ville): a guard halves its rate and no more, whatever its length and however often it looks. For a bet whose ratio does not
depend on where it began, all of them are one number: R ← (R + w_k) · ratio. (The recursion is that of Shiryaev 1963 and
Roberts 1966; Shin, Ramdas, Rinaldo 2022, *E-detectors*, bound the time to a false alarm by it. With weights that sum up to 1
it bounds the probability of one, ever.)
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from serin_operator.decide.analysis.eprocess import MICRO
from serin_operator.decide.analysis.state import AnalysisState

PRICE: Final = 2.0
"""By which the false-alarm rate of renewed evidence is divided."""


def renewed(state: AnalysisState, weight: float) -> AnalysisState:
    """The state before a look in front of which it may have begun, with this prior weight.

    Args:
        state: After the look before.
        weight: Of all of them together at most 1.
    """
    if weight <= 0:
        return state
    metrics = {
        key: replace(one, against=_renewed(one.against, weight), pairs_against=_renewed(one.pairs_against, weight))
        for key, one in state.metrics.items()
    }
    return replace(state, metrics=metrics)


def _renewed(evidence: Sequence[int], weight: float) -> tuple[int, ...]:
    """Log of exp(evidence) + weight for each bet, rounded down; what has not begun to bet stays at 1, which is less."""
    return tuple(_log_sum(one, math.log(weight)) for one in evidence)


def _log_sum(evidence: int, log_weight: float) -> int:
    one = evidence / MICRO
    most = max(one, log_weight)
    return math.floor(MICRO * (most + math.log1p(math.exp(min(one, log_weight) - most))))
