"""When a device had better wait a moment for clients that were answered just now.

A device takes hardly longer for eight rows than for four, up to a size from which time grows with the rows. Below it, clients
that ask again and again fall into groups that run one after the other, each at the price of all; so a run waits up to
a fifth of its time for those who were answered together to come back. Above it nothing is gained, and the next run starts at once.
"""

from typing import Final

from serin_server.dataplane.running.cost import Cost
from serin_server.dataplane.running.waiting import Batch
from serin_server.dataplane.running.workers import Job

_PATIENCE: Final = 0.2
_SAVES: Final = 0.75
_ANSWER_SECONDS: Final = 0.00006


class Gathering:
    """How many calls are likely to come back, and until when they are waited for."""

    __slots__ = ("_calls", "_cost", "_until")

    def __init__(self, cost: Cost) -> None:
        self._cost = cost
        self._calls = 0
        self._until = 0.0

    def pays(self, one: int, other: int, calls: int) -> bool:
        """Whether runs of these sizes, in elements, had better be one, though the device waits while calls are answered."""
        expected = self._cost.expected
        return expected(one + other) + calls * _ANSWER_SECONDS < _SAVES * (expected(one) + expected(other))

    def begins(self, over: Job, waiting: Batch | None, now: float) -> bool:
        """Whether those whose run is over are answered and waited for before the next run begins."""
        calls = len(over.batch.calls) + (len(waiting.calls) if waiting else 0)
        if not self.pays(over.size, waiting.size if waiting else over.size, calls):
            return False
        self.begin(calls, over.size, now)
        return True

    def are_apart(self, batch: Batch, job: Job) -> bool:
        """Whether a batch had better run beside a job than grow until that is over: it should be about as large."""
        calls = len(batch.calls) + len(job.batch.calls)
        return 2 * batch.rows >= job.batch.rows and not self.pays(batch.size, job.size, calls)

    def begin(self, calls: int, size: int, now: float) -> None:
        """So many calls are answered or wait; the run that they may share is about of this size."""
        self._calls = calls
        self._until = now + _PATIENCE * self._cost.expected(size)

    def is_on(self, calls: int, now: float) -> bool:
        """Whether a batch that has so many calls by now should wait for more."""
        if now < self._until and calls < self._calls:
            return True
        self._until = 0.0
        return False
