"""How it goes with a watch: whether it lives, and how long to wait before everything is listed anew."""

import asyncio
from typing import Final

from prometheus_client import Gauge

FIRST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 30.0
_LIVES_SECONDS: Final = 2.0


class Pulse:
    """Of one watch after another. A listing that works says nothing about the watch: only a watch that lived shortens the pause again.

    Args:
        up: 1 while there is a watch.
        lives_seconds: After which a watch in which nothing is told counts as one.
    """

    def __init__(self, up: Gauge, lives_seconds: float = _LIVES_SECONDS) -> None:
        self._up = up
        self._lives_seconds = lives_seconds
        self._pause = FIRST_PAUSE_SECONDS
        self._opened: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    def opens(self) -> None:
        """The API server has taken the watch; whether it stays, time tells."""
        loop = asyncio.get_running_loop()
        self._opened = loop.time()
        self._timer = loop.call_later(self._lives_seconds, self._up.set, 1)

    def beats(self) -> None:
        """Something was told."""
        self._up.set(1)
        self._pause = FIRST_PAUSE_SECONDS

    def ends(self) -> None:
        """The watch is over, in whichever way."""
        if self._timer is not None:
            self._timer.cancel()
        if self._opened is not None and asyncio.get_running_loop().time() - self._opened >= LONGEST_PAUSE_SECONDS:
            self._pause = FIRST_PAUSE_SECONDS
        self._opened = self._timer = None

    def expires(self) -> float:
        """Changes are no longer to be had: the pause before all is listed anew, in seconds."""
        pause = self._next_pause()
        if pause > FIRST_PAUSE_SECONDS:
            self._up.set(0)  # no watch has lived since the last time
        return pause

    def fails(self) -> float:
        """Nobody answers, or not this: the pause before all is listed anew, in seconds."""
        self._up.set(0)
        return self._next_pause()

    def _next_pause(self) -> float:
        pause, self._pause = self._pause, min(2 * self._pause, LONGEST_PAUSE_SECONDS)
        return pause
