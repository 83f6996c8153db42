"""When to look at the metrics, and what a look does to the rollout: the bridge to the evidence engine."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from serin_operator.api import spec as api
from serin_operator.api.status import MetricStatus
from serin_operator.decide.analysis import (
    AnalysisConfig,
    AnalysisState,
    Fail,
    LookRecord,
    Metric,
    NoData,
    Pass,
    QueryFailed,
    Sample,
    Spread,
    Value,
    Verdict,
    accuracy,
    begin_step,
    error_rate,
    judge_look,
)
from serin_operator.decide.looks import Look, LookResult
from serin_operator.decide.memory.memory import Analysis, Memory
from serin_operator.decide.memory.states import Judgement, Stepping
from serin_operator.decide.world import World

DEFAULT_INTERVAL_SECONDS = 30
DEFAULT_FALSE_ROLLBACK_RATE = 0.01
DEFAULT_MIN_SAMPLES = 100
DEFAULT_MAX_INCREASE = 0.005
DEFAULT_MAX_DECREASE = 0.01
LOOKS_BEFORE = 8


def config_of(analysis: api.Analysis) -> AnalysisConfig:
    """The engine's configuration, with the defaults that the descriptions of the API promise."""
    return AnalysisConfig(
        metrics=tuple(_metric(m) for m in analysis.metrics),
        false_rollback_rate=analysis.false_rollback_rate or DEFAULT_FALSE_ROLLBACK_RATE,
        min_samples=analysis.min_samples or DEFAULT_MIN_SAMPLES,
    )


def _metric(metric: api.Metric) -> Metric:
    if metric.accuracy is not None:
        return Metric(metric.name, accuracy(metric.accuracy.max_decrease or DEFAULT_MAX_DECREASE))
    limit = metric.error_rate.max_increase if metric.error_rate else None
    return Metric(metric.name, error_rate(limit or DEFAULT_MAX_INCREASE))


def interval_of(analysis: api.Analysis) -> timedelta:
    """Time between two looks."""
    return timedelta(seconds=analysis.interval_seconds or DEFAULT_INTERVAL_SECONDS)


def due_look(world: World, memory: Memory) -> Look | None:
    """The look that can be asked for now; None when it is too early, or nothing is to be judged.

    The end lies two scrape intervals back: what Prometheus says about it no longer changes, so the same look can be
    asked for again after a restart.
    """
    analysis, state = world.mdep.spec.analysis, memory.rollout
    start = memory.analysis.look_from
    if analysis is None or not isinstance(state, Stepping) or memory.stable is None or start is None:
        return None
    end = world.now - timedelta(seconds=2 * world.config.scrape_interval_seconds)
    if not world.config.prometheus_configured or world.now < _due_at(world, memory, analysis, start):
        return None
    changes = memory.analysis.weight_changes
    since = memory.analysis.canary_since or state.since
    quiet_until = changes[0].start if changes else since
    first = not memory.analysis.evidence.get("metrics")
    return Look(
        namespace=world.mdep.namespace,
        name=world.mdep.name,
        stable=memory.stable.revision,
        canary=state.candidate.revision,
        start=start,
        end=end,
        canary_since=since,
        weight_changes=changes,
        before=(quiet_until - LOOKS_BEFORE * interval_of(analysis), quiet_until) if first else None,
    )


def next_look_in(world: World, memory: Memory) -> float | None:
    """Seconds until ``due_look`` has something to ask."""
    analysis, start = world.mdep.spec.analysis, memory.analysis.look_from
    if analysis is None or start is None or not isinstance(memory.rollout, Stepping):
        return None
    return max(0.0, (_due_at(world, memory, analysis, start) - world.now).total_seconds())


def _due_at(world: World, memory: Memory, analysis: api.Analysis, start: datetime) -> datetime:
    due = start + interval_of(analysis) + timedelta(seconds=2 * world.config.scrape_interval_seconds)
    failed = memory.analysis.failed_at
    return max(due, failed + interval_of(analysis)) if failed else due


@dataclass(frozen=True)
class Judged:
    """What came of a look."""

    analysis: Analysis
    judgement: Judgement
    records: tuple[LookRecord, ...]
    """What was counted, in order: replayed from an empty state, a rollout's records give the same verdicts again."""


