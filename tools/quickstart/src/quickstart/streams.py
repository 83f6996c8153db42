"""Follow what a command keeps printing: a watch of an object, the log of a pod."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from typing import IO, Any, Self

PAUSE_BEFORE_RECONNECT_SECONDS = 0.5


def json_objects(text: IO[str]) -> Iterator[dict[str, Any]]:
    """The JSON objects of a stream, one after another, pretty-printed or not; other lines are skipped."""
    decoder = json.JSONDecoder()
    buffered = ""
    for line in text:
        if not buffered and not line.startswith("{"):
            continue
        buffered += line
        if line.rstrip() != "}" and not (line.startswith("{") and line.rstrip().endswith("}")):
            continue
        try:
            found, _ = decoder.raw_decode(buffered)
        except json.JSONDecodeError:
            continue
        buffered = ""
        yield found


class Follower:
    """Runs a command in the background, again whenever it ends, and hands every JSON object to `hear`.

    Use it as a context manager; leaving it ends the command and the thread.
    """

    def __init__(self, command: list[str], hear: Callable[[dict[str, Any]], None]) -> None:
        self._command = command
        self._hear = hear
        self._stopped = threading.Event()
        self._process: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Self:
        """Start following."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, and wait until the command is gone."""
        self._stopped.set()
        if self._process is not None:
            self._process.terminate()
        self._thread.join(timeout=5)

    def _follow(self) -> None:
        while not self._stopped.is_set():
            with subprocess.Popen(
                self._command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            ) as process:
                self._process = process
                if self._stopped.is_set() or process.stdout is None:
                    process.terminate()
                    return
                for found in json_objects(process.stdout):
                    self._hear(found)
            self._stopped.wait(PAUSE_BEFORE_RECONNECT_SECONDS)
