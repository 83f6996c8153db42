"""Which key is to be looked at next, and when: the work queue's rules without its waiting.

One key is never worked on twice at once, is queued at most once, and comes back at the earliest moment that anybody
asked for. Keys whose last look took long (behind a webhook that does not answer, say) are looked at a few at a time, so that
they never take all workers from the others. Time is an argument, so the rules can be tested without waiting.
"""

import heapq
import itertools
from dataclasses import dataclass
from typing import Final

from serin_operator.cluster.store import Key

SPACING_SECONDS: Final = 1.0
BURST_SECONDS: Final = 15.0
"""A key is looked at once in ``SPACING_SECONDS`` on average, however often something happens to it; so many at once are fine."""
SLOW_SECONDS: Final = 5.0
"""A look that took longer makes its key a slow one, until it takes less again."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to leave a key alone after failures in a row."""

    first_seconds: float = 0.5
    longest_seconds: float = 30.0
    floor_seconds: float = 1.0
    """An event may shorten the wait to this, never below: a failing reconcile may be the cause of the event."""

    def delay(self, failures: int, luck: float) -> float:
        """Seconds to wait after so many failures in a row; ``luck`` in [0, 1) spreads keys that fail together."""
        full = min(self.longest_seconds, self.first_seconds * 2.0 ** min(failures - 1, 30))
        return full * (0.5 + 0.5 * luck)


class Schedule:
    """Due times of keys. All times are seconds on one monotonic clock.

    Args:
        backoff: How long to leave a key alone after failures.
        slow_at_a_time: How many slow keys are looked at at once; ``None``: any number.
    """

    def __init__(self, backoff: Backoff | None = None, *, slow_at_a_time: int | None = None) -> None:
        self._backoff = backoff or Backoff()
        self._slow_at_a_time = slow_at_a_time
        self._slow: set[Key] = set()
        self._slow_running = 0
        self._due: dict[Key, float] = {}
        self._heap: list[tuple[float, int, Key]] = []
        self._slow_heap: list[tuple[float, int, Key]] = []
        self._order = itertools.count()
        self._running: dict[Key, float] = {}
        self._asked_while_running: dict[Key, float] = {}
        self._failures: dict[Key, int] = {}
        self._not_before: dict[Key, float] = {}
        self._paced: dict[Key, float] = {}

    def add(self, key: Key, at: float) -> None:
        """Look at ``key`` no later than ``at``; if it is being looked at now, look again afterwards."""
        if key in self._running:
            self._asked_while_running[key] = min(at, self._asked_while_running.get(key, at))
            return
        at = max(at, self._not_before.get(key, at))
        if at < self._due.get(key, float("inf")):
            self._set(key, at)

    def take(self, now: float) -> Key | None:
        """The key that has been due longest; it counts as running until ``done`` or ``failed``."""
        heap = min(self._allowed(), key=lambda heap: heap[0], default=None)
        if heap is None or heap[0][0] > now:
            return None
        _, _, key = heapq.heappop(heap)
        del self._due[key]
        self._not_before.pop(key, None)
        self._running[key] = now
        self._paced[key] = max(self._paced.get(key, now), now) + SPACING_SECONDS
        self._slow_running += key in self._slow
        return key

    def done(self, key: Key, again_at: float | None, now: float = float("-inf")) -> None:
        """The look went well; the next is at ``again_at``, or earlier if somebody asked meanwhile."""
        self._ended(key, now)
        self._failures.pop(key, None)
        wanted = [at for at in (again_at, self._asked_while_running.pop(key, None)) if at is not None]
        if wanted:
            self._set(key, min(wanted))
        else:
            self._slow.discard(key)

    def failed(self, key: Key, now: float, luck: float) -> float:
        """The look failed; it is repeated with growing patience. Returns after how many seconds."""
        self._ended(key, now)
        self._asked_while_running.pop(key, None)
        failures = self._failures.get(key, 0) + 1
        self._failures[key] = failures
        delay = self._backoff.delay(failures, luck)
        self._not_before[key] = now + min(delay, self._backoff.floor_seconds)
        self._set(key, now + delay)
        return delay

    def drop(self, key: Key) -> None:
        """Forget a key that is gone; a look that is under way ends on its own."""
        self._due.pop(key, None)
        self._failures.pop(key, None)
        self._not_before.pop(key, None)
        self._asked_while_running.pop(key, None)
        self._paced.pop(key, None)
        if key not in self._running:
            self._slow.discard(key)

    def next_at(self) -> float | None:
        """When the next key is due that may be handed out, if any waits."""
        return min((heap[0][0] for heap in self._allowed()), default=None)

    def depth(self, now: float) -> int:
        """How many keys are due and not yet being looked at."""
        return sum(at <= now for at in self._due.values())

    def oldest_wait(self, now: float) -> float:
        """For how long the key that has been due longest has been waiting, in seconds."""
        self._clean()
        due = min((heap[0][0] for heap in (self._heap, self._slow_heap) if heap), default=now)
        return max(0.0, now - due)

    def longest_run(self, now: float) -> float:
        """For how long the longest look that is under way has been going on, in seconds."""
        return max((now - since for since in self._running.values()), default=0.0)

    def __contains__(self, key: Key) -> bool:
        return key in self._due or key in self._running

    @property
    def running(self) -> int:
        """How many keys are being looked at."""
        return len(self._running)

    def _ended(self, key: Key, now: float) -> None:
        since = self._running.pop(key)
        self._slow_running -= key in self._slow
        if now - since > SLOW_SECONDS:
            self._slow.add(key)
        else:
            self._slow.discard(key)

    def _set(self, key: Key, at: float) -> None:
        at = max(at, self._paced.get(key, at) - BURST_SECONDS)
        self._due[key] = at
        heapq.heappush(self._slow_heap if key in self._slow else self._heap, (at, next(self._order), key))

    def _allowed(self) -> list[list[tuple[float, int, Key]]]:
        """The heaps that keys may be taken from now, none of them empty."""
        self._clean()
        is_full = self._slow_at_a_time is not None and self._slow_running >= self._slow_at_a_time
        return [heap for heap in ((self._heap,) if is_full else (self._heap, self._slow_heap)) if heap]

    def _clean(self) -> None:
        for heap in (self._heap, self._slow_heap):
            while heap and self._due.get(heap[0][2]) != heap[0][0]:
                heapq.heappop(heap)
