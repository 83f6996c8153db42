"""The frames of a connection that are no call: what each side may send, whether the other is there, and the end."""

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, cast

from serin_server.rpc.transport import frames as h2
from serin_server.rpc.transport.frames import ConnectionFailure, StreamFailure
from serin_server.rpc.transport.reader import FrameReader
from serin_server.rpc.transport.sending import Sending
from serin_server.rpc.transport.stream import Stream

if TYPE_CHECKING:
    from serin_server.rpc.server import GrpcServer

_REMEMBERED: Final = 256
_STREAMS_A_FRAME: Final = 16
"""Streams whose room is changed at the cost of one frame that brings nothing forward."""
TAKES_CALLS, ASKS_TO_LEAVE, TAKES_NONE = range(3)
"""A connection takes calls; its client has been asked for no more, and those on their way are taken; none is taken any more."""


class Controlled(FrameReader):
    """A connection's streams, and the frames that are about them or about all."""

    __slots__ = (
        "_cut",
        "is_asked",
        "last_stream",
        "leaving",
        "leaving_at",
        "sending",
        "streams",
        "unsent_bytes",
        "unsent_until",
        "write",
    )

    def __init__(self, server: "GrpcServer") -> None:
        super().__init__(server)
        self.write: Callable[[bytes], None] = cast("Callable[[bytes], None]", None)
        self.sending = Sending(self)
        self.streams: dict[int, Stream] = {}
        self.last_stream = 0
        self.leaving = TAKES_CALLS
        self.leaving_at = 0.0
        self.is_asked = False
        """Whether a PING of ours is to be answered."""
        self.unsent_bytes = 0
        self.unsent_until = 0.0
        """Until when the client has to have read some of what is written; 0 while it reads."""
        self._cut: deque[int] = deque(maxlen=_REMEMBERED)
        """Streams that were ended before their clients had ended them, whose rest is thrown away."""

    # From asyncio: whether the client reads.

    def pause_writing(self) -> None:
        """The client does not read as fast as it is answered."""
        self.sending.is_paused = True
        self.transport.pause_reading()  # who does not read need not ask
        self.unsent_bytes = self.transport.get_write_buffer_size()
        self.unsent_until = self.server.now + self.server.read_timeout

    def resume_writing(self) -> None:
        """It reads again."""
        self.unsent_until = 0.0
        self.sending.is_paused = False
        self.sending.pump()
        self.go_on()

    def may_read(self) -> bool:
        """Whether the client reads what it is answered."""
        return not self.sending.is_paused

    # Ends of streams.

    def cut(self, number: int) -> None:
        """Ends a stream whose client has not: it need not send the rest, which is thrown away."""
        self._cut.append(number)
        self.write(h2.reset(number, h2.NO_ERROR))

    def reset(self, stream: Stream, code: int) -> None:
        """Ends a stream without more of an answer."""
        self.reset_number(stream.number, code)

    def reset_number(self, number: int, code: int) -> None:
        """The same by its number."""
        self._cut.append(number)
        self.write(h2.reset(number, code))
        stream = self.streams.get(number)
        if stream is not None:
            stream.close()

    def forget(self, stream: Stream) -> None:
        """A stream is closed."""
        self.streams.pop(stream.number, None)
        self.sending.forget(stream)
        if self.leaving == TAKES_NONE and not self.streams:
            self.transport.close()

    # Control frames.

    def on_control(self, kind: int, flags: int, number: int, payload: bytes) -> None:
        """Everything that is no call."""
        if kind == h2.SETTINGS:
            self._settings(flags, payload)
        elif kind == h2.PING:
            self._ping(flags, payload)
        elif kind == h2.RST_STREAM:
            self._reset(number)
        elif kind == h2.GOAWAY:
            self.take_none()
        else:
            self.waste()
            if kind == h2.PRIORITY and int.from_bytes(payload[:4], "big") & h2.LARGEST_STREAM == number:
                raise StreamFailure(number, h2.PROTOCOL_ERROR)

    def _ping(self, flags: int, payload: bytes) -> None:
        if not flags & h2.ACK:
            self.waste()
            self.owed += h2.frame(h2.PING, h2.ACK, 0, payload)
            return
        self.is_asked = False
        if self.leaving == ASKS_TO_LEAVE:
            self.tell_last()

    def pay(self) -> None:
        """Sends what is owed and went with no answer."""
        if self.owed and not self.transport.is_closing():
            owed, self.owed = self.owed, b""
            self.write(owed)

    def _reset(self, number: int) -> None:
        self.waste()
        if number > self.last_stream:
            raise ConnectionFailure(h2.PROTOCOL_ERROR, f"RST_STREAM of stream {number}, which is idle")
        stream = self.streams.get(number)
        if stream is not None:
            stream.close()

    def _settings(self, flags: int, payload: bytes) -> None:
        if flags & h2.ACK:
            if payload:
                raise ConnectionFailure(h2.FRAME_SIZE_ERROR, "an acknowledgement with something in it")
            return
        self.waste()
        sending = self.sending
        value = dict(h2.settings_of(payload)).get(h2.INITIAL_WINDOW_SIZE, sending.first_window)
        if change := value - sending.first_window:
            sending.first_window = value
            self.wasted += len(self.streams) // _STREAMS_A_FRAME
            for stream in self.streams.values():
                sending.widen(stream, change)
                if stream.window > h2.LARGEST_WINDOW:
                    raise ConnectionFailure(h2.FLOW_CONTROL_ERROR, "the room of a stream is too large")
        self.is_settled = True
        self.write(h2.frame(h2.SETTINGS, h2.ACK, 0))
        sending.pump()

    def on_window_update(self, number: int, size: int) -> None:
        """The client has room for more, of one stream or of all."""
        if number == 0:
            self.sending.window += size
            if not size or self.sending.window > h2.LARGEST_WINDOW:
                code = h2.FLOW_CONTROL_ERROR if size else h2.PROTOCOL_ERROR
                raise ConnectionFailure(code, f"more room by {size}")
        else:
            stream = self.streams.get(number)
            if stream is None:
                if number > self.last_stream:
                    raise ConnectionFailure(h2.PROTOCOL_ERROR, f"WINDOW_UPDATE of stream {number}, which is idle")
                return
            self.sending.widen(stream, size)
            if not size or stream.window > h2.LARGEST_WINDOW:
                raise StreamFailure(number, h2.FLOW_CONTROL_ERROR if size else h2.PROTOCOL_ERROR)
        self.sending.pump()

    # The end.

    def ask_to_leave(self) -> None:
        """The client is to send no more; calls that are on their way to us are taken until it has heard."""
        if self.leaving == TAKES_CALLS:
            self.leaving, self.leaving_at = ASKS_TO_LEAVE, self.server.now
            self.write(h2.goaway(h2.LARGEST_STREAM, h2.NO_ERROR) + h2.frame(h2.PING, 0, 0, b"leaving?"))

    def tell_last(self) -> None:
        """The last call that is answered has come."""
        if self.leaving != TAKES_NONE:
            self.write(h2.goaway(self.last_stream, h2.NO_ERROR))
            self.take_none()

    def take_none(self) -> None:
        """No call is taken any more; the connection closes behind the last that is being answered."""
        self.leaving, self.leaving_at = TAKES_NONE, self.server.now
        if not self.streams and not self.transport.is_closing():
            self.transport.close()

    def fail(self, failure: ConnectionFailure) -> None:
        """Tells why, and closes."""
        self.is_over = True
        if not self.transport.is_closing():
            self.write(h2.goaway(self.last_stream, failure.code, str(failure)))
            self.transport.close()
