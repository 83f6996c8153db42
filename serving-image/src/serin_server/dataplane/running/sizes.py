"""Fixed sizes of batches, for devices on which every new shape costs a search, a plan or a compilation.

A batch is filled up to the next size with copies of its last row, whose answers are thrown away; one that is larger than
the largest size is run in pieces of it. Only models whose rows are independent are treated so.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence

import numpy as np

from serin_server.model.tensors import Array


class Sizes:
    """The numbers of rows that runs may have; any when there are none."""

    __slots__ = ("_rows", "largest")

    def __init__(self, rows: Sequence[int] = ()) -> None:
        self._rows = tuple(sorted(set(rows)))
        self.largest = self._rows[-1] if self._rows else 0

    def __bool__(self) -> bool:
        return bool(self._rows)

    def __iter__(self) -> Iterator[int]:
        return iter(self._rows)

    def holding(self, rows: int) -> int:
        """The size that a batch of so many rows runs with, pieces of the largest one counted whole."""
        if not self._rows or not rows:
            return rows
        whole, left = divmod(rows, self.largest)
        return whole * self.largest + (self._rows[bisect_left(self._rows, left)] if left else 0)

    def elements(self, elements: int, rows: int) -> int:
        """Elements of a batch's inputs with those that it is filled up with."""
        return elements * self.holding(rows) // rows if self._rows and rows > 0 else elements

    def pieces(self, rows: int) -> list[tuple[int, int]]:
        """First and last row (exclusive) of each run that a batch of so many rows takes."""
        if not self._rows or rows <= self.largest:
            return [(0, rows)]
        return [(first, min(first + self.largest, rows)) for first in range(0, rows, self.largest)]


def on_a_device(most: int) -> tuple[int, ...]:
    """The sizes for a device, where each has a session of its own: a lone request, a few, many; none above a bound."""
    return tuple(size for size in (1, 8, 32) if size <= most) or (most,)


def filled(parts: Sequence[Array], rows: int) -> Array:
    """Parts one below the other, and copies of the last row up to so many rows."""
    missing = rows - sum([len(part) for part in parts])
    if not missing:
        return parts[0] if len(parts) == 1 else np.concatenate(parts)
    last = parts[-1][-1:]
    return np.concatenate([*parts, np.broadcast_to(last, (missing, *last.shape[1:]))])
