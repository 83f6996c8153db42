"""Take keys from the schedule and reconcile them, a few at a time."""

import asyncio
import random
import time
from collections.abc import Callable
from typing import Final, Protocol

import structlog

from serin_operator.cluster.errors import ApiError, Blind, Conflict, NotLeading, Transient
from serin_operator.cluster.store import Key
from serin_operator.runtime.metrics import OperatorMetrics
from serin_operator.runtime.schedule import Schedule
from serin_operator.tracing import NOTHING, Step, failed, note

RECONCILE_SECONDS: Final = 120.0
"""Longest time that one reconcile may take; each of its calls has a time-out of its own, far below."""

_log = structlog.get_logger(__name__)


class Reconciler(Protocol):
    """What the workers call."""

    async def reconcile(self, namespace: str, name: str) -> float | None:
        """Bring one ModelDeployment a step further; return the seconds until the next look, ``None`` for events only."""


Begin = Callable[[Key], Step]
"""Makes the span of one reconcile, or nothing."""


class WorkQueue:
    """Keys to look at, filled by the informer and the resync, emptied by the workers."""

    def __init__(self, schedule: Schedule | None = None, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._schedule = schedule or Schedule()
        self._monotonic = monotonic
        self._changed = asyncio.Event()
        self._finished_at = monotonic()
        self.is_open = True

    def add(self, key: Key, delay_seconds: float = 0.0) -> None:
        """Look at ``key`` after at most so many seconds."""
        self._schedule.add(key, self._monotonic() + delay_seconds)
        self._changed.set()

    async def take(self) -> Key | None:
        """Wait for a key that is due; ``None`` when the queue has been closed."""
        while self.is_open:
            key = self._schedule.take(self._monotonic())
            if key is not None:
                return key
            self._changed.clear()
            await self._wait()
        return None

    def done(self, key: Key, again_after_seconds: float | None) -> None:
        """The look at ``key`` went well."""
        self._finished_at = self._monotonic()
        again_at = None if again_after_seconds is None else self._finished_at + again_after_seconds
        self._schedule.done(key, again_at, self._finished_at)
        self._changed.set()

    def failed(self, key: Key) -> float:
        """The look at ``key`` failed; returns the seconds until it is repeated."""
        self._finished_at = self._monotonic()
        delay = self._schedule.failed(key, self._finished_at, random.random())  # noqa: S311 - jitter, no secret
        self._changed.set()
        return delay

    def drop(self, key: Key) -> None:
        """``key`` is gone."""
        self._schedule.drop(key)

    def close(self) -> None:
        """Hand out nothing more."""
        self.is_open = False
        self._changed.set()

    @property
    def depth(self) -> int:
        """Keys that are due and wait for a worker."""
        return self._schedule.depth(self._monotonic())

    @property
    def oldest_wait_seconds(self) -> float:
        """How long the oldest of them has been waiting."""
        return self._schedule.oldest_wait(self._monotonic())

    @property
    def stuck_seconds(self) -> float:
        """For how long keys have been due and no look has ended; a long queue that gets shorter is not stuck."""
        return min(self.oldest_wait_seconds, self._monotonic() - self._finished_at)

    @property
    def longest_run_seconds(self) -> float:
        """How long the longest reconcile has been running."""
        return self._schedule.longest_run(self._monotonic())

    async def _wait(self) -> None:
        due = self._schedule.next_at()
        seconds = None if due is None else max(0.0, due - self._monotonic())
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return  # a key has become due


class Workers:
    """So many reconciles at a time, each bounded in time, none lost.

    Args:
        queue: Where the keys come from.
        reconciler: What is done with them.
        metrics: Where it is counted.
        count: How many at a time.
        begin: Begins the span of each.
    """

    def __init__(
        self,
        queue: WorkQueue,
        reconciler: Reconciler,
        metrics: OperatorMetrics,
        *,
        count: int,
        begin: Begin = lambda _key: NOTHING,
    ) -> None:
        self._begin = begin
        self._queue = queue
        self._reconciler = reconciler
        self._metrics = metrics
        self._count = count
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to work."""
        self._tasks = [asyncio.create_task(self._work(), name=f"worker {n}") for n in range(self._count)]

    async def stop(self, grace_seconds: float) -> None:
        """Take nothing more, let what runs end, and cut it off after the grace."""
        self._queue.close()
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=grace_seconds)
        for task in late:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _work(self) -> None:
        while (key := await self._queue.take()) is not None:
            with self._begin(key):
                await self._reconcile(key)

    async def _reconcile(self, key: Key) -> None:
        started = time.perf_counter()
        result = "error"
        log = _log.bind(namespace=key.namespace, name=key.name)
        try:
            async with asyncio.timeout(RECONCILE_SECONDS):
                again_after = await self._reconciler.reconcile(key.namespace, key.name)
        except Conflict as error:
            result = "conflict"
            log.debug("changed under us, looking again", error=error.message, after=self._queue.failed(key))
        except NotLeading as error:
            result = "not-leading"
            log.info("left to the new leader", error=error.message, after=self._queue.failed(key))
        except Blind as error:
            result = "blind"
            log.info("left alone until it can be seen", error=error.message)
            self._queue.done(key, None)
        except Transient as error:
            result = "transient"
            failed(error)
            log.warning("reconcile put off", error=error.message, after=round(self._queue.failed(key), 1))
        except ApiError as error:
            result = "refused"
            failed(error)
            log.warning("reconcile refused", error=error.message, after=round(self._queue.failed(key), 1))
        except asyncio.CancelledError:
            self._queue.done(key, None)
            raise
        except Exception as error:
            # Whatever it is, it is a bug of ours: the others must go on, and this one is tried again.
            failed(error)
            log.exception("reconcile failed", after=round(self._queue.failed(key), 1))
        else:
            result = "success"
            self._queue.done(key, again_after)
        note("serin.outcome", result)
        self._metrics.reconciles.labels(result).inc()
        self._metrics.reconcile_duration.observe(time.perf_counter() - started)
