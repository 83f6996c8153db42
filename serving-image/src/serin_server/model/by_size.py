"""Runs of a device with a session for each number of rows.

A session keeps the plans of its convolutions and its memory for the shape of its last run only: going from eight rows to one and back
costs a plan for each layer again (0.2 s for a ResNet-50), however often both were seen. A session that only ever gets one
number of rows never plans again. Each has the model's weights on the device for itself.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from serin_server.model.binding import Run
from serin_server.model.tensors import Array


class RunsBySize:
    """Runs a model in the session for its number of rows, where there is one.

    Args:
        first: A session that is there already.
        again: Opens another one of the same model.
    """

    __slots__ = ("_again", "_by_rows", "_first")

    def __init__(self, first: Run, again: Callable[[], Run]) -> None:
        self._first = first
        self._again = again
        self._by_rows: dict[int, Run] = {}

    def fix(self, rows: int) -> None:
        """Keeps a session for this number of rows. Raises what opening it raises."""
        if rows not in self._by_rows:
            self._by_rows[rows] = self._again() if self._by_rows else self._first

    def __call__(self, names: Sequence[str], feed: Mapping[str, Array], options: Any) -> list[Any]:
        """The outputs. Several threads may call."""
        array = next(iter(feed.values()))
        run = self._by_rows.get(len(array) if array.ndim else 0, self._first)
        return run(names, feed, options)
