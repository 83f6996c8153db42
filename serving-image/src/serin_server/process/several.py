"""Several processes that share the ports by SO_REUSEPORT: one server to the outside.

The parent holds no model. It starts the workers, merges their metrics on the metrics port, passes SIGTERM on and waits.
The workers are ready when all are, so that no probe can find one early. When one dies the server ends: its counts
would be lost inside a series, and Kubernetes starts a container anew better than we do. The others then finish what is in
flight, for a few seconds at most.
"""

import asyncio
import mmap
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from serin_server.config.settings import InvalidSetting, Settings
from serin_server.failures import LoadFailure, Reason
from serin_server.process.ports import bound, claim
from serin_server.process.scrapes import Scrapes
from serin_server.process.siblings import HURRY, Siblings
from serin_server.process.termination import fault, write_failure

_LAST_SECONDS: Final = 5.0
_FOR_THE_PARENT: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGCHLD})
_MEMORY_EVENTS: Final = Path("/sys/fs/cgroup/memory.events")


def serve_several(settings: Settings) -> int:
    """Serves with `settings.processes` workers until SIGTERM; the exit code. Raises `LoadFailure` for ports that are taken."""
    started_at = time.time()
    shared = [name for name in ("http_port", "grpc_port") if name != "grpc_port" or settings.is_grpc_enabled]
    claims = claim([(name, getattr(settings, name)) for name in shared], settings.host)
    metrics = bound("metrics_port", settings.host, settings.metrics_port)
    ready = mmap.mmap(-1, settings.processes)
    alive, kept_open = os.pipe()
    with tempfile.TemporaryDirectory(prefix="serin-") as folder:
        sockets = [Path(folder) / f"{number}.sock" for number in range(settings.processes)]
        # Held back until there is somebody to hear them: a parent that dies between two forks leaves orphans.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _FOR_THE_PARENT)
        workers: dict[int, int] = {}
        for number, file in enumerate(sockets):
            siblings = Siblings(started_at, ready, number, file, alive)
            inherited = [kept_open, *(each.fileno() for each in (*claims, *metrics))]
            workers[_started(settings, siblings, before, inherited)] = number
        return asyncio.run(_Parent(settings, workers, sockets, before).until_all_ended(metrics))


def _started(settings: Settings, siblings: Siblings, mask: set[int | signal.Signals], inherited: Sequence[int]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        for each in inherited:  # they are the parent's, and would outlive it
            os.close(each)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        from serin_server.process.serve import serve  # noqa: PLC0415 (the parent stays small)

        pod = settings.pod_name or socket.gethostname()
        code = serve(replace(settings, pod_name=pod), siblings)
    except InvalidSetting as error:
        code = _told(settings, LoadFailure(Reason.INVALID_SETTING, str(error)))
    except LoadFailure as failure:
        code = _told(settings, failure)
    except BaseException as error:  # noqa: BLE001 (the edge of this process)
        code = _told(settings, fault(error, f"process {siblings.number + 1} of {settings.processes} served"))
    finally:
        sys.stderr.flush()
        os._exit(code)


def _told(settings: Settings, failure: LoadFailure) -> int:
    sys.stderr.write(f"serin-server: {failure}\n")
    write_failure(settings.termination_log, failure)
    return failure.exit_code


class _Parent:
    """Watches the workers; the first that ends takes the others with it."""

    def __init__(
        self, settings: Settings, workers: dict[int, int], sockets: Sequence[Path], mask: set[int | signal.Signals]
    ) -> None:
        self._settings = settings
        self._left = workers
        self._scrapes = Scrapes(sockets)
        self._mask = mask
        self._ended = asyncio.Event()
        self._memory_kills = memory_kills()
        self.exit_code = 0

    async def until_all_ended(self, metrics: Sequence[socket.socket]) -> int:
        """The exit code of the server."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGCHLD, self._reap)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._tell, signal.SIGTERM)
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
        await self._scrapes.listen(metrics)
        self._reap()
        await self._ended.wait()
        self._scrapes.close()
        return self.exit_code

    def _tell(self, number: signal.Signals) -> None:
        for pid in self._left:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _reap(self) -> None:
        while self._left:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            number = self._left.pop(pid, None)
            if number is not None:
                self._worker_ended(number, os.waitstatus_to_exitcode(status))
        self._ended.set()

    def _worker_ended(self, number: int, code: int) -> None:
        """A worker that ends by itself has said why; of one that was killed only the parent can tell."""
        if code and not self.exit_code:
            if code < 0:
                code = _told(self._settings, self._killed(number, -code))
            self.exit_code = code
            self._tell(HURRY)
            asyncio.get_running_loop().call_later(_LAST_SECONDS, self._tell, signal.SIGKILL)
        elif not code:
            self._tell(signal.SIGTERM)

    def _killed(self, number: int, signal_number: int) -> LoadFailure:
        who = f"process {number + 1} of {self._settings.processes} was killed"
        if signal_number == signal.SIGKILL and memory_kills() > self._memory_kills:
            more = (
                "the container reached its memory limit: raise runtime.resources.limits.memory, or use fewer processes"
            )
            return LoadFailure(Reason.OUT_OF_MEMORY, f"{who}: {more}")
        name = signal.Signals(signal_number).name if signal_number in set(signal.Signals) else str(signal_number)
        hint = " (OOMKilled? then raise runtime.resources.limits.memory)" if signal_number == signal.SIGKILL else ""
        return LoadFailure(Reason.PROCESS_DIED, f"{who} by {name}{hint}; its counts are lost, so the server ends")


def memory_kills(file: Path = _MEMORY_EVENTS) -> int:
    """How many processes of this container the kernel has killed at its memory limit; 0 where that cannot be known."""
    try:
        counts = dict(line.split(" ", 1) for line in file.read_text().splitlines())
        return int(counts.get("oom_kill", 0))
    except (OSError, ValueError):
        return 0
