"""``minSamples: Auto``: as many samples as a step needs to find a version that is worse by so much."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from serin_operator.api.spec import Analysis, AnyMetric
from serin_operator.decide.analysis import (
    AnalysisState,
    Comparison,
    InPairs,
    InvalidAnalysis,
    Metric,
    MetricState,
    Paired,
    Pairs,
    Points,
    samples_for,
)
from serin_operator.decide.analysis.proportions import base_rate
from serin_operator.decide.analysis.wording import difference, level, percent
from serin_operator.decide.judging.config import Planned, config_of
from serin_operator.decide.judging.scatter import scatter_of
from serin_operator.decide.wanted.stages import Detect, Stage

FEWEST: Final = 100
"""Answers of stable from which its rate is taken, instead of what is usual."""
MOST: Final = 100_000_000
_DIGITS: Final = 2
_MOST_BY_CONTROL: Final = 0.99
"""Where stable alone is wrong on all of them, the plan is that of nearly all."""
"""Of what is planned with and what comes out: a number that moves with each look would say nothing."""


def planned_for(
    stage: Stage | None, wanted: Analysis, evidence: Mapping[str, Any] | None = None, design_effect: float = 1.0
) -> dict[str, Planned]:
    """Samples by metric, of a stage that says what it has to find; none of another.

    Args:
        stage: Whose samples they are.
        wanted: What is compared.
        evidence: Of the comparison so far, which knows stable's rate.
        design_effect: Of what nothing is measured yet.

    Raises:
        InvalidAnalysis: A metric's margin allows what is to be found.
    """
    if stage is None or stage.detect is None:
        return {}
    config = config_of(wanted)
    known = AnalysisState.from_dict(evidence).metrics if evidence else {}
    scatter = scatter_of(evidence or {})
    found: dict[str, Planned] = {}
    for metric, written in zip((one for one in config.metrics if not one.slice_of), wanted.metrics, strict=True):
        usual = written.asked[0].usual if written.asked else None
        if metric.min_samples is not None or not isinstance(metric.rule, Comparison) or usual is None:
            continue
        _check(metric, written, stage.detect, stage.said)
        state = known.get(metric.name, MetricState())
        effect = scatter[metric.name].design_effect(design_effect) if metric.name in scatter else design_effect
        asked = _Asked(
            stage.detect,
            stage.share,
            config.false_alarm_share(metric.name),
            metric.rule.points,
            _rounded(max(1.0, effect)),
        )
        found[metric.name] = _planned(asked, metric.rule, state, usual, wanted)
    return found


def in_pairs(rule: Comparison, wanted: Analysis, rate: float, state: MetricState | None = None) -> InPairs | None:
    """What pairs bring to a metric; None where it is judged without.

    How often the control alone is bad, and how many of the canary's samples are pairs, is taken from what the rollout has seen, once
    there are a hundred. Before, the new version is taken to be right on half of what stable is wrong on, which is more than a
    retrained model usually is, and pairs to be as many as are asked for.

    Args:
        rule: Of the metric.
        wanted: What is compared.
        rate: Stable's rate of bad answers.
        state: What is known of the metric in this rollout.
    """
    if rule.paired is Paired.OFF or wanted.pairing is None:
        return None
    known, canary = (Pairs(*state.pairs), state.canary_total) if state else (Pairs(), 0)
    only_control = (known.only_control_bad + 0.5) / (known.total + 1) if known.total >= FEWEST else rate / 2
    only_control = min(only_control, _MOST_BY_CONTROL)
    if rule.paired is Paired.REQUIRE:
        return InPairs(1.0, _rounded(only_control), are_alone=True)
    share = min(1.0, known.total / canary) if canary >= FEWEST else wanted.pairing.sample
    return InPairs(_rounded(share), _rounded(only_control))


@dataclass(frozen=True)
class _Asked:
    """What a number of samples follows from, beside stable's rate."""

    detect: Detect
    share: int
    """Percent of the answers that the new version gives."""
    alarm: float
    """What the metric may spend of the false-rollback rate."""
    margin: float
    design_effect: float


def _planned(asked: _Asked, rule: Comparison, state: MetricState, usual: float, wanted: Analysis) -> Planned:
    stable, words = base_rate(state), rule.words
    is_known = stable.total >= FEWEST
    rate = (stable.bad + 0.5) / (stable.total + 1) if is_known else usual
    rate = min(_rounded(rate), 1 - asked.detect.worse)
    whose = f"stable's {level(rate, words)}" if is_known else f"a usual {level(rate, words)}"
    if words.scale is None:
        found = f"{difference(asked.detect.worse, words)} more bad ones than {whose}"
    else:
        found = f"a mean that is worse by {difference(asked.detect.worse, words)} than {whose}"
    pairs = in_pairs(rule, wanted, rate, state)
    return Planned(
        _up(_labels(asked, rate, pairs)),
        f" (Auto: they find {found} with a probability of {asked.detect.power:g}{_in_pairs(pairs)})",
    )


def _in_pairs(pairs: InPairs | None) -> str:
    if pairs is None:
        return ""
    return ", in pairs" if pairs.are_alone else f", {percent(pairs.share)} of them in pairs"


def _check(metric: Metric, written: AnyMetric, detect: Detect, said: str) -> None:
    rule = metric.rule
    if not isinstance(rule, Comparison) or detect.worse > rule.points or written.warns_only:
        return
    share, margin = f"{detect.worse:g}", f"{rule.points:g}"
    if rule.words.scale is not None:
        share, margin = (
            f"{share} of its range ({difference(detect.worse, rule.words)})",
            difference(rule.points, rule.words),
        )
    raise InvalidAnalysis(
        f"spec.rollout.{said}.detect",
        f"{share} is within the margin of {metric.name} ({margin}), which no number of samples finds",
        "give more, a smaller margin, or minSamples to that metric",
    )


@lru_cache(maxsize=512)
def _labels(asked: _Asked, rate: float, pairs: InPairs | None) -> float:
    return samples_for(
        asked.detect.worse,
        rate,
        asked.share,
        power=asked.detect.power,
        in_pairs=pairs,
        false_rollback_rate=asked.alarm,
        margin=Points(asked.margin),
        design_effect=asked.design_effect,
    )


def _rounded(number: float) -> float:
    return float(f"{number:.{_DIGITS}g}")


def _up(number: float) -> int:
    """To so many digits, upwards."""
    if number >= MOST:
        return MOST
    rounded = int(_rounded(number))
    return rounded if rounded >= number else int(_rounded(number + 10 ** (len(str(int(number))) - _DIGITS)))
