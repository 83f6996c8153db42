"""Spans wait here for a collector, few and not for long: what it does not take is dropped and counted, and nobody waits for it."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from serin_operator.tracing import Span

MOST_WAITING: Final = 2048
BATCH: Final = 256
_PAUSE_SECONDS: Final = 2.0
_TELL_AGAIN_SECONDS: Final = 60.0

Encode = Callable[[Sequence[Span]], bytes]
Send = Callable[[bytes], Awaitable[None]]


class NotTaken(Exception):
    """The collector has answered, and has not taken the spans."""


class Outbox:
    """Takes spans and sends them beside everything else.

    Args:
        encode: Makes a request of some.
        send: Sends it, within a deadline of its own.
        count: Told what became of how many: ``sent`` or ``dropped``.
        tell: Told why some were dropped, at most once a minute.
        pause_seconds: How long spans wait for others at most.
        monotonic: Seconds on a clock that never jumps.
    """

    def __init__(
        self,
        encode: Encode,
        send: Send,
        count: Callable[[str, int], None],
        tell: Callable[[str], None],
        *,
        pause_seconds: float = _PAUSE_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._encode = encode
        self._send = send
        self._count = count
        self._tell = tell
        self._pause_seconds = pause_seconds
        self._monotonic = monotonic
        self._waiting: deque[Span] = deque()
        self._is_due = asyncio.Event()
        self._is_ending = False
        self._told_at = -_TELL_AGAIN_SECONDS

    def take(self, span: Span) -> None:
        """One more has ended; it returns at once."""
        if len(self._waiting) >= MOST_WAITING:
            self._count("dropped", 1)
            return
        self._waiting.append(span)
        if len(self._waiting) >= BATCH:
            self._is_due.set()

    async def run(self) -> None:
        """Send what waits, until told to end or cancelled."""
        while not self._is_ending:
            try:
                async with asyncio.timeout(self._pause_seconds):
                    await self._is_due.wait()
            except TimeoutError:
                pass  # a batch that is not full leaves too
            self._is_due.clear()
            await self.empty()
        await self.empty()

    def end(self) -> None:
        """Let `run` send what waits, and return."""
        self._is_ending = True
        self._is_due.set()

    async def empty(self) -> None:
        """Send all that waits, or drop it."""
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            try:
                await self._send(self._encode(batch))
            except asyncio.CancelledError:
                self._count("dropped", len(batch))
                raise
            except Exception as error:  # noqa: BLE001 - whatever a collector does, the next batch is tried
                self._count("dropped", len(batch))
                self._complain(error)
            else:
                self._count("sent", len(batch))

    def _complain(self, error: Exception) -> None:
        now = self._monotonic()
        if now - self._told_at >= _TELL_AGAIN_SECONDS:
            self._told_at = now
            self._tell(str(error) if isinstance(error, NotTaken) else type(error).__name__)
