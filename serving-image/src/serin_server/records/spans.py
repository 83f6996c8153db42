"""Spans of inference requests for a collector of OpenTelemetry: gathered behind the answers, sent in batches from a thread.

What waits is bounded. A collector that is slow, away or hangs costs spans, which are counted as dropped, and no request ever
waits for it. Nothing here is imported unless spans are asked for.
"""

import random
import threading
from collections import deque
from collections.abc import Callable, Sequence
from time import time_ns
from typing import Final, NamedTuple

from serin_server.dataplane.plane import Notes
from serin_server.dataplane.trace import Trace, begun
from serin_server.metrics.server import Words
from serin_server.records.troubles import Troubles

MOST_WAITING: Final = 2048
BATCH: Final = 512
_PAUSE_SECONDS: Final = 2.0
_METRIC: Final = "serin_trace_spans_total"


class Span(NamedTuple):
    """One answered request: its trace, how it came, what became of it, and when (unix time in nanoseconds)."""

    trace: Trace
    transport: str
    status: int
    began_ns: int
    ended_ns: int
    rows: int
    request_id: str
    error: str


Encode = Callable[[Sequence[Span]], bytes]
Send = Callable[[bytes], None]


class Spans:
    """Notes requests whose trace is sampled, beside whoever else notes them.

    A request that belongs to a trace is sampled when its caller's flag says so. For `share` of the others a trace is begun.
    """

    part = "spans"

    def __init__(
        self,
        encode: Encode,
        send: Send,
        share: float,
        beside: Notes | None = None,
        *,
        troubles: Troubles | None = None,
        chance: Callable[[], float] = random.random,
        pause_seconds: float = _PAUSE_SECONDS,
    ) -> None:
        self._encode = encode
        self._send = send
        self._share = share
        self._beside = beside
        self._troubles = troubles
        self._chance = chance
        self._pause_seconds = pause_seconds
        self._waiting: deque[Span] = deque()
        self._is_due = threading.Event()
        self._is_closing = False
        self.sent = 0
        self.dropped = 0
        self._thread = threading.Thread(target=self._work, name="spans", daemon=True)
        self._thread.start()

    def begin(self) -> Trace | None:
        """The trace that begins with a request that belongs to none; None for those outside the share."""
        return begun() if self._chance() < self._share else None

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
        """One request was answered just now."""
        if trace is not None and trace.is_sampled:
            ended = time_ns()
            if len(self._waiting) < MOST_WAITING:
                began = ended - int(seconds * 1e9)
                self._waiting.append(Span(trace, transport, status, began, ended, rows, request_id, error))
                if len(self._waiting) == BATCH:
                    self._is_due.set()
            else:
                self.dropped += 1
        if self._beside is not None:
            self._beside.note(transport, status, seconds, rows, request_id, error, trace)

    def close(self, seconds: float = 2.0) -> None:
        """Sends what waits, for a bounded time."""
        self._is_closing = True
        self._is_due.set()
        self._thread.join(seconds)

    def tell(self, words: Words) -> None:
        """Adds what became of the spans to a scrape."""
        words.head(_METRIC, "counter")
        words.sample(_METRIC, {"outcome": "sent"}, self.sent)
        words.sample(_METRIC, {"outcome": "dropped"}, self.dropped)

    def _work(self) -> None:
        while not self._is_closing:
            self._is_due.wait(self._pause_seconds)
            self._is_due.clear()
            while self._waiting:
                self._export([self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))])

    def _export(self, batch: Sequence[Span]) -> None:
        try:
            self._send(self._encode(batch))
            self.sent += len(batch)
        except Exception as error:  # noqa: BLE001 (whatever a collector does, the next batch is tried)
            self.dropped += len(batch)
            if self._troubles is not None:
                self._troubles.tell(error, self.dropped)
