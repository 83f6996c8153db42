"""The evidence engine's configuration, from the spec."""

from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass, replace
from datetime import timedelta
from typing import Final, assert_never

from serin_operator.api import spec as api
from serin_operator.api.kinds.kind import Bounded, Compared, Drifting, Limited, MeansCompared, Proof, Test
from serin_operator.decide.analysis import (
    AnalysisConfig,
    Bound,
    Comparison,
    Drift,
    Evidence,
    InvalidAnalysis,
    MeanDifference,
    Metric,
    Paired,
    Points,
    Role,
    Rule,
    Threshold,
    Words,
)
from serin_operator.decide.looks import slice_key

DEFAULT_INTERVAL_SECONDS: Final = 30
DEFAULT_FALSE_ROLLBACK_RATE: Final = 0.01
DEFAULT_FALSE_PROMOTION_RATE: Final = 0.05
DEFAULT_MIN_SAMPLES: Final = 100
WHOLE: Final = 0.5
"""How much of its share a metric with slices keeps for all traffic: evidence of twice as much is soon there."""


@dataclass(frozen=True)
class Planned:
    """Samples that a metric needs in a step for what that step has to find."""

    samples: int
    because: str


def config_of(
    analysis: api.Analysis, min_samples: int | None = None, planned: Mapping[str, Planned] | None = None
) -> AnalysisConfig:
    """The engine's configuration, with the defaults that the descriptions of the API promise.

    Args:
        analysis: As the spec has it.
        min_samples: What the present stage needs of each metric that does not say so itself.
        planned: The same by metric, where the stage says what it has to find.

    Raises:
        InvalidAnalysis: A metric is of no kind that this release knows, or the shares are more than there is.
    """
    needed = min_samples or analysis.min_samples or DEFAULT_MIN_SAMPLES
    return AnalysisConfig(
        metrics=tuple(
            one for m in analysis.metrics for one in _metrics(m, analysis, needed, (planned or {}).get(m.name))
        ),
        false_rollback_rate=analysis.false_rollback_rate or DEFAULT_FALSE_ROLLBACK_RATE,
        false_promotion_rate=analysis.false_promotion_rate or DEFAULT_FALSE_PROMOTION_RATE,
        min_samples=needed,
    )


def _metrics(metric: api.AnyMetric, analysis: api.Analysis, needed: int, planned: Planned | None) -> Iterator[Metric]:
    """The question of all traffic, and the same of each slice: half of what the metric may spend, and the rest among them."""
    whole = _metric(metric, Paired(analysis.paired(metric).value))
    if planned is not None and whole.min_samples is None:
        whole = replace(whole, min_samples=planned.samples, because=planned.because)
    if metric.slices is None:
        yield whole
        return
    yield replace(whole, part=WHOLE)
    rule = replace(whole.rule, paired=Paired.OFF) if isinstance(whole.rule, Comparison) else whole.rule
    names = metric.slice_names
    if not metric.slices.are_told_apart:
        raise InvalidAnalysis(
            f"metrics[{metric.name}].slices.cuts", "two cuts are the same in twelve digits", "leave one of them out"
        )
    for name in names:
        yield replace(
            whole,
            name=slice_key(metric.name, name),
            rule=rule,
            part=(1 - WHOLE) / len(names),
            slice_of=metric.name,
            because="",
            min_samples=metric.slices.min_samples or min(DEFAULT_MIN_SAMPLES, whole.min_samples or needed),
        )


def _metric(metric: api.AnyMetric, paired: Paired) -> Metric:
    if metric.asked is None:
        raise InvalidAnalysis(
            f"metrics[{metric.name}]",
            "is of no kind that this release of the operator knows",
            "upgrade the operator, or remove the metric",
        )
    kind, said = metric.asked
    evidence = Evidence.NON_INFERIOR if metric.evidence is Proof.NON_INFERIOR else Evidence.NO_FAIL
    try:
        rule = _rule(kind.judged(said), evidence, paired)
    except InvalidAnalysis as error:
        raise InvalidAnalysis(
            f"metrics[{metric.name}].{kind.field}",
            f"its margin or bound is none within its range ({error.why})",
            "give a margin that is smaller than the range is wide, or a bound that lies within it",
        ) from error
    return Metric(
        metric.name,
        rule,
        role=Role.WARNING if metric.warns_only else Role.GATE,
        min_samples=metric.min_samples,
        share=metric.share,
    )


def _rule(test: Test, evidence: Evidence, paired: Paired) -> Rule:
    match test:
        case Compared(max_increase, phrase):
            return Comparison(Points(max_increase), evidence, Words(*astuple(phrase)), paired)
        case Bounded(maximum, phrase):
            return Bound(maximum, evidence, Words(*astuple(phrase)))
        case MeansCompared(max_increase):
            return MeanDifference(max_increase)
        case Limited(maximum, minimum, consecutive_failures):
            return Threshold(maximum, minimum, consecutive_failures)
        case Drifting(max_psi, of_inputs):
            return Drift(max_psi, of_inputs)
        case other:
            assert_never(other)


def interval_of(analysis: api.Analysis) -> timedelta:
    """Time between two looks."""
    return timedelta(seconds=analysis.interval_seconds or DEFAULT_INTERVAL_SECONDS)
