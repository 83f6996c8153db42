"""Servers of two versions, and what they expose of the requests that they answered."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from tests.support.simulation.network import CounterKey
from tests.support.simulation.pairs import SUMS, Amount, ClientBook

STABLE, CANARY = "stable", "canary"
WINDOW_SECONDS = 30
"""Connections last so long, and sums over clients are made for so long."""


@dataclass
class Server:
    """One process."""

    name: str
    revision: str
    born: float
    """Unix seconds."""
    requests: ClientBook = field(default_factory=ClientBook)
    labels: ClientBook = field(default_factory=ClientBook)


@dataclass
class Servers:
    """All processes, as the simulated Prometheus scrapes them."""

    counters: dict[CounterKey, float] = field(default_factory=dict)
    known: list[Server] = field(default_factory=list)

    def start(self, revision: str, pods: int, moment: float) -> None:
        """So many more pods of a version; they have counted nothing yet."""
        for _ in range(pods):
            server = Server(f"{revision}-{len(self.known)}", revision, moment)
            self.known.append(server)
            self.counters["serin_process_start_time_seconds", server.name, revision, "", ""] = moment
            for error in ("true", "false"):
                self.add(server, "serin_requests_total", "error", error, 0)
            for name in SUMS:
                self.add(server, "serin_client_sums_total", "sum", name, 0)

    def of(self, revision: str) -> list[Server]:
        """The processes of a version."""
        return [one for one in self.known if one.revision == revision]

    def add(self, server: Server, metric: str, label: str, value: str, amount: float) -> None:
        """Count, for the server's own version."""
        key = (metric, server.name, server.revision, label, value)
        self.counters[key] = self.counters.get(key, 0.0) + amount

    def answer(self, server: Server, client: int, total: int, bad: int, moment: float) -> None:
        """Requests of one client, of which so many failed."""
        self.add(server, "serin_requests_total", "error", "true", bad)
        self.add(server, "serin_requests_total", "error", "false", total - bad)
        self._sums(server, server.requests.count(client, total, bad, moment), "serin_client_sums_total")

    def label(self, server: Server, client: int, total: int, wrong: int, moment: float) -> None:
        """Labels of one client's predictions, which the pod that made them heard at once."""
        self.add(server, "serin_feedback_total", "outcome", "wrong", wrong)
        self.add(server, "serin_feedback_total", "outcome", "correct", total - wrong)
        self._sums(server, server.labels.count(client, total, wrong, moment), "serin_feedback_client_sums_total")

    def _sums(self, server: Server, amounts: Iterable[Amount], metric: str) -> None:
        for _, label, name, more in amounts:
            self.add(server, metric, label, name, more)

    def exposed(self) -> dict[CounterKey, float]:
        """What a scrape of all of them reads."""
        return dict(self.counters)


@dataclass
class Clock:
    """The time that Prometheus has."""

    now: datetime
