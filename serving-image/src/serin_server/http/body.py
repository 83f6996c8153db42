"""The body of a request while it comes: one piece stays as it is, many become one buffer that the memory budget pays for."""

from dataclasses import dataclass, replace
from mmap import MAP_ANONYMOUS, MAP_PRIVATE, mmap
from typing import Final, cast

from serin_server.dataplane.compression import decompressed
from serin_server.dataplane.memory import Holding, MemoryBudget
from serin_server.http.messages import Request
from serin_server.refusals import Kind, Refusal

_STEP: Final = 64 * 1024
_MANY_PIECES: Final = 4096
_CRUMB_BYTES: Final = 16
_A_TURN: Final = 1024
_BYTES_A_TURN: Final = 1 << 20
_MAPPED_FROM: Final = 4 << 20
"""Larger bodies are mapped by themselves: on the heap, growing ones leave holes that nobody pays for."""


class Body:
    """Gathers the pieces of the body of one request."""

    __slots__ = ("_budget", "_buffer", "_pieces", "_request", "_size")

    def __init__(self, request: Request, first: bytes, budget: MemoryBudget) -> None:
        self._request = request
        self._budget = budget
        self._buffer: bytearray | mmap = bytearray(first)
        self._size = len(first)
        self._pieces = 1
        self._pay()

    def __len__(self) -> int:
        return self._size

    def add(self, piece: bytes) -> bool:
        """Takes one more piece; whether so many, or so many bytes, came that others should have their turn.

        Raises `Refusal` when its memory is not to be had, or pieces are crumbs.
        """
        before = self._size
        self._put(piece)
        self._pieces += 1
        if self._pieces > _MANY_PIECES and self._size < _CRUMB_BYTES * self._pieces:
            raise Refusal(
                Kind.MALFORMED,
                f"{self._pieces} chunks came with {self._size} bytes in them: send larger chunks, or a content-length",
            )
        held = self._request.holding
        if held is None or self._size > held.held_bytes:
            self._pay()
        return self._pieces % _A_TURN == 0 or before // _BYTES_A_TURN != self._size // _BYTES_A_TURN

    def whole(self) -> bytearray:
        """Everything that came; of a large body a mapping, which is read like a `bytearray` by index, slice and buffer."""
        buffer = self._buffer
        if not isinstance(buffer, mmap):
            return buffer
        if len(buffer) != self._size:
            buffer.resize(self._size)
        return cast("bytearray", buffer)

    def _put(self, piece: bytes) -> None:
        before, self._size = self._size, self._size + len(piece)
        buffer = self._buffer
        if isinstance(buffer, bytearray):
            if self._size <= _MAPPED_FROM:
                buffer += piece
                return
            # Pages that nothing was written to take no memory, so there may be as many as were announced.
            mapped = _mapped(max(self._announced(), 2 * self._size))
            mapped[:before] = bytes(buffer)
            self._buffer = buffer = mapped
        elif self._size > len(buffer):
            larger = _mapped(2 * self._size)
            larger[:before] = buffer[:before]
            self._buffer = buffer = larger
        buffer[before : self._size] = piece

    def _announced(self) -> int:
        length = self._request.headers.get(b"content-length", b"")
        return int(length) if length.isdigit() else 0

    def _pay(self) -> None:
        pay(self._request, self._size + _STEP, self._budget)


def _mapped(size: int) -> mmap:
    try:
        return mmap(-1, size, flags=MAP_PRIVATE | MAP_ANONYMOUS)
    except OSError as error:  # address space is short, or the number of mappings
        raise Refusal(
            Kind.OVERLOADED, f"{size >> 20} MiB of memory for a body are not to be had ({error}): try again"
        ) from None


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
