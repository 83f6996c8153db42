"""Runs what one turn of the event loop brought, together.

Requests that are parsed in one turn are queued; a callback at the end of the turn runs them. There is no timer, so a
lone request waits for nobody, and under load the batch grows by itself to what arrived while the last one ran.
Requests share a run when the model's tensors all have a free first dimension and theirs agree in every other one.
A run that raises is repeated one by one, so a bad request fails alone.

A fast model runs on the loop's own thread, which costs least. Once a run has held the loop for longer than
`SLOW_SECONDS`, the model runs in a thread of its own, so that probes and other clients do not wait for it, and
requests that have waited too long can be told so.
"""

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Final

import numpy as np

from serin_server.dataplane.call import NO_BATCH, Call
from serin_server.failures import one_line
from serin_server.metrics.server import ServerMetrics
from serin_server.model.session import Session
from serin_server.model.tensors import Array
from serin_server.model.warmup import REFUSALS_OF_VALUES
from serin_server.refusals import Kind, Refusal

Observe = Callable[[list[Array], list[Array]], None]
"""Is shown inputs and outputs of each run that succeeded."""
DEFAULT_MAX_ROWS: Final = 256
SLOW_SECONDS: Final = 0.02
_LOOK_SECONDS: Final = 0.5
_RAISED_AT: Final = re.compile(
    r"\[ONNXRuntimeError\] : \d+ : \w+ : Non-zero status code returned while running (\w{1,100}) node\. Name:'([^']{0,200})'"
)


