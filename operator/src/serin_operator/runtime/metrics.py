"""The operator's own Prometheus metrics, in a registry of its own."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.process_collector import ProcessCollector

from serin_operator.api.reasons import EventReason, Outcome
from serin_operator.cluster.resources import Scope
from serin_operator.runtime.fleet import Fleet, Gauges

_DURATIONS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)

_OUTCOME_OF_EVENT: Final[dict[str, Outcome]] = {
    EventReason.PROMOTED: Outcome.PROMOTED,
    EventReason.ROLLED_BACK: Outcome.ROLLED_BACK,
    EventReason.PREFLIGHT_FAILED: Outcome.FAILED_PREFLIGHT,
    EventReason.SUPERSEDED: Outcome.SUPERSEDED,
    EventReason.ABORTED: Outcome.ABORTED,
}
"""A rollout ends with exactly one of these Events, so counting them counts rollouts."""


class OperatorMetrics:
    """Every metric that the operator exposes; names and texts stand in ``docs/reference/metrics.md``."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.reconciles = Counter(
            "serin_operator_reconciles_total",
            "Looks at a ModelDeployment by result: success, conflict (it changed meanwhile), transient (the API server "
            "did not answer), refused (by it), not-leading, blind (its namespace cannot be seen), error (a bug).",
            ["result"],
            registry=registry,
        )
        self.reconcile_duration = Histogram(
            "serin_operator_reconcile_duration_seconds",
            "How long one look at a ModelDeployment took, calls included.",
            buckets=_DURATIONS,
            registry=registry,
        )
        self.queue_depth = Gauge(
            "serin_operator_queue_depth",
            "ModelDeployments that are due for a look and wait for a worker.",
            registry=registry,
        )
        self.queue_oldest = Gauge(
            "serin_operator_queue_oldest_seconds",
            "How long the oldest of them has been waiting.",
            registry=registry,
        )
        self.api_requests = Counter(
            "serin_operator_api_requests_total",
            "Calls to the API server by HTTP method and status; code is `error` when there was no answer.",
            ["verb", "code"],
            registry=registry,
        )
        self.prometheus_queries = Counter(
            "serin_operator_prometheus_queries_total",
            "Queries to Prometheus by result: success or error.",
            ["result"],
            registry=registry,
        )
        self.prometheus_paused = Gauge(
            "serin_operator_prometheus_paused",
            "1 while Prometheus is asked only every half minute, because three looks in a row had no answer in time.",
            registry=registry,
        )
        self.rollouts = Counter(
            "serin_operator_rollouts_total",
            "Rollouts that ended, by the outcome in the ledger of versions.",
            ["outcome"],
            registry=registry,
        )
        self.watch_up = Gauge(
            "serin_operator_watch_up",
            "1 while the API server tells changes of this kind in this namespace (empty: in all), 0 while it does not.",
            ["resource", "namespace"],
            registry=registry,
        )
        self.watch_failures = Counter(
            "serin_operator_watch_failures_total",
            "Attempts to list or watch that failed, by kind and namespace (empty: all); the log says why.",
            ["resource", "namespace"],
            registry=registry,
        )
        self.notices = Counter(
            "serin_operator_notices_total",
            "Notices that are done with, by channel: delivered, refused (by the receiver, for good), expired (after a day), "
            "dropped (too many came after it).",
            ["channel", "result"],
            registry=registry,
        )
        self.notice_attempts = Counter(
            "serin_operator_notice_attempts_total",
            "Attempts to deliver a notice, by channel and result: success or error.",
            ["channel", "result"],
            registry=registry,
        )
        self.notices_waiting = Gauge(
            "serin_operator_notices_waiting", "Notices that wait for a channel.", ["channel"], registry=registry
        )
        self.notices_oldest = Gauge(
            "serin_operator_notices_oldest_seconds",
            "Age of the oldest notice that waits for a channel.",
            ["channel"],
            registry=registry,
        )
        self.channel_away = Gauge(
            "serin_operator_notice_channel_away",
            "1 while a channel is tried less often, because three attempts in a row have failed; the log says why.",
            ["channel"],
            registry=registry,
        )
        self.spans = Counter(
            "serin_operator_trace_spans_total",
            "Spans of reconciles by what became of them, where `tracing.endpoint` is set: sent, or dropped because the collector"
            " did not take them in time.",
            ["outcome"],
            registry=registry,
        )
        self.leader = Gauge(
            "serin_operator_leader",
            "1 in the replica that holds the lease and acts, 0 in the others.",
            registry=registry,
        )
        self.fleet = Fleet()
        ProcessCollector(registry=registry)
        for outcome in _OUTCOME_OF_EVENT.values():
            self.rollouts.labels(str(outcome))

    def exposition(self) -> bytes:
        """All of them in Prometheus' text format."""
        return generate_latest(self.registry) + self.fleet.exposition()

    def families(self) -> Iterator[Metric]:
        """All of them, without the series of ModelDeployments."""
        yield from self.registry.collect()
        yield from Gauges({}).collect()

    def watch_queue(self, depth: Callable[[], float], oldest_wait_seconds: Callable[[], float]) -> None:
        """Read the queue's gauges when they are scraped."""
        self.queue_depth.set_function(depth)
        self.queue_oldest.set_function(oldest_wait_seconds)

    def watch_watches(self, scopes: Iterable[Scope], is_open: Callable[[Scope], bool]) -> None:
        """Read which watches are up when they are scraped."""
        for scope in scopes:
            up = self.watch_up.labels(scope.resource.plural, scope.namespace or "")
            up.set_function(partial(is_open, scope))
            self.watch_failures.labels(scope.resource.plural, scope.namespace or "")

    def count_watch_failure(self, scope: Scope) -> None:
        """Count an attempt to list or watch that failed."""
        self.watch_failures.labels(scope.resource.plural, scope.namespace or "").inc()

    def count_request(self, verb: str, code: str) -> None:
        """Count a call to the API server."""
        self.api_requests.labels(verb, code).inc()

    def count_event(self, reason: str) -> None:
        """Count a rollout that ended, told by the Event about it."""
        outcome = _OUTCOME_OF_EVENT.get(reason)
        if outcome is not None:
            self.rollouts.labels(str(outcome)).inc()
