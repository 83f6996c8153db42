"""``minSamples: Auto``: as many samples as a step needs to find a version that is worse by so much."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from serin_operator.api.spec import Analysis, AnyMetric
from serin_operator.decide.analysis import (
    AnalysisState,
    Arm,
    Comparison,
    InvalidAnalysis,
    Metric,
    Points,
    Words,
    labels_for,
)
from serin_operator.decide.analysis.proportions import base_rate
from serin_operator.decide.analysis.wording import difference, level
from serin_operator.decide.judging.config import Planned, config_of
from serin_operator.decide.judging.scatter import scatter_of
from serin_operator.decide.wanted.stages import Detect, Stage

FEWEST: Final = 100
"""Answers of stable from which its rate is taken, instead of what is usual."""
MOST: Final = 100_000_000
_DIGITS: Final = 2
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
        seen = base_rate(known[metric.name]) if metric.name in known else Arm()
        effect = scatter[metric.name].design_effect(design_effect) if metric.name in scatter else design_effect
        asked = _Asked(
            stage.detect,
            stage.share,
            config.false_alarm_share(metric.name),
            metric.rule.points,
            _rounded(max(1.0, effect)),
        )
        found[metric.name] = _planned(asked, seen, usual, metric.rule.words)
    return found


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


def _planned(asked: _Asked, stable: Arm, usual: float, words: Words) -> Planned:
    is_known = stable.total >= FEWEST
    rate = (stable.bad + 0.5) / (stable.total + 1) if is_known else usual
    rate = min(_rounded(rate), 1 - asked.detect.worse)
    whose = f"stable's {level(rate, words)}" if is_known else f"a usual {level(rate, words)}"
    if words.scale is None:
        found = f"{difference(asked.detect.worse, words)} more bad ones than {whose}"
    else:
        found = f"a mean that is worse by {difference(asked.detect.worse, words)} than {whose}"
    return Planned(
        _up(_labels(asked, rate)), f" (Auto: they find {found} with a probability of {asked.detect.power:g})"
    )


def _check(metric: Metric, written: AnyMetric, detect: Detect, said: str) -> None:
    rule = metric.rule
    if not isinstance(rule, Comparison) or detect.worse > rule.points or written.warns_only:
        return
    share, margin = f"{detect.worse:g}", f"{rule.points:g}"
    if rule.words.scale is not None:
        share, margin = f"{share} of its range ({difference(detect.worse, rule.words)})", difference(rule.points, rule.words)
    raise InvalidAnalysis(
        f"spec.rollout.{said}.detect",
        f"{share} is within the margin of {metric.name} ({margin}), which no number of samples finds",
        "give more, a smaller margin, or minSamples to that metric",
    )


@lru_cache(maxsize=512)
def _labels(asked: _Asked, rate: float) -> float:
    return labels_for(
        asked.detect.worse,
        rate,
        asked.share,
        power=asked.detect.power,
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
