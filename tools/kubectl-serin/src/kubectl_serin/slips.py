"""What slips through a rollout: how much worse a version can be and still pass its steps, more often than not.

By the engine's own planning: the samples that the steps ask for are set against those that it would take to find a
version that is worse by so much. Clients' real numbers may be larger than what is asked for, and then less slips through.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from typing import Any

from serin_operator.api.spec import ModelDeploymentSpec
from serin_operator.decide.analysis import AnalysisConfig, Comparison, Evidence, Metric, Points, expected_samples
from serin_operator.decide.judging.config import Planned, config_of
from serin_operator.decide.judging.planned import in_pairs, planned_for
from serin_operator.decide.wanted.settings import settings_of
from serin_operator.decide.wanted.stages import Stage


def slips(spec: Mapping[str, Any]) -> Iterator[str]:
    """One sentence a metric; nothing where nothing is compared."""
    parsed = ModelDeploymentSpec.model_validate(spec)
    if parsed.analysis is None:
        return
    settings, config = settings_of(parsed), config_of(parsed.analysis)
    planned = {stage: planned_for(stage, parsed.analysis) for stage in settings.stages}
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
        if isinstance(metric.rule, Comparison) and metric.rule.evidence is Evidence.NON_INFERIOR:
            yield (
                f"{metric.name}: NonInferior: a version beyond its margin passes in at most"
                f" {100 * config.false_promotion_rate:g} % of its rollouts; an equal one waits until its labels show it"
                f"{_of_slices(written.slice_names)}"
            )
            continue
        usual = asked[0].usual
        if usual is None or not isinstance(metric.rule, Comparison):
            yield f"{metric.name}: what slips through depends on how it usually is, which is not known here"
            continue
        needed = [_needed(config, metric, stage, planned[stage]) for stage in stages]
        samples, weight = sum(needed), max(stage.share for stage in stages)
        for stage, number in zip(stages, needed, strict=True):
            if stage.detect and metric.name in planned[stage]:
                yield (
                    f"{metric.name}: minSamples: Auto asks for {number:,} at {stage.words}, by a usual rate; a version"
                    f" {_worse(stage.detect.worse, metric)} is found there with a probability of {stage.detect.power:g}"
                )
        needed_for = partial(
            expected_samples,
            stable_bad_rate=usual,
            weight_percent=weight,
            in_pairs=in_pairs(metric.rule, parsed.analysis, usual),
            false_rollback_rate=config.false_alarm_share(metric.name),
            margin=Points(metric.rule.points),
        )
        worse = found_in_half(needed_for, samples, 1.0 - usual)
        if worse is None:
            yield f"{metric.name}: with {samples:,} samples in all no version is found; raise analysis.minSamples"
        else:
            yield (
                f"{metric.name}: {samples:,} samples in all; a version {_worse(worse, metric)} is found in about half"
                f" of its rollouts, one less bad slips through more often than not{_of_slices(written.slice_names)}"
            )


def _needed(config: AnalysisConfig, metric: Metric, stage: Stage, planned: Mapping[str, Planned]) -> int:
    if metric.min_samples is None and metric.name in planned:
        return planned[metric.name].samples
    return metric.min_samples or stage.min_samples or config.samples_needed(metric)


def _worse(by: float, metric: Metric) -> str:
    scale = metric.rule.words.scale if isinstance(metric.rule, Comparison) else None
    return f"{100 * by:.2g} points worse" if scale is None else f"worse by {by * (scale[1] - scale[0]):.2g} on average"


def _of_slices(names: Collection[str]) -> str:
    return f"; each of its {len(names)} slices waits for labels of its own, and none passes without" if names else ""


def found_in_half(needed_for: Callable[[float], float], samples: int, most: float) -> float | None:
    """The least difference that so many samples find in about half of the rollouts; None: none at all.

    Args:
        needed_for: Samples that it takes to find a difference.
        samples: As many as there are.
        most: The largest difference that there can be.
    """
    low, high = 0.0, most
    if needed_for(high) > samples:
        return None
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (low, middle) if needed_for(middle) <= samples else (middle, high)
    return high
