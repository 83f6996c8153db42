"""The sha256 of bytes on their way to a disk, made in a thread beside: with a core to spare it costs no time."""

import hashlib
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Final, Self

Piece = bytes | memoryview
_AT_ONCE_BYTES: Final = 1 << 20
"""A thread is worth asking for so much."""
_MOST_BEHIND: Final = 4


class DigestBeside:
    """Takes immutable pieces; at most some megabytes of them wait."""

    def __init__(self) -> None:
        self._hasher = hashlib.sha256()
        self._thread = ThreadPoolExecutor(1, "digest")
        self._under_way: deque[Future[None]] = deque()
        self._pieces: list[Piece] = []
        self._size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown(cancel_futures=True)

    def update(self, piece: Piece) -> None:
        """Takes what comes next."""
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size >= _AT_ONCE_BYTES:
            self._hand_over()

    def hexdigest(self) -> str:
        """The digest of everything that was taken, as 64 hexadecimal digits."""
        self._hand_over()
        while self._under_way:
            self._under_way.popleft().result()
        return self._hasher.hexdigest()

    def _hand_over(self) -> None:
        pieces, self._pieces, self._size = self._pieces, [], 0
        self._under_way.append(self._thread.submit(self._take, pieces))
        if len(self._under_way) > _MOST_BEHIND:
            self._under_way.popleft().result()

    def _take(self, pieces: Sequence[Piece]) -> None:
        for piece in pieces:
            self._hasher.update(piece)
