"""What a collector takes: predictions a second on one core, and the memory it needs for them. JSON on stdout.

It is bound to one core, gets batches as servers send them, and writes them into a folder. First so many predictions a second, and
then as many as it takes. CPU seconds are what to look at on a machine that is not quiet.

    python -m benchmarks.collector.run [--seconds 20] [--rate 2000] [--features 30] [--senders 4]
"""

import argparse
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

BATCH = 500
PORT = 18091


def lines(features: int) -> list[bytes]:
    """Predictions as a server tells them; ids are put in later."""
    made = []
    for _ in range(BATCH):
        told = {
            "kind": "prediction",
            "id": "ID",
            "at": int(time.time() * 1000),
            "request": f"benchmark-{random.getrandbits(32):x}",
            "rows": 1,
            "predictions": [random.randrange(2)],
            "inputs": [[round(random.gauss(0, 1), 6) for _ in range(features)]],
            "outputs": [[random.randrange(2)], [round(random.random(), 6), round(random.random(), 6)]],
        }
        made.append(json.dumps(told, separators=(",", ":")).encode())
    return made


def head(features: int) -> bytes:
    """The first line of a batch of a new name."""
    told = {
        "schema": 1,
        "batch": uuid.uuid4().hex,
        "namespace": "benchmark",
        "model": "m",
        "version": "v1",
        "revision": "abcdefghij",
        "server": "pod",
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, features]}],
        "outputs": [
            {"name": "label", "datatype": "INT64", "shape": [-1]},
            {"name": "probabilities", "datatype": "FP32", "shape": [-1, 2]},
        ],
        "prediction_output": "label",
    }
    return json.dumps(told).encode()


class Load:
    """Some senders, each with a connection of its own; together so many predictions a second, or as many as are taken."""

    def __init__(self, features: int, senders: int, rate: float) -> None:
        self._lines = lines(features)
        self._features = features
        self._pause = senders * BATCH / rate if rate else 0.0
        self._ends_at = 0.0
        self.acknowledged = 0
        self.refused = 0
        self.longest = 0.0
        self._threads = [threading.Thread(target=self._send) for _ in range(senders)]

    def run(self, seconds: float) -> None:
        """Sends for so long."""
        self._ends_at = time.monotonic() + seconds
        for thread in self._threads:
            thread.start()
        for thread in self._threads:
            thread.join()

    def _send(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
        due = time.monotonic() + random.random() * self._pause
        while due < self._ends_at and time.monotonic() < self._ends_at:
            time.sleep(max(0.0, due - time.monotonic()))
            due += self._pause
            named = [line.replace(b'"ID"', b'"%032x"' % random.getrandbits(128), 1) for line in self._lines]
            body = b"\n".join([head(self._features), *named])
            began = time.monotonic()
            connection.request("POST", "/v1/batches", body)
            answer = connection.getresponse()
            answer.read()
            self.longest = max(self.longest, time.monotonic() - began)
            if answer.status == 200:
                self.acknowledged += BATCH
            else:
                self.refused += BATCH
                time.sleep(0.2)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_megabytes(pid: int) -> float:
    """The most memory that a process has had."""
    line = next(each for each in Path(f"/proc/{pid}/status").read_text().splitlines() if each.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def measured(load: Load, pid: int, seconds: float) -> dict[str, Any]:
    """What came of a load."""
    before, began = cpu_seconds(pid), time.monotonic()
    load.run(seconds)
    took, cpu = time.monotonic() - began, cpu_seconds(pid) - before
    return {
        "predictions_per_second": load.acknowledged / took,
        "refused": load.refused,
        "cores": cpu / took,
        "predictions_per_cpu_second": load.acknowledged / cpu,
        "slowest_acknowledgement_seconds": load.longest,
        "peak_memory_mb": peak_megabytes(pid),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rate", type=float, default=2000)
    parser.add_argument("--features", type=int, default=30)
    parser.add_argument("--senders", type=int, default=4)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        flags = {
            "store": f"file://{folder}/store",
            "spool": f"{folder}/spool",
            "host": "127.0.0.1",
            "port": PORT,
            "write-seconds": 5,
        }
        command = [
            sys.executable,
            "-m",
            "serin_server.collector.cli",
            *(f"--{name}={value}" for name, value in flags.items()),
        ]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, preexec_fn=lambda: os.sched_setaffinity(0, {0}))  # noqa: PLW1509
        while True:
            with suppress(OSError):
                http.client.HTTPConnection("127.0.0.1", PORT, timeout=5).connect()
                break
            time.sleep(0.05)
        told = {
            "idle_memory_mb": peak_megabytes(process.pid),
            "at_the_rate": measured(Load(given.features, given.senders, given.rate), process.pid, given.seconds),
            "at_most": measured(Load(given.features, given.senders, 0), process.pid, given.seconds),
        }
        process.send_signal(signal.SIGTERM)
        process.wait(120)
        files = list(Path(folder, "store").rglob("*.parquet"))
        told["bytes_per_prediction"] = sum(file.stat().st_size for file in files) / sum(
            told[name]["predictions_per_second"] * given.seconds for name in ("at_the_rate", "at_most")
        )
        print(json.dumps({**told, "load_average": os.getloadavg()}, indent=1))


if __name__ == "__main__":
    main()
