"""What the slices of a metric say together with the whole: one row, whose verdict is that of the worst."""

from collections.abc import Sequence
from typing import Final

from serin_operator.api.status_of_rollouts import MetricStatus, SliceStatus
from serin_operator.decide.analysis import AnalysisConfig

_WORST: Final = ("Fail", "Inconclusive", "Pass")
_LEANS: Final = "LeansAgainst"


def folded(config: AnalysisConfig, rows: Sequence[MetricStatus]) -> tuple[MetricStatus, ...]:
    """The rows with those of slices put into the rows of their metrics."""
    metrics = {key: metric for metric in config.metrics for key in metric.keys}
    slices: dict[str, list[MetricStatus]] = {}
    for row in rows:
        if of := metrics[row.metric].slice_of:
            slices.setdefault(of, []).append(row)
    return tuple(_with(row, slices.get(row.metric, [])) for row in rows if not metrics[row.metric].slice_of)


def _with(whole: MetricStatus, slices: list[MetricStatus]) -> MetricStatus:
    if not slices:
        return whole
    name = {row.metric: row.metric.removeprefix(f"{whole.metric}/") for row in slices}
    worst = min((whole, *slices), key=_how_bad)
    alike = [name[row.metric] for row in slices if row.verdict == worst.verdict and row is not worst]
    message = worst.message or ""
    if worst is not whole:
        message = f"slice {name[worst.metric]}: {message}"
        if alike and worst.verdict != "Pass":
            message += f"; {worst.verdict} too: {', '.join(alike)}"
    elif worst.verdict == "Pass":
        message += f"; so are all {len(slices)} slices"
    return whole.model_copy(
        update={
            "verdict": worst.verdict,
            "reason": worst.reason,
            "message": message[:1024],
            "evidence_percent": max((row.evidence_percent or 0 for row in (whole, *slices)), default=None),
            "slices": [_told(name[row.metric], row) for row in slices],
        }
    )


def _how_bad(row: MetricStatus) -> tuple[int, int, float]:
    """The worst is least: by verdict, then by the evidence against it, then by what it still lacks. The first of equals."""
    speaks = row.evidence_percent or 0 if row.verdict == "Fail" or row.reason == _LEANS else 0
    has = min(1.0, (row.samples or 0) / row.samples_needed) if row.samples_needed else 1.0
    return _WORST.index(row.verdict), -speaks, has if row.verdict == "Inconclusive" else 0.0


def _told(name: str, row: MetricStatus) -> SliceStatus:
    return SliceStatus(
        slice=name,
        verdict=row.verdict,
        reason=row.reason,
        stable=row.stable,
        canary=row.canary,
        samples=row.samples,
        samples_needed=row.samples_needed,
        evidence_percent=row.evidence_percent,
    )
