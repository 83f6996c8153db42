"""What it costs a server to have a share of its predictions written down: CPU, latency, and what a collector that hangs does.

All servers serve the same model with signed answers and are driven in short turns, in another order each round. What counts is
the median over the rounds of the CPU that a request costs beside what it costs the server without a log in the same round; a
twin of that server says how much of it is chance. JSON on stdout.

    python predictions.py [--seconds 1] [--rounds 12] [--sample 0.1] [--connections 8] [--model lr]
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from catalog import CACHE
from cost import beside, cost
from models import Case, build
from pairs import KEY, silent
from server import served

BASE = "no log"


@contextmanager
def collecting(folder: Path, port: int) -> Iterator[str]:
    """A collector that writes into a folder; its address."""
    flags = {"store": f"file://{folder}/store", "spool": folder / "spool", "host": "127.0.0.1", "port": port}
    flags |= {"key-file": folder / "keys", "write-seconds": 5}
    command = [
        sys.executable,
        "-m",
        "serin_server.collector.cli",
        *(f"--{name}={value}" for name, value in flags.items()),
    ]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with suppress(OSError), urllib.request.urlopen(f"{address}/readyz", timeout=1):
            break
        time.sleep(0.05)
    yield address
    process.send_signal(signal.SIGTERM)
    process.wait(60)


@contextmanager
def sink() -> Iterator[str]:
    """Takes batches, acknowledges them, and does nothing with them: a collector on a machine of its own. Its address."""

    class Takes(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    receiver = ThreadingHTTPServer(("127.0.0.1", 0), Takes)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{receiver.server_port}"
    receiver.shutdown()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--sample", default="0.1")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--model", default="lr")
    parser.add_argument("--port", type=int, default=18090)
    given = parser.parse_args()
    folder = CACHE / "models"
    build(folder)
    model, case = folder / f"{given.model}.onnx", Case("", given.model, 1, given.connections)
    samples: dict[str, list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        keys = Path(scratch) / "keys"
        keys.write_text(KEY)
        signed = ("--feedback-key-file", str(keys))
        address = stack.enter_context(collecting(Path(scratch), given.port))
        hanging = stack.enter_context(silent())
        log = (
            *signed,
            "--prediction-log-key-file",
            str(keys),
            "--prediction-log-sample",
            given.sample,
            "--prediction-log",
        )
        ports = {
            BASE: stack.enter_context(served(model, *signed)),
            "its twin": stack.enter_context(served(model, *signed)),
            "log": stack.enter_context(served(model, *log, stack.enter_context(sink()))),
            "log, and the collector on the same cores": stack.enter_context(served(model, *log, address)),
            "collector hangs": stack.enter_context(served(model, *log, f"http://127.0.0.1:{hanging}")),
        }
        for number in range(given.rounds):
            order = list(ports.items())
            for name, (http, metrics, _) in order[number % len(order) :] + order[: number % len(order)]:
                samples.setdefault(name, []).append(
                    cost(case, http, metrics, folder, given.seconds, records="serin_prediction_log_records_total")
                )
    told = {name: {**beside(each, samples[BASE]), "records": each[-1]["records"]} for name, each in samples.items()}
    print(json.dumps({"servers": told, "rounds": given.rounds, "load_average": os.getloadavg()}, indent=1))


if __name__ == "__main__":
    main()
