"""What each metric says after a look, as status tells it."""

from collections.abc import Iterable, Mapping
from math import sqrt
from typing import Final

from serin_operator.api.kinds.kind import Mode
from serin_operator.api.status_of_rollouts import MetricStatus
from serin_operator.decide.analysis import (
    AnalysisConfig,
    AnalysisState,
    Arm,
    Bound,
    Comparison,
    Drift,
    Metric,
    MetricState,
    Role,
    Verdict,
    Words,
    eprocess,
)
from serin_operator.decide.analysis.proportions import log_against
from serin_operator.decide.analysis.wording import level
from serin_operator.decide.judging.slices import folded

_QUANTILE: Final = 1.959964  # of the normal distribution, two-sided 5 %
NEARLY_ALL: Final = 99
"""Percent of the evidence that is needed, and the most that is told of what has not failed: not even where nobody is blamed for all of it."""


def rows_of(
    config: AnalysisConfig,
    state: AnalysisState,
    verdicts: Mapping[str, Verdict],
    effects: Mapping[str, float] | None = None,
) -> tuple[MetricStatus, ...]:
    """A row for each metric; verdicts of slices are in that of theirs.

    Args:
        config: Whose verdicts they are.
        state: After the look.
        verdicts: By key of a metric.
        effects: Design effects that the look was judged with, where it was judged.
    """
    metrics = {key: metric for metric in config.metrics for key in metric.keys}
    rows = [
        _row(config, (key, metrics[key]), state.metrics.get(key), verdict, (effects or {}).get(key))
        for key, verdict in verdicts.items()
    ]
    return folded(config, rows)


def _row(
    config: AnalysisConfig, of: tuple[str, Metric], known: MetricState | None, verdict: Verdict, effect: float | None
) -> MetricStatus:
    key, metric = of
    counts_samples = isinstance(metric.rule, Comparison | Bound | Drift)
    row = MetricStatus(
        metric=key,
        verdict=type(verdict).__name__,
        reason=verdict.reason.value,
        message=verdict.message[:1024],
        mode=Mode.WARN.value if metric.role is Role.WARNING else None,
        samples_needed=config.samples_needed(metric) if counts_samples else None,
        design_effect=round(effect, 2) if effect is not None and counts_samples else None,
    )
    if known is None or not counts_samples:
        return row
    more = {"samples": known.step_samples}
    if not isinstance(metric.rule, Comparison | Bound):
        return row.model_copy(update=more)
    return row.model_copy(
        update={
            **more,
            "canary": _share(known.canary, metric.rule.words),
            "stable": _share(known.stable, metric.rule.words),
            "canary_range": _range(known.canary, metric.rule.words),
            "stable_range": _range(known.stable, metric.rule.words),
            "pairs": _pairs(known),
            "differing": f"{known.differing[0]} of {known.differing[1]} pairs" if known.differing else None,
            "evidence_percent": _evidence(metric.rule, known, config.false_alarm_share(key)),
        }
    )


def _share(arm: Arm, words: Words) -> str | None:
    if not arm.total:
        return None
    if words.scale is not None:
        return f"{words.said} {level(arm.bad / arm.total, words)} of {arm.total}"
    return f"{arm.bad} bad of {arm.total}"


def _range(arm: Arm, words: Words) -> str | None:
    """The interval of Wilson (1927), which is honest for rare events and small counts."""
    total = arm.total
    if not total:
        return None
    rate, z2 = arm.bad / total, _QUANTILE**2
    middle = (rate + z2 / (2 * total)) / (1 + z2 / total)
    half = _QUANTILE * sqrt(rate * (1 - rate) / total + z2 / (4 * total**2)) / (1 + z2 / total)
    ends = [level(max(0.0, middle - half), words), level(min(1.0, middle + half), words)]
    return " to ".join(reversed(ends) if words.scale and words.tells_good else ends)


def _pairs(known: MetricState) -> str | None:
    if not known.pairs:
        return None
    only_canary, only_control, total = known.pairs
    return f"canary alone bad on {only_canary}, stable alone on {only_control} of {total}"


def _evidence(rule: Comparison | Bound, known: MetricState, false_alarm_rate: float) -> int:
    """In percent of what is needed; what has failed stays at 100."""
    needed = eprocess.needed(false_alarm_rate)
    if known.failed or known.worst >= needed:
        return 100
    if not known.against and not known.pairs_against:
        return 0
    return max(0, min(NEARLY_ALL, 100 * log_against(rule, known) // needed))


def gates(rows: Iterable[MetricStatus]) -> tuple[MetricStatus, ...]:
    """The rows that hold a step and roll back."""
    return tuple(row for row in rows if row.mode != Mode.WARN.value)
