"""One look at all metrics: the state after it and a verdict on each."""

from collections.abc import Mapping
from dataclasses import replace
from typing import assert_never

from serin_operator.decide.analysis import drift, means, proportions, standing, thresholds
from serin_operator.decide.analysis.config import (
    AnalysisConfig,
    Bound,
    Comparison,
    Drift,
    MeanDifference,
    Metric,
    Role,
    Threshold,
)
from serin_operator.decide.analysis.errors import InvalidAnalysis
from serin_operator.decide.analysis.samples import (
    Difference,
    Histograms,
    Measurement,
    NoData,
    Proportions,
    QueryFailed,
    Sample,
    Value,
)
from serin_operator.decide.analysis.state import AnalysisState, MetricState
from serin_operator.decide.analysis.verdicts import Fail, Inconclusive, Reason, Verdict

Verdicts = dict[str, Verdict]


def judge_look(
    config: AnalysisConfig, state: AnalysisState, look: Mapping[str, Sample], *, taken_at: float | None = None
) -> tuple[AnalysisState, Verdicts]:
    """Take one look into account.

    `look` holds a sample for each key of `config.metrics` (`name`, or `name/slice`); a missing one is NoData. With
    `taken_at` (unix seconds, the end of the look's interval) a look that is not later than the last one counted moves
    nothing: asked again after a restart, it gives the same verdicts.

    Raises InvalidAnalysis for a key that no metric has, and for an observation that its rule cannot judge.
    """
    keys = {key: metric for metric in config.metrics for key in metric.keys}
    for key in look:
        if key not in keys:
            raise InvalidAnalysis(f"look[{key}]", "is no metric of this analysis", f"known are {', '.join(keys)}")
    seen_before = taken_at is not None and state.taken_at is not None and taken_at <= state.taken_at
    states: dict[str, MetricState] = {}
    verdicts: Verdicts = {}
    for key, metric in keys.items():
        sample = look.get(key, NoData())
        mark = config.fingerprint_of(metric)
        known = state.metrics.get(key)
        after = known if known is not None and known.rule == mark else MetricState(rule=mark)
        if isinstance(sample, Value) and not seen_before:
            after = _observe(key, metric, after, sample)
        verdict = _verdict(config, metric, key, _doubted(after, states.get(metric.slice_of)), sample)
        states[key] = replace(after, failed=True) if isinstance(verdict, Fail) else after
        if known is not None and known.rule != mark:
            verdict = replace(verdict, message=f"configuration changed, evidence begins anew; {verdict.message}")
        verdicts[key] = verdict
    latest = state.taken_at if seen_before or taken_at is None else taken_at
    return AnalysisState(states, latest), verdicts


def _observe(key: str, metric: Metric, state: MetricState, value: Value) -> MetricState:
    match metric.rule, value.observed:
        case (Comparison() | Bound()) as rule, Proportions() as seen:
            return proportions.observe(rule, state, seen, value)
        case MeanDifference(), Difference() as seen:
            return means.observe(state, seen)
        case Threshold() as rule, Measurement() as seen:
            return thresholds.observe(rule, state, seen)
        case Drift(), Histograms() as seen:
            return drift.observe(state, seen, value.design_effect)
        case rule, seen:
            raise InvalidAnalysis(
                f"look[{key}]",
                f"{type(seen).__name__} cannot be judged by {type(rule).__name__}",
                "send the observation that the rule is about",
            )


def _doubted(state: MetricState, of_all: MetricState | None) -> MetricState:
    """Labels that are missing by choice are known of all traffic only, and no slice blames by them either."""
    if of_all is None:
        return state
    return replace(state, labels_differ=of_all.labels_differ, labels_excess=of_all.labels_excess)


def _verdict(config: AnalysisConfig, metric: Metric, key: str, state: MetricState, sample: Sample) -> Verdict:
    """Fail stands whatever this look brought; without data nothing passes; else the rule decides."""
    judged = _by_rule(config, metric, key, state, sample)
    if isinstance(judged, Fail):
        return judged
    match sample:
        case NoData() if metric.slice_of and state.step_samples >= config.samples_needed(metric):
            return judged
        case NoData(why):
            return Inconclusive(Reason.NO_DATA, why)
        case QueryFailed(why):
            return Inconclusive(Reason.QUERY_FAILED, why)
        case Value():
            return judged
        case _:
            assert_never(sample)


def _by_rule(config: AnalysisConfig, metric: Metric, key: str, state: MetricState, sample: Sample) -> Verdict:
    alpha = config.false_alarm_share(key)
    needed = config.samples_needed(metric)
    match metric.rule:
        case Comparison() | Bound() as rule:
            observed = sample.observed if isinstance(sample, Value) else None
            seen = observed if isinstance(observed, Proportions) else Proportions()
            return standing.failed(rule, state, alpha) or standing.standing(
                rule,
                state,
                seen,
                samples_needed=needed,
                false_alarm_rate=alpha,
                false_promotion_rate=config.false_promotion_rate,
                is_slice=bool(metric.slice_of),
                because=metric.because,
                stumbled=proportions.log_stumbled(rule, state, sample) if isinstance(sample, Value) else 0,
            )
        case MeanDifference() as rule:
            return means.verdict(rule, state, alpha, is_gate=metric.role is Role.GATE)
        case Threshold() as rule:
            return thresholds.verdict(rule, state)
        case Drift() as rule:
            return drift.verdict(rule, state, needed)
        case other:
            assert_never(other)
