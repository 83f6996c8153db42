"""What a look does to a comparison: the bridge to the evidence engine."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from serin_operator.api.status_of_rollouts import MetricStatus
from serin_operator.decide.analysis import (
    AnalysisConfig,
    AnalysisState,
    LookRecord,
    NoData,
    Proportions,
    QueryFailed,
    Role,
    Sample,
    Value,
    begin_step,
    judge_look,
)
from serin_operator.decide.analysis import Reason as VerdictReason
from serin_operator.decide.judging.rows import NEARLY_ALL, gates, rows_of
from serin_operator.decide.judging.scatter import Scatter, recorded, scatter_of
from serin_operator.decide.looks import Look, LookResult
from serin_operator.decide.memory.comparison import Comparison
from serin_operator.decide.memory.states import Judgement

STARTING_SECONDS: Final = 1.0
"""For how long a new pod may fail all of its requests, or half of them for twice as long, before that is the version's doing."""
MOST_STARTING: Final = 0.1
"""Share of a look's answers: in a short one, too, a version is found that fails more than that."""


@dataclass(frozen=True)
class Judged:
    """What came of a look."""

    comparison: Comparison
    judgement: Judgement
    records: tuple[LookRecord, ...]
    """What was counted, in order: replayed from an empty state, a rollout's records give the same verdicts again."""


def judge(
    comparison: Comparison, result: LookResult, config: AnalysisConfig, now: datetime, design_effect: float = 1.0
) -> Judged:
    """Take a look into account.

    Where a gate's query failed nothing is counted, for any metric, and the look is asked for again: a look counts once or not
    at all. Otherwise a closed look is done with, and an open one goes on where this one ended.
    """
    state = AnalysisState.from_dict(comparison.evidence) if comparison.evidence else AnalysisState()
    samples: Mapping[str, Sample] = result.samples
    warnings = {metric.name for metric in config.metrics if metric.role is Role.WARNING}
    failed = {name: one for name, one in samples.items() if isinstance(one, QueryFailed) and name not in warnings}
    if failed:
        samples = {name: failed.get(name, NoData("not counted: another metric's query failed")) for name in samples}
        _, verdicts = judge_look(config, state, samples)
        after = replace(comparison, failed_at=now, taken_at=now, results=rows_of(config, state, verdicts))
        return Judged(after, remembered_judgement(after), (LookRecord(samples),))
    is_of_stage = comparison.stage_from is not None and result.look.start >= comparison.stage_from
    if is_of_stage:
        # Samples are counted anew in each stage; evidence belongs to the whole rollout.
        state = begin_step(state)
    records: list[LookRecord] = []
    if not comparison.evidence.get("metrics") and result.before:
        records.append(LookRecord(result.before, result.look.start.timestamp()))
        state, _ = judge_look(config, state, result.before, taken_at=records[-1].taken_at)
    known = scatter_of(comparison.evidence)
    for name in {**result.pods_before, **result.clients_before}:
        pods, clients = result.pods_before.get(name, ()), result.clients_before.get(name)
        known[name] = known.get(name, Scatter()).after(pods, clients)
    of = {key: metric.slice_of or metric.name for metric in config.metrics for key in metric.keys}
    scatter = {name: known.get(of.get(name, name), Scatter()) for name in samples}
    effects = {name: one.design_effect(design_effect) for name, one in scatter.items()}
    labels_may_tell = result.look.start == comparison.look_from and not (comparison.mirror or comparison.testers)
    worth = {
        name: discounted(
            sample if labels_may_tell else _without_label_share(sample),
            scatter[name],
            effects[name],
            starting_of(result.look) if result.stable_pods.get(of.get(name, name)) else 0.0,
        )
        for name, sample in samples.items()
    }
    begins_step = not any(one.step_samples for one in state.metrics.values())
    records.append(LookRecord(worth, result.look.end.timestamp(), begins_step))
    state, verdicts = judge_look(config, state, worth, taken_at=records[-1].taken_at)
    for name in {**result.stable_pods, **result.stable_clients}:
        pods, clients = result.stable_pods.get(name, ()), result.stable_clients.get(name)
        known[name] = known.get(name, Scatter()).after(pods, clients)
    after = replace(
        _taken(comparison, result, now),
        evidence={**state.to_dict(), **recorded(known)},
        stage_from=None if is_of_stage else comparison.stage_from,
        results=rows_of(config, state, verdicts, effects),
    )
    return Judged(after, remembered_judgement(after), tuple(records))


def _taken(comparison: Comparison, result: LookResult, now: datetime) -> Comparison:
    """The look is done with."""
    done = replace(comparison, failed_at=None, taken_at=now)
    if any(span.start == result.look.start for span in comparison.closed):
        rest = (replace(s, start=result.look.end) if s.start == result.look.start else s for s in comparison.closed)
        return replace(done, closed=tuple(span for span in rest if span.start < span.end))
    return replace(done, look_from=result.look.end)


def is_about(comparison: Comparison, result: LookResult) -> bool:
    """Whether ``result`` is of a look that this comparison still waits for."""
    starts = {comparison.look_from, *(span.start for span in comparison.closed)}
    return result.look.start in starts


def remembered_judgement(comparison: Comparison) -> Judgement:
    """What the last look said; it counts until the next one."""
    rows = gates(comparison.results)
    failed = [f"{row.metric}: {row.message}" for row in rows if row.verdict == "Fail"]
    lacking = [f"{row.metric}: {row.message}" for row in rows if row.verdict not in {"Fail", "Pass"}]
    unanswered = [f"{row.metric}: {row.message}" for row in rows if row.reason == VerdictReason.QUERY_FAILED]
    return Judgement(
        failed="; ".join(failed) or None,
        passed=bool(comparison.results) and not failed and not lacking,
        missing="; ".join(lacking) or None,
        is_doubted=any(row.verdict == "Inconclusive" and (row.evidence_percent or 0) >= NEARLY_ALL for row in rows),
        is_ripe=comparison.is_ripe,
        unanswered="; ".join(unanswered) or None,
    )


def _without_label_share(sample: Sample) -> Sample:
    """Copies get no labels and testers give others than clients, whichever version answers; so does a look that a change closed."""
    if not isinstance(sample, Value) or not isinstance(sample.observed, Proportions):
        return sample
    return replace(sample, observed=replace(sample.observed, unlabelled=()))


def starting_of(look: Look) -> float:
    """Which share of the canary's answers in a look its new pods may fail: so much of it as they need to start.

    Shares of traffic change where pods are new, so it is the look that begins where a change ends. Longer looks hide it by themselves.
    Behind the first change all pods are new, behind the next about half, and so on: many small steps do not give evidence away for ever.
    """
    number = next((n for n, change in enumerate(look.weight_changes, 1) if change.end == look.start), None)
    if number is None:
        return 0.0
    return min(MOST_STARTING, STARTING_SECONDS / (look.end - look.start).total_seconds()) / number


def discounted(sample: Sample, known: Scatter, effect: float, starting: float = 0.0) -> Sample:
    """The sample with what its counts are worth, as it was learnt in the looks before."""
    if not isinstance(sample, Value):
        return sample
    return replace(
        sample,
        design_effect=max(1.0, effect),
        between_pods=known.pods.log_odds(),
        together=known.clients.together,
        starting=starting,
        apart=known.pods.apart(),
    )


def worst_verdict(results: tuple[MetricStatus, ...]) -> str | None:
    """One word for the printer column: Fail before Inconclusive before Pass."""
    given = {row.verdict for row in gates(results)}
    return next((v for v in ("Fail", "Inconclusive", "Pass") if v in given), None)
