"""Prometheus: it scrapes the servers, answers the operator's queries, and has its bad days."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf, nan

from tests.support.simulation.cluster import Cluster
from tests.support.simulation.network import CounterKey, Network

from serin_operator.observe.prometheus_client import PrometheusError, Series

HANGS_SECONDS = 10.0
"""The client gives up after so long."""
_CONFIGURED = re.compile(r'"configured", "([^"]+)"')
_PART = re.compile(
    r"(?:max by \((?P<kept>[^)]*)\) \()?last_over_time\((?P<metric>\w+)\{(?P<where>[^}]*)\}"
    r"\[(?P<window>\d+)ms\] @ (?P<moment>[0-9.]+)\)\)?, \"at\", \"(?P<at>[^\"]+)\""
)
_JOINED = re.compile(r'label_replace\(\(\n(.*?)\n\), "of", "(\d+)", "", ""\)', re.DOTALL)
_MATCHER = re.compile(r'(\w+)(=~|=)"((?:[^"\\]|\\.)*)"')
_OF_THE_OBJECT = {"model_namespace", "model_name"}
_AGED = {
    "serin_feedback_total",
    "serin_sliced_feedback_total",
    "serin_sliced_feedback_errors_total",
    "serin_sliced_feedback_scores_total",
    "serin_feedback_absolute_error_bucket",
    "serin_feedback_scores_total",
    "serin_paired_feedback_total",
}
_ARMS = dict.fromkeys((*_AGED, "serin_feedback_client_sums_total"), "predicted_revision")
_BIRTH = "serin_process_start_time_seconds"


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
    answers: Callable[[str], list[Series]] | None = None
    """What it says to a query that people wrote."""
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
        """Answers the queries that the operator asks, and by ``answers`` those that people wrote."""
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
        if joined := _JOINED.findall(promql):
            for inner, number in joined:
                for one in self._answer(inner):
                    yield Series({**one.labels, "of": number}, one.value, one.at)
            return
        if not _PART.search(promql):
            yield from self.answers(promql) if self.answers else []
            return
        for part in _PART.finditer(promql):
            yield from self._part(part)
        configured = _CONFIGURED.search(promql)
        for server in {key[1] for key, times in self._times.items() if len(times) > 2} if configured else ():
            labels = {"at": "interval", "server_id": server, "configured": configured[1]}
            yield Series(labels, self.scrapes_every, self.cluster.now.timestamp())

    def _part(self, part: re.Match[str]) -> Iterator[Series]:
        """One selector at one moment."""
        metric, at, moment = part["metric"], part["at"], float(part["moment"])
        wanted = [(label, value) for label, _, value in _MATCHER.findall(part["where"]) if label not in _OF_THE_OBJECT]
        kept = set(part["kept"].split(", ")) if part["kept"] else None
        for key, value in self._at(metric, moment, int(part["window"]) / 1000):
            if metric == _BIRTH:
                yield Series({"at": at, "server_id": key[1]}, value, moment)
                continue
            labels = self._labels(key)
            if all(re.fullmatch(pattern, labels.get(label, "")) for label, pattern in wanted):
                mine = {label: told for label, told in labels.items() if kept is None or label in kept}
                yield Series({"at": at, **mine}, self._told(value, at.split()[-1]), moment)

    def _labels(self, key: CounterKey) -> dict[str, str]:
        metric, server, revision, label, told = key
        if not metric.startswith("serin_"):
            return {"instance": server, "model_version": revision, label: told}
        age = {"age_le": "5"} if metric in _AGED and self.trouble is not Trouble.WITHOUT_AGE else {}
        own = (dict(zip(label.split(","), told.split(","), strict=True)) if label else {}) | (
            {"feature": "age"} if metric.startswith("serin_feature_") else {}
        )
        return {"server_id": server, _ARMS.get(metric, "model_revision"): revision, **own, **age}

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