class Batcher:
    """Queues calls and answers each through its `done`, in the order they came."""

    def __init__(
        self,
        session: Session,
        metrics: ServerMetrics,
        loop: asyncio.AbstractEventLoop,
        max_rows: int = DEFAULT_MAX_ROWS,
        timeout_seconds: float = 0.0,
        observe: Observe | None = None,
    ) -> None:
        self._observe = observe
        self._ran: list[tuple[list[Array], list[Array]]] = []
        self._session = session
        self._metrics = metrics
        self._loop = loop
        self._max_rows = max_rows
        self._timeout = timeout_seconds or float("inf")
        self._is_batchable = session.signature.is_batchable and max_rows > 1
        self._input_names = [spec.name for spec in session.signature.inputs]
        self._queue: list[Call] = []
        self._thread: ThreadPoolExecutor | None = None
        self._is_running = False
        self._timer: asyncio.TimerHandle | None = None

    def submit(self, call: Call, done: Callable[[Call], None]) -> None:
        """Takes a call; `done(call)` follows in the same or a later turn, with outputs or a refusal in it."""
        call.done = done
        queue = self._queue
        queue.append(call)
        if len(queue) == 1 and not self._is_running:
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        queue, self._queue = self._queue, []
        started = perf_counter()
        if queue[0].started and started - queue[0].started > self._timeout:
            queue = self._without_expired(queue, started)
        if self._thread is not None:
            self._run_in_thread(self._thread, queue)
            return
        self._run_all(queue)
        for call in queue:
            _answer(call)
        if self._ran:
            self._tell()
        if perf_counter() - started > SLOW_SECONDS:
            self._thread = ThreadPoolExecutor(1, "inference")

    def _without_expired(self, queue: list[Call], now: float) -> list[Call]:
        alive = []
        for call in queue:
            if now - call.started > self._timeout:
                self._expire(call)
            else:
                alive.append(call)
        return alive

    def _expire(self, call: Call) -> None:
        call.refusal = Refusal(Kind.TIMED_OUT, f"no prediction within {self._timeout:g} s: the model is busy or slow")
        _answer(call)

    def _run_in_thread(self, thread: ThreadPoolExecutor, queue: list[Call]) -> None:
        if not queue:
            self._finished(queue)
            return
        self._is_running = True
        if self._timeout != float("inf"):
            self._look_for_expired(queue)
        future = self._loop.run_in_executor(thread, self._run_all, queue)
        future.add_done_callback(lambda _: self._finished(queue))

    def _look_for_expired(self, running: list[Call]) -> None:
        """While a run goes on: tells clients that have waited too long, be they in it or behind it."""
        now = perf_counter()
        for call in running:
            if call.done is not None and now - call.started > self._timeout:
                done, call.done = call.done, None  # the outputs of the run will be thrown away
                late = Call(call.arrays, call.rows, call.shapes_key, call.id)
                late.started, late.done = call.started, done
                self._expire(late)
        self._queue = self._without_expired(self._queue, now)
        self._timer = self._loop.call_later(min(_LOOK_SECONDS, self._timeout), self._look_for_expired, running)

    def _finished(self, queue: list[Call]) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._is_running = False
        for call in queue:
            _answer(call)
        self._tell()
        if self._queue:
            self._loop.call_soon(self._flush)

    def _tell(self) -> None:
        """Shows what ran, a whole run at a time, on the loop's own thread."""
        ran, self._ran = self._ran, []
        if self._observe is not None:
            for arrays, outputs in ran:
                self._observe(arrays, outputs)

    def _run_all(self, queue: list[Call]) -> None:
        if len(queue) == 1 or not self._is_batchable:
            for call in queue:
                self._run_one(call)
            return
        for batch in self._batches(queue):
            if len(batch) == 1:
                self._run_one(batch[0])
            else:
                self._run_together(batch)

    def _batches(self, queue: list[Call]) -> list[list[Call]]:
        """The queue cut into runs: equal shapes together, none with more rows than the bound."""
        open_batches: dict[object, list[Call]] = {}
        rows: dict[object, int] = {}
        batches = []
        for call in queue:
            key = call.shapes_key
            if call.rows == NO_BATCH:
                batches.append([call])
                continue
            batch = open_batches.get(key)
            if batch is None or rows[key] + call.rows > self._max_rows:
                open_batches[key] = batch = []
                rows[key] = 0
                batches.append(batch)
            batch.append(call)
            rows[key] += call.rows
        return batches

    def _run_one(self, call: Call) -> None:
        metrics = self._metrics
        started = perf_counter()
        try:
            feed = dict(zip(self._input_names, call.arrays, strict=True))
            if call.more is not None:
                feed.update(call.more)
            call.outputs = self._session.run(feed)
        except Exception as error:  # noqa: BLE001 (whatever the model raises belongs to this call)
            call.refusal = refusal_of(error)
        metrics.inference_duration.observe(perf_counter() - started)
        metrics.batch_size.observe(1)
        if self._observe is not None and call.outputs is not None:
            self._ran.append((call.arrays, call.outputs))

    def _run_together(self, batch: list[Call]) -> None:
        metrics = self._metrics
        started = perf_counter()
        total = sum([call.rows for call in batch])
        try:
            feed = {
                name: np.concatenate([call.arrays[position] for call in batch])
                for position, name in enumerate(self._input_names)
            }
            outputs = self._session.run(feed)
            is_by_row = all([len(output) == total for output in outputs])
        except Exception:  # noqa: BLE001 (one of them is bad: each runs alone and fails alone)
            is_by_row = False
        if not is_by_row:
            for call in batch:
                self._run_one(call)
            return
        metrics.inference_duration.observe(perf_counter() - started)
        metrics.batch_size.observe(len(batch))
        if self._observe is not None:
            self._ran.append((list(feed.values()), outputs))
        first = 0
        for call in batch:
            last = first + call.rows
            call.outputs = [output[first:last] for output in outputs]
            first = last


def _answer(call: Call) -> None:
    done = call.done
    if done is not None:
        call.done = None
        done(call)


def refusal_of(error: Exception) -> Refusal:
    """What a model's exception means to its client: values that it cannot take, or a failure of its own.

    Both count as errors of the version; only the status differs.
    """
    kind = Kind.INVALID_TENSOR if type(error).__name__ in REFUSALS_OF_VALUES else Kind.MODEL_FAILED
    at = _RAISED_AT.match(str(error))  # what stands behind it may quote values
    where = f" in the {at[1]} node {at[2]!r}" if at else ""
    return Refusal(
        kind, f"the model raised on these inputs: {one_line(error)}", f"the model raised {type(error).__name__}{where}"
    )
