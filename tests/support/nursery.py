"""Serving processes by the thousand: each is forked from a process that has imported everything, and is a real one."""

import gc
import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from tests.support.serving import wait_for

from serin_server.cli import main, parser

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    ["serin_server.process.serve", "serin_server.rpc.server", "uvloop", "encodings.idna", "tests.support.nursery"]
)


@dataclass(frozen=True)
class Ended(Exception):
    """A server that ended by itself, with its last words."""

    reason: str
    message: str


@dataclass(frozen=True)
class Child:
    """A running `serin-server serve`."""

    http: int
    grpc: int


@contextmanager
def child(model: Path, folder: Path, **settings: Any) -> Iterator[Child]:
    """Serves a model on free ports until the context ends.

    Raises:
        Ended: It ended before it was ready.
    """
    log = folder / "server.log"
    log.unlink(missing_ok=True)
    given = {
        "model": model, "name": "m", "http_port": 0, "grpc_port": 0, "metrics_port": 0, "drain_seconds": 0, "host": "127.0.0.1",
        "cache_dir": folder / "cache", "termination_log": folder / "termination", **settings,
    }  # fmt: skip
    flags = [text for name, value in given.items() for text in (f"--{name.replace('_', '-')}", str(value))]
    process: ForkServerProcess = _FORKS.Process(target=_serve, args=(str(log), flags))
    process.start()
    try:
        yield wait_for(lambda: _ready(process, log, folder / "termination"), 60)
    finally:
        if process.is_alive() and process.pid is not None:
            os.kill(process.pid, signal.SIGTERM)
        process.join(20)
        process.close()


def _ready(process: ForkServerProcess, log: Path, termination: Path) -> Child | None:
    has_ended = bool(wait([process.sentinel], 0.02))
    text = log.read_text() if log.exists() else ""
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")] if '"ready"' in text else []
    events = {line["event"]: line for line in lines}
    if "ready" in events:
        return Child(events["listening"]["http"], events["listening"]["grpc"])
    if has_ended:
        words = json.loads(termination.read_text() or "{}")
        raise Ended(words.get("reason", f"exit code {process.exitcode}"), words.get("message", ""))
    return None


parser("serve")  # kept for all children
gc.freeze()  # what was imported is garbage in no child


def _serve(log: str, flags: list[str]) -> None:
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 2)
    sys.exit(main(["serve", *flags]))
