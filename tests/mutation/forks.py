"""Work in forked processes, as many at a time as there are processors: what one breaks, hangs or fills is gone with it."""

import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

BROKEN = 99
"""Exit code where the work itself raised."""
MEMORY_BYTES = 4 << 30


@dataclass(frozen=True)
class Job:
    """What is done, and how long it may take."""

    work: Callable[[], int]
    """Gives the exit code."""
    seconds: float = 0.0
    """Of the processor, and five times as much by the clock; 0: as long as it likes."""
    is_heard: bool = False
    """Whether what it prints is seen."""


def alone(jobs: Sequence[Job], workers: int) -> Iterator[tuple[int, int]]:
    """The place of each job in the order in which they end, and its exit code (negative: the signal that ended it)."""
    sys.stdout.flush()
    waiting, running = list(enumerate(jobs))[::-1], {}
    while waiting or running:
        while waiting and len(running) < workers:
            place, job = waiting.pop()
            pid = os.fork()
            if not pid:
                _live(job)
            running[pid] = place
        pid, status = os.wait()
        if pid in running:
            yield running.pop(pid), os.waitstatus_to_exitcode(status)


def _live(job: Job) -> None:
    code = BROKEN
    try:
        if not job.is_heard:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1)
        if job.seconds:
            most = int(job.seconds) + 1
            resource.setrlimit(resource.RLIMIT_CPU, (most, most))
            resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(5 * most)
        code = job.work()
    except BaseException:  # noqa: BLE001 - whatever it is, this process ends here and must not run on as its parent
        traceback.print_exc()
    finally:
        os._exit(code)
