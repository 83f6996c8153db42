"""What explanations cost beside inference: its p99 with ten of them a second and without, in turns, and CPU for each.

30 features, 24 rows of background; clients pause for 2 ms between requests, so that cores are not what runs short. JSON on stdout.

    python explained.py [--seconds 5] [--rounds 3] [--each-second 10] [--connections 8]
"""

import argparse
import json
import tempfile
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
from catalog import CACHE
from clients import driven, infer_request
from models import build
from server import metric, served

PAUSE_SECONDS = 0.002


def explaining(
    port: int, body: bytes, each_second: float, until: threading.Event, answers: list[dict[str, Any]]
) -> None:
    """Asks at a steady pace, one after the other, until told to stop."""
    due = time.perf_counter()
    while not until.is_set():
        asked = urllib.request.Request(f"http://127.0.0.1:{port}/v2/models/m/explain", body)
        started = time.perf_counter()
        with urllib.request.urlopen(asked, timeout=30) as answer:
            told = json.loads(answer.read())["parameters"]
        answers.append({"seconds": time.perf_counter() - started, "stopped": told["stopped"]})
        due += 1 / each_second
        until.wait(max(0.0, due - time.perf_counter()))


def median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--each-second", type=float, default=10)
    parser.add_argument("--connections", type=int, default=8)
    given = parser.parse_args()
    folder = CACHE / "models"
    build(folder)
    rows = np.load(folder / "lr.npy")
    tensor = {"name": "X", "datatype": "FP32"}
    shown = [{**tensor, "shape": [24, 30], "data": rows[:24].ravel().tolist()}]
    asked = json.dumps({"inputs": [{**tensor, "shape": [1, 30], "data": rows[30].tolist()}]}).encode()
    request = infer_request("m", {"X": rows[:1]})
    alone: list[dict[str, Any]] = []
    beside: list[dict[str, Any]] = []
    answers: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch:
        background = Path(scratch) / "background.jsonl"
        background.write_text(json.dumps({"inputs": shown}) + "\n")
        with served(folder / "lr.onnx", "--explain", "on", "--explain-background", str(background)) as (
            http,
            metrics,
            _,
        ):
            for _ in range(given.rounds):
                alone.append(driven(http, given.connections, given.seconds, request, pause=PAUSE_SECONDS))
                until = threading.Event()
                thread = threading.Thread(target=explaining, args=(http, asked, given.each_second, until, answers))
                thread.start()
                beside.append(driven(http, given.connections, given.seconds, request, pause=PAUSE_SECONDS))
                until.set()
                thread.join()
            cpu, count = metric(metrics, "serin_process_cpu_seconds_total"), len(answers)
            until = threading.Event()
            thread = threading.Thread(target=explaining, args=(http, asked, 1000, until, answers))
            thread.start()
            time.sleep(given.seconds)
            until.set()
            thread.join()
            cpu = (metric(metrics, "serin_process_cpu_seconds_total") - cpu) / (len(answers) - count)
    told = {
        "infer_p99_ms_alone": median([one["p99_ms"] for one in alone]),
        "infer_p99_ms_beside": median([one["p99_ms"] for one in beside]),
        "infer_p50_ms_alone": median([one["p50_ms"] for one in alone]),
        "infer_p50_ms_beside": median([one["p50_ms"] for one in beside]),
        "requests_per_second_beside_over_alone": median([one["requests_per_second"] for one in beside])
        / median([one["requests_per_second"] for one in alone]),
        "explanation_ms": 1000 * median([one["seconds"] for one in answers[count:]]),
        "explanation_ms_beside_inference": 1000 * median([one["seconds"] for one in answers[:count]]),
        "cpu_ms_an_explanation": 1000 * cpu,
        "explanations": len(answers),
        "stopped": sorted({one["stopped"] for one in answers}),
    }
    told["p99_beside_over_alone"] = told["infer_p99_ms_beside"] / told["infer_p99_ms_alone"]
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
