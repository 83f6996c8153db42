"""The log of predictions: what people should hear of it, and what they see of it."""

from __future__ import annotations

from typing import Final

from generate.monitoring.dashboards.panels import Panel, Query
from generate.monitoring.recordings import MODEL
from generate.monitoring.rules import Alert, Group, Severity

_NAME: Final = "{{ $labels.model_namespace }}/{{ $labels.model_name }}"
_LOGS: Final = "kubectl -n {{ $labels.model_namespace }} logs deployment/{{ $labels.model_name }}-collector"
_HERE: Final = 'model_namespace="$namespace",model_name="$model"'


def _sampled(matchers: str = "") -> str:
    return f"sum by ({MODEL}) (increase(serin_prediction_log_records_total{matchers}[15m]))"


def _failing(counter: str) -> str:
    return f"sum by ({MODEL}) (increase({counter}[5m])) > 0"


ALERTS: Final = Group(
    "serin-predictions",
    (
        Alert(
            "SerinPredictionsDropped",
            Severity.WARNING,
            f"""\
{_sampled('{outcome=~"full|refused|lost"}')}
  > 0.01 * {_sampled()}""",
            "10m",
            f"{_NAME}: predictions are dropped instead of kept",
            "{{ $value | humanize }} sampled requests and labels of a quarter of an hour are in no table, and never will be."
            f" Serving goes on. Begin with: {_LOGS}",
            "Servers dropped more than one in a hundred sampled predictions or labels, for ten minutes.",
        ),
        Alert(
            "SerinPredictionsNotWritten",
            Severity.WARNING,
            f"""\
{_failing("serin_collector_store_failures_total")}
or
{_failing("serin_collector_spool_failures_total")}
or
{_failing('serin_collector_batches_total{outcome="full"}')}
or
max by ({MODEL}) (serin_collector_spool_bytes / serin_collector_spool_max_bytes) > 0.5""",
            "15m",
            f"{_NAME}: predictions do not get into their store",
            "The collector keeps what it has acknowledged; when its spool is full, servers keep theirs for a while and then drop"
            f" it. Its log names the store and the way out: {_LOGS}",
            "A collector cannot write to its store, sweep it or use its disk again and again, or its spool is more than half full, for a quarter of an hour.",
        ),
    ),
)
PANELS: Final = (
    Panel(
        "Sampled predictions and labels",
        "By what became of them, a second; empty without spec.predictionLog. full: the collector is away or slow, runbook of"
        " SerinPredictionsDropped. too_large: more rows than are kept.",
        (
            Query(
                f"sum by (outcome) (rate(serin_prediction_log_records_total{{{_HERE}}}[$__rate_interval]))",
                "{{outcome}}",
            ),
        ),
        unit="ops",
    ),
    Panel(
        "Waits for the store",
        "Share of the collector's spool. It falls every five minutes; rises without end: the store takes nothing, runbook of"
        " SerinPredictionsNotWritten.",
        (Query(f"max(serin_collector_spool_bytes{{{_HERE}}} / serin_collector_spool_max_bytes)", "spool"),),
        unit="percentunit",
        most=1,
        warn=0.5,
        bad=0.9,
    ),
)
