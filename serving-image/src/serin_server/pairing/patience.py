"""When the control is asked at all: a share of the requests, so many a second, and rarely while it does not answer."""

import random
from collections.abc import Callable
from typing import Final

ITSELF_SECONDS: Final = 30.0
"""How long a server asks nobody that has met its own revision: it is itself what others are compared with."""
_MOST_TROUBLES: Final = 3
_FIRST_PAUSE_SECONDS: Final = 1.0
_LONGEST_PAUSE_SECONDS: Final = 30.0


class Patience:
    """Draws the sample, bounds its rate, and pauses after troubles in a row, longer each time.

    What is skipped is skipped before anybody knows its answer, so that the pairs that are made stay a random sample.
    """

    def __init__(self, sample: float, per_second: float, chance: Callable[[], float] = random.random) -> None:
        self._sample = sample
        self._per_second = per_second
        self._most = max(1.0, per_second)
        self._left = self._most
        self._counted_at = 0.0
        self._chance = chance
        self._troubles = 0
        self._pause = 0.0
        self._paused_until = 0.0
        self.is_trusted = False
        """Whether the control answered when it was last heard of: only then may a client wait for it."""

    def is_drawn(self) -> bool:
        """Whether a request belongs to the sample."""
        return self._chance() < self._sample

    def may_ask(self, now: float) -> bool:
        """Whether the control may be asked now; takes one question of this second's number."""
        if now < self._paused_until:
            return False
        self._left = min(self._most, self._left + (now - self._counted_at) * self._per_second)
        self._counted_at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def answered(self) -> None:
        """The control is there."""
        self._troubles, self._pause, self.is_trusted = 0, 0.0, True

    def troubled(self, now: float) -> None:
        """A question found no answer. In a pause it is one that was asked before: many that end together are no reason to wait longer."""
        self.is_trusted = False
        if now < self._paused_until:
            return
        self._troubles += 1
        if self._troubles >= _MOST_TROUBLES or self._pause:
            self._pause = min(max(2 * self._pause, _FIRST_PAUSE_SECONDS), _LONGEST_PAUSE_SECONDS)
            self._paused_until = now + self._pause

    def met_itself(self, now: float) -> None:
        """The control serves the very revision that asks."""
        self._troubles, self._pause, self.is_trusted = 0, 0.0, False
        self._paused_until = now + ITSELF_SECONDS
