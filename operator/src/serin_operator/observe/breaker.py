"""Stop asking a server that does not answer, and try it again now and then."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

TIMEOUTS_IN_A_ROW: Final = 3
TRY_AGAIN_SECONDS: Final = 30.0


@dataclass
class Breaker:
    """Opens after three time-outs in a row; while it is open, one trial every half minute may close it.

    Only time-outs count: they are what costs. A refusal or an error answers at once.

    Args:
        monotonic: Seconds on a clock that never jumps.
    """

    monotonic: Callable[[], float]
    _timeouts: int = 0
    _try_at: float = 0.0
    _trying: bool = False

    @property
    def is_open(self) -> bool:
        """Whether the last answers were none."""
        return self._timeouts >= TIMEOUTS_IN_A_ROW

    def allows(self) -> bool:
        """Whether to ask now; in an open breaker the first after half a minute is the trial, and nobody else."""
        if not self.is_open:
            return True
        if self._trying or self.monotonic() < self._try_at:
            return False
        self._trying = True
        return True

    def answered(self) -> None:
        """There was an answer, whatever it said."""
        self._timeouts, self._trying = 0, False

    def timed_out(self) -> None:
        """There was none in time."""
        self._timeouts, self._trying = self._timeouts + 1, False
        self._try_at = self.monotonic() + TRY_AGAIN_SECONDS

    def gave_up(self) -> None:
        """The question was taken back before anybody knew."""
        self._trying = False
