"""How many samples a decision takes where requests are answered by both versions: asked before a rollout, too.

Pairs bring their own evidence (`paired`), with a fixed weight beside unpaired labels. A mixture reaches its bound where one of its parts
reaches that bound over its weight, so what is planned here is enough, and a rollout that hears of both finds more.
"""

import math
from dataclasses import dataclass
from functools import partial
from statistics import NormalDist
from typing import Final

from serin_operator.decide.analysis import paired
from serin_operator.decide.analysis.errors import require_fraction
from serin_operator.decide.analysis.margins import Points
from serin_operator.decide.analysis.planning import expected_labels, fewest, labels_for, samples_until
from serin_operator.decide.analysis.proportions import PAIRS_AGAINST
from serin_operator.decide.analysis.samples import Pairs

_PATTERN: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class InPairs:
    """What of a canary's samples is answered by both versions.

    Args:
        share: Of its samples, that are pairs; 1 where nothing else counts.
        only_control_bad: On which share of the pairs the control alone is bad: on so many the versions differ whoever is better.
        are_alone: Unpaired labels are not judged.
    """

    share: float
    only_control_bad: float
    are_alone: bool = False


def expected_pairs(
    effect: float, only_control_bad: float, *, false_rollback_rate: float = 0.01, margin: float = 0.0
) -> float:
    """Pairs until a canary that is worse by `effect` is found: about the median, infinite when that is within the margin.

    The mean evidence of a pair with the shipped bets, for a canary that alone is bad on `only_control_bad + effect` of them.
    """
    require_fraction("effect", effect, low=0, high=1)
    require_fraction("only_control_bad", only_control_bad, low=-1e-9, high=1)
    only_control = min(only_control_bad, (1 - effect) / 2)
    pattern = Pairs(round(_PATTERN * (only_control + effect)), math.floor(_PATTERN * only_control), _PATTERN)
    speeds = [log / _PATTERN for log in paired.log_against(pattern, margin)]
    return samples_until(-math.log(false_rollback_rate), speeds) if max(speeds) > 0 else math.inf


def pairs_for(
    effect: float, only_control_bad: float, *, power: float, false_rollback_rate: float = 0.01, margin: float = 0.0
) -> float:
    """Pairs within which it is found with a probability of `power`, as `labels_for` has it of labels."""
    require_fraction("power", power, low=0, high=1)
    expected = partial(
        expected_pairs,
        only_control_bad=only_control_bad,
        false_rollback_rate=false_rollback_rate,
        margin=margin,
    )
    if math.isinf(expected(effect)):
        return math.inf
    unlucky = NormalDist().inv_cdf(power) * math.sqrt(2 * only_control_bad + effect - effect**2)

    def is_enough(pairs: float) -> bool:
        seems = min(effect - unlucky / math.sqrt(pairs), 1.0)
        return seems > 0 and expected(seems) <= pairs

    return fewest(is_enough)


def expected_samples(
    effect: float,
    stable_bad_rate: float,
    weight_percent: float,
    *,
    in_pairs: InPairs | None,
    false_rollback_rate: float = 0.01,
    margin: Points,
    design_effect: float = 1.0,
) -> float:
    """Canary samples until a canary that is worse by `effect` is found, by pairs or without; as `expected_labels`."""
    pairs = partial(expected_pairs, effect, margin=margin.increase)
    labels = partial(
        expected_labels, effect, stable_bad_rate, weight_percent, margin=margin, design_effect=design_effect
    )
    return _sooner(labels, pairs, in_pairs, false_rollback_rate)


def samples_for(
    effect: float,
    stable_bad_rate: float,
    weight_percent: float,
    *,
    power: float,
    in_pairs: InPairs | None,
    false_rollback_rate: float = 0.01,
    margin: Points,
    design_effect: float = 1.0,
) -> float:
    """Canary samples within which it is found with a probability of `power`, by pairs or without; as `labels_for`."""
    pairs = partial(pairs_for, effect, power=power, margin=margin.increase)
    labels = partial(
        labels_for, effect, stable_bad_rate, weight_percent, power=power, margin=margin, design_effect=design_effect
    )
    return _sooner(labels, pairs, in_pairs, false_rollback_rate)


def _sooner(
    labels: "partial[float]", pairs: "partial[float]", in_pairs: InPairs | None, false_rollback_rate: float
) -> float:
    if in_pairs is None:
        return labels(false_rollback_rate=false_rollback_rate)
    if in_pairs.are_alone:
        return pairs(in_pairs.only_control_bad, false_rollback_rate=false_rollback_rate)
    apart = labels(false_rollback_rate=(1 - PAIRS_AGAINST) * false_rollback_rate)
    if in_pairs.share <= 0:
        return apart
    return min(
        apart,
        pairs(in_pairs.only_control_bad, false_rollback_rate=PAIRS_AGAINST * false_rollback_rate) / in_pairs.share,
    )
