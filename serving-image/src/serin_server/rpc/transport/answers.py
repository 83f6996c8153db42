"""What goes back in header blocks: made once, but for the number of a stream and the words of a refusal."""

from typing import Final

from serin_server.rpc.status import StatusCode
from serin_server.rpc.transport.frames import END_HEADERS, END_STREAM, HEADERS
from serin_server.rpc.transport.heads import ENCODINGS
from serin_server.rpc.transport.hpack import literal

_LONGEST_WORDS: Final = 4096
_PLAIN: Final = frozenset(range(0x20, 0x7F)) - {ord("%")}
_STATUS_200: Final = b"\x88"
_CONTENT_TYPE: Final = b"\x0f\x10\x10application/grpc"  # the name is the static table's 31st
_ACCEPTED: Final = literal(b"grpc-accept-encoding", b", ".join(ENCODINGS))
STRANGE: Final = b"this port speaks gRPC: send POST with content-type application/grpc\n"
FIRST: Final = _STATUS_200 + _CONTENT_TYPE + _ACCEPTED
"""The block before the first message."""
OK: Final = literal(b"grpc-status", b"0")
"""The block behind the last message of a call that went well."""
FIRST_HEAD: Final = (len(FIRST) << 16 | HEADERS << 8 | END_HEADERS).to_bytes(5, "big")
OK_HEAD: Final = (len(OK) << 16 | HEADERS << 8 | END_HEADERS | END_STREAM).to_bytes(5, "big")
"""What stands before the number of the stream in the frames of both."""


def status_block(code: StatusCode, words: str) -> bytes:
    """The block that says how a call ended."""
    told = literal(b"grpc-status", b"%d" % code)
    return told + literal(b"grpc-message", _escaped(words)) if words else told


def strange_block(status: int) -> bytes:
    """The block that answers who speaks HTTP/2 and not gRPC."""
    return b"\x08\x03%d" % status + literal(b"content-type", b"text/plain")


def field(name: bytes, value: bytes) -> bytes:
    """One more field for a block behind the last message."""
    return literal(name, value)


def _escaped(words: str) -> bytes:
    """UTF-8 with everything but plain ASCII in per cent, no longer than clients take."""
    told = b"".join(bytes((byte,)) if byte in _PLAIN else b"%%%02X" % byte for byte in words.encode(errors="replace"))
    if len(told) <= _LONGEST_WORDS:
        return told
    cut = told[:_LONGEST_WORDS]
    return cut[: cut.rfind(b"%")] if b"%" in cut[-2:] else cut
