"""One client connection of gRPC: frames become calls, and answers find their way back.

Nothing here sets a timer but for clients' own time limits: `GrpcServer.sweep` looks at all connections once a second.
"""

import asyncio
from typing import TYPE_CHECKING, Final, cast

from serin_server.refusals import Refusal
from serin_server.rpc.status import StatusCode
from serin_server.rpc.transport import frames as h2
from serin_server.rpc.transport.control import TAKES_NONE, Controlled
from serin_server.rpc.transport.frames import ConnectionFailure, StreamFailure
from serin_server.rpc.transport.heads import Head, MalformedHead, head_of
from serin_server.rpc.transport.hpack import Decoder, HpackError
from serin_server.rpc.transport.messages import PREFIX_BYTES, FreeBytes, Incoming
from serin_server.rpc.transport.sending import answer_strangely
from serin_server.rpc.transport.stream import Stream

if TYPE_CHECKING:
    from serin_server.rpc.server import GrpcServer

MOST_STREAMS: Final = 1024
STREAM_WINDOW: Final = 1 << 20
WINDOW: Final = 8 << 20
_MOST_KNOWN: Final = 64
_LONGEST_KNOWN: Final = 1024


class GrpcConnection(Controlled):
    """The streams of one client."""

    __slots__ = (
        "_decoder",
        "_free",
        "_known",
        "_known_version",
        "_room",
        "address",
        "born_at",
        "expires_at",
        "under_way",
    )

    def __init__(self, server: "GrpcServer") -> None:
        super().__init__(server)
        self.under_way = 0
        """Calls that are being answered, those included whose clients have hung up."""
        self.address = b""
        self.born_at = self.expires_at = 0.0
        self._free = FreeBytes()
        self._decoder = Decoder(server.most_head_bytes)
        self._known: dict[bytes, Head] = {}
        """Heads of blocks that changed no table, while it stays as it was."""
        self._known_version = 0
        self._room = h2.FIRST_WINDOW

    # From asyncio: the life of the connection.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client came."""
        self.transport = cast("asyncio.Transport", transport)
        self.write = self.transport.write
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]).encode() if isinstance(peer, tuple) else b""
        told = {
            h2.MAX_CONCURRENT_STREAMS: MOST_STREAMS,
            h2.INITIAL_WINDOW_SIZE: STREAM_WINDOW,
            h2.MAX_HEADER_LIST_SIZE: self.server.most_head_bytes,
        }
        self.write(h2.settings(told) + h2.window_update(0, WINDOW - h2.FIRST_WINDOW))
        self._room = WINDOW
        self.server.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        del exc
        self.is_over = True
        for stream in list(self.streams.values()):
            stream.close()
        self.server.closed(self)

    def eof_received(self) -> bool:
        """A client that sends no more still gets what it has asked for."""
        if not self.streams:
            return False
        self.leaving, self.leaving_at = TAKES_NONE, self.server.now
        return self.transport.can_write_eof()

    # Calls.

    def on_headers(self, number: int, block: bytes, *, is_last: bool) -> None:
        """A call begins, or its client sends fields behind its last message."""
        head = self._known.get(block) if self._known_version == self._decoder.version else None
        if head is None:
            head = self._head(number, block)
        stream = self.streams.get(number)
        if stream is not None:
            if stream.is_heard_out:
                raise StreamFailure(number, h2.STREAM_CLOSED)
            if not is_last:
                raise StreamFailure(number, h2.PROTOCOL_ERROR)
            self._heard_out(stream)
            return
        if number <= self.last_stream:
            if number in self._cut:
                return
            raise ConnectionFailure(h2.STREAM_CLOSED, f"HEADERS on stream {number}, which is closed")
        if not number & 1:
            raise ConnectionFailure(h2.PROTOCOL_ERROR, f"stream {number} is not a client's")
        self.last_stream = number
        if self.leaving == TAKES_NONE or len(self.streams) >= MOST_STREAMS or self.under_way >= MOST_STREAMS:
            self.waste()
            raise StreamFailure(number, h2.REFUSED_STREAM)
        if head is None:
            raise StreamFailure(number, h2.PROTOCOL_ERROR)
        self._begin(number, head, is_last=is_last)

    def _begin(self, number: int, head: Head, *, is_last: bool) -> None:
        server = self.server
        stream = Stream(self, number, head, self.sending.first_window, STREAM_WINDOW)
        self.streams[number] = stream
        if is_last:
            stream.is_heard_out = True
        if head.refused is not None:
            stream.fail(*head.refused)
            return
        if head.timeout:
            stream.timer = server.loop.call_later(head.timeout, stream.expire)
        if is_last:
            self._heard_out(stream)
        elif head.method is None or not head.method.is_stream:
            stream.deadline = server.now + server.read_timeout

    def _head(self, number: int, block: bytes) -> Head | None:
        """The head in a block; None for one that no request has."""
        decoder = self._decoder
        before = decoder.version
        try:
            fields = decoder.fields(block)
        except HpackError as error:
            raise ConnectionFailure(h2.COMPRESSION_ERROR, str(error)) from None
        if number in self.streams:
            if fields is None or any(name[:1] == b":" or name != name.lower() for name, _ in fields):
                raise StreamFailure(number, h2.PROTOCOL_ERROR)
            return None
        try:
            head = head_of(fields, self.server.methods)
        except MalformedHead:
            return None
        if self._known_version != decoder.version or len(self._known) >= _MOST_KNOWN:
            self._known.clear()
            self._known_version = decoder.version
        if before == decoder.version and len(block) <= _LONGEST_KNOWN:
            self._known[block] = head
        return head

    def on_data(self, number: int, payload: bytes, flags: int) -> None:
        """Bytes of a call's messages."""
        size = len(payload)
        self._room -= size
        if self._room < WINDOW // 2:
            self._make_room()
        if flags & h2.PADDED:
            payload = h2.unpadded(flags, payload)
        stream = self.streams.get(number)
        if stream is None or stream.is_heard_out:
            self._unexpected_data(number, stream)
            return
        stream.unseen -= size
        if stream.unseen < 0:
            raise StreamFailure(number, h2.FLOW_CONTROL_ERROR)
        is_last = bool(flags & h2.END_STREAM)
        if is_last and self._is_all(stream, payload):
            stream.is_heard_out = True
            stream.deadline = 0.0
            self.server.begin(stream, payload[PREFIX_BYTES:])
            return
        if not (payload or is_last):
            self.waste()
        try:
            self._gather(stream, payload)
        except Refusal as refusal:
            self.server.rejected(refusal)
            stream.refuse(refusal)
            return
        if is_last:
            self._heard_out(stream)
        elif not stream.is_over and stream.unseen < STREAM_WINDOW // 2:
            self.write(h2.window_update(number, STREAM_WINDOW - stream.unseen))
            stream.unseen = STREAM_WINDOW

    def _make_room(self) -> None:
        if self._room < 0:
            raise ConnectionFailure(h2.FLOW_CONTROL_ERROR, "more came than there was room for")
        self.write(h2.window_update(0, WINDOW - self._room))
        self._room = WINDOW

    def _is_all(self, stream: Stream, payload: bytes) -> bool:
        """Whether these last bytes are the call's only message, whole and plain, as they are of most calls."""
        method = stream.head.method
        return (
            method is not None
            and not method.is_stream
            and stream.incoming is None
            and len(payload) >= PREFIX_BYTES
            and not payload[0]
            and int.from_bytes(payload[1:PREFIX_BYTES], "big") == len(payload) - PREFIX_BYTES
            and len(payload) - PREFIX_BYTES <= self.server.most_message_bytes
            and stream.head.length in (-1, len(payload))
        )

    def _gather(self, stream: Stream, payload: bytes) -> None:
        if stream.head.method is None:  # no gRPC: nobody knows what it is
            stream.moved += len(payload)
            return
        incoming = stream.incoming
        if incoming is None:
            incoming = stream.incoming = Incoming(self.server.memory, self._free, self.server.most_message_bytes)
        stream.moved += len(payload)
        for is_packed, message in incoming.add(payload):
            self.server.came(stream, message, is_packed=is_packed)
            if stream.is_over:
                return
        if incoming.is_within and not stream.deadline:
            stream.deadline, stream.seen = self.server.now + self.server.read_timeout, stream.moved

    def _heard_out(self, stream: Stream) -> None:
        """The client has sent its last."""
        stream.is_heard_out = True
        if stream.is_over:
            return
        came = stream.incoming.seen if stream.incoming is not None else stream.moved
        if stream.head.length not in (-1, came):
            raise StreamFailure(stream.number, h2.PROTOCOL_ERROR)
        stream.deadline = 0.0
        if stream.incoming is not None and stream.incoming.is_within:
            stream.fail(StatusCode.INTERNAL, "the last message breaks off")
            return
        if stream.head.method is None:
            answer_strangely(stream)
            return
        self.server.heard_out(stream)

    def _unexpected_data(self, number: int, stream: Stream | None) -> None:
        if number > self.last_stream or not number & 1:
            raise ConnectionFailure(h2.PROTOCOL_ERROR, f"DATA on stream {number}, which is idle")
        if stream is not None or number not in self._cut:
            self.waste()
            raise StreamFailure(number, h2.STREAM_CLOSED)
