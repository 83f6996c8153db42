"""The bytes of a connection as frames, each checked for its form, and header blocks that come in several."""

import asyncio
from struct import Struct
from typing import TYPE_CHECKING, Final, cast

from serin_server.rpc.transport import frames as h2
from serin_server.rpc.transport.frames import ConnectionFailure, StreamFailure

if TYPE_CHECKING:
    from serin_server.rpc.server import GrpcServer

_FRAMES_A_TURN: Final = 512
_HEAD: Final = Struct(">IBI")
"""The length of a frame and its kind, its flags, and the number of its stream."""
_LENGTHS: Final = {h2.PRIORITY: 5, h2.RST_STREAM: 4, h2.PING: 8, h2.WINDOW_UPDATE: 4}
_OF_A_STREAM: Final = frozenset((h2.DATA, h2.HEADERS, h2.PRIORITY, h2.RST_STREAM, h2.CONTINUATION))
_OF_ALL: Final = frozenset((h2.SETTINGS, h2.PING, h2.GOAWAY))


class FrameReader(asyncio.Protocol):
    """Takes bytes, and hands on frames. Whoever extends it says what frames mean."""

    __slots__ = (
        "_block",
        "_block_number",
        "_has_preface",
        "_is_block_last",
        "_rest",
        "heard_at",
        "is_behind",
        "is_over",
        "is_settled",
        "owed",
        "server",
        "transport",
        "wasted",
    )

    def __init__(self, server: "GrpcServer") -> None:
        self.server = server
        self.transport: asyncio.Transport = cast("asyncio.Transport", None)
        self._rest = b""
        self._has_preface = False
        self._block: bytearray | None = None
        self._block_number = 0
        self._is_block_last = False
        self.heard_at = 0.0
        self.is_over = False
        self.is_behind = False
        """Whether frames that have come wait for their turn."""
        self.is_settled = False
        """Whether the client has told its settings, which come first."""
        self.owed = b""
        """Answers to PINGs, of which clients send one with each call: with the answer they are a write less."""
        self.wasted = 0
        """Frames of the last second that brought nothing forward."""

    # What frames mean.

    def on_headers(self, number: int, block: bytes, *, is_last: bool) -> None:
        """A whole header block."""
        raise NotImplementedError

    def on_data(self, number: int, payload: bytes, flags: int) -> None:
        """Bytes of a stream, and their padding."""
        raise NotImplementedError

    def on_window_update(self, number: int, size: int) -> None:
        """The client has room for more."""
        raise NotImplementedError

    def on_control(self, kind: int, flags: int, number: int, payload: bytes) -> None:
        """Any other frame."""
        raise NotImplementedError

    def pay(self) -> None:
        """Sends what is owed and went with no answer."""
        raise NotImplementedError

    def fail(self, failure: ConnectionFailure) -> None:
        """The connection ends."""
        raise NotImplementedError

    def reset_number(self, number: int, code: int) -> None:
        """One stream ends."""
        raise NotImplementedError

    # Bytes.

    def data_received(self, data: bytes) -> None:
        """Bytes from the client."""
        if self.is_over:
            return
        self.heard_at = self.server.now
        if self._rest:
            data = self._rest + data
            self._rest = b""
        try:
            position = self._read(data)
        except ConnectionFailure as failure:
            self.fail(failure)
            return
        except Exception as error:  # noqa: BLE001 (a fault of our own: the log gets it, the client an end)
            told = {"message": "a connection of gRPC found a fault in the server", "exception": error}
            self.server.loop.call_exception_handler(told)
            self.fail(ConnectionFailure(h2.INTERNAL_ERROR, "the server itself failed: its log says more"))
            return
        if position < len(data):
            self._rest = data[position:]
        if self.owed:
            self.server.loop.call_soon(self.pay)  # behind what this turn has begun

    def _read(self, data: bytes) -> int:
        """Reads the frames that are whole, and returns where the next begins."""
        position: int = 0
        end = len(data)
        if not self._has_preface:
            position = self._preface(data)
            if not position:
                return 0
        count = 0
        while end - position >= h2.HEAD_BYTES:
            word, flags, number = _HEAD.unpack_from(data, position)
            length, kind, number = word >> 8, word & 0xFF, number & h2.LARGEST_STREAM
            if length > h2.FRAME_BYTES:
                raise ConnectionFailure(h2.FRAME_SIZE_ERROR, f"a frame of {length} bytes")
            start: int = position + h2.HEAD_BYTES
            position, before = start + length, position
            if position > end:
                return before
            try:
                self._take(kind, flags, number, data[start:position])
            except StreamFailure as failure:
                self.reset_number(failure.number, failure.code)
            if self.is_over:
                return end
            count += 1
            if count >= _FRAMES_A_TURN and end - position >= h2.HEAD_BYTES:
                self._let_others()
                break
        return position

    def _preface(self, data: bytes) -> int:
        """Where the first frame begins; 0 while that is not to be known."""
        got = data[: len(h2.PREFACE)]
        if not h2.PREFACE.startswith(got):
            raise ConnectionFailure(h2.PROTOCOL_ERROR, "this port speaks gRPC (HTTP/2) alone")
        if len(got) < len(h2.PREFACE):
            return 0
        self._has_preface = True
        return len(got)

    def _take(self, kind: int, flags: int, number: int, payload: bytes) -> None:
        if self._block is not None:
            self._continued(kind, flags, number, payload)
        elif not self.is_settled and kind != h2.SETTINGS:
            raise ConnectionFailure(h2.PROTOCOL_ERROR, "the first frame is no SETTINGS")
        elif kind == h2.DATA and number:
            self.on_data(number, payload, flags)
        elif kind == h2.HEADERS and number:
            self._headers(number, flags, payload)
        elif kind == h2.WINDOW_UPDATE and len(payload) == _LENGTHS[kind]:
            self.on_window_update(number, int.from_bytes(payload, "big") & h2.LARGEST_WINDOW)
        else:
            self._checked(kind, len(payload), number)
            self.on_control(kind, flags, number, payload)

    def _let_others(self) -> None:
        """Others have their turn before the rest is read."""
        self.is_behind = True
        self.transport.pause_reading()
        self.server.loop.call_soon(self.go_on)

    def go_on(self) -> None:
        """Reads on, what has come already first."""
        if self.is_over or self.transport.is_closing() or not self.may_read():
            return
        self.transport.resume_reading()
        if self.is_behind:
            self.is_behind = False
            self.data_received(b"")

    def may_read(self) -> bool:
        """Whether the client reads what it is answered."""
        raise NotImplementedError

    def _checked(self, kind: int, length: int, number: int) -> None:
        wanted = _LENGTHS.get(kind)
        if wanted is not None and length != wanted:
            if kind == h2.PRIORITY:
                raise StreamFailure(number, h2.FRAME_SIZE_ERROR)
            raise ConnectionFailure(h2.FRAME_SIZE_ERROR, f"a frame of the kind {kind} with {length} bytes")
        if (kind in _OF_A_STREAM and not number) or (kind in _OF_ALL and number):
            raise ConnectionFailure(h2.PROTOCOL_ERROR, f"a frame of the kind {kind} on stream {number}")
        if kind in (h2.PUSH_PROMISE, h2.CONTINUATION):
            raise ConnectionFailure(h2.PROTOCOL_ERROR, f"a frame of the kind {kind}, which nobody may send now")

    def waste(self) -> None:
        """Counts a frame that brings nothing forward. Raises `ConnectionFailure` for one too many in a second."""
        self.wasted += 1
        if self.wasted > self.server.most_wasted:
            raise ConnectionFailure(h2.ENHANCE_YOUR_CALM, "too many frames that bring nothing forward")

    # Header blocks.

    def _headers(self, number: int, flags: int, payload: bytes) -> None:
        if flags & (h2.PADDED | h2.WITH_PRIORITY):
            payload = h2.unpadded(flags, payload)
            if flags & h2.WITH_PRIORITY:
                if len(payload) < 5:
                    raise ConnectionFailure(h2.FRAME_SIZE_ERROR, "HEADERS too short for a priority")
                depends_on = int.from_bytes(payload[:4], "big") & h2.LARGEST_STREAM
                payload = payload[5:]
                if depends_on == number:
                    raise ConnectionFailure(h2.PROTOCOL_ERROR, "a stream depends on itself")
        if flags & h2.END_HEADERS:
            self.on_headers(number, payload, is_last=bool(flags & h2.END_STREAM))
        else:
            self._block, self._block_number = bytearray(payload), number
            self._is_block_last = bool(flags & h2.END_STREAM)

    def _continued(self, kind: int, flags: int, number: int, payload: bytes) -> None:
        block = self._block
        if kind != h2.CONTINUATION or number != self._block_number or block is None:
            raise ConnectionFailure(h2.PROTOCOL_ERROR, "a header block is broken off by another frame")
        self.waste()
        block += payload
        if len(block) > self.server.most_block_bytes:
            raise ConnectionFailure(h2.ENHANCE_YOUR_CALM, "a header block is larger than this server takes")
        if flags & h2.END_HEADERS:
            self._block = None
            self.on_headers(number, bytes(block), is_last=self._is_block_last)
