"""How many questions one connection may be sent at once: as many as the control is known to answer well within the limit."""

from typing import Final

_MOST: Final = 16
_SHARE: Final = 1 / 3
"""Of the limit: twice as many questions as were answered within it are answered within two thirds, however they are run."""


class Depth:
    """Learns from what was answered.

    A control that answers one after another (one of the release before, a proxy) is not sent more than it can do in time,
    and one that does not keep its connections is asked one by one.
    """

    def __init__(self, limit_seconds: float) -> None:
        self._soon = _SHARE * limit_seconds
        self.most = 1

    def answered(self, number: int, seconds: float) -> None:
        """So many questions that were sent together were all answered after so many seconds."""
        if seconds > self._soon:
            self.most = max(1, min(self.most, number // 2))
        elif number >= self.most:
            self.most = min(_MOST, 2 * self.most)

    def broke(self) -> None:
        """A connection ended, or was given up, before it was of use for more than one question."""
        self.most = 1
