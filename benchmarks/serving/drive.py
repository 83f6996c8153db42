"""Starts a server, waits for it, drives it with wrk, and says what it cost."""

import json
import os
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from catalog import Candidate, command_of, environment_variables
from models import Case, body_of, expected
from processes import cpu_seconds, pss_megabytes

WRK_SCRIPT = """
wrk.method = "POST"
for line in io.lines(os.getenv("HEADERS")) do
  local name, value = line:match("^(.-): (.*)$")
  wrk.headers[name] = value
end
local file = io.open(os.getenv("BODY"), "rb")
wrk.body = file:read("*a")
file:close()
done = function(summary, latency, requests)
  local e = summary.errors
  io.stderr:write(string.format('{"requests": %d, "seconds": %f, "bad_status": %d, "transport_errors": %d, "p50_ms": %f, "p99_ms": %f}',
    summary.requests, summary.duration / 1e6, e.status, e.connect + e.read + e.write + e.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
"""


def free_port() -> int:
    """A port that is free together with the two behind it."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        with suppress(OSError), socket.socket() as one, socket.socket() as two:
            one.bind(("127.0.0.1", port + 1))
            two.bind(("127.0.0.1", port + 2))
            return port


@contextmanager
def running(candidate: Candidate, model: Path) -> Iterator[tuple[int, int, float]]:
    """A candidate with a model loaded: its process, its port, and the seconds it took to answer a prediction."""
    with tempfile.TemporaryDirectory() as scratch:
        port = free_port()
        command = command_of(candidate, model, port, Path(scratch))
        log = Path(scratch) / "log"
        started = time.perf_counter()
        with log.open("w") as out:
            process = subprocess.Popen(
                command, stdout=out, stderr=out, cwd=scratch, env=environment_variables(model, Path(scratch)),
                process_group=0,
            )  # fmt: skip
        try:
            body, headers = body_of(Case("", model.stem, 1, 1), model.parent)
            while True:
                with suppress(OSError):
                    ask(port, body, headers)
                    break
                if process.poll() is not None or time.perf_counter() - started > 90:
                    raise RuntimeError(f"{candidate.name} did not start:\n{log.read_text()[-3000:]}")
                time.sleep(0.005)
            yield process.pid, port, time.perf_counter() - started
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def ask(port: int, body: bytes, headers: dict[str, str]) -> bytes:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v2/models/m/infer", data=body, headers=headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        length = answer.headers.get("Inference-Header-Content-Length")
        content = answer.read()
        return content if length is None else content[: int(length)] + b"\0" + content[int(length) :]


def check(case: Case, port: int, folder: Path) -> None:
    """A server that answers something else than ONNX Runtime takes no part."""
    body, headers = body_of(case, folder)
    content = ask(port, body, headers)
    told, _, tail = content.partition(b"\0")
    for output, wanted in zip(json.loads(told)["outputs"], expected(case, folder), strict=True):
        if "data" in output:
            got = np.array(output["data"])
        else:
            size = output["parameters"]["binary_data_size"]
            got, tail = np.frombuffer(tail[:size], wanted.dtype), tail[size:]
        np.testing.assert_allclose(got.ravel(), wanted.ravel(), rtol=1e-4, atol=1e-5)


def measure(case: Case, pid: int, port: int, folder: Path, seconds: float) -> dict[str, Any]:
    """CPU seconds per 1,000 requests, requests a second and latency of one case, after a warm-up."""
    with tempfile.TemporaryDirectory() as scratch:
        body, headers = body_of(case, folder)
        files = {"BODY": Path(scratch) / "body", "HEADERS": Path(scratch) / "headers"}
        files["BODY"].write_bytes(body)
        files["HEADERS"].write_text("".join(f"{name}: {value}\n" for name, value in headers.items()))
        script = Path(scratch) / "post.lua"
        script.write_text(WRK_SCRIPT)
        environment = {**os.environ, **{name: str(file) for name, file in files.items()}}

        def wrk(duration: float) -> dict[str, Any]:
            command = ["wrk", "-t1", f"-c{case.connections}", f"-d{duration:g}s", "--timeout", "20s", "-s", str(script),
                       f"http://127.0.0.1:{port}/v2/models/m/infer"]  # fmt: skip
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
            return json.loads(done.stderr)

        wrk(1)
        before = cpu_seconds(pid)
        told = wrk(seconds)
        used = cpu_seconds(pid) - before
    if told["bad_status"] or told["transport_errors"]:
        raise RuntimeError(f"{case.name}: {told}")
    return {
        "cpu_seconds_per_1000": used / told["requests"] * 1000,
        "requests_per_second": told["requests"] / told["seconds"],
        "p50_ms": told["p50_ms"],
        "p99_ms": told["p99_ms"],
        "pss_megabytes": pss_megabytes(pid),
    }
