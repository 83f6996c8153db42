"""A model that takes about 30 ms a run on a CPU: throughput beside ONNX Runtime's own, and how soon health answers.

Both run the same file with the same threads on batches of the same rows, in turns, in one run of this program; ratios are what
to look at. JSON on stdout.

    python larger.py [--seconds 10] [--rows 16] [--threads 1]
"""

import argparse
import json
import tempfile
import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from clients import HEALTH, driven, infer_request
from server import metric, served

WIDTH = 512
TARGET_SECONDS = 0.03


def chain(file: Path, layers: int) -> Path:
    """Products with one square matrix, and a tangent in between so that values stay small."""
    from onnx import TensorProto, helper, numpy_helper, save

    names = ["x", *(f"h{number}" for number in range(1, layers)), "y"]
    nodes = []
    for number, (one, other) in enumerate(pairwise(names)):
        nodes.append(helper.make_node("MatMul", [one, "w"], [f"p{number}"]))
        nodes.append(helper.make_node("Tanh", [f"p{number}"], [other]))
    weights = np.random.default_rng(0).normal(0, WIDTH**-0.5, (WIDTH, WIDTH)).astype(np.float32)
    info = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", WIDTH]) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "chain", info[:1], info[1:], [numpy_helper.from_array(weights, "w")])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), file)
    return file


def bare(file: Path, threads: int, rows: int, seconds: float) -> float:
    """Seconds of one run of ONNX Runtime alone, the mean over a while."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    feed = {"x": np.random.default_rng(1).normal(size=(rows, WIDTH)).astype(np.float32)}
    session.run(None, feed)
    runs, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        session.run(None, feed)
        runs += 1
    return (time.perf_counter() - started) / runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rows", type=int, default=16)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--connections", type=int, default=64)
    given = parser.parse_args()
    request = infer_request("m", {"x": np.ones((1, WIDTH), np.float32)})
    with tempfile.TemporaryDirectory() as scratch:
        trial = bare(chain(Path(scratch) / "trial.onnx", 50), given.threads, given.rows, 0.5) / 50
        model = chain(Path(scratch) / "model.onnx", max(1, round(TARGET_SECONDS / trial)))
        first = bare(model, given.threads, given.rows, given.seconds / 4)
        with served(model, "--threads", str(given.threads), "--max-batch-rows", str(given.rows)) as (port, metrics, _):
            health: dict[str, Any] = {}
            driven(port, given.connections, 1, request)
            before = (metric(metrics, "serin_batch_size_count"), metric(metrics, "serin_batch_size_sum"))
            busy, started = metric(metrics, "serin_inference_duration_seconds_sum"), time.perf_counter()
            prober = threading.Thread(target=lambda: health.update(driven(port, 1, given.seconds, HEALTH, pause=0.01)))
            prober.start()
            told = driven(port, given.connections, given.seconds, request)
            busy = (metric(metrics, "serin_inference_duration_seconds_sum") - busy) / (time.perf_counter() - started)
            prober.join()
            runs = metric(metrics, "serin_batch_size_count") - before[0]
            rows = metric(metrics, "serin_batch_size_sum") - before[1]
        last = bare(model, given.threads, given.rows, given.seconds / 4)
    rows_per_second = given.rows / ((first + last) / 2)
    print(
        json.dumps(
            {
                "bare_ms_per_run": (first + last) * 500,
                "throughput_over_bare": told["requests_per_second"] / rows_per_second,
                "rows_per_run": rows / runs,
                # Neighbours slow the runs of one part and not of another; this they disturb least.
                "share_of_time_in_runs": busy,
                "server": told,
                "health": health,
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
