"""Prometheus: it scrapes the servers, answers the operator's queries, and has its bad days."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf, nan

from tests.support.simulation.cluster import Cluster
from tests.support.simulation.network import CounterKey, Network

from serin_operator.observe.prometheus_client import PrometheusError, Series

HANGS_SECONDS = 10.0
"""The client gives up after so long."""
_CONFIGURED = re.compile(r'"configured", "([^"]+)"')
_RANGE = re.compile(r"\[(\d+)ms\] @ ([0-9.]+)")


class Trouble(StrEnum):
    """What can be wrong with Prometheus."""

    DOWN = "it refuses the operator's connections, and scrapes on"
    HANGS = "it takes a connection and never answers"
    SILENT = "it has no series at all"
    NAN = "values are NaN"
    INFINITE = "values are infinite"
    FALLS = "a counter is lower at the end than at the start"
    WITHOUT_AGE = "feedback lacks the label age_le"
    PARTIAL = "the answer is partial"


@dataclass
class Prometheus:
    """Series by their labels, with the times at which they were scraped."""

    cluster: Cluster
    network: Network
    scrapes_every: float
    trouble: Trouble | None = None
    away_until: float | None = None
    """Unix seconds."""
    queries: int = 0
    hung_seconds: float = 0.0
    """How long the present reconcile has been waiting for answers that never came."""
    _times: dict[CounterKey, list[float]] = field(default_factory=dict)
    _values: dict[CounterKey, list[float]] = field(default_factory=dict)
    _scraped_at: float = -inf

    def scrape(self) -> None:
        """Read all servers, if it is time."""
        now = self.cluster.now.timestamp()
        if now - self._scraped_at < self.scrapes_every - 1e-6:
            return
        self._scraped_at = now
        if self._is_away():
            return
        for key, value in self.network.exposed().items():
            self._times.setdefault(key, []).append(now)
            self._values.setdefault(key, []).append(value)

    def _is_away(self) -> bool:
        return self.away_until is not None and self.cluster.now.timestamp() < self.away_until

    async def query(self, promql: str, at: float) -> list[Series]:
        """Answers the one shape of query that the operator asks."""
        self.queries += 1
        if self.trouble is Trouble.DOWN or self._is_away():
            raise PrometheusError("http://prometheus:9090 refuses connections")
        if self.trouble is Trouble.HANGS:
            self.hung_seconds = HANGS_SECONDS
            raise PrometheusError(f"Prometheus at http://prometheus:9090 did not answer within {HANGS_SECONDS:g} s")
        if self.trouble is Trouble.PARTIAL:
            raise PrometheusError("Prometheus gives a partial answer: a store was not available")
        return [] if self.trouble is Trouble.SILENT else list(self._answer(promql))

    def _answer(self, promql: str) -> Iterator[Series]:
        is_feedback = "serin_feedback_total" in promql
        metric = "serin_feedback_total" if is_feedback else "serin_requests_total"
        arm = "predicted_revision" if is_feedback else "model_revision"
        age = {"age_le": "5"} if is_feedback and self.trouble is not Trouble.WITHOUT_AGE else {}
        ranges = [(int(window) / 1000, float(moment)) for window, moment in _RANGE.findall(promql)]
        (end_window, end), (start_window, start), (born_window, born_at) = ranges[:3]
        for name, window, moment in (("end", end_window, end), ("start", start_window, start)):
            for key, value in self._at(metric, moment, window):
                labels = {"at": name, "server_id": key[1], arm: key[2], key[3]: key[4], **age}
                yield Series(labels, self._told(value, name), moment)
        for key, value in self._at("serin_process_start_time_seconds", born_at, born_window):
            yield Series({"at": "born", "server_id": key[1]}, value, end)
        configured = _CONFIGURED.search(promql)
        for server in {key[1] for key, times in self._times.items() if len(times) > 2} if configured else ():
            labels = {"at": "interval", "server_id": server, "configured": configured[1]}
            yield Series(labels, self.scrapes_every, end)

    def _told(self, value: float, end: str) -> float:
        """What it says of a counter today."""
        match self.trouble:
            case Trouble.NAN:
                return nan
            case Trouble.INFINITE:
                return inf
            case Trouble.FALLS:
                return value + 1e6 if end == "start" else value
            case _:
                return value

    def _at(self, metric: str, moment: float, window: float) -> Iterator[tuple[CounterKey, float]]:
        """``last_over_time`` of every series of a metric."""
        for key, times in self._times.items():
            if key[0] == metric:
                index = bisect_right(times, moment + 1e-6) - 1
                if index >= 0 and times[index] > moment - window:
                    yield key, self._values[key][index]
