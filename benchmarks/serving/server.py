"""One `serin-server serve` on free ports, for measurements by hand."""

import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def served(model: Path, *flags: str, name: str = "m", wait_seconds: float = 120.0) -> Iterator[tuple[int, int, float]]:
    """A server that is ready: its HTTP port, its metrics port, and the seconds until then. Connections never end."""
    with tempfile.TemporaryDirectory() as scratch:
        log = Path(scratch) / "log"
        command = [
            sys.executable, "-m", "serin_server", "serve", "--model", str(model), "--name", name, "--host", "127.0.0.1",
            "--http-port", "0", "--grpc", "off", "--metrics-port", "0", "--cache-dir", f"{scratch}/cache",
            "--termination-log", f"{scratch}/termination", "--drain-seconds", "0",
            "--connection-max-requests", "0", "--connection-max-seconds", "0", *flags,
        ]  # fmt: skip
        started = time.perf_counter()
        with log.open("w") as out:
            process = subprocess.Popen(command, stdout=out, stderr=out)
        try:
            while not (ready := [event for event in _events(log) if event["event"] == "ready"]):
                if process.poll() is not None or time.perf_counter() - started > wait_seconds:
                    raise RuntimeError(f"the server is not ready:\n{log.read_text()[-2000:]}")
                time.sleep(0.01)
            seconds = time.perf_counter() - started
            for event in _events(log):
                if event.get("level") in {"warning", "error"}:
                    print(event, file=sys.stderr)
            decided = f"batching {ready[0].get('batching')}: {ready[0].get('batching_message')}"
            print(f"ready after {seconds:.2f} s on {ready[0].get('providers')}, {decided}", file=sys.stderr)
            listening = next(event for event in _events(log) if event["event"] == "listening")
            yield listening["http"], listening["metrics"], seconds
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _events(log: Path) -> list[dict]:
    return [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{") and line.endswith("}")]


def metric(port: int, name: str) -> float:
    """The sum of a metric's samples."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(f"{name}{{"))
