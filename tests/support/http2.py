"""A connection of gRPC without a socket: bytes go in, frames come out."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import hpack

from serin_server.config.settings import Settings
from serin_server.dataplane.memory import MemoryBudget
from serin_server.rpc.reading import Threads
from serin_server.rpc.server import GrpcServer
from serin_server.rpc.transport import frames as h2
from serin_server.rpc.transport.heads import Method

OPENING = h2.PREFACE + h2.settings({})


@dataclass
class Frame:
    kind: int
    flags: int
    number: int
    payload: bytes


class Transport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.is_closed = self.is_aborted = self.is_paused = False
        self.unsent = 0

    def write(self, data: bytes) -> None:
        assert not self.is_aborted
        self.written += data

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("192.0.2.7", 4711) if name == "peername" else default

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.is_closed = self.is_aborted = True

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def can_write_eof(self) -> bool:
        return True

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False


@dataclass
class Service:
    """Answers what a test gives; `/echo` sends back what came, `/late` nothing yet."""

    memory: MemoryBudget = field(default_factory=lambda: MemoryBudget(32 << 20))
    methods_more: dict[bytes, Method] = field(default_factory=dict)
    late: list[Any] = field(default_factory=list)
    rejected: list[Any] = field(default_factory=list)
    threads: Threads = field(default_factory=Threads)

    @property
    def plane(self) -> Any:
        return SimpleNamespace(memory=self.memory, rejected=self.rejected.append)

    @property
    def aside(self) -> Callable[..., None]:
        return self.threads.aside

    def methods(self) -> dict[bytes, Method]:
        return {
            b"/echo": Method(lambda message, stream: stream.answer(bytes(message))),
            b"/late": Method(lambda message, stream: self.late.append(stream)),
            b"/echoes": Method(
                lambda message, stream: stream.send(bytes(message)), is_stream=True, ended=lambda s: s.end()
            ),
            **self.methods_more,
        }


class Client:
    """One connection, and what its client sends and hears."""

    def __init__(self, service: Service | None = None, *, opening: bytes = OPENING, **settings: Any) -> None:
        self.service = service or Service()
        given = Settings(model_uri="m.onnx", model_name="m", **settings)
        self.server = GrpcServer(self.service, (), given, asyncio.get_running_loop())
        self.server._sweep_handle.cancel()
        self.connection = self.server.connection()
        self.transport = Transport()
        self.connection.connection_made(self.transport)
        self.encoder, self.decoder = hpack.Encoder(), hpack.Decoder()
        self.number = -1
        if opening:
            self.send(opening)
            self.frames()

    def send(self, *data: bytes) -> None:
        self.connection.data_received(b"".join(data))

    def frames(self) -> list[Frame]:
        """What has come since the last time."""
        data, self.transport.written = self.transport.written, b""
        found = []
        while data:
            length, end = int.from_bytes(data[:3], "big"), 9 + int.from_bytes(data[:3], "big")
            found.append(Frame(data[3], data[4], int.from_bytes(data[5:9], "big"), data[9 : 9 + length]))
            data = data[end:]
        return found

    def head(self, path: str = "/echo", *more: tuple[str, str], flags: int = h2.END_HEADERS, number: int = 0) -> bytes:
        """The head of the next call."""
        self.number = number or self.number + 2
        fields = [(":method", "POST"), (":scheme", "http"), (":path", path), ("te", "trailers"),
                  ("content-type", "application/grpc"), *more]  # fmt: skip
        return h2.frame(h2.HEADERS, flags, self.number, self.encoder.encode(fields))

    def data(self, message: bytes, *, is_last: bool = True, is_packed: bool = False) -> bytes:
        """A message in one frame."""
        payload = bytes((is_packed,)) + len(message).to_bytes(4, "big") + message
        return h2.frame(h2.DATA, h2.END_STREAM * is_last, self.number, payload)

    def call(self, message: bytes = b"hello", path: str = "/echo", *more: tuple[str, str], **how: Any) -> None:
        """A whole call."""
        self.send(self.head(path, *more), self.data(message, **how))

    def answer(self) -> tuple[dict[str, str], bytes]:
        """All fields, and all bytes of the streams that were answered since the last time."""
        fields: dict[str, str] = {}
        data = b""
        for frame in self.frames():
            if frame.kind == h2.HEADERS:
                fields.update(self.decoder.decode(frame.payload))
            elif frame.kind == h2.DATA:
                data += frame.payload
        return fields, data

    def status(self) -> int:
        """How the last call ended."""
        return int(self.answer()[0]["grpc-status"])

    def ended(self) -> int | None:
        """The code of the GOAWAY that ended the connection; None while it goes on."""
        codes = [int.from_bytes(frame.payload[4:8], "big") for frame in self.frames() if frame.kind == h2.GOAWAY]
        return codes[-1] if codes and self.transport.is_closed else None
