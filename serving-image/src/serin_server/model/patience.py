"""Ends a fetch that takes too long or only trickles, although each single read stays within its time-out."""

import socket
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

LEAST_BYTES_PER_SECOND: Final = 1024


class Patience:
    """Watches one fetch from a thread of its own and shuts its connections when patience is at an end.

    A source that sends a byte now and then would keep a read waiting for ever; only somebody else can see that. `verdict`
    then says what came in which time.

    Args:
        silence_seconds: Within twice that time at least a kibibyte a second must have come.
        total_seconds: For everything, from the first connection to the last byte; 0 for no limit.
    """

    def __init__(self, silence_seconds: float, total_seconds: float) -> None:
        self._window = 2 * silence_seconds
        self._total = total_seconds
        self._lock = threading.Lock()
        self._connections: list[socket.socket] = []
        self._done = threading.Event()
        self._got = 0
        self.verdict = ""
        self._thread = threading.Thread(target=self._watch, name="patience", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()
        for connection in self._connections:
            connection.close()

    def watches(self, connection: socket.socket) -> socket.socket:
        """The connection, which will be shut when patience is at an end."""
        with self._lock:
            # A double, because TLS takes the original apart.
            self._connections.append(connection.dup())
            if self.verdict:
                _shut(connection)
        return connection

    def came(self, count: int) -> None:
        """So many bytes of the model have come."""
        self._got += count

    def _watch(self) -> None:
        began = window_began = time.monotonic()
        got_before = 0
        while True:
            ends = [window_began + self._window, *((began + self._total,) if self._total else ())]
            if self._done.wait(max(0.0, min(ends) - time.monotonic())):
                return
            now = time.monotonic()
            if self._total and now - began >= self._total:
                self._end(
                    f"{self._got:,} bytes came in {now - began:.0f} s, and no more time is given: "
                    "raise SERIN_SOURCE_TOTAL_SECONDS, or bring the model nearer"
                )
                return
            if now - window_began >= self._window:
                came, seconds = self._got - got_before, now - window_began
                if came < LEAST_BYTES_PER_SECOND * seconds:
                    self._end(
                        f"only {came:,} bytes came in {seconds:.0f} s ({self._got:,} in all), less than a kibibyte a second: "
                        "see what ails its server, or the way to it"
                    )
                    return
                window_began, got_before = now, self._got

    def _end(self, verdict: str) -> None:
        with self._lock:
            self.verdict = verdict
            for connection in self._connections:
                _shut(connection)


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
