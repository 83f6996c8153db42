"""What a run of the model will take, by its size, learnt from the runs before it.

A run that is cheap is made on the event loop's own thread, which costs least; one that is dear goes to a thread beside
it, so that probes and other clients do not wait. The line between them has two edges, so that a model near it does not
change places with every run. One size that was slow once (its core was taken away) is believed little; what was never
seen is taken for the square of what was, so that the first large request is not the one that holds everybody up.
"""

from typing import Final

AWAY_SECONDS: Final = 0.005
"""A size that is expected to take longer leaves the loop: a hop to a thread costs a tenth of a millisecond."""
BACK_SECONDS: Final = 0.0025
"""A size that left comes back when it is expected to take less."""
_WEIGHT: Final = 0.125
_MOST_SECONDS: Final = 16 * AWAY_SECONDS
_GROWTH: Final = 4.0
_CLASSES: Final = 65
UNKNOWN: Final = float("inf")


class Cost:
    """Expected seconds of a run, by the power of two above its size (elements of all its inputs)."""

    __slots__ = ("_is_seen", "_limits", "_seconds")

    def __init__(self) -> None:
        self._seconds = [UNKNOWN] * _CLASSES
        self._limits = [AWAY_SECONDS] * _CLASSES
        self._is_seen = [False] * _CLASSES

    def expected(self, size: int) -> float:
        """Seconds that a run of this size will take, no more than some; infinite while nothing is known."""
        return self._seconds[size.bit_length()]

    def is_cheap(self, size: int) -> bool:
        """Whether a run of this size may be made on the loop's own thread."""
        number = size.bit_length()
        return self._seconds[number] <= self._limits[number]

    def learn(self, size: int, seconds: float) -> None:
        """Takes in what a run took. A moving mean: one outlier is forgotten after a dozen runs."""
        number = size.bit_length()
        if not self._is_seen[number]:
            self._first(number, seconds)
            return
        known = self._seconds[number]
        known += (min(_MOST_SECONDS, seconds) - known) * _WEIGHT
        self._seconds[number] = known
        if known > self._limits[number]:
            self._limits[number] = BACK_SECONDS
        elif known < BACK_SECONDS:
            self._limits[number] = AWAY_SECONDS

    def _first(self, number: int, seconds: float) -> None:
        """A size seen for the first time: it is believed, and says what its neighbours will take at most."""
        self._is_seen[number] = True
        self._seconds[number] = seconds
        if seconds > AWAY_SECONDS:
            self._limits[number] = BACK_SECONDS
        seen_above = next((other for other in range(number + 1, _CLASSES) if self._is_seen[other]), _CLASSES)
        most = self._seconds[seen_above] if seen_above < _CLASSES else UNKNOWN
        for other in range(number + 1, seen_above):
            self._seconds[other] = min(most, seconds * _GROWTH ** (other - number))
        below = number - 1
        while below >= 0 and not self._is_seen[below]:
            self._seconds[below] = min(self._seconds[below], seconds)
            below -= 1
