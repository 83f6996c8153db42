"""How many labels will a decision take? Asked before a rollout, so that steps and deadlines fit the traffic."""

import math
from collections.abc import Callable
from functools import partial
from statistics import NormalDist

from serin_operator.decide.analysis.eprocess import against_steps, log_likelihood_ratios
from serin_operator.decide.analysis.errors import require_design_effect, require_fraction
from serin_operator.decide.analysis.margins import NO_WORSE, Margin, Points
from serin_operator.decide.analysis.points import is_impossible, log_ratios
from serin_operator.decide.analysis.samples import Arm, Stratum

_PATTERN = 1_000_000  # answers of the imagined look whose mean evidence a label is measured on
_MOST_LABELS = 1e12
_CLOSE = 1.01


def expected_labels(
    effect: float,
    stable_bad_rate: float,
    weight_percent: float,
    *,
    false_rollback_rate: float = 0.01,
    margin: Margin = NO_WORSE,
    design_effect: float = 1.0,
) -> float:
    """Canary answers until a canary that is worse by `effect` (of all answers, 0.04 = 4 points) is found.

    `weight_percent` is the canary's share of the answers; `false_rollback_rate` what the metric may spend of it. Each
    alternative gathers evidence at its own mean speed, measured with the shipped test on one large look at the true
    rates; the mixture is then solved for the count at which it reaches 1/α. About the median; half of the canaries take
    longer, and one look is the least. Infinite when the effect is within the margin.
    """
    require_fraction("stable_bad_rate", stable_bad_rate, low=0, high=1)
    require_fraction("effect", effect, low=0, high=1)
    require_fraction("stable_bad_rate + effect", stable_bad_rate + effect, low=0, high=1 + 1e-9)
    require_fraction("weight_percent", weight_percent, low=0, high=100)
    require_fraction("false_rollback_rate", false_rollback_rate, low=0, high=0.5)
    require_design_effect(design_effect)
    canary = round(_PATTERN * weight_percent / 100)
    stable = _PATTERN - canary
    pattern = Stratum(
        Arm(min(canary, round(canary * (stable_bad_rate + effect))), canary),
        Arm(round(stable * stable_bad_rate), stable),
    )
    speeds = [ratio / canary / design_effect for ratio in _ratios(pattern, margin, stable_bad_rate)]
    if max(speeds) <= 0:
        return math.inf
    return samples_until(-math.log(false_rollback_rate), speeds)


def labels_for(
    effect: float,
    stable_bad_rate: float,
    weight_percent: float,
    *,
    power: float,
    false_rollback_rate: float = 0.01,
    margin: Margin = NO_WORSE,
    design_effect: float = 1.0,
) -> float:
    """Canary answers within which a canary that is worse by `effect` is found with a probability of `power`.

    As many as `expected_labels` needs of a canary that looks better than it is by as much as so many answers let all but the
    share `power` look: a number of standard errors of the difference between the two rates. Infinite when the effect is within the margin.
    """
    require_fraction("power", power, low=0, high=1)
    expected = partial(
        expected_labels,
        stable_bad_rate=stable_bad_rate,
        weight_percent=weight_percent,
        false_rollback_rate=false_rollback_rate,
        margin=margin,
        design_effect=design_effect,
    )
    if math.isinf(expected(effect)):
        return math.inf
    bad, share = stable_bad_rate + effect, weight_percent / (100 - weight_percent)
    deviation = math.sqrt(design_effect * (bad * (1 - bad) + share * stable_bad_rate * (1 - stable_bad_rate)))
    unlucky = NormalDist().inv_cdf(power) * deviation

    def is_enough(labels: float) -> bool:
        seems = effect - unlucky / math.sqrt(labels)
        seems = min(seems, 1 - stable_bad_rate)
        return seems > 0 and expected(seems) <= labels

    return fewest(is_enough)


def fewest(is_enough: Callable[[float], bool]) -> float:
    """The least number that is enough, to a percent; infinite where none is."""
    high = 1.0
    while not is_enough(high):
        high *= 2
        if high > _MOST_LABELS:
            return math.inf
    low = high / 2
    while high / low > _CLOSE:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high


def _ratios(pattern: Stratum, margin: Margin, rate: float) -> list[float]:
    if not isinstance(margin, Points):
        return log_likelihood_ratios(pattern, math.log(margin.ratio), against_steps())
    if is_impossible(rate, margin.increase):
        return [0.0]
    return log_ratios(pattern, margin.increase, rate, against_steps())


def samples_until(wanted: float, speeds: list[float]) -> float:
    """When a mixture of equal parts that gather evidence at these speeds has as much as is wanted: solves log Σ wⱼ exp(labels · speedⱼ) = wanted; the left side grows once it is above 0."""
    low, high = 0.0, (wanted + math.log(len(speeds))) / max(speeds)
    for _ in range(60):
        middle = (low + high) / 2
        terms = [middle * speed for speed in speeds]
        most = max(terms)
        reached = most + math.log(math.fsum(math.exp(one - most) for one in terms) / len(terms))
        low, high = (low, middle) if reached >= wanted else (middle, high)
    return high
