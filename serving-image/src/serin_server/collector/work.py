"""What a collector does beside taking batches: it makes objects of them, and deletes what is too old."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import partial
from typing import Final, TypeVar

from serin_server.collector.counts import Counts
from serin_server.collector.retention import sweep
from serin_server.collector.spool import Segment, Spool
from serin_server.collector.writing import write
from serin_server.failures import LoadFailure
from serin_server.model.shelf.place import Place
from serin_server.records.log import Log

Result = TypeVar("Result")
_LOOK_SECONDS: Final = 0.5
_FIRST_PAUSE_SECONDS: Final = 1.0
_LONGEST_PAUSE_SECONDS: Final = 60.0
_SWEEP_SECONDS: Final = 6 * 3600.0
_CLEAR_SECONDS: Final = 60.0


class Work:
    """The life of a spool: sealed by age and size, written, removed."""

    def __init__(
        self,
        spool: Spool,
        place: Place,
        counts: Counts,
        log: Log,
        *,
        write_seconds: float,
        retention_days: int = 0,
        today: Callable[[], date] = lambda: datetime.now(UTC).date(),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._spool = spool
        self._place = place
        self._counts = counts
        self._log = log
        self._write_seconds = write_seconds
        self._retention_days = retention_days
        self._today = today
        self._ends_at = float("inf")
        self._is_stopping = False
        self._pause = _FIRST_PAUSE_SECONDS
        self._next_write = 0.0
        self._next_sweep = 0.0
        self._next_clear = 0.0

    async def run(self) -> None:
        """Goes on until it is told to stop."""
        while not self._is_stopping:
            if self._spool.is_large or self._spool.age_seconds >= self._write_seconds > 0:
                await self._spool.seal()
            if self._spool.has_leftovers and self._clock() >= self._next_clear:
                self._clear(self._spool.clear)
            if self._spool.sealed and self._clock() >= self._next_write:
                await self._write(self._spool.sealed[0])
            elif (self._retention_days or self._place.leaves_copies) and self._clock() >= self._next_sweep:
                await self._sweep()
            else:
                await asyncio.sleep(_LOOK_SECONDS)

    def stop(self, seconds: float) -> None:
        """Ends `run` soon, and `drain` after so many seconds."""
        self._is_stopping = True
        self._ends_at = self._clock() + seconds

    async def drain(self) -> int:
        """Writes what waits, until the time is over; how many bytes stay in the spool. Called when `run` has ended."""
        await self._spool.seal()
        while self._spool.sealed and self._clock() < self._ends_at:
            if not await self._write(self._spool.sealed[0]):
                await asyncio.sleep(min(self._pause, max(0.0, self._ends_at - self._clock())))
        return self._spool.waiting_bytes

    async def _write(self, segment: Segment) -> bool:
        is_over = partial(self._is_over)
        try:
            written = await _in_thread(lambda: write(segment, self._place, self._spool.scratch, is_over))
        except (LoadFailure, OSError) as error:
            said = error.message if isinstance(error, LoadFailure) else f"{type(error).__name__}: {error.strerror}"
            self._failed("not written", said, waiting_bytes=self._spool.waiting_bytes)
            self._next_write = self._clock() + self._pause
            return False
        except Exception as error:  # noqa: BLE001 (a bug: one segment is not to keep the others from being written)
            self._set_aside(segment, "set aside", error=type(error).__name__)
            return False
        if written is None:
            return False
        if written.damaged_at is None:
            self._clear(partial(self._spool.remove, segment))
        elif not self._set_aside(segment, "damaged", at=written.damaged_at, bytes=segment.size):
            return False
        self._pause = _FIRST_PAUSE_SECONDS
        self._counts.objects.inc(written.objects)
        self._counts.written_at.set(time.time())
        for table, rows in written.rows.items():
            self._counts.rows.labels(table).inc(rows)
        self._log.info("written", objects=written.objects, **written.rows)
        return True

    def _set_aside(self, segment: Segment, event: str, **fields: int | str) -> bool:
        """Keeps it for a person; whether the disk let us, else it is tried again."""
        self._counts.failures.inc()
        try:
            kept = self._spool.set_aside(segment)
        except OSError as error:
            self._refused("not set aside", error)
            self._next_write = self._clock() + _CLEAR_SECONDS
            return False
        self._log.error(event, file=str(kept), **fields)
        return True

    def _clear(self, call: Callable[[], None]) -> None:
        """What lies in the store leaves the disk; until it does it counts as waiting, so that the disk never overflows."""
        try:
            call()
        except OSError as error:
            self._refused("not deleted", error)
            self._next_clear = self._clock() + _CLEAR_SECONDS

    def _refused(self, event: str, error: OSError) -> None:
        self._counts.spool_failures.inc()
        told = f"the spool's disk refuses it ({error.strerror}), and it is tried again: see what ails the disk"
        self._log.warning(event, message=told, waiting_bytes=self._spool.waiting_bytes)

    async def _sweep(self) -> None:
        self._next_sweep = self._clock() + _SWEEP_SECONDS
        try:
            deleted = await _in_thread(lambda: sweep(self._place, self._today(), self._retention_days))
        except (LoadFailure, OSError) as error:
            said = error.message if isinstance(error, LoadFailure) else f"{type(error).__name__}: {error.strerror}"
            self._failed("not swept", said)
            self._next_sweep = self._clock() + _LONGEST_PAUSE_SECONDS
            return
        self._counts.deleted.inc(deleted)
        if deleted:
            self._log.info("deleted", objects=deleted, older_than_days=self._retention_days)

    def _failed(self, event: str, said: str, **fields: int) -> None:
        self._counts.failures.inc()
        self._log.warning(event, message=said, **fields)
        self._pause = min(2 * self._pause, _LONGEST_PAUSE_SECONDS)

    def _is_over(self) -> bool:
        return self._clock() >= self._ends_at


async def _in_thread(call: Callable[[], Result]) -> Result:
    return await asyncio.get_running_loop().run_in_executor(None, call)
