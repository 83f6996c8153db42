"""Runs `serin-server resolve` on a file that nobody trusts: in a process of its own, with little memory and little time."""

import contextlib
import io
import json
import multiprocessing
import resource
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["onnxruntime", "serin_server.cli", "serin_server.process.model"])


@dataclass(frozen=True)
class Ended:
    """How it ended; `told` is what it left as its last words."""

    code: int
    told: dict[str, Any]
    processor_seconds: float
    grown_mib: float
    """Memory at its peak above what the program takes by itself."""


def resolved(log: Path, arguments: Sequence[str], *, most_seconds: float, most_mib: int) -> Ended | None:
    """How it ended; None where it did not within `most_seconds` of wall-clock time, and was killed."""
    ours, theirs = _CONTEXT.Pipe(duplex=False)
    process = _CONTEXT.Process(target=_resolve, args=(theirs, log, tuple(arguments), most_mib), daemon=True)
    process.start()
    theirs.close()
    try:
        return Ended(*ours.recv()) if ours.poll(most_seconds) else None
    except EOFError:  # it was killed, or crashed
        process.join(5)
        return Ended(process.exitcode or 0, {}, 0.0, 0.0)
    finally:
        process.kill()
        process.join()


def _resolve(pipe: Connection, log: Path, arguments: tuple[str, ...], most_mib: int) -> None:
    from serin_server.cli import main

    before = _peak()
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + (most_mib << 20),) * 2)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        code = main(["resolve", *arguments, "--termination-log", str(log)])
    used = resource.getrusage(resource.RUSAGE_SELF)
    told = json.loads(log.read_text()) if log.exists() else {}
    pipe.send((code, told, used.ru_utime + used.ru_stime, _peak() - before))


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
