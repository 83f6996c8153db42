"""Remembers which labels this process has counted, in bounded memory."""

from typing import Final

_GENERATION: Final = 100_000


class SeenLabels:
    """A set that forgets its oldest half when it is full. Keys are hashes, so a label costs about 65 bytes."""

    __slots__ = ("_new", "_old", "_size")

    def __init__(self, size: int = _GENERATION) -> None:
        self._size = size
        self._new: set[int] = set()
        self._old: set[int] = set()

    def add(self, key: object) -> bool:
        """Remembers a key; whether it is new."""
        hashed = hash(key)
        if hashed in self._new or hashed in self._old:
            return False
        if len(self._new) >= self._size:
            self._old, self._new = self._new, set()
        self._new.add(hashed)
        return True
