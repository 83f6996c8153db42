"""The server on a CUDA device beside bare ONNX Runtime: a transformer encoder and a ResNet-50 with random weights.

    python gpu.py [--wheels FOLDER] [--seconds 4] [--only encoder]

Takes about a minute a model. With --wheels, or when something is missing, it makes an environment of its own, from that folder
alone or else from the index that pip knows, and says what it could not get. JSON on stdout, words on stderr.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
import venv
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SOURCES = HERE.parent.parent / "serving-image" / "src"
NEEDED = {
    "numpy": "numpy", "onnx": "onnx", "onnxruntime": "onnxruntime-gpu", "uvloop": "uvloop", "httptools": "httptools",
    "msgspec": "msgspec", "orjson": "orjson", "simdjson": "pysimdjson",
}  # fmt: skip
BATCHES = (1, 8, 32)
SLOW_SECONDS = 0.1
"""No run with a shape that was seen takes as long; one that a device has to prepare for does."""


def environment(wheels: str | None) -> None:
    """Goes on in an environment that has everything, or ends with what is missing."""
    missing = [package for module, package in NEEDED.items() if not _has(module)]
    if not missing:
        return
    home = Path(tempfile.gettempdir()) / "serin-gpu"
    if Path(sys.prefix) == home:
        sys.exit(f"still missing after installing: {', '.join(missing)}")
    print(f"missing here: {', '.join(missing)}; making {home}", file=sys.stderr, flush=True)
    venv.create(home, with_pip=True, system_site_packages=True)
    source = ["--no-index", "--find-links", wheels] if wheels else []
    for package in missing:
        done = subprocess.run(
            [home / "bin/python", "-m", "pip", "install", "-q", "--disable-pip-version-check", *source, package],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            print(f"cannot install {package}: {done.stderr.strip()[-300:]}", file=sys.stderr, flush=True)
    os.execv(home / "bin/python", [str(home / "bin/python"), *sys.argv])


def _has(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def bare(raw: Any, shape: tuple[int, ...], rows: int, *, is_bound: bool) -> float:
    """Seconds of one run, the mean over half a second, tensors from and to numpy."""
    import numpy as np

    values = np.random.default_rng(0).normal(size=(rows, *shape)).astype(np.float32)

    def run() -> None:
        if not is_bound:
            raw.run(None, {"x": values})
            return
        binding = raw.io_binding()
        binding.bind_cpu_input("x", values)
        binding.bind_output("y", "cpu")
        raw.run_with_iobinding(binding)
        binding.get_outputs()[0].numpy()

    for _ in range(5):
        run()
    runs, started = 0, time.perf_counter()
    while time.perf_counter() - started < 0.5:
        run()
        runs += 1
    return (time.perf_counter() - started) / runs


def slow_runs(port: int) -> int:
    """Runs that took longer than a known shape can."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        lines = [line for line in answer.read().decode().splitlines() if "serin_inference_duration_seconds_" in line]
    quick = sum(float(line.rsplit(" ", 1)[1]) for line in lines if f'le="{SLOW_SECONDS:g}"' in line)
    every = sum(float(line.rsplit(" ", 1)[1]) for line in lines if "_count{" in line)
    return int(every - quick)


def answer_of(port: int, request: bytes, shape: tuple[int, ...]) -> Any:
    """The numbers of one answer."""
    import numpy as np

    head, _, body = request.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    asked = urllib.request.Request(f"http://127.0.0.1:{port}/v2/models/m/infer", body, headers)
    with urllib.request.urlopen(asked, timeout=60) as answer:
        length = int(answer.headers["Inference-Header-Content-Length"])
        return np.frombuffer(answer.read()[length:], np.float32).reshape(shape)


