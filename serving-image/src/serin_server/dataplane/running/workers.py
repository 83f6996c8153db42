"""Threads beside the event loop in which dear runs are made.

ONNX Runtime lets go of the interpreter while it computes, so the loop reads, answers and cuts the next batch meanwhile.
With two runs at a time a device has its next batch copied and launched before the one before has been answered; a
session may be run from several threads at once. On a CPU a second run would only take cores from the first.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from serin_server.dataplane.running.run import Ran, Runner
from serin_server.dataplane.running.waiting import Batch


class Job:
    """A batch that runs in a thread, its size, the seconds that it is expected to take, and what came of it."""

    __slots__ = ("batch", "expected", "fault", "gives_back", "ran", "size")

    def __init__(self, batch: Batch, size: int, expected: float, *, gives_back: bool = False) -> None:
        self.batch = batch
        self.size = size
        self.expected = expected
        self.gives_back = gives_back
        self.ran: list[Ran] = []
        self.fault: BaseException | None = None


class Workers:
    """Runs a bounded number of jobs at a time, each to its end."""

    __slots__ = ("_count", "_loop", "_pool", "jobs")

    def __init__(self, loop: asyncio.AbstractEventLoop, count: int) -> None:
        self._loop = loop
        self._count = count
        self._pool: ThreadPoolExecutor | None = None
        self.jobs: list[Job] = []

    @property
    def are_busy(self) -> bool:
        """Whether no more jobs can be started."""
        return len(self.jobs) >= self._count

    @property
    def have_next(self) -> bool:
        """Whether one more than can run was started: it follows the first that ends without asking the loop."""
        return len(self.jobs) > self._count

    def start(self, job: Job, runner: Runner, finished: Callable[[Job], None]) -> None:
        """Runs a job in a thread; `finished` follows on the loop, whatever happens."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._count, "inference")
        self.jobs.append(job)

        def work() -> None:
            try:
                if any(
                    [call.done is not None for call in job.batch.calls]
                ):  # all may have been told that it took too long
                    job.ran = runner.run(job.batch, gives_back=job.gives_back)
            except BaseException as error:  # noqa: BLE001 (its clients are answered on the loop, and the log is told)
                job.fault = error
            with suppress(RuntimeError):  # the loop has ended, and everybody with it
                self._loop.call_soon_threadsafe(finished, job)

        self._pool.submit(work)
