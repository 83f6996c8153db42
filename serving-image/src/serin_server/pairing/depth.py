"""How many questions one connection may be sent at once: as many as the control is known to answer well within the limit."""

from typing import Final

_MOST: Final = 16
_SHARE: Final = 0.5
"""Of the limit, that all questions of one connection together may take."""
_MEMORY: Final = 0.8


class Depth:
    """Learns from what was answered. A control that does not keep its connections, or takes its time, is asked one by one.

    Slower counts at once and faster bit by bit, so that a control that answers one after another (one of the release
    before, a proxy) is not sent more than it can do.
    """

    def __init__(self, limit_seconds: float) -> None:
        self._limit = limit_seconds
        self._seconds = limit_seconds
        self.most = 1

    def answered(self, number: int, seconds: float) -> None:
        """So many questions that were sent together were all answered after so many seconds."""
        taken = seconds / number
        self._learn(max(taken, _MEMORY * self._seconds + (1 - _MEMORY) * taken))

    def broke(self) -> None:
        """A connection ended, or was given up, before it was of use for more than one question."""
        self._learn(self._limit)

    def _learn(self, seconds: float) -> None:
        self._seconds = seconds
        self.most = max(1, min(_MOST, int(_SHARE * self._limit / seconds)))
