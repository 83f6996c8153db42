"""Processes told apart for certain: a pid is used again after its process ended, pid and start time together never are."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ProcessId:
    """One process of this boot."""

    pid: int
    start_ticks: int


def identify(pid: int) -> ProcessId | None:
    """The identity of a running process; None when it is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else ProcessId(pid, int(fields[19]))


def myself() -> ProcessId:
    """The process that runs this line."""
    identity = identify(os.getpid())
    if identity is None:
        raise RuntimeError("/proc does not know this process")
    return identity


def is_alive(process: ProcessId) -> bool:
    """Whether that very process still runs."""
    return identify(process.pid) == process


def end(process: ProcessId, seconds: float = 30.0) -> bool:
    """Kill that very process and wait until it is gone; False when it is still there after `seconds`."""
    if is_alive(process):
        try:
            os.kill(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return True
    until = time.monotonic() + seconds
    while is_alive(process):
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True
