"""Large requests and answers are read and written in threads, so that nobody else waits for them."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Final, TypeVar

from serin_server.dataplane.call import Call
from serin_server.dataplane.memory import Holding
from serin_server.dataplane.request import RequestReader
from serin_server.dataplane.response import ResponseWriter
from serin_server.http.body import BodyLimits, pay
from serin_server.http.messages import Request
from serin_server.refusals import Refusal

Result = TypeVar("Result")
_THREADS: Final = 2
_BYTES_OF_AN_ELEMENT: Final = 24
"""The longest that JSON makes of a number."""


class LargeRequests:
    """Reads and writes for one port. What a request holds of the memory budget, its connection gives back."""

    def __init__(self, limits: BodyLimits, loop: asyncio.AbstractEventLoop) -> None:
        self._limits = limits
        self._loop = loop
        self._threads: ThreadPoolExecutor | None = None

    def read(self, request: Request, reader: RequestReader, then: Callable[[Call | Exception], None]) -> None:
        """Passes the call of a request on, or why there is none. Raises `Refusal` when there is no memory even to begin."""
        pay(request, len(request.body), self._limits.memory)
        self.aside(partial(self._read, request, reader), then)

    def write(
        self,
        request: Request,
        call: Call,
        writer: ResponseWriter,
        then: Callable[[tuple[bytes, int] | Exception], None],
    ) -> None:
        """Passes the body of an answer on, or why there is none."""
        holding = request.holding = request.holding or Holding(self._limits.memory)
        self.aside(partial(_written, call, writer, holding), then)

    def close(self) -> None:
        """Lets the threads end."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)

    def _read(self, request: Request, reader: RequestReader) -> Call:
        json_length = request.headers.get(b"inference-header-content-length")
        body, request.body = self._limits.plain(request), b""
        holding = request.holding or Holding(self._limits.memory)
        before = holding.held_bytes
        call = reader.read_large(body, json_length, holding)
        if json_length is None:  # binary tensors are the body, others were made of it
            del body
            holding.shrink(before)
        return call

    def aside(self, work: Callable[[], Result], then: Callable[[Result | Exception], None]) -> None:
        """Does in a thread what would keep others waiting, and passes on what came of it, on the loop."""
        self._threads = self._threads or ThreadPoolExecutor(_THREADS, "large")

        def in_thread() -> None:
            outcome = _outcome(work)
            with suppress(RuntimeError):  # the loop has ended, and everybody with it
                self._loop.call_soon_threadsafe(then, outcome)

        # Not by the loop's futures: they keep what came of it in a cycle until the next garbage collection.
        self._threads.submit(in_thread)


def _outcome(work: Callable[[], Result]) -> Result | Exception:
    """What came of it, errors included: raised, an error would hold the request in its frames."""
    try:
        return work()
    except Exception as error:  # noqa: BLE001 (the loop tells faults from refusals)
        return error.with_traceback(None) if isinstance(error, Refusal) else error


def _written(call: Call, writer: ResponseWriter, holding: Holding) -> tuple[bytes, int]:
    """The body of an answer. What JSON may need at most is held while it is made, then what it needs."""
    size = sum(output.size * _BYTES_OF_AN_ELEMENT for output in call.outputs or ())
    if call.binary is not None and all(call.binary):
        size = sum(output.nbytes for output in call.outputs or ())
    holding.grow(size)
    written = writer.write(call)
    holding.shrink(size - len(written[0]))
    return written
