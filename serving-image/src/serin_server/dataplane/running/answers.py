"""Who is told what: predictions, that it took too long, or that the server itself failed. Everybody exactly once."""

import asyncio
from collections.abc import Sequence

from serin_server.dataplane.call import Call
from serin_server.dataplane.running.waiting import Batch
from serin_server.refusals import Kind, Refusal


class Answers:
    """Answers calls through their `done`; what one answer fails on keeps nobody else from theirs."""

    __slots__ = ("_loop", "timeout")

    def __init__(self, loop: asyncio.AbstractEventLoop, timeout_seconds: float) -> None:
        self._loop = loop
        self.timeout = timeout_seconds or float("inf")

    def give(self, call: Call) -> None:
        """Tells a call what became of it, unless it was told before."""
        done = call.done
        if done is None:
            return
        call.done = None
        try:
            done(call)
        except Exception as error:  # noqa: BLE001 (the others of its batch are answered all the same)
            self._loop.call_exception_handler({"message": "an answer found a fault in the server", "exception": error})

    def blame(self, batch: Batch, error: BaseException) -> None:
        """Puts a refusal into the calls of a run that found a bug; the log gets its stack trace."""
        self._loop.call_exception_handler({"message": "a run found a fault in the server", "exception": error})
        for call in batch.calls:
            call.outputs = None
            call.refusal = Refusal(Kind.FAULT, "the server itself failed on this request: its log says more")

    def is_late(self, call: Call, now: float) -> bool:
        """Whether a call has waited for longer than it may."""
        return now - call.started > self.timeout

    def expire(self, call: Call) -> None:
        """Tells a call that it took too long."""
        call.refusal = Refusal(Kind.TIMED_OUT, f"no prediction within {self.timeout:g} s: the model is busy or slow")
        self.give(call)

    def without_late(self, calls: Sequence[Call], now: float) -> list[Call]:
        """The calls that are in time; the others are told."""
        alive = []
        for call in calls:
            if self.is_late(call, now):
                self.expire(call)
            else:
                alive.append(call)
        return alive

    def expire_running(self, batch: Batch, now: float) -> None:
        """Tells those of a batch that still runs; its outputs will be thrown away."""
        for call in batch.calls:
            if call.done is not None and self.is_late(call, now):
                # A stand-in is told, since the thread may write into the call at any time.
                late = Call(call.arrays, call.rows, call.shapes_key, call.id)
                late.started, late.done, call.done = call.started, call.done, None
                self.expire(late)
