"""When ONNX Runtime is to give memory back.

Its arena keeps what the largest run needed, for ever: one batch of a thousand rows, and the process stays as large as if
they came every second. A run can be told to give back what it leaves unused, which costs it and the next large one some
page faults. So it is told only when a dear run is long past: when the runs since were much smaller, on average.
"""

from typing import Final

from serin_server.dataplane.running.cost import AWAY_SECONDS

_WEIGHT: Final = 0.125
_MUCH_SMALLER: Final = 4


class HighWater:
    """Remembers the largest dear run for which memory was not given back yet, and the mean size since."""

    __slots__ = ("_mean", "highest")

    def __init__(self) -> None:
        self.highest = 0
        """Its size; 0 when there is none, and nothing to decide."""
        self._mean = 0.0

    def is_past(self) -> bool:
        """Whether the next run is to give memory back; asked once for each run."""
        if not self.highest or self._mean * _MUCH_SMALLER > self.highest:
            return False
        self.highest = 0
        return True

    def ran(self, size: int, seconds: float) -> None:
        """Notes a run: its size in elements and how long it took."""
        if seconds > AWAY_SECONDS and size > self.highest:
            self.highest = size
            self._mean = float(size)
        elif self.highest:
            self._mean += (size - self._mean) * _WEIGHT
