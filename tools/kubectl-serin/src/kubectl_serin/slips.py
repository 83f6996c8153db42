"""What slips through a rollout: how much worse a version can be and still pass its steps, more often than not.

By the engine's own planning: the samples that the steps ask for are set against those that it would take to find a
version that is worse by so much. Clients' real numbers may be larger than what is asked for, and then less slips through.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from serin_operator.api.spec import ModelDeploymentSpec
from serin_operator.decide.analysis import Comparison, Metric, expected_labels
from serin_operator.decide.judging.config import config_of
from serin_operator.decide.wanted.settings import settings_of
from serin_operator.decide.wanted.stages import Stage

USUAL: Final[Mapping[str, float]] = {
    "errorRate": 0.005,
    "latency": 0.01,
    "accuracy": 0.1,
    "absoluteError": 0.1,
    "invalidInputs": 0.01,
}
"""How often what an ordinary stable version does is bad, by kind of metric; what is told depends little on it."""


def slips(spec: Mapping[str, Any]) -> Iterator[str]:
    """One sentence a metric; nothing where nothing is compared."""
    parsed = ModelDeploymentSpec.model_validate(spec)
    if parsed.analysis is None:
        return
    settings, config = settings_of(parsed), config_of(parsed.analysis)
    of_all = (metric for metric in config.metrics if not metric.slice_of)
    for metric, written in zip(of_all, parsed.analysis.metrics, strict=True):
        made_of, asked = settings.metrics.get(metric.name), written.asked
        if made_of is None or asked is None:
            yield f"{metric.name}: only warns, so that it keeps no version back"
            continue
        stages = [stage for stage in settings.stages if made_of in stage.evidence]
        if not stages:
            yield f"{metric.name}: no stage of this rollout tells anything of it; any version slips through"
            continue
        usual = USUAL.get(asked[0].field)
        if usual is None or not isinstance(metric.rule, Comparison):
            yield f"{metric.name}: what slips through depends on how it usually is, which is not known here"
            continue
        samples = sum(metric.min_samples or stage.min_samples or config.samples_needed(metric) for stage in stages)
        weight = max(1, min(50, max(_share(stage) for stage in stages)))
        worse = found_in_half(metric, samples, weight, usual, config.false_alarm_share(metric.name))
        if worse is None:
            yield f"{metric.name}: with {samples:,} samples in all no version is found; raise analysis.minSamples"
        else:
            yield (
                f"{metric.name}: {samples:,} samples in all; a version {100 * worse:.2g} points worse is found in about half"
                f" of its rollouts, one less bad slips through more often than not{_of_slices(written.slice_names)}"
            )


def _of_slices(names: Collection[str]) -> str:
    return f"; each of its {len(names)} slices waits for labels of its own, and none passes without" if names else ""


def _share(stage: Stage) -> int:
    """Percent of what both versions answer that the new one answers: of copies stable answers the originals."""
    return round(100 * stage.mirror / (100 + stage.mirror)) if stage.mirror else stage.weight


def found_in_half(metric: Metric, samples: int, weight: int, usual: float, rate: float) -> float | None:
    """The least difference that so many samples find in about half of the rollouts; None: none at all."""
    margin = getattr(metric.rule, "margin", None)
    low, high = 0.0, 1.0 - usual
    if margin is None or _labels(high, usual, weight, rate, margin) > samples:
        return None
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (low, middle) if _labels(middle, usual, weight, rate, margin) <= samples else (middle, high)
    return high


def _labels(effect: float, usual: float, weight: int, rate: float, margin: Any) -> float:  # noqa: ANN401 - one of the engine's margins
    return expected_labels(effect, usual, weight, false_rollback_rate=rate, margin=margin)
