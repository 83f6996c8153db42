"""A serving process under test: started as people start it, waited for by its own ready address."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass
class Serving:
    """A running `serin-server serve`."""

    process: subprocess.Popen
    log: Path
    name: str

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def port(self, kind: str) -> int:
        return wait_for(lambda: next((e[kind] for e in self.events() if e["event"] == "listening"), None))

    def url(self, path: str, port: str = "http") -> str:
        return f"http://127.0.0.1:{self.port(port)}{path}"

    def get(self, path: str, port: str = "http") -> tuple[int, Any]:
        return call(self.url(path, port))

    def post(self, path: str, content: Any) -> tuple[int, Any]:
        return call(self.url(path), content)

    def infer(self, *inputs: dict[str, Any], **more: Any) -> tuple[int, Any]:
        return self.post(f"/v2/models/{self.name}/infer", {"inputs": list(inputs), **more})

    def wait_ready(self) -> None:
        wait_for(lambda: self.process.poll() is not None or self.get(f"/v2/models/{self.name}/ready")[0] == 200)
        assert self.process.poll() is None, self.log.read_text()

    def metric(self, name: str, **labels: str) -> float:
        """The sum of the samples of a metric whose labels hold these."""
        text = urllib.request.urlopen(self.url("/metrics", "metrics"), timeout=10).read().decode()
        total = 0.0
        for line in text.splitlines():
            if re.match(rf"{name}[ {{]", line) and all(f'{key}="{value}"' in line for key, value in labels.items()):
                total += float(line.rsplit(" ", 1)[1])
        return total

    def resident_bytes(self) -> int:
        """What the process holds in memory."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=40)


def call(url: str, content: Any = None) -> tuple[int, Any]:
    """Status and JSON body of one request, each on a connection of its own."""
    body = None if content is None else content if isinstance(content, bytes) else json.dumps(content).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=body), timeout=20) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or b"null")


def wait_for(condition, seconds: float = 20.0):
    """Polls until the condition holds, and returns what it gave."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.01)
    raise AssertionError(f"did not happen within {seconds} s: {condition}")


@contextmanager
def serving(
    model: Path | str,
    folder: Path,
    *,
    ready: bool = True,
    env: dict[str, str] | None = None,
    before: tuple[str, ...] = (),
    more: Sequence[str] = (),
    **settings: Any,
) -> Iterator[Serving]:
    """Starts a server on free ports with its log in a folder, and stops it in the end.

    Args:
        model: What it serves; empty for what the environment says.
        folder: For what it writes.
        ready: Whether to wait until it is.
        env: More variables.
        before: A program, with arguments, that becomes the server.
        more: More arguments, as they are.
        settings: Flags of the server.
    """
    log = folder / f"server-{time.monotonic_ns()}.log"
    given = {"name": "m", "http_port": 0, "grpc_port": 0, "metrics_port": 0, "drain_seconds": 0,
             "host": "127.0.0.1", "cache_dir": folder / "cache", "termination_log": folder / "termination", **settings}  # fmt: skip
    flags = ["--model", str(model), *more] if model else list(more)
    flags += [text for name, value in given.items() for text in (f"--{name.replace('_', '-')}", str(value))]
    with log.open("w") as out:
        process = subprocess.Popen(
            [*before, sys.executable, "-m", "serin_server", "serve", *flags],
            stderr=out, stdout=subprocess.DEVNULL, env={**os.environ, "HOME": str(folder), **(env or {})},
        )  # fmt: skip
    server = Serving(process, log, given["name"])
    try:
        if ready:
            server.wait_ready()
        yield server
    finally:
        server.stop()


def tensor(name: str, datatype: str, shape: list[int], data: list[Any]) -> dict[str, Any]:
    """One tensor as the protocol writes it in JSON."""
    return {"name": name, "datatype": datatype, "shape": shape, "data": data}
