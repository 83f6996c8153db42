"""What a connection sends within the room that its client gives: for all streams, and for each of them."""

from typing import TYPE_CHECKING, Final

from serin_server.rpc.transport.answers import STRANGE, strange_block
from serin_server.rpc.transport.frames import DATA, END_HEADERS, FIRST_WINDOW, FRAME_BYTES, HEADERS, frame

if TYPE_CHECKING:
    from serin_server.rpc.transport.control import Controlled
    from serin_server.rpc.transport.stream import Stream

_BURST_BYTES: Final = 64 * 1024


class Sending:
    """Streams whose messages wait for room; each sends some and then the next does."""

    __slots__ = ("_blocked", "_connection", "_waiting", "first_window", "is_paused", "window")

    def __init__(self, connection: "Controlled") -> None:
        self._connection = connection
        self._waiting: dict[int, Stream] = {}
        self._blocked: dict[int, Stream] = {}
        """Streams that wait for room of their own: room for all is no reason to look at each of them."""
        self.window = FIRST_WINDOW
        self.first_window = FIRST_WINDOW
        """The room of streams from now on."""
        self.is_paused = False
        """The socket takes no more."""

    def takes(self, stream: "Stream", size: int) -> bool:
        """Whether so many bytes may go at once, past everything that waits."""
        return (
            size <= FRAME_BYTES
            and size <= self.window
            and size <= stream.window
            and not stream.pending
            and not stream.has_sent_head
            and not self.is_paused
        )

    def put(self, stream: "Stream") -> None:
        """Sends what may be sent of a stream, and the rest when there is room."""
        if stream.number not in self._waiting and stream.number not in self._blocked:
            self._waiting[stream.number] = stream
            server = self._connection.server
            stream.deadline, stream.seen = server.now + server.read_timeout, stream.moved
        self.pump()

    def forget(self, stream: "Stream") -> None:
        """It sends nothing any more."""
        self._waiting.pop(stream.number, None)
        self._blocked.pop(stream.number, None)

    def widen(self, stream: "Stream", size: int) -> None:
        """A stream has more room of its own, or less where the client takes some back."""
        stream.window += size
        if stream.window > 0 and self._blocked.pop(stream.number, None) is not None:
            self._waiting[stream.number] = stream

    def pump(self) -> None:
        """Sends while there is room."""
        waiting = self._waiting
        while waiting and self.window > 0 and not self.is_paused:
            number, stream = next(iter(waiting.items()))
            del waiting[number]
            self._burst(stream)
            if not stream.pending:
                stream.drained()
            elif stream.window <= 0:
                self._blocked[number] = stream
            else:
                waiting[number] = stream  # behind the others

    def _burst(self, stream: "Stream") -> None:
        """Some of a stream."""
        number = stream.number.to_bytes(4, "big")
        sent = 0
        pieces: list[bytes | memoryview] = []
        pending = stream.pending
        while pending and sent < _BURST_BYTES:
            room = 0 if self.is_paused else min(self.window, stream.window, FRAME_BYTES)
            if room <= 0:
                break
            piece = pending[0]
            if len(piece) <= room:
                pending.popleft()
            else:
                pending[0] = piece[room:]
                piece = piece[:room]
            size = len(piece)
            self.window -= size
            stream.window -= size
            sent += size
            pieces += ((size << 16 | DATA << 8).to_bytes(5, "big"), number, piece)
        if sent:
            stream.moved += sent
            self._connection.write(b"".join(pieces))


def answer_strangely(stream: "Stream") -> None:
    """Answers what is no call of gRPC."""
    stream.has_sent_head = True
    block = strange_block(stream.head.status)
    stream.connection.write(frame(HEADERS, END_HEADERS, stream.number, block))
    stream.pending.append(memoryview(STRANGE))
    stream.trailers = b""
    stream.connection.sending.put(stream)
