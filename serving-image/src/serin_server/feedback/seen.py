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
        hashed, told = hash(key), _hash(label)
        before = self._new.get(hashed, self._old.get(hashed))
        if before is not None:
            return Seen.SAME if before == told else Seen.OTHER
        if len(self._new) >= self._size:
            self._old, self._new = self._new, {}
        self._new[hashed] = told
        return Seen.NEVER


def _hash(label: object) -> int:
    """Of what a label says, as text: Python gives -1 and -2 the same hash as numbers."""
    if isinstance(label, int) or (isinstance(label, float) and label.is_integer()):
        label = int(label)  # 1, 1.0 and true are one label
    return hash(repr(label))
