"""Runs what one turn of the event loop brought, together.

Requests that are parsed in one turn are queued; a callback at the end of the turn looks at them. There is no timer
unless a window is set, so a lone request waits for nobody, and under load the batch grows by itself to what arrived
while the last one ran. Requests share a run when it was decided at load that they may, and their tensors agree in every
dimension but the first.

A cheap run is made on the loop's own thread, a dear one in a thread beside it (`running.cost` says which is which).
While dear ones are under way, what comes gathers behind them, and runs that are far cheaper go past.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from time import perf_counter
from typing import Final

from serin_server.dataplane.call import NO_BATCH, Call
from serin_server.dataplane.running.answers import Answers
from serin_server.dataplane.running.cost import AWAY_SECONDS
from serin_server.dataplane.running.gathering import Gathering
from serin_server.dataplane.running.notes import Notes, Observe
from serin_server.dataplane.running.run import Ran, Runner
from serin_server.dataplane.running.sizes import Sizes
from serin_server.dataplane.running.waiting import Batch, Waiting
from serin_server.dataplane.running.warm import TIMES, TIMES_ON_DEVICE, warm
from serin_server.dataplane.running.workers import Job, Workers
from serin_server.metrics.server import ServerMetrics
from serin_server.model.session import Session
from serin_server.model.tensors import Array

DEFAULT_MAX_ROWS: Final = 256
_LOOK_SECONDS: Final = 0.5
_FAR_CHEAPER: Final = 16
_MOST_TURNS: Final = 8
_MOST_LOOKED_AT: Final = 32


class Batcher:
    """Queues calls and answers each exactly once through its `done`, those of a batch in the order they came.

    `sizes` are the numbers of rows that runs may have (any when empty), `window_seconds` how long a call may wait for
    others to fill its batch, `runs_at_a_time` how many dear runs may be under way. With `is_on_device` no run is made
    on the loop's thread: a device works while the loop does something else.
    """

    def __init__(
        self,
        session: Session,
        metrics: ServerMetrics,
        loop: asyncio.AbstractEventLoop,
        max_rows: int = DEFAULT_MAX_ROWS,
        timeout_seconds: float = 0.0,
        observe: Observe | None = None,
        *,
        is_batchable: bool,
        sizes: Sequence[int] = (),
        window_seconds: float = 0.0,
        runs_at_a_time: int = 1,
        is_on_device: bool = False,
    ) -> None:
        self._session = session
        self._loop = loop
        self._answers = Answers(loop, timeout_seconds)
        self._timeout = self._answers.timeout
        self._watch_seconds = min(_LOOK_SECONDS, timeout_seconds)
        self._is_batchable = is_batchable and max_rows > 1
        self._sizes = Sizes(sizes if self._is_batchable else ())
        self._runner = Runner(session, self._sizes)
        most_rows = self._sizes.largest or max_rows
        self._waiting = Waiting(session.signature, is_batchable=self._is_batchable, most_rows=most_rows)
        self._window = window_seconds if self._is_batchable else 0.0
        self._is_on_device = is_on_device
        # The shortest way, for most requests of most models: nothing to wait for, nothing to fill up.
        self._is_direct = not (is_on_device or self._window or self._sizes)
        self._notes = Notes(metrics, observe)
        self._cost = self._notes.cost
        self._gathering = Gathering(self._cost)
        self._high_water = self._notes.high_water
        self._workers = Workers(loop, runs_at_a_time)
        self._feed: Mapping[str, Array] | None = None
        self._queue: list[Call] = []
        self._is_due = False
        self._turns = 0
        self._watch: asyncio.TimerHandle | None = None
        self._window_end: asyncio.TimerHandle | None = None

    def warm(self, feeds: Sequence[Mapping[str, Array]]) -> list[str]:
        """Runs every size that will run, before anybody waits for it, and learns what they cost.

        With the first of the feeds that the model takes, its rows repeated. Blocks: call it in a thread, before the
        first `submit`. Returns what a person should know: sizes that do not run, and will not be used.
        """
        self._feed = feeds[0] if feeds else None
        sizes, told = warm(
            self._session, self._sizes, feeds, self._cost, TIMES_ON_DEVICE if self._is_on_device else TIMES
        )
        if sizes is not self._sizes:
            self._sizes = sizes
            self._runner = Runner(self._session, sizes)
            self._waiting.most_rows = sizes.largest or self._waiting.most_rows
        return told

    @property
    def keeps_much(self) -> bool:
        """Whether ONNX Runtime still has the memory of a dear run, and nothing runs."""
        return self._high_water.highest > 0 and not self._workers.jobs and self._feed is not None

    def give_back(self) -> None:
        """Has ONNX Runtime return what it keeps. Blocks for a run of the warm-up's size: call it in a thread."""
        if self._feed is not None:
            self._high_water.highest = 0
            self._session.run_and_give_back(self._feed)

    def submit(self, call: Call, done: Callable[[Call], None]) -> None:
        """Takes a call; `done(call)` follows in the same or a later turn, with outputs or a refusal in it."""
        call.done = done
        self._queue.append(call)
        if not self._is_due:
            self._is_due = True
            self._loop.call_soon(self._look)

    def _look_soon(self) -> None:
        if not self._is_due:
            self._is_due = True
            self._loop.call_soon(self._look)

    def _look(self, *, gathers: bool = True) -> None:
        """Runs what may run now, and leaves the rest until something changes."""
        self._is_due = False
        calls, self._queue = self._queue, []
        now = perf_counter()
        if calls and calls[0].started and now - calls[0].started > self._timeout:
            calls = self._answers.without_late(calls, now)
        if self._is_direct and not self._workers.jobs and self._run_directly(calls, now):
            return
        self._waiting.add(calls, now)
        is_growing = bool(calls) and gathers
        has_started = False
        for batch in list(islice(self._waiting, _MOST_LOOKED_AT)):
            size = self._sizes.elements(batch.size, batch.rows)
            if self._window and self._waits_for_more(batch, now):
                continue
            if self._may_run_here(size):
                has_started = True
                self._waiting.take(batch)
                self._run_here(batch, size)
                if perf_counter() - now > AWAY_SECONDS:
                    break
            elif self._may_run_there(batch, is_growing=is_growing):
                has_started = True
                self._waiting.take(batch)
                self._run_there(batch, size)
        if has_started and self._waiting:
            self._look_soon()

    def _run_directly(self, calls: list[Call], now: float) -> bool:
        """Runs what came without letting it wait, if it is one cheap batch and nothing waits before it."""
        if self._waiting.batches:
            return False
        if len(calls) == 1 and not self._high_water.highest:
            call = calls[0]
            size = self._waiting.size_of(call)
            if not self._cost.is_cheap(size):
                return False
            ran = self._runner.alone(call)
            self._answers.give(call)
            self._notes.take(ran, size)
            return True
        batch = self._waiting.whole(calls, now)
        if batch is None or not self._cost.is_cheap(batch.size):
            return False
        self._run_here(batch, batch.size)
        return True

    # Where a batch runs, and when.

    def _may_run_here(self, size: int) -> bool:
        if self._is_on_device or not self._cost.is_cheap(size):
            return False
        jobs = self._workers.jobs
        # What is not far cheaper than the run under way had better gather behind it.
        return not jobs or self._cost.expected(size) * _FAR_CHEAPER <= max([job.expected for job in jobs])

    def _may_run_there(self, batch: Batch, *, is_growing: bool) -> bool:
        may_grow = self._waiting.may_grow(batch)
        if self._workers.are_busy:
            # What cannot grow any more may stand ready behind the run under way.
            return not (may_grow or self._is_on_device or self._workers.have_next)
        if may_grow and self._gathering.is_on(len(batch.calls), perf_counter()):
            self._look_soon()
            return False
        if may_grow and is_growing and self._turns < _MOST_TURNS:
            # Clients that were answered together come back together: a turn that brings nobody ends the gathering.
            self._turns += 1
            self._look_soon()
            return False
        self._turns = 0
        return batch.rows == NO_BATCH or all([self._gathering.are_apart(batch, job) for job in self._workers.jobs])

    def _waits_for_more(self, batch: Batch, now: float) -> bool:
        left = batch.since + self._window - now
        if left <= 0 or not self._waiting.may_grow(batch):
            return False
        if self._window_end is None:
            self._window_end = self._loop.call_later(left, self._end_window)
        return True

    def _end_window(self) -> None:
        self._window_end = None
        self._look(gathers=False)

    def _run_here(self, batch: Batch, size: int) -> None:
        ran: list[Ran] = []
        try:
            ran = self._runner.run(batch, gives_back=self._high_water.highest > 0 and self._high_water.is_past())
        except Exception as error:  # noqa: BLE001 (a fault of our own: its clients are answered all the same)
            self._answers.blame(batch, error)
        self._finish(batch, size, ran)

    def _run_there(self, batch: Batch, size: int) -> None:
        job = Job(batch, size, self._cost.expected(size), gives_back=self._high_water.is_past())
        self._workers.start(job, self._runner, self._finished)
        if self._watch is None and self._watch_seconds:
            self._watch = self._loop.call_later(self._watch_seconds, self._look_for_late)

    def _finished(self, job: Job) -> None:
        """A run in a thread is over: the next one starts before its clients are answered."""
        self._workers.jobs.remove(job)
        if job.fault is not None:
            self._answers.blame(job.batch, job.fault)
        first = next(iter(self._waiting), None)
        gathers = self._is_on_device and self._gathering.begins(job, first, perf_counter())
        try:
            if not gathers:
                self._look(gathers=False)
        finally:
            self._finish(job.batch, job.size, job.ran)
            if gathers:
                self._look_soon()
            if not self._workers.jobs and self._watch is not None:
                self._watch.cancel()
                self._watch = None

    # What came of it.

    def _finish(self, batch: Batch, size: int, ran: Sequence[Ran]) -> None:
        """Answers the calls of a batch, then counts its runs, learns from them and shows them."""
        give = self._answers.give
        for call in batch.calls:
            give(call)
        for each in ran:
            self._notes.take(each, size if each.calls == len(batch.calls) else 0)

    def _look_for_late(self) -> None:
        """While runs go on: tells clients that have waited too long, be they in one or behind it."""
        now = perf_counter()
        for job in self._workers.jobs:
            self._answers.expire_running(job.batch, now)
        for call in self._waiting.drop(lambda call: self._answers.is_late(call, now)):
            self._answers.expire(call)
        self._watch = self._loop.call_later(self._watch_seconds, self._look_for_late)
