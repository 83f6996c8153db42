"""How much memory a server under test holds, and how soon it answers meanwhile."""

import threading
import time
from contextlib import contextmanager
from pathlib import Path

from tests.support.wire import Wire


def status(server, field):
    lines = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(field))


def kept_from_running(server):
    """Seconds in which the server's loop was ready to run and the kernel ran others instead."""
    return int(Path(f"/proc/{server.process.pid}/schedstat").read_text().split()[1]) / 1e9


@contextmanager
def peak(server):
    """How far above what it held before the server's memory rises meanwhile, told in a list."""
    told = []
    before = status(server, "VmRSS")
    Path(f"/proc/{server.process.pid}/clear_refs").write_text("5")
    yield told
    told.append(status(server, "VmHWM") - before)


def kept_from_looking() -> float:
    """Seconds in which this thread could have run, and another did."""
    return int(Path(f"/proc/self/task/{threading.get_native_id()}/schedstat").read_text().split()[1]) / 1e9


@contextmanager
def watched_health(server):
    """The longest time that the server lets a health check wait, told in a list.

    What others on this machine take is not the server's: time in which the kernel kept its loop, or who looks, from running
    does not count.
    """
    told, over = [0.0], threading.Event()

    def look():
        while not over.wait(0.005):
            with Wire(server.port("http")) as wire:
                started, kept = time.monotonic(), kept_from_running(server) + kept_from_looking()
                assert wire.get("/v2/health/live").answer().status == 200
                told[0] = max(
                    told[0], time.monotonic() - started - (kept_from_running(server) + kept_from_looking() - kept)
                )

    thread = threading.Thread(target=look)
    thread.start()
    yield told
    over.set()
    thread.join()
