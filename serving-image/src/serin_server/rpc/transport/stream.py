"""One call: its messages as they come, and what answers it. Whoever serves it has this in place of gRPC's context."""

from asyncio import TimerHandle
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from serin_server.dataplane.memory import Holding
from serin_server.refusals import Kind, Refusal
from serin_server.rpc.status import CODES, StatusCode
from serin_server.rpc.transport.answers import FIRST, FIRST_HEAD, OK, OK_HEAD, field, status_block
from serin_server.rpc.transport.frames import CANCEL, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, HEADERS, frame
from serin_server.rpc.transport.heads import Head, Message
from serin_server.rpc.transport.messages import Incoming

if TYPE_CHECKING:
    from serin_server.rpc.transport.connection import GrpcConnection


class Stream:
    """A call from its head to its last byte.

    It is answered exactly once: `answer`, `fail`, or any number of `send` and then `end`. Answers to calls that are over, whose
    client has hung up or waits no longer, are thrown away.
    """

    __slots__ = (
        "connection",
        "deadline",
        "has_begun",
        "has_sent_head",
        "head",
        "holding",
        "incoming",
        "is_heard_out",
        "is_over",
        "message",
        "moved",
        "note",
        "number",
        "on_over",
        "pending",
        "seen",
        "timer",
        "trailer",
        "trailers",
        "unseen",
        "window",
    )

    def __init__(self, connection: "GrpcConnection", number: int, head: Head, window: int, unseen: int) -> None:
        self.connection = connection
        self.number = number
        self.head = head
        self.window = window
        """Bytes that the client takes."""
        self.unseen = unseen
        """Bytes that the client may send before it is given more room."""
        self.incoming: Incoming | None = None
        self.message: tuple[bool, Message] | None = None
        """Whether it is packed, and the only message of a call that has one, until its client has said so."""
        self.is_heard_out = self.is_over = self.has_begun = self.has_sent_head = False
        self.pending: deque[bytes | memoryview] = deque()
        """Messages, with what stands before each, that the client has no room for yet."""
        self.trailers: bytes | None = None
        """The last block, once nothing comes any more."""
        self.trailer = b""
        self.holding: Holding | None = None
        """What an answer on its way holds of the memory budget."""
        self.note = b""
        """What whoever serves the call wants to know of it later."""
        self.on_over: Callable[[], None] | None = None
        """Hears that nobody waits for an answer any more."""
        self.timer: TimerHandle | None = None
        self.deadline = 0.0
        """When the client will have been too slow, to send its question or to read its answer; 0 while it is our turn."""
        self.moved = self.seen = 0
        """Bytes that were read and sent; and those when the deadline was set."""

    # What the service asks.

    @property
    def headers(self) -> Mapping[str, bytes]:
        """The metadata of the call that somebody reads."""
        return self.head.headers

    @property
    def address(self) -> bytes:
        """Where the client is, without its port; empty where nobody can tell."""
        return self.connection.address

    @property
    def client(self) -> "GrpcConnection":
        """The connection that it came on."""
        return self.connection

    # What the service says.

    def tell(self, name: bytes, value: bytes) -> None:
        """One more field behind the answer, whatever it is."""
        self.trailer += field(name, value)

    def answer(self, message: bytes, holding: Holding | None = None) -> None:
        """The answer of a call that has one; what it holds is given back when it was sent."""
        connection = self.connection
        self._answered()
        if self.is_over:
            if holding is not None:
                holding.release()
            return
        size = len(message) + 5
        if holding is not None or not connection.sending.takes(self, size):
            self.holding = holding
            self._put(message)
            if holding is not None or self._may_wait(size):
                self.end()
            return
        number = self.number.to_bytes(4, "big")
        told: tuple[bytes, ...] = (
            FIRST_HEAD, number, FIRST, (size << 16).to_bytes(5, "big"), number, (size - 5).to_bytes(5, "big"), message,
            OK_HEAD, number, OK,
        )  # fmt: skip
        if self.trailer:
            told = (*told[:-3], frame(HEADERS, END_HEADERS | END_STREAM, self.number, OK + self.trailer))
        if connection.owed:
            told = (connection.owed, *told)
            connection.owed = b""
        connection.sending.window -= size
        connection.write(b"".join(told))
        self.close()

    def _may_wait(self, size: int) -> bool:
        """Has what waits for its client to make room held by the memory budget; ends the call where that has none."""
        if not self.pending:
            return True
        self.holding = self.holding or Holding(self.connection.server.memory)
        try:
            self.holding.grow(size)
        except Refusal:
            self.connection.reset(self, ENHANCE_YOUR_CALM)
            return False
        return True

    def send(self, message: bytes) -> None:
        """One message of those that answer a stream of them."""
        if not self.is_over:
            self._put(message)
            self._may_wait(len(message) + 5)

    def drained(self) -> None:
        """Everything that waited was sent."""
        if self.trailers is not None:
            self.finish()
            return
        if self.incoming is None or not self.incoming.is_within:
            self.deadline = 0.0
        if self.holding is not None:
            self.holding.shrink(self.holding.held_bytes)

    def _put(self, message: bytes) -> None:
        self._send_head()
        self.pending.append(len(message).to_bytes(5, "big"))
        if message:
            self.pending.append(memoryview(message))
        self.connection.sending.put(self)

    def end(self) -> None:
        """No more messages come, and all is well."""
        self._answered()
        self._end(OK)

    def fail(self, code: StatusCode, words: str) -> None:
        """The call ends with an error, behind whatever was sent."""
        self._answered()
        self._end(status_block(code, words))

    def refuse(self, refusal: Refusal) -> None:
        """The call ends with a refusal in the words and the code of gRPC."""
        self.fail(CODES[refusal.kind], refusal.message)

    def _answered(self) -> None:
        if self.has_begun:
            self.has_begun = False
            self.connection.under_way -= 1

    def _send_head(self) -> None:
        if not self.has_sent_head:
            self.has_sent_head = True
            self.connection.write(frame(HEADERS, END_HEADERS, self.number, FIRST))

    def _end(self, block: bytes) -> None:
        if self.is_over:
            return
        self.trailers = block + self.trailer
        if self.pending:
            self.connection.sending.put(self)
        else:
            self.finish()

    def finish(self) -> None:
        """The last block, after which the stream is closed; a client that still sends need not."""
        if self.trailers == b"":
            self.connection.write(frame(DATA, END_STREAM, self.number))
            self.close()
            return
        block = (b"" if self.has_sent_head else FIRST) + (self.trailers or OK)
        self.connection.write(frame(HEADERS, END_HEADERS | END_STREAM, self.number, block))
        if not self.is_heard_out:
            self.connection.cut(self.number)
        self.close()

    # What happens to it.

    def expire(self) -> None:
        """The client's own time limit is over: it waits no longer."""
        self.timer = None
        if self.pending:  # some of a message is on its way, and what comes next would be taken for its rest
            self.connection.reset(self, CANCEL)
            return
        self.trailers = status_block(StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")
        self.finish()

    def too_slow(self) -> None:
        """The client took too long to send its question, or to read its answer."""
        if self.pending:
            self.connection.reset(self, CANCEL)
            return
        refusal = Refusal(Kind.SLOW_CLIENT, "the request did not arrive in time")
        self.connection.server.rejected(refusal)
        self.refuse(refusal)

    def close(self) -> None:
        """Nothing more comes or goes."""
        self.is_over = True
        self.deadline = 0.0
        self.message = None
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        if self.incoming is not None:
            self.incoming.drop()
            self.incoming = None
        self.pending.clear()
        if self.holding is not None:
            self.holding.release()
            self.holding = None
        self.connection.forget(self)
        if self.on_over is not None:
            over, self.on_over = self.on_over, None
            over()
