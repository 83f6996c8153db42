"""What requests cost the process that listens here, between two looks at its own metrics."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from drive import measure
from models import Case
from server import metric


def cost(
    case: Case,
    http: int,
    metrics: int,
    folder: Path,
    seconds: float,
    load: Callable[[], dict[str, Any]] | None = None,
    **counted: str,
) -> dict[str, float]:
    """CPU seconds for 1,000 requests and what clients saw; `counted` are names of counters, by what they are called.

    The load is that of the case as fast as it goes, or another one that says the same of its latencies.
    """
    before = metric(metrics, "serin_process_cpu_seconds_total"), metric(metrics, "serin_requests_total")
    already = {name: metric(metrics, name) for name in counted.values()}
    told = load() if load is not None else measure(case, os.getpid(), http, folder, seconds)
    cpu = metric(metrics, "serin_process_cpu_seconds_total") - before[0]
    requests = metric(metrics, "serin_requests_total") - before[1]
    return {
        "cpu_seconds_per_1000": 1000 * cpu / requests,
        "requests": requests,
        "p50_ms": told["p50_ms"],
        "p99_ms": told["p99_ms"],
        **{called: metric(metrics, name) - already[name] for called, name in counted.items()},
    }


def beside(own: Sequence[dict[str, float]], base: Sequence[dict[str, float]]) -> dict[str, float]:
    """Medians over the rounds; the ratio is that of CPU for a request, round by round."""
    ratios = [one["cpu_seconds_per_1000"] / other["cpu_seconds_per_1000"] for one, other in zip(own, base, strict=True)]
    return {"cpu_ratio": median(ratios), **{name: median([each[name] for each in own]) for name in own[0]}}