def judge(
    analysis: Analysis, result: LookResult, config: AnalysisConfig, now: datetime, design_effect: float = 1.0
) -> Judged:
    """Take a look into account.

    Where one query failed nothing is counted, for any metric, and the next look covers the longer interval: a look
    counts once or not at all. Otherwise the next look begins where this one ended.
    """
    state = AnalysisState.from_dict(analysis.evidence) if analysis.evidence else AnalysisState()
    samples: Mapping[str, Sample] = result.samples
    failed = {name: sample for name, sample in samples.items() if isinstance(sample, QueryFailed)}
    if failed:
        samples = {name: failed.get(name, NoData("not counted: another metric's query failed")) for name in samples}
        _, verdicts = judge_look(config, state, samples)
        after = replace(analysis, failed_at=now, results=_results(state, verdicts))
        return Judged(after, _judgement(verdicts), (LookRecord(samples),))
    records: list[LookRecord] = []
    if not analysis.evidence.get("metrics") and result.before:
        records.append(LookRecord(result.before, result.look.start.timestamp()))
        state, _ = judge_look(config, state, result.before, taken_at=records[-1].taken_at)
    spreads = spreads_of(analysis)
    effects = {name: _effect(spreads.get(name), design_effect) for name in samples}
    discounted = {name: _discounted(sample, effects[name]) for name, sample in samples.items()}
    begins_step = not any(one.step_samples for one in state.metrics.values())
    records.append(LookRecord(discounted, result.look.end.timestamp(), begins_step))
    state, verdicts = judge_look(config, state, discounted, taken_at=records[-1].taken_at)
    for name, pods in result.stable_pods.items():
        # Seen after it was used: a look that is judged by its own scatter would favour the unlucky ones.
        spreads[name] = spreads.get(name, Spread()).after(pods)
    seen = {name: [round(spread.chi2, 6), spread.degrees] for name, spread in spreads.items() if spread.degrees}
    after = replace(
        analysis,
        evidence={**state.to_dict(), "spread": seen},
        look_from=result.look.end,
        failed_at=None,
        results=_results(state, verdicts, effects),
    )
    return Judged(after, _judgement(verdicts), tuple(records))


def spreads_of(analysis: Analysis) -> dict[str, Spread]:
    """How much stable's pods scattered in the looks so far, by metric."""
    return {
        name: Spread(float(chi2), int(degrees)) for name, (chi2, degrees) in analysis.evidence.get("spread", {}).items()
    }


def _effect(spread: Spread | None, default: float) -> float:
    """The design effect of a metric: the default while nothing is known of stable's pods."""
    return spread.design_effect(default) if spread else default


def _discounted(sample: Sample, effect: float) -> Sample:
    return replace(sample, design_effect=max(1.0, effect)) if isinstance(sample, Value) else sample


def at_next_step(analysis: Analysis) -> Analysis:
    """Samples are counted anew in each step; evidence belongs to the whole rollout."""
    if not analysis.evidence:
        return analysis
    state = begin_step(AnalysisState.from_dict(analysis.evidence))
    return replace(analysis, evidence={**analysis.evidence, **state.to_dict()})


def _judgement(verdicts: Mapping[str, Verdict]) -> Judgement:
    failed = [f"{name}: {v.message}" for name, v in verdicts.items() if isinstance(v, Fail)]
    open_ = [f"{name}: {v.message}" for name, v in verdicts.items() if not isinstance(v, Pass | Fail)]
    return Judgement("; ".join(failed) or None, not failed and not open_, "; ".join(open_) or None)


def _results(
    state: AnalysisState, verdicts: Mapping[str, Verdict], effects: Mapping[str, float] | None = None
) -> tuple[MetricStatus, ...]:
    rows = []
    for name, verdict in verdicts.items():
        known = state.metrics.get(name)
        rows.append(
            MetricStatus(
                metric=name,
                verdict=type(verdict).__name__,
                reason=verdict.reason.value,
                message=verdict.message[:1024],
                canary=_share(known.canary_bad, known.canary_total) if known else None,
                stable=_share(known.stable_bad, known.stable_total) if known else None,
                samples=known.step_samples if known else None,
                design_effect=round(effects[name], 2) if effects and name in effects else None,
            )
        )
    return tuple(rows)


def _share(bad: int, total: int) -> str | None:
    return f"{bad} bad of {total}" if total else None


def worst_verdict(results: tuple[MetricStatus, ...]) -> str | None:
    """One word for the printer column: Fail before Inconclusive before Pass."""
    given = {row.verdict for row in results}
    return next((v for v in ("Fail", "Inconclusive", "Pass") if v in given), None)
