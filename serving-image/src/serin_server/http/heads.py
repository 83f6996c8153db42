"""Heads of requests that were read before: a client that asks again and again sends the same head each time.

A head that is known byte by byte need not be parsed once more. Known are heads of whole POST requests that asked for
nothing special, no longer than until the next sweep (a second), so that what clients send is not kept behind them.
"""

from typing import Final, NamedTuple

from serin_server.dataplane.trace import HEADER as TRACE_HEADER
from serin_server.feedback.marks import HEADER as MARK
from serin_server.http.messages import Request

_MOST_HEADS: Final = 256
_MOST_BYTES: Final = 1024
_SPECIAL: Final = (b"transfer-encoding", b"expect", TRACE_HEADER, MARK)


class KnownHead(NamedTuple):
    """What a head says, and how many bytes of body follow it."""

    target: bytes
    headers: dict[bytes, bytes]
    length: int


class KnownHeads:
    """The heads of one port's requests, by their bytes."""

    __slots__ = ("_heads", "find")

    def __init__(self) -> None:
        self._heads: dict[bytes, KnownHead] = {}
        self.find = self._heads.get
        """What is known of a head, its empty line included; None for others."""

    def remember(self, head: bytes, request: Request) -> None:
        """Takes down the head of a request that was parsed from it, unless its like should be parsed again."""
        length = request.headers.get(b"content-length", b"")
        if (
            len(head) <= _MOST_BYTES
            and len(self._heads) < _MOST_HEADS
            and request.method == b"POST"
            and request.keep_alive
            and not request.is_http_1_0
            and len(request.body) == int(length or -1)
            and not any([name in request.headers for name in _SPECIAL])
            and is_strict(head)
        ):
            self._heads[head] = KnownHead(request.target, request.headers, len(request.body))

    def forget(self) -> None:
        """Knows none any more."""
        self._heads.clear()


def is_strict(head: bytes) -> bool:
    """Whether the head ends with its first empty line and nowhere before, however leniently lines are read."""
    return head.startswith(b"POST ") and head.count(b"\n") == head.count(b"\r\n")
