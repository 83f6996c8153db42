"""The data plane behind every transport: who may come in, what is counted, and who looks at what went through."""

from collections.abc import Callable
from time import perf_counter
from typing import Final, Protocol

from serin_server.dataplane.batcher import Batcher
from serin_server.dataplane.call import Call, Pair
from serin_server.dataplane.departure import Departure
from serin_server.dataplane.memory import MemoryBudget
from serin_server.dataplane.request import RequestReader
from serin_server.dataplane.response import ResponseWriter
from serin_server.dataplane.trace import Trace
from serin_server.feedback.marks import Marks
from serin_server.metrics.clients import Client
from serin_server.metrics.server import ServerMetrics
from serin_server.refusals import Kind, Refusal
from serin_server.security.access import AccessControl
from serin_server.security.rates import Rates

_REJECTION_WORDS: Final = {
    Kind.TOO_LARGE: "body_too_large",
    Kind.HEAD_TOO_LARGE: "head_too_large",
    Kind.OVERLOADED: "overloaded",
    Kind.UNAUTHENTICATED: "unauthenticated",
    Kind.TOO_OFTEN: "too_often",
    Kind.SLOW_CLIENT: "slow_client",
    Kind.MALFORMED: "malformed",
}


class Notes(Protocol):
    """Writes down what became of requests."""

    def note(
        self,
        transport: str,
        status: int,
        seconds: float,
        rows: int,
        request_id: str,
        error: str = "",
        trace: Trace | None = None,
    ) -> None:
        """One request was answered."""


class Pairing(Protocol):
    """Asks another version what clients ask."""

    def draws(self, size: int) -> bool:
        """Whether a request of so many bytes is one of those to be asked twice."""

    def ask(self, body: bytes | bytearray, json_length: bytes | None = None) -> Pair | None:
        """Asks what a body asks; None when this is no time to ask."""


class Loaded:
    """What inference needs once there is a model."""

    __slots__ = ("batcher", "reader", "writer")

    def __init__(self, reader: RequestReader, batcher: Batcher, writer: ResponseWriter) -> None:
        self.reader = reader
        self.batcher = batcher
        self.writer = writer


class DataPlane:
    """Admits calls, passes them to the batcher and counts their ends.

    Every admitted call is finished exactly once by its transport, with `finished`.
    """

    __slots__ = (
        "_max_in_flight",
        "access",
        "access_log",
        "begin_trace",
        "departure",
        "loaded",
        "marks",
        "memory",
        "metrics",
        "observers",
        "pairing",
        "rates",
    )

    def __init__(self, metrics: ServerMetrics, max_in_flight: int, memory: MemoryBudget) -> None:
        self.metrics = metrics
        self.memory = memory
        self._max_in_flight = max_in_flight
        self.loaded: Loaded | None = None
        self.departure: Departure | None = None
        self.access: AccessControl | None = None
        self.rates: Rates | None = None
        self.access_log: Notes | None = None
        self.begin_trace: Callable[[], Trace | None] | None = None
        """Begins a trace with a request that belongs to none, or not; None where no spans are exported."""
        self.marks: Marks | None = None
        """By which the questions of other versions are known."""
        self.pairing: Pairing | None = None
        self.observers: tuple[Callable[[Call], None], ...] = ()

    def admit(self, *, is_control: bool = False) -> Loaded:
        """Lets one more request in. Raises `Refusal` while there is no model or when too many are under way.

        The questions of another version leave half of the room to clients.
        """
        metrics = self.metrics
        if metrics.in_flight >= (self._max_in_flight // 2 if is_control else self._max_in_flight):
            raise Refusal(Kind.OVERLOADED, f"{self._max_in_flight} requests are under way: try again in a moment")
        loaded = self.loaded
        if loaded is None:
            raise Refusal(Kind.NOT_READY, "the model is not ready: its ready address says why")
        return loaded

    def let_inputs_go(self, call: Call) -> None:
        """After its run: a large call's inputs need not lie beside its answer, unless somebody is to look at them."""
        if not self.observers:
            call.arrays, call.more = [], None

    def succeeded(self, call: Call, transport: str = "http") -> None:
        """Counts a call that was answered with a prediction."""
        metrics = self.metrics
        metrics.in_flight -= 1
        if call.control:
            metrics.control_requests.add("200", "false")
            return
        metrics.requests.values["200", "false"] += 1
        if call.client is not None:
            metrics.clients.count(call.client, 0)
        seconds = perf_counter() - call.started
        if call.pair is not None:
            seconds -= call.pair.seconds_waited()
        metrics.request_duration.observe(seconds)
        for observe in self.observers:
            observe(call)
        if self.access_log is not None:
            self.access_log.note(transport, 200, seconds, call.rows, call.id, trace=call.trace)

    def refused(
        self,
        refusal: Refusal,
        status: int,
        started: float,
        *,
        was_submitted: bool,
        transport: str = "http",
        is_control: bool = False,
        client: Client | None = None,
        trace: Trace | None = None,
    ) -> None:
        """Counts an inference request that was answered with a refusal."""
        metrics = self.metrics
        if was_submitted:
            metrics.in_flight -= 1
        if is_control:
            metrics.control_requests.add(str(status), "true" if refusal.kind.is_error else "false")
            return
        self.rejected(refusal)
        metrics.requests.add(str(status), "true" if refusal.kind.is_error else "false")
        if client is not None:
            metrics.clients.count(client, int(refusal.kind.is_error))
        seconds = perf_counter() - started
        metrics.request_duration.observe(seconds)
        metrics.refused_seconds += seconds
        if self.access_log is not None:
            self.access_log.note(transport, status, seconds, 0, "", refusal.logged, trace)

    def rejected(self, refusal: Refusal) -> None:
        """Counts what was refused before it reached the model, by reason."""
        word = _REJECTION_WORDS.get(refusal.kind)
        if word:
            self.metrics.rejected.add(word)
