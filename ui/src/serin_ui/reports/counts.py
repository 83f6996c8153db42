"""What a reporter counts."""

from collections.abc import Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector, generate_latest

HELP: Final[Mapping[str, str]] = {
    "serin_reports_total": "Ends of rollouts by what became of their report: written, there (it had been written before), gone (with its "
    "model; or from its ledger, and too large to be kept; the log says which), expired (the store was away for longer than `report.maxAgeHours`).",
    "serin_reports_failures_total": "Attempts to write a report that failed and are made again; the log says why.",
    "serin_reports_waiting": "Ends whose report is still to be written.",
    "serin_reports_late_seconds": "For how long the one that is due longest has been.",
    "serin_reports_watch_up": "1 while the API server tells changes of ModelDeployments in this namespace (empty: in all).",
}
"""Every metric of a reporter and what it means."""

RESULTS: Final = ("written", "there", "gone", "expired")


class Counts:
    """Counts of one process lifetime."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self.reports = self._counter("serin_reports_total", "result")
        self.failures = self._counter("serin_reports_failures_total")
        self.waiting = self._gauge("serin_reports_waiting")
        self.late = self._gauge("serin_reports_late_seconds")
        self.watch_up = self._gauge("serin_reports_watch_up", "namespace")
        for result in RESULTS:
            self.reports.labels(result)

    def exposition(self) -> bytes:
        """Everything in the text format of Prometheus."""
        return generate_latest(self._registry)

    def _counter(self, name: str, *labels: str) -> Counter:
        return Counter(name, HELP[name], labels, registry=self._registry)

    def _gauge(self, name: str, *labels: str) -> Gauge:
        return Gauge(name, HELP[name], labels, registry=self._registry)
