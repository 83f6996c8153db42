"""What a collector counts."""

from collections.abc import Iterable, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Metric, ProcessCollector, generate_latest
from prometheus_client.registry import Collector

HELP: Final[Mapping[str, str]] = {
    "serin_collector_batches_total": "Batches that came, by what became of them: acknowledged, repeated (it was here before), malformed, "
    "unauthorized, too_large, full (no room in the spool), busy (too many at once).",
    "serin_collector_records_total": "Predictions (requests) and labels that were acknowledged, by kind.",
    "serin_collector_rows_total": "Rows that were written to the store, by table.",
    "serin_collector_objects_total": "Objects that were written to the store.",
    "serin_collector_deleted_objects_total": "Objects that were deleted because they were older than retentionDays.",
    "serin_collector_store_failures_total": "Attempts to write to the store, or to sweep it, that failed; the log says why.",
    "serin_collector_spool_failures_total": "Files of the spool that its disk did not let go, though they are written or damaged; they are tried again.",
    "serin_collector_spool_bytes": "What waits to become objects in the store, or to be deleted from the disk.",
    "serin_collector_spool_max_bytes": "How much may wait; beyond it batches are refused.",
    "serin_collector_last_write_timestamp_seconds": "When objects were last written to the store, in unix seconds; 0 before the first.",
}
"""Every metric of a collector and what it means."""

OUTCOMES: Final = ("acknowledged", "repeated", "malformed", "unauthorized", "too_large", "full", "busy")


class Counts:
    """Counts of one process lifetime; labels that are given stand at every series and say whose it is."""

    def __init__(self, **whose: str) -> None:
        self._registry = CollectorRegistry()
        self._told = CollectorRegistry()
        self._told.register(_Whose(self._registry, whose))
        ProcessCollector(registry=self._registry)
        self.batches = self._counter("serin_collector_batches_total", "outcome")
        self.records = self._counter("serin_collector_records_total", "kind")
        self.rows = self._counter("serin_collector_rows_total", "table")
        self.objects = self._counter("serin_collector_objects_total")
        self.deleted = self._counter("serin_collector_deleted_objects_total")
        self.failures = self._counter("serin_collector_store_failures_total")
        self.spool_failures = self._counter("serin_collector_spool_failures_total")
        self.spool = self._gauge("serin_collector_spool_bytes")
        self.spool_limit = self._gauge("serin_collector_spool_max_bytes")
        self.written_at = self._gauge("serin_collector_last_write_timestamp_seconds")
        for outcome in OUTCOMES:
            self.batches.labels(outcome)

    def exposition(self) -> bytes:
        """Everything in the text format of Prometheus."""
        return generate_latest(self._told)

    def _counter(self, name: str, *labels: str) -> Counter:
        return Counter(name, HELP[name], labels, registry=self._registry)

    def _gauge(self, name: str) -> Gauge:
        return Gauge(name, HELP[name], registry=self._registry)


class _Whose(Collector):
    """The series of a registry with more labels."""

    def __init__(self, registry: CollectorRegistry, labels: Mapping[str, str]) -> None:
        self._registry = registry
        self._labels = labels

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterable[Metric]:
        for family in self._registry.collect():
            family.samples = [each._replace(labels={**self._labels, **each.labels}) for each in family.samples]
            yield family
