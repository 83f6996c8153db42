"""Programs of this repository by the dozen: each is forked from a process that has imported everything, and is a process of its own."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

_FORKS = multiprocessing.get_context("forkserver")


def preload(*modules: str) -> None:
    """What all of them have imported when they begin; before the first one begins."""
    _FORKS.set_forkserver_preload([*modules, __name__])


class Forked:
    """A main function, which gives its exit code, in a process with an environment and a log of its own; to be used like a `Popen`."""

    def __init__(self, main: Callable[[], object], environment: Mapping[str, str], log: Path) -> None:
        log.touch()
        # Ended with the tests, whatever becomes of them.
        self._process = _FORKS.Process(target=_run, args=(main, dict(environment), str(log)), daemon=True)
        self._process.start()
        assert self._process.pid is not None
        self.pid: int = self._process.pid

    def poll(self) -> int | None:
        """Its exit code; `None` while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float) -> int:
        """Its exit code, when it has ended."""
        self._process.join(timeout)
        if (code := self.poll()) is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)


def _run(main: Callable[[], object], environment: dict[str, str], log: str) -> None:
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ.clear()
    os.environ.update(environment)
    sys.exit(main())  # type: ignore[arg-type]
