"""Ends that wait for their report: the one that is due longest comes first, and one that failed comes again later."""

import heapq
import itertools
from dataclasses import dataclass, field
from typing import Final

from serin_ui.reports.ends import End

FIRST_PAUSE_SECONDS: Final = 2.0
LONGEST_PAUSE_SECONDS: Final = 300.0


@dataclass(order=True, slots=True)
class Waiting:
    """One of them."""

    due: float
    """Unix seconds."""
    number: int
    end: End = field(compare=False)
    seen: bytes = field(compare=False)
    """What was seen last of its rollout, as JSON; empty where nothing was."""
    since: float = field(compare=False)
    """When it was due first."""
    failures: int = field(compare=False, default=0)


class Queue:
    """Bounded by the ledgers: an end is added once, by who knows which were."""

    def __init__(self) -> None:
        self._heap: list[Waiting] = []
        self._numbers = itertools.count()

    def __len__(self) -> int:
        """How many wait."""
        return len(self._heap)

    def add(self, end: End, seen: bytes, due: float) -> None:
        """One more, from so many unix seconds on."""
        heapq.heappush(self._heap, Waiting(due, next(self._numbers), end, seen, due))

    def take(self, now: float) -> Waiting | None:
        """The one that is due longest, if any is."""
        return heapq.heappop(self._heap) if self._heap and self._heap[0].due <= now else None

    def again(self, waiting: Waiting, now: float) -> None:
        """It has failed, and comes again: soon at first, then less and less often."""
        pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(waiting.failures, 16))
        number, failures = next(self._numbers), waiting.failures + 1
        later = Waiting(now + pause, number, waiting.end, waiting.seen, waiting.since, failures)
        heapq.heappush(self._heap, later)

    def late_seconds(self, now: float) -> float:
        """For how long the one that was due first has been."""
        return max(0.0, max((now - each.since for each in self._heap), default=0.0))
