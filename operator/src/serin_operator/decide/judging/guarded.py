"""What a guard judges: a version that has all requests, beside one that has none of clients."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from serin_operator.api.guard import SIMPLE_BASELINE
from serin_operator.api.spec import Analysis, AnyMetric, Metric
from serin_operator.api.status_of_rollouts import MetricStatus
from serin_operator.decide.analysis import PRICE, AnalysisConfig, AnalysisState, Bound, Threshold, renewed
from serin_operator.decide.analysis import Metric as Judged
from serin_operator.decide.analysis import Reason as VerdictReason
from serin_operator.decide.judging.config import DEFAULT_FALSE_ROLLBACK_RATE
from serin_operator.decide.memory import ledger as book
from serin_operator.decide.memory.comparison import Comparison
from serin_operator.decide.memory.guard import Guard
from serin_operator.decide.memory.memory import Memory
from serin_operator.decide.wanted.settings import Settings

RENEWED: Final = "renewed"

NOTHING_YET: Final = frozenset({VerdictReason.NO_DATA.value, VerdictReason.NOTHING_TO_COMPARE.value})
NO_CLIENTS: Final = (
    "no client is answered by the version before any more: pairs (spec.analysis.pairing, guard.keepPrevious) and labels of"
    " predictions made during the rollout can judge"
)


def going_on(analysis: Analysis, names: frozenset[str], floor: float | None = None) -> Analysis:
    """The analysis of these metrics alone: they share the false-rollback rate, for the whole life of the guard.

    Args:
        analysis: As the spec has it.
        names: Of the metrics.
        floor: The accuracy of the simple baseline, below which the version must not be; None: nobody asks, or knows.
    """
    rate = (analysis.false_rollback_rate or DEFAULT_FALSE_ROLLBACK_RATE) / PRICE
    metrics = [_priced(metric) for metric in analysis.metrics if metric.name in names]
    if floor is not None:
        metrics = [_leaving_one(metric, len(metrics)) for metric in metrics]
        metrics.append(Metric.model_validate({"name": SIMPLE_BASELINE, "accuracy": {"minimum": floor}}))
    return analysis.model_copy(update={"metrics": metrics, "false_rollback_rate": rate})


def floor_of(memory: Memory, settings: Settings) -> float | None:
    """The share of right predictions that ``mustBeat`` asks for; None: it asks for nothing, or nothing is known."""
    if memory.guard is None or settings.guard is None or settings.guard.must_beat is None:
        return None
    entry = book.entry(memory.ledger, memory.guard.revision)
    floor = entry.measured.simple_accuracy if entry and entry.measured else None
    return floor if floor is not None and 0 < floor < 1 else None


def _priced(metric: AnyMetric) -> AnyMetric:
    """A share of the rate is what is told, for evidence that is not renewed."""
    return metric.model_copy(update={"share": metric.share / PRICE}) if metric.share else metric


def _leaving_one(metric: AnyMetric, count: int) -> AnyMetric:
    """Of so many metrics, one that leaves an equal part of the rate to one more: shares may be all that there is."""
    return metric.model_copy(update={"share": metric.share * count / (count + 1)}) if metric.share else metric


@dataclass(frozen=True)
class Renewal:
    """How much of the prior weight of beginnings is spent, and until when. Kept with the evidence."""

    until: float
    """Unix seconds."""
    spent: float = 0.0

    @classmethod
    def of(cls, comparison: Comparison, guard: Guard) -> "Renewal":
        """As it was kept; none is spent when a guard begins."""
        kept = comparison.evidence.get(RENEWED)
        return cls(float(kept[0]), float(kept[1])) if kept else cls(guard.since.timestamp())

    def at(self, end: float, seconds: int) -> "Renewal":
        """At the end of the next look: evenly over the life of the guard, and never more than all."""
        share = max(0.0, end - self.until) / seconds
        return Renewal(max(end, self.until), min(1.0, self.spent + share))

    def kept_with(self, comparison: Comparison) -> Comparison:
        """The comparison that remembers it."""
        return replace(comparison, evidence={**comparison.evidence, RENEWED: [self.until, round(self.spent, 9)]})


def renewed_for(comparison: Comparison, guard: Guard, end: float, seconds: int) -> Comparison:
    """The comparison before a look that ends at ``end``: what the version does may have begun before it."""
    before = Renewal.of(comparison, guard)
    after = before.at(end, seconds)
    evidence = dict(comparison.evidence)
    if evidence.get("metrics"):
        evidence |= renewed(AnalysisState.from_dict(evidence), after.spent - before.spent).to_dict()
    return after.kept_with(replace(comparison, evidence=evidence))


def told(
    config: AnalysisConfig, before: Iterable[MetricStatus], after: Iterable[MetricStatus]
) -> tuple[MetricStatus, ...]:
    """What a guard's metrics say after a look.

    A look without data changes nothing that was said. Where there never were any, it is said what could bring some.
    """
    known = {row.metric: row for row in before if row.reason not in NOTHING_YET | {VerdictReason.QUERY_FAILED.value}}
    metrics = {key: metric for metric in config.metrics for key in metric.keys}
    return tuple(_told(metrics[row.metric], known.get(row.metric), row) for row in after)


def _told(metric: Judged, known: MetricStatus | None, row: MetricStatus) -> MetricStatus:
    if row.reason != VerdictReason.NO_DATA.value:
        return row
    if known is not None:
        return known
    if row.samples or isinstance(metric.rule, Bound | Threshold):
        return row
    message = f"{NO_CLIENTS}; {row.message}"[:1024]
    return row.model_copy(update={"reason": VerdictReason.NOTHING_TO_COMPARE.value, "message": message})
