"""Ends that wait for their report: the one that is due longest comes first, and one that failed comes again later."""

import heapq
import itertools
from dataclasses import dataclass, field, replace
from typing import Final

from serin_ui.reports.ends import End

FIRST_PAUSE_SECONDS: Final = 2.0
LONGEST_PAUSE_SECONDS: Final = 300.0
MOST_KEPT_BYTES_IN_ALL: Final = 16 << 20


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
    kept: bytes = field(compare=False, default=b"")
    """The ModelDeployment as it was seen with this end (`ends.kept_of`); empty where it took too much room."""
    failures: int = field(compare=False, default=0)


class Queue:
    """Bounded by the ledgers: an end is added once, by who knows which were. One that is being written waits still.

    Args:
        most_kept_bytes: Of what is kept of ends, in all; of those that come when it is full nothing is.
    """

    def __init__(self, most_kept_bytes: int = MOST_KEPT_BYTES_IN_ALL) -> None:
        self._heap: list[Waiting] = []
        self._taken: dict[int, Waiting] = {}
        self._numbers = itertools.count()
        self._most_kept_bytes = most_kept_bytes
        self._kept_bytes = 0

    def __len__(self) -> int:
        """How many wait."""
        return len(self._heap) + len(self._taken)

    def add(self, end: End, seen: bytes, due: float, kept: bytes = b"") -> None:
        """One more, from so many unix seconds on."""
        if self._kept_bytes + len(kept) > self._most_kept_bytes:
            kept = b""
        self._kept_bytes += len(kept)
        heapq.heappush(self._heap, Waiting(due, next(self._numbers), end, seen, due, kept))

    def take(self, now: float) -> Waiting | None:
        """The one that is due longest, if any is; `done` or `again` follows."""
        if not self._heap or self._heap[0].due > now:
            return None
        waiting = heapq.heappop(self._heap)
        self._taken[waiting.number] = waiting
        return waiting

    def done(self, waiting: Waiting) -> None:
        """It has been taken care of."""
        del self._taken[waiting.number]
        self._kept_bytes -= len(waiting.kept)

    def again(self, waiting: Waiting, now: float) -> None:
        """It has failed, and comes again: soon at first, then less and less often."""
        del self._taken[waiting.number]
        pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(waiting.failures, 16))
        later = replace(waiting, due=now + pause, number=next(self._numbers), failures=waiting.failures + 1)
        heapq.heappush(self._heap, later)

    def late_seconds(self, now: float) -> float:
        """For how long the one that was due first has been."""
        return max(0.0, max((now - each.since for each in (*self._heap, *self._taken.values())), default=0.0))
