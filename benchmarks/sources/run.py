"""What it costs to fetch a large model: time beside a plain curl of the same server, and memory above what a small model takes.

    python -m benchmarks.sources.run [--gigabytes 10] [--rounds 3]

The model is one weight of zeros (a sparse file) behind versitygw (s3://) and behind a plain web server (http://). Ours writes it into its cache and
makes its digest; curl writes it into a file. They take turns, each writes anew, and of all rounds the median counts. JSON on stdout.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from tests.support import stores
from tests.support.ports import free_port

GIGABYTE = 1 << 30
FETCH = """
import json, sys, time
from pathlib import Path
from serin_server.model.source import Source, fetch

def most_of_memory():
    return next(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))

cache, credentials, small, large = sys.argv[1:]
def get(uri):
    fetch(Source(uri, cache_dir=Path(cache), credentials_dir=Path(credentials)))
get(small)
before, started = most_of_memory(), time.perf_counter()
get(large)
print(json.dumps({"seconds": time.perf_counter() - started, "mebibytes_above": (most_of_memory() - before) / 1024}))
"""


@contextmanager
def web(folder: Path, log: Path) -> Iterator[str]:
    """A plain web server for a folder."""
    port = free_port()
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", str(folder)]
    with stores.running(command, port, log):
        yield f"http://127.0.0.1:{port}"


def write_model(file: Path, size: int) -> None:
    """An ONNX model of one weight of so many zeros, which take no room: its messages end where the file does."""

    def message(field: int, content: bytes, more: int) -> bytes:
        length, digits = len(content) + more, bytearray()
        while length > 127:
            digits.append(length & 127 | 128)
            length >>= 7
        return bytes([field << 3 | 2, *digits, length]) + content

    head = b""
    for field in (9, 5, 7):  # raw_data of a TensorProto, initializer of a GraphProto, graph of a ModelProto
        head = message(field, head, size)
    with file.open("wb") as sparse:
        sparse.write(head)
        sparse.truncate(len(head) + size)


def curl(address: str, out: Path, *more: str) -> float:
    """Seconds that a plain curl takes."""
    started = time.perf_counter()
    subprocess.run(["curl", "-sSf", "-o", str(out), *more, address], check=True)
    seconds = time.perf_counter() - started
    out.unlink()
    return seconds


def ours(folder: Path, credentials: Path, small: str, large: str) -> dict[str, float]:
    """Seconds and memory of our fetch, in a process of its own."""
    with tempfile.TemporaryDirectory(dir=folder) as cache:
        command = [sys.executable, "-c", FETCH, cache, str(credentials), small, large]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return json.loads(told)  # type: ignore[no-any-return]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    told: dict[str, Any] = {"gigabytes": given.gigabytes}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with stores.s3(folder) as variables:
            bucket, credentials = folder / "buckets" / "models", folder / "credentials"
            bucket.mkdir()
            credentials.mkdir()
            for key, value in variables.items():
                (credentials / key).write_text(value)
            (bucket / "small.onnx").write_bytes(b"0" * 1000)
            write_model(bucket / "large.onnx", int(given.gigabytes * GIGABYTE))
            signed = [
                "--aws-sigv4",
                f"aws:amz:{stores.REGION}:s3",
                "--user",
                f"{stores.ACCESS_KEY}:{stores.SECRET_KEY}",
                "-H",
                "x-amz-content-sha256: UNSIGNED-PAYLOAD",
            ]
            with web(bucket, folder / "web.log") as address:
                ways = {
                    "s3": ("s3://models", f"{variables['AWS_ENDPOINT_URL']}/models/large.onnx", signed),
                    "http": (address, f"{address}/large.onnx", []),
                }
                for way, (base, plain, more) in ways.items():
                    rows, seconds = [], []
                    for _ in range(given.rounds):
                        seconds.append(curl(plain, folder / "curled", *more))
                        rows.append(ours(folder, credentials, f"{base}/small.onnx", f"{base}/large.onnx"))
                    took = median(row["seconds"] for row in rows)
                    told[way] = {
                        "curl_s": round(median(seconds), 2),
                        "ours_s": round(took, 2),
                        "throughput_of_curls": round(median(seconds) / took, 2),
                        "mebibytes_above_a_small_model": round(max(row["mebibytes_above"] for row in rows), 1),
                    }
    told["load_average"] = os.getloadavg()
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
