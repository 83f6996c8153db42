"""The fields of a request as the head of a call: which method, how long it may take, how its messages are packed."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from serin_server.dataplane.trace import HEADER as TRACE_HEADER
from serin_server.rpc.status import StatusCode
from serin_server.rpc.transport.hpack import Field

if TYPE_CHECKING:
    from serin_server.rpc.transport.stream import Stream

Message = bytes | bytearray
ENCODINGS: Final = (b"identity", b"deflate", b"gzip")
_MOST_DIGITS: Final = 16
_SECONDS: Final = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}
_TIMEOUT: Final = re.compile(rb"([0-9]{1,8})([HMSmun])")
_PSEUDO: Final = frozenset((b":method", b":scheme", b":path", b":authority"))
_OF_A_CONNECTION: Final = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade")
)
_READ: Final = frozenset((b"authorization", b"x-api-key", TRACE_HEADER))
"""Metadata that somebody asks for; what else clients send is not kept while they call."""
_UNPRINTABLE: Final = re.compile(rb"[\0\r\n]")
_BAD_NAME: Final = re.compile(rb"[A-Z\0-\x20\x7f-\xff]|^$|.:")


@dataclass(frozen=True, slots=True)
class Method:
    """What answers the calls of one address.

    `begin` is given each message and the call; it, or what it starts, answers the call once. A method with `is_stream` is given
    messages as they come, and answers with as many as it likes; `ended` hears when the client has sent its last.
    """

    begin: "Callable[[Message, Stream], None]"
    is_stream: bool = False
    ended: "Callable[[Stream], None] | None" = None


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a call; nothing in it belongs to one call alone, so that calls with the same head share it."""

    method: Method | None
    headers: Mapping[str, bytes]
    """Metadata that somebody reads; of those with one name the last."""
    timeout: float = 0.0
    """Seconds; 0 for as long as it takes."""
    encoding: bytes = b"identity"
    length: int = -1
    """What `content-length` says, if anything."""
    refused: tuple[StatusCode, str] | None = None
    status: int = 200
    """The HTTP status where the question is none of gRPC."""


class MalformedHead(Exception):
    """Fields that no request of HTTP/2 has."""


def head_of(fields: list[Field] | None, methods: Mapping[bytes, Method]) -> Head:
    """The head. Raises `MalformedHead`.

    Args:
        fields: As they came; None when they were more than may be.
        methods: By their addresses.
    """
    if fields is None:
        return Head(None, {}, refused=(StatusCode.RESOURCE_EXHAUSTED, "the metadata are larger than this server takes"))
    pseudo: dict[bytes, bytes] = {}
    headers: dict[str, bytes] = {}
    given: dict[bytes, bytes] = {}
    for name, value in fields:
        if name[:1] == b":":
            if name not in _PSEUDO or name in pseudo or given:
                raise MalformedHead
            pseudo[name] = value
            continue
        if _BAD_NAME.search(name) or name in _OF_A_CONNECTION or (name == b"te" and value != b"trailers"):
            raise MalformedHead
        given[name] = value
        if name in _READ:
            headers[name.decode()] = value
    if not (pseudo.get(b":method") and pseudo.get(b":scheme") and pseudo.get(b":path")):
        raise MalformedHead
    if any(_UNPRINTABLE.search(value) for _, value in fields):
        raise MalformedHead
    return _classified(pseudo, given, headers, methods)


def _classified(
    pseudo: Mapping[bytes, bytes],
    given: Mapping[bytes, bytes],
    headers: Mapping[str, bytes],
    methods: Mapping[bytes, Method],
) -> Head:
    length = given.get(b"content-length")
    about: dict[str, Any] = {"length": -1}
    if length is not None and length.isdigit():
        about["length"] = int(length.lstrip(b"0")[:_MOST_DIGITS] or b"0")
    kind = given.get(b"content-type", b"")
    if not (kind == b"application/grpc" or kind.startswith((b"application/grpc+", b"application/grpc;"))):
        return Head(None, headers, status=415, **about)
    if pseudo[b":method"] != b"POST":
        return Head(None, headers, status=405, **about)
    method = methods.get(pseudo[b":path"])
    if method is None:
        return Head(None, headers, refused=(StatusCode.UNIMPLEMENTED, "Method not found!"), **about)
    encoding = given.get(b"grpc-encoding", b"identity")
    if encoding not in ENCODINGS:
        word = encoding[:40].decode(errors="replace")
        refused = (StatusCode.UNIMPLEMENTED, f"messages packed by {word!r} are not read: use gzip, deflate or identity")
        return Head(None, headers, refused=refused, **about)
    return Head(method, headers, _seconds(given.get(b"grpc-timeout")), encoding, **about)


def _seconds(given: bytes | None) -> float:
    match = None if given is None else _TIMEOUT.fullmatch(given)
    return 0.0 if match is None else max(int(match[1]) * _SECONDS[match[2]], 1e-9)
