"""Bytes of calls as messages: small ones at once, large ones in a thread and within the memory budget."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, Final

from google.protobuf.message import DecodeError

from serin_server.dataplane.large import LARGE_BYTES
from serin_server.dataplane.memory import UNCOUNTED_BYTES, Holding
from serin_server.dataplane.plane import DataPlane
from serin_server.refusals import Kind, Refusal
from serin_server.rpc.parts import LOOKED_AT_BYTES, check_parts
from serin_server.rpc.transport.dispatch import outcome_of
from serin_server.rpc.transport.heads import Message, Method
from serin_server.rpc.transport.stream import Stream

Handle = Callable[[Any, Stream], Any]
"""Given a message and its call, the message that answers it, or what is awaited for one. Raises `Refusal`."""
Then = Callable[[Any, Stream, Holding | None], None]
"""Given a message, its call, and what it holds of the memory budget; None for small ones."""
_TIMES: Final = 3
"""What a large call holds: its bytes, the message made of them, and its tensors."""
_THREADS: Final = 2


class Threads:
    """Where large calls are worked on, so that nobody else waits for them."""

    def __init__(self) -> None:
        self._threads: ThreadPoolExecutor | None = None

    def aside(self, work: Callable[[], Any], then: Callable[[Any], None]) -> None:
        """Does work in a thread, and passes on what came of it, errors included, on the loop."""
        loop = asyncio.get_running_loop()
        self._threads = self._threads or ThreadPoolExecutor(_THREADS, "large-calls")

        def in_thread() -> None:
            outcome = outcome_of(work)
            with suppress(RuntimeError):  # the loop has ended, and everybody with it
                loop.call_soon_threadsafe(then, outcome)

        # Not by the loop's futures: they keep what came of it in a cycle until the next garbage collection.
        self._threads.submit(in_thread)


class Reading:
    """Makes methods of what answers messages."""

    def __init__(self, plane: DataPlane, threads: Threads) -> None:
        self._plane = plane
        self._threads = threads
        self._tasks: set[asyncio.Task[Any]] = set()

    def method(self, message: Any, then: Then) -> Method:
        """A method that is given whole messages, and answers their calls, now or later."""
        return Method(partial(self._read, message, then))

    def answering(self, message: Any, handle: Handle) -> Method:
        """A method whose answer is what a function returns."""
        return self.method(message, partial(self._handle, handle))

    def _read(self, message: Any, then: Then, sent: Message, stream: Stream) -> None:
        size = len(sent)
        holding: Holding | None = None
        try:
            if size > LOOKED_AT_BYTES:
                check_parts(sent)
                if size > UNCOUNTED_BYTES:
                    holding = Holding(self._plane.memory)
                    holding.grow(_TIMES * size)
                    if size > LARGE_BYTES:
                        work = partial(message.FromString, sent)
                        self._threads.aside(work, partial(self._was_read, message, then, stream, holding))
                        return
            asked = message.FromString(sent)
        except (DecodeError, Refusal) as error:
            self._was_read(message, then, stream, holding, error)
        else:
            then(asked, stream, holding)

    def _was_read(self, message: Any, then: Then, stream: Stream, holding: Holding | None, outcome: Any) -> None:
        if not isinstance(outcome, Exception):
            then(outcome, stream, holding)
            return
        if isinstance(outcome, DecodeError):
            outcome = Refusal(Kind.MALFORMED, f"the bytes are no {message.DESCRIPTOR.full_name}")
        elif not isinstance(outcome, Refusal):
            outcome = fault(outcome)
        elif holding is None or not holding.held_bytes:
            self._plane.rejected(outcome)
        if holding is not None:
            holding.release()
        stream.refuse(outcome.with_traceback(None))

    def _handle(self, handle: Handle, asked: Any, stream: Stream, holding: Holding | None) -> None:
        try:
            answered = handle(asked, stream)
            if asyncio.iscoroutine(answered):
                task = asyncio.get_running_loop().create_task(answered)
                self._tasks.add(task)
                task.add_done_callback(partial(self._handled, stream, holding))
                return
            told = answered.SerializeToString()
        except Refusal as refusal:
            stream.refuse(refusal.with_traceback(None))
        except Exception as error:  # noqa: BLE001 (a fault of our own: its client is answered all the same)
            stream.refuse(fault(error))
        else:
            stream.answer(told)
        if holding is not None:
            holding.release()

    def _handled(self, stream: Stream, holding: Holding | None, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            stream.refuse(Refusal(Kind.NOT_READY, "the server ends"))
        elif isinstance(error := task.exception(), Refusal):
            stream.refuse(error.with_traceback(None))
        elif isinstance(error, Exception):
            stream.refuse(fault(error))
        else:
            stream.answer(task.result().SerializeToString())
        if holding is not None:
            holding.release()


def fault(error: Exception) -> Refusal:
    """A bug: the log gets its stack trace, the client an answer."""
    context = {"message": "a call found a fault in the server", "exception": error}
    asyncio.get_running_loop().call_exception_handler(context)
    return Refusal(Kind.FAULT, "the server itself failed on this call: its log says more")