def serve_and_drive(file: Path, raw: Any, shape: tuple[int, ...], seconds: float, flags: list[str]) -> dict[str, Any]:
    """What clients see of a server that was started for them."""
    import numpy as np
    from clients import driven, infer_request
    from server import metric, served

    rng = np.random.default_rng(2)
    one, many = (rng.normal(size=(rows, *shape)).astype(np.float32) for rows in (1, 32))
    requests = {"1": infer_request("m", {"x": one}), "32": infer_request("m", {"x": many})}
    told: dict[str, Any] = {}
    with served(file, "--providers", "auto", *flags) as (port, metrics, ready):
        told["ready_seconds"] = ready
        wanted = raw.run(None, {"x": many})[0]
        told["largest_difference"] = float(np.abs(answer_of(port, requests["32"], wanted.shape) - wanted).max())
        before = slow_runs(metrics)
        for connections in (1, 8, 64):
            runs, calls = metric(metrics, "serin_batch_size_count"), metric(metrics, "serin_batch_size_sum")
            part = driven(port, connections, seconds, requests["1"], processes=4)
            made = metric(metrics, "serin_batch_size_count") - runs
            part["requests_per_run"] = (metric(metrics, "serin_batch_size_sum") - calls) / max(1, made)
            told[f"c{connections}"] = part
            print(f"  {flags} c={connections}: {part}", file=sys.stderr, flush=True)
        told["rows32_c2"] = driven(port, 2, seconds / 2, requests["32"], processes=2)
        told["slow_runs_after_ready"] = slow_runs(metrics) - before
    return told


def ratios(bare_seconds: dict[str, dict[str, float]], told: dict[str, Any]) -> dict[str, Any]:
    """What was promised, and what is: the server beside the better of bare ONNX Runtime's two ways."""
    best = {rows: min(ways.values()) for rows, ways in bare_seconds.items()}
    return {
        "c8 over bare batch 8 (0.8)": told["c8"]["requests_per_second"] * best["8"] / 8,
        "c64 over bare batch 32 (0.85)": told["c64"]["requests_per_second"] * best["32"] / 32,
        "c1 p50 over bare, ms (0.4)": told["c1"]["p50_ms"] - best["1"] * 1000,
        "c1 p99 over p50 (3)": told["c1"]["p99_ms"] / told["c1"]["p50_ms"],
        "new shapes after ready (0)": told["slow_runs_after_ready"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wheels")
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    environment(given.wheels)
    sys.path[:0] = [str(HERE), str(SOURCES)]
    os.environ["PYTHONPATH"] = os.pathsep.join([str(SOURCES), os.environ.get("PYTHONPATH", "")])
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime
    from graphs import GRAPHS

    from serin_server.model.providers import Placement, prepare, with_options

    placement = Placement(())
    names = placement.candidates(onnxruntime.get_available_providers())
    prepare(onnxruntime, names)
    if names[0] == "CPUExecutionProvider":
        print(f"this ONNX Runtime has no CUDA: {onnxruntime.__file__} has {names}", file=sys.stderr)
    print(onnxruntime.__version__, names, f"{os.cpu_count()} cores", file=sys.stderr, flush=True)
    told: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name, (build, shape) in GRAPHS.items():
            if given.only and name != given.only:
                continue
            file = build(Path(scratch) / f"{name}.onnx")
            raw = onnxruntime.InferenceSession(str(file), providers=with_options(placement, names), enable_fallback=0)
            seconds = {
                str(rows): {way: bare(raw, shape, rows, is_bound=way == "bound") for way in ("plain", "bound")}
                for rows in BATCHES
            }
            print(name, raw.get_providers(), seconds, file=sys.stderr, flush=True)
            told[name] = {"providers": raw.get_providers(), "bare_seconds": seconds}
            for flags in ([], ["--concurrent-runs", "1"]):
                part = serve_and_drive(file, raw, shape, given.seconds, flags)
                told[name][" ".join(flags) or "defaults"] = {**part, "ratios": ratios(seconds, part)}
                print(name, flags, told[name][" ".join(flags) or "defaults"]["ratios"], file=sys.stderr, flush=True)
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
