"""Messages and the ends of what clients send, as calls of the methods that answer them."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from serin_server.dataplane.compression import decompressed
from serin_server.dataplane.memory import UNCOUNTED_BYTES, Holding, MemoryBudget
from serin_server.refusals import Kind, Refusal
from serin_server.rpc.status import StatusCode
from serin_server.rpc.transport.heads import Message, Method
from serin_server.rpc.transport.stream import Stream

Aside = Callable[[Callable[[], Any], Callable[[Any], None]], None]
"""Does work in a thread, and passes on what came of it, errors included, on the loop."""


class Dispatcher:
    """Begins calls."""

    def __init__(
        self, methods: Mapping[bytes, Method], memory: MemoryBudget, most_bytes: int, most_growth: float, aside: Aside
    ) -> None:
        self.methods = methods
        self._memory = memory
        self._most_bytes = most_bytes
        self._most_growth = most_growth
        self._aside = aside

    def begin(self, stream: Stream, message: Message) -> None:
        """Hands a plain message to the method that answers it."""
        method = stream.head.method
        if method is None or stream.is_over:
            return
        if not method.is_stream:
            stream.has_begun = True
            stream.connection.under_way += 1
        elif not stream.pending:
            stream.deadline = 0.0
        if stream.incoming is not None:
            stream.incoming.passed_on()
        method.begin(message, stream)

    def came(self, stream: Stream, message: Message, *, is_packed: bool) -> None:
        """One more message of a call; that of a call that has one waits until its client has said so."""
        if stream.head.method is not None and stream.head.method.is_stream:
            self._plain(stream, message, is_packed=is_packed)
        elif stream.message is None:
            stream.message = is_packed, message
        else:
            stream.fail(StatusCode.UNIMPLEMENTED, "more than one message came, and this method takes one")

    def heard_out(self, stream: Stream) -> None:
        """The client has sent its last."""
        method = stream.head.method
        if method is None:
            return
        if method.is_stream:
            if method.ended is not None:
                method.ended(stream)
        elif stream.message is None:
            stream.fail(StatusCode.UNIMPLEMENTED, "no message came, and this method takes one")
        else:
            (is_packed, message), stream.message = stream.message, None
            self._plain(stream, message, is_packed=is_packed)

    def _plain(self, stream: Stream, message: Message, *, is_packed: bool) -> None:
        if not is_packed:
            self.begin(stream, message)
            return
        if stream.head.encoding == b"identity":
            stream.fail(StatusCode.INTERNAL, "a message is packed, and no grpc-encoding says how")
            return
        holding = Holding(self._memory)
        work = partial(decompressed, message, stream.head.encoding, self._most_bytes, self._most_growth, holding)
        then = partial(self._unpacked, stream, holding)
        if len(message) <= UNCOUNTED_BYTES:
            then(outcome_of(work))
            return
        if stream.incoming is not None:
            stream.incoming.passed_on()
        try:
            holding.grow(len(message))  # until it was unpacked, though its client may hang up
        except Refusal as refusal:
            stream.refuse(refusal)
        else:
            self._aside(work, then)

    def _unpacked(self, stream: Stream, holding: Holding, outcome: Any) -> None:
        holding.release()
        if isinstance(outcome, Refusal):
            stream.refuse(outcome)
        elif isinstance(outcome, Exception):
            stream.refuse(Refusal(Kind.FAULT, "the server itself failed on this call"))
        else:
            self.begin(stream, outcome)


def outcome_of(work: Callable[[], Any]) -> Any:
    """What came of it, errors included: raised, an error would hold the call in its frames."""
    try:
        return work()
    except Exception as error:  # noqa: BLE001 (the loop tells faults from refusals)
        return error.with_traceback(None) if isinstance(error, Refusal) else error
