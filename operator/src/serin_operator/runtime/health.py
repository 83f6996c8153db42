"""Whether the process gets anywhere: liveness and readiness as lists of small named checks."""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must be so; ``problem`` returns what is wrong, or ``None``."""

    name: str
    problem: Callable[[], str | None]


def problems(checks: Iterable[Check]) -> list[str]:
    """What is wrong, one line each."""
    return [f"{check.name}: {problem}" for check in checks if (problem := check.problem()) is not None]


def at_most(what: str, limit: float, value: Callable[[], float]) -> Callable[[], str | None]:
    """A check that a number stays within its limit; the message has both."""

    def problem() -> str | None:
        now = value()
        return f"{what} {now:.0f}, more than {limit:g}" if now > limit else None

    return problem


class Heartbeat:
    """A task that only beats; when it stops, the event loop is stuck in something.

    The HTTP handler runs in the same loop, so a loop that is stuck for good shows as a time-out of the probe; one
    that crawls shows here.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic, interval_seconds: float = 1.0) -> None:
        self._monotonic = monotonic
        self._interval_seconds = interval_seconds
        self._last: float | None = None
        self._worst_lately = 0.0

    async def run(self) -> None:
        """Beat for ever; what took its time before is not lateness."""
        self._last = self._monotonic()
        while True:
            await asyncio.sleep(self._interval_seconds)
            self.beat()

    def beat(self) -> None:
        """Note how late this beat is; the worst is remembered and fades over about a minute."""
        self._worst_lately = max(self._late_seconds, self._worst_lately * 0.95)
        self._last = self._monotonic()

    @property
    def lag_seconds(self) -> float:
        """The worst delay lately, or the present one if that is worse."""
        return max(self._worst_lately, self._late_seconds)

    @property
    def _late_seconds(self) -> float:
        if self._last is None:
            return 0.0
        return max(0.0, self._monotonic() - self._last - self._interval_seconds)
