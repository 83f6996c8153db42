"""Messages of gRPC in the bytes of a stream: one byte that says whether it is packed, four of its length, the message."""

from typing import Final

from serin_server.dataplane.memory import UNCOUNTED_BYTES, Holding, MemoryBudget
from serin_server.refusals import Kind, Refusal
from serin_server.rpc.transport.heads import Message

PREFIX_BYTES: Final = 5
_MANY_PIECES: Final = 4096
_CRUMB_BYTES: Final = 16
_STEP: Final = 256 * 1024


class FreeBytes:
    """What the messages that are coming on one connection may take of memory uncounted, all together."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = UNCOUNTED_BYTES


class Incoming:
    """Gathers one message after another. Beyond the bytes that its connection has free, they are of the budget while they come."""

    __slots__ = ("_budget", "_buffer", "_free", "_most", "_pieces", "_taken", "_wanted", "holding", "seen")

    def __init__(self, budget: MemoryBudget, free: FreeBytes, most_bytes: int) -> None:
        self._budget = budget
        self._free = free
        self._taken = 0
        self._most = most_bytes
        self._buffer = bytearray()
        self._wanted = -1
        self._pieces = 0
        self.holding: Holding | None = None
        self.seen = 0
        """Bytes that came, all in all."""

    @property
    def is_within(self) -> bool:
        """Whether a message has begun and not ended."""
        return bool(self._buffer)

    def add(self, piece: bytes) -> list[tuple[bool, Message]]:
        """The messages that end with this piece, and whether each is packed. Raises `Refusal`."""
        self.seen += len(piece)
        self._pieces += 1
        if self._pieces > _MANY_PIECES and self.seen < _CRUMB_BYTES * self._pieces:
            raise Refusal(
                Kind.MALFORMED, f"{self._pieces} pieces came with {self.seen} bytes in them: send larger frames"
            )
        buffer = self._buffer
        buffer += piece
        whole: list[tuple[bool, Message]] = []
        while True:
            if self._wanted < 0:
                if len(buffer) < PREFIX_BYTES:
                    return whole
                self._wanted = length_of(buffer, self._most)
            end = PREFIX_BYTES + self._wanted
            if len(buffer) < end:
                self._pay(len(buffer))
                return whole
            is_packed = bool(buffer[0])
            if len(buffer) == end:
                del buffer[:PREFIX_BYTES]  # the bytes stay where they are
                whole.append((is_packed, buffer))
                buffer = self._buffer = bytearray()
            else:
                whole.append((is_packed, bytes(buffer[PREFIX_BYTES:end])))
                del buffer[:end]
            self._wanted = -1
            self._pieces = 0

    def passed_on(self) -> None:
        """Whoever answers a message holds what it needs; of another that has begun behind it, what came stays."""
        if not self._buffer:
            self.drop()

    def drop(self) -> None:
        """Holds nothing any more."""
        self._buffer = bytearray()
        self._free.left += self._taken
        self._taken = 0
        if self.holding is not None:
            self.holding.release()
            self.holding = None

    def _pay(self, size: int) -> None:
        held = self._taken if self.holding is None else self._taken + self.holding.held_bytes
        if size <= held:
            return
        taken = min(size - held, self._free.left)
        self._free.left -= taken
        self._taken += taken
        held += taken
        if size > held:
            self.holding = self.holding or Holding(self._budget)
            self.holding.grow(min(max(size - held, _STEP), PREFIX_BYTES + max(self._wanted, size) - held))


def length_of(prefix: bytes | bytearray, most_bytes: int) -> int:
    """What a message's prefix says. Raises `Refusal` for one that is larger than may be, or no prefix."""
    if prefix[0] > 1:
        raise Refusal(
            Kind.MALFORMED, f"a message begins with the byte {prefix[0]}, which says neither packed nor plain"
        )
    length = int.from_bytes(prefix[1:PREFIX_BYTES], "big")
    if length > most_bytes:
        raise Refusal(Kind.TOO_LARGE, f"Received message larger than max ({length} vs. {most_bytes})")
    return length
