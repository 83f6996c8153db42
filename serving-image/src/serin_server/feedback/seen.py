"""Remembers which labels this process has counted, in bounded memory."""

from enum import Enum
from typing import Final

_GENERATION: Final = 100_000


class Seen(Enum):
    """What is known of a prediction's label."""

    NEVER = "never"
    SAME = "same"
    OTHER = "other"
    """Another label was counted for the same prediction."""


class SeenLabels:
    """A map that forgets its oldest half when it is full. Keys and labels are hashes, so one costs about 100 bytes."""

    __slots__ = ("_new", "_old", "_size")

    def __init__(self, size: int = _GENERATION) -> None:
        self._size = size
        self._new: dict[int, int] = {}
        self._old: dict[int, int] = {}

    def add(self, key: object, label: object) -> Seen:
        """Remembers the label of a prediction; whether one was remembered before."""
        hashed = hash(key)
        before = self._new.get(hashed, self._old.get(hashed))
        if before is not None:
            return Seen.SAME if before == hash(label) else Seen.OTHER
        if len(self._new) >= self._size:
            self._old, self._new = self._new, {}
        self._new[hashed] = hash(label)
        return Seen.NEVER
