"""The body of a request while it comes: one piece stays as it is, many become one buffer that the memory budget pays for."""

from dataclasses import dataclass, replace
from typing import Final

from serin_server.dataplane.memory import Holding, MemoryBudget
from serin_server.http.compression import decompressed
from serin_server.http.messages import Request
from serin_server.refusals import Kind, Refusal

_STEP: Final = 64 * 1024
_MANY_PIECES: Final = 4096
_CRUMB_BYTES: Final = 16
_A_TURN: Final = 1024
_BYTES_A_TURN: Final = 1 << 20


class Body:
    """Gathers the pieces of the body of one request."""

    __slots__ = ("_budget", "_buffer", "_pieces", "_request")

    def __init__(self, request: Request, first: bytes, budget: MemoryBudget) -> None:
        self._request = request
        self._budget = budget
        self._buffer = bytearray(first)
        self._pieces = 1
        self._pay()

    def __len__(self) -> int:
        return len(self._buffer)

    def add(self, piece: bytes) -> bool:
        """Takes one more piece; whether so many, or so many bytes, came that others should have their turn.

        Raises `Refusal` when its memory is not to be had, or pieces are crumbs.
        """
        before = len(self._buffer)
        self._buffer += piece
        self._pieces += 1
        if self._pieces > _MANY_PIECES and len(self._buffer) < _CRUMB_BYTES * self._pieces:
            raise Refusal(
                Kind.MALFORMED,
                f"{self._pieces} chunks came with {len(self._buffer)} bytes in them: send larger chunks, or a content-length",
            )
        held = self._request.holding
        if held is None or len(self._buffer) > held.held_bytes:
            self._pay()
        return self._pieces % _A_TURN == 0 or before // _BYTES_A_TURN != len(self._buffer) // _BYTES_A_TURN

    def whole(self) -> bytearray:
        """Everything that came."""
        return self._buffer

    def _pay(self) -> None:
        pay(self._request, len(self._buffer) + _STEP, self._budget)


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """What bodies may be: so large, and so many times larger than their client sent them packed."""

    memory: MemoryBudget
    max_bytes: int
    max_growth: float

    def at_most(self, size: int) -> "BodyLimits":
        """The same for bodies that may not be larger than this either."""
        return replace(self, max_bytes=min(size, self.max_bytes))

    def plain(self, request: Request) -> bytes | bytearray:
        """The body as it was before its client packed it. Raises `Refusal`."""
        body, encoding = request.body, request.headers.get(b"content-encoding")
        if encoding is not None:
            holding = request.holding = request.holding or Holding(self.memory)
            return decompressed(body, encoding, self.max_bytes, self.max_growth, holding)
        if len(body) > self.max_bytes:
            raise Refusal(Kind.TOO_LARGE, f"the body may have {self.max_bytes} bytes, and {len(body)} came")
        return body


def pay(request: Request, size: int, budget: MemoryBudget) -> None:
    """Makes a request hold at least so many bytes. Raises `Refusal` when they are not to be had."""
    holding = request.holding
    if holding is None:
        holding = request.holding = Holding(budget)
    holding.grow(size - holding.held_bytes)
