"""What requests cost the process that listens here, between two looks at its own metrics."""

import os
from pathlib import Path

from drive import measure
from models import Case
from server import metric


def cost(case: Case, http: int, metrics: int, folder: Path, seconds: float, **counted: str) -> dict[str, float]:
    """CPU seconds for 1,000 requests and what clients saw; `counted` are names of counters, by what they are called."""
    before = metric(metrics, "serin_process_cpu_seconds_total"), metric(metrics, "serin_requests_total")
    already = {name: metric(metrics, name) for name in counted.values()}
    told = measure(case, os.getpid(), http, folder, seconds)
    cpu = metric(metrics, "serin_process_cpu_seconds_total") - before[0]
    requests = metric(metrics, "serin_requests_total") - before[1]
    return {
        "cpu_seconds_per_1000": 1000 * cpu / requests,
        "requests": requests,
        "p50_ms": told["p50_ms"],
        "p99_ms": told["p99_ms"],
        **{called: metric(metrics, name) - already[name] for called, name in counted.items()},
    }
