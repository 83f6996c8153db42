"""DNS messages as bytes: just enough to answer A questions."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

_A, _ANY, _IN = 1, 255, 1
_AUTHORITATIVE_ANSWER = 0x8580  # response, authoritative, recursion desired and available
_NO_SUCH_NAME = 3
_SECONDS_TO_LIVE = 5
_NAME_OF_QUESTION = b"\xc0\x0c"  # a pointer to the name at offset 12


@dataclass(frozen=True)
class Question:
    """The first question of a message; others come only in theory."""

    identity: int
    name: str
    kind: int
    raw: bytes


def parse(message: bytes) -> Question:
    """Read a query; ValueError when it is none."""
    try:
        identity, _flags, _questions = struct.unpack(">HHH", message[:6])
        at, labels = 12, []
        while length := message[at]:
            if length > 63:
                raise ValueError("a name that points elsewhere")
            labels.append(message[at + 1 : at + 1 + length].decode("ascii", "replace"))
            at += length + 1
        (kind,) = struct.unpack(">H", message[at + 1 : at + 3])
    except (IndexError, struct.error) as error:
        raise ValueError("no DNS query") from error
    return Question(identity, ".".join(labels).lower(), kind, message[12 : at + 5])


def reply(question: Question, addresses: list[str] | None) -> bytes:
    """The answer: these IPv4 addresses, nothing of that kind (empty list), or no such name (None)."""
    asked = addresses or [] if question.kind in (_A, _ANY) else []
    records = b"".join(
        _NAME_OF_QUESTION + struct.pack(">HHIH", _A, _IN, _SECONDS_TO_LIVE, 4) + socket.inet_aton(address)
        for address in asked
    )
    flags = _AUTHORITATIVE_ANSWER | (_NO_SUCH_NAME if addresses is None else 0)
    return struct.pack(">HHHHHH", question.identity, flags, 1, len(asked), 0, 0) + question.raw + records
