"""gRPC's standard health service (grpc.health.v1): `Check` answers once, `Watch` with every change.

Its two messages have one field each, so they are read and written here without a parser.
"""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Final

from serin_server.model.protobuf import BYTES, fields
from serin_server.rpc.status import StatusCode
from serin_server.rpc.transport.heads import Message, Method
from serin_server.rpc.transport.stream import Stream

SERVICE: Final = "grpc.health.v1.Health"
SERVING, NOT_SERVING, SERVICE_UNKNOWN = 1, 2, 3
_MOST_WATCHED: Final = 1000
_MOST_UNREAD: Final = 64
_LONGEST: Final = 4096


class Health:
    """What is told of the server ("") and of each of its services and models."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = tuple(names)
        self._is_ready: dict[str, bool] = dict.fromkeys(self._names, False)
        self._watching: dict[Stream, str] = {}
        self._is_over = False

    def methods(self) -> dict[bytes, Method]:
        """What answers each address."""
        return {
            f"/{SERVICE}/Check".encode(): Method(self._check),
            f"/{SERVICE}/Watch".encode(): Method(self._watch, is_stream=True),
        }

    def tell(self, models: Mapping[str, bool], *, is_ready: bool) -> None:
        """Who is ready, each for itself; those who watch hear what is new."""
        before, self._is_ready = self._is_ready, {name: models.get(name, is_ready) for name in self._names}
        for stream, name in list(self._watching.items()):
            if before.get(name) == self._is_ready.get(name):
                continue
            if len(stream.pending) > _MOST_UNREAD:
                stream.fail(StatusCode.RESOURCE_EXHAUSTED, "changes of health came and were not read")
            else:
                stream.send(_status(self._status_of(name)))

    def stop(self) -> None:
        """Those who watch need not any more, and nobody begins to: it would keep the server from its end."""
        self._is_over = True
        for stream in list(self._watching):
            stream.fail(StatusCode.UNAVAILABLE, "the server ends")

    def _check(self, message: Message, stream: Stream) -> None:
        name = _name_of(message)
        if name is None:
            stream.fail(StatusCode.INVALID_ARGUMENT, "the bytes are no grpc.health.v1.HealthCheckRequest")
        elif name not in self._is_ready:
            stream.fail(StatusCode.NOT_FOUND, "")
        else:
            stream.answer(_status(self._status_of(name)))

    def _watch(self, message: Message, stream: Stream) -> None:
        name = _name_of(message)
        if name is None or stream in self._watching:
            stream.fail(StatusCode.INVALID_ARGUMENT, "one grpc.health.v1.HealthCheckRequest is asked for")
        elif self._is_over:
            stream.fail(StatusCode.UNAVAILABLE, "the server ends")
        elif len(self._watching) >= _MOST_WATCHED:
            stream.fail(StatusCode.RESOURCE_EXHAUSTED, f"{_MOST_WATCHED} watch already")
        else:
            self._watching[stream] = name
            stream.on_over = partial(self._forget, stream)
            stream.send(_status(self._status_of(name)))

    def _forget(self, stream: Stream) -> None:
        self._watching.pop(stream, None)

    def _status_of(self, name: str) -> int:
        is_ready = self._is_ready.get(name)
        return SERVICE_UNKNOWN if is_ready is None else SERVING if is_ready else NOT_SERVING


def _name_of(message: Message) -> str | None:
    """The service that is asked about; None for bytes that ask nothing."""
    if len(message) > _LONGEST:  # who watches is remembered by it
        return None
    data, name = bytes(message), ""
    try:
        for number, wire, start, end in fields(data, 0, len(data)):
            if number == 1 and wire == BYTES:
                name = data[start:end].decode()
    except ValueError:
        return None
    return name


def _status(status: int) -> bytes:
    return bytes((0x08, status))
