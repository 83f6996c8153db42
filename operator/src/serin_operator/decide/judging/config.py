"""The evidence engine's configuration, from the spec."""

from datetime import timedelta
from typing import Final

from serin_operator.api import spec as api
from serin_operator.decide.analysis import AnalysisConfig, Metric, accuracy, error_rate

DEFAULT_INTERVAL_SECONDS: Final = 30
DEFAULT_FALSE_ROLLBACK_RATE: Final = 0.01
DEFAULT_MIN_SAMPLES: Final = 100
DEFAULT_MAX_INCREASE: Final = 0.005
DEFAULT_MAX_DECREASE: Final = 0.01


def config_of(analysis: api.Analysis, min_samples: int | None = None) -> AnalysisConfig:
    """The engine's configuration, with the defaults that the descriptions of the API promise.

    Args:
        analysis: As the spec has it.
        min_samples: What the present stage needs of each metric, where it says so itself.
    """
    return AnalysisConfig(
        metrics=tuple(_metric(m) for m in analysis.metrics),
        false_rollback_rate=analysis.false_rollback_rate or DEFAULT_FALSE_ROLLBACK_RATE,
        min_samples=min_samples or analysis.min_samples or DEFAULT_MIN_SAMPLES,
    )


def _metric(metric: api.Metric) -> Metric:
    if metric.accuracy is not None:
        return Metric(metric.name, accuracy(metric.accuracy.max_decrease or DEFAULT_MAX_DECREASE))
    limit = metric.error_rate.max_increase if metric.error_rate else None
    return Metric(metric.name, error_rate(limit or DEFAULT_MAX_INCREASE))


def interval_of(analysis: api.Analysis) -> timedelta:
    """Time between two looks."""
    return timedelta(seconds=analysis.interval_seconds or DEFAULT_INTERVAL_SECONDS)
