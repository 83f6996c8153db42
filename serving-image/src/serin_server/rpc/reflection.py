"""gRPC's standard reflection (v1 and v1alpha, which differ in their names alone), for people with grpcurl.

Its messages are few and small, so they are read and written here without a parser.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Final

from serin_server.model.protobuf import BYTES, fields
from serin_server.rpc.status import StatusCode
from serin_server.rpc.transport.heads import Message, Method
from serin_server.rpc.transport.stream import Stream

SERVICES: Final = ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection")
_BY_NAME, _BY_SYMBOL, _BY_EXTENSION, _EXTENSIONS_OF, _LIST = 3, 4, 5, 6, 7
_FILES, _NUMBERS, _SERVICES, _ERROR = 4, 5, 6, 7
_MOST_UNREAD: Final = 32
_LONGEST: Final = 4096


class Reflection:
    """Tells the descriptors of services, its own among them."""

    def __init__(self, services: Sequence[str]) -> None:
        self._services = (*services, *SERVICES)

    def methods(self) -> dict[bytes, Method]:
        """What answers each address."""
        method = Method(self._asked, is_stream=True, ended=Stream.end)
        return {f"/{name}/ServerReflectionInfo".encode(): method for name in SERVICES}

    @cached_property
    def _described(self) -> tuple[dict[str, bytes], dict[str, str]]:
        """Files by their names, and the names of files by the symbols in them. Made when somebody asks."""
        from serin_server.rpc.descriptors import described  # noqa: PLC0415 (not for every server's start)

        return described()

    def _asked(self, message: Message, stream: Stream) -> None:
        asked = bytes(message)
        if len(stream.pending) > _MOST_UNREAD or len(asked) > _LONGEST:
            stream.fail(StatusCode.RESOURCE_EXHAUSTED, "too much is asked, or what was asked before is not read")
            return
        host, kind, value = b"", 0, b""
        try:
            for number, wire, start, end in fields(asked, 0, len(asked)):
                if wire == BYTES and number == 1:
                    host = asked[start:end]
                elif wire == BYTES and _BY_NAME <= number <= _LIST:
                    kind, value = number, asked[start:end]
        except ValueError:
            stream.fail(StatusCode.INVALID_ARGUMENT, "the bytes are no ServerReflectionRequest")
            return
        answer = self._answer(kind, value.decode(errors="replace"))
        stream.send((_field(1, host) if host else b"") + _field(2, asked) + answer)

    def _answer(self, kind: int, value: str) -> bytes:
        if kind == _LIST:
            return _field(_SERVICES, b"".join(_field(1, _field(1, name.encode())) for name in self._services))
        files, names = self._described
        if kind == _BY_NAME and value in files:
            return _field(_FILES, _field(1, files[value]))
        if kind == _BY_SYMBOL and value in names:
            return _field(_FILES, _field(1, files[names[value]]))
        if kind == _EXTENSIONS_OF and value in names:
            return _field(_NUMBERS, _field(1, value.encode()))
        code = StatusCode.NOT_FOUND if kind else StatusCode.INVALID_ARGUMENT
        words = f"there is no {value[:200]!r} here" if kind else "nothing was asked"
        return _field(_ERROR, bytes((0x08, code)) + _field(2, words.encode()))


def _field(number: int, value: bytes) -> bytes:
    told, size = bytearray((number << 3 | BYTES,)), len(value)
    while size >= 0x80:
        told.append(size & 0x7F | 0x80)
        size >>= 7
    told.append(size)
    return bytes(told) + value
