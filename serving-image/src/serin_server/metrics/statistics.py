"""The counts of a server as Triton's statistics extension tells them, made from the metrics when somebody asks.

Nothing is counted for it beside the metrics. So `inference_count` is requests, not rows; `compute_infer` counts runs, which
requests may share; and what a request waits, and what reading and writing take, is not told apart: those are 0.
"""

from typing import Any

from serin_server.metrics.server import ServerMetrics

_PREDICTED = ("200", "false")


def statistics(metrics: ServerMetrics, name: str, version: str) -> dict[str, Any]:
    """Statistics of the one model; times in nanoseconds, `last_inference` in milliseconds since 1970, to the second."""
    counts = metrics.requests.values
    succeeded = int(counts[_PREDICTED])
    failed = int(sum(counts.values())) - succeeded
    runs = sum(metrics.inference_duration.counts)
    answered_seconds = max(0.0, metrics.request_duration.sum - metrics.refused_seconds)
    nothing = _duration(0, 0.0)
    return {
        "name": name,
        "version": version,
        "last_inference": int(metrics.last_prediction_at * 1000),
        "inference_count": succeeded,
        "execution_count": runs,
        "inference_stats": {
            "success": _duration(succeeded, answered_seconds),
            "fail": _duration(failed, metrics.refused_seconds),
            "queue": nothing,
            "compute_input": nothing,
            "compute_infer": _duration(runs, metrics.inference_duration.sum),
            "compute_output": nothing,
            "cache_hit": nothing,
            "cache_miss": nothing,
        },
        "batch_stats": [],
    }


def _duration(count: int, seconds: float) -> dict[str, int]:
    return {"count": count, "ns": int(seconds * 1e9)}
