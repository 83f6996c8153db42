"""What people write: small specs, made for short stories."""

from datetime import UTC, datetime
from typing import Any

START = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
NAMESPACE = "scoring"
BAKE_SECONDS = 10
"""``rollout.bakeSeconds`` of every spec that says nothing else."""


def spec(version: str = "v1", **more: Any) -> dict[str, Any]:
    """A small spec: three pods, two steps of ten seconds."""
    base: dict[str, Any] = {
        "model": {"version": version, "uri": uri_of(version)},
        "replicas": 3,
        "rollout": rollout(),
    }
    return {**base, **more}


def rollout(*weights: int, hold: int = 10, **more: Any) -> dict[str, Any]:
    """Steps of these weights, each held for ``hold`` seconds."""
    steps = [{"weight": weight, "holdSeconds": hold} for weight in weights or (25, 50)]
    return {"steps": steps, **baking(BAKE_SECONDS), **more}


def baking(seconds: int) -> dict[str, Any]:
    """How long the old version is kept after the switch."""
    return {"bakeSeconds": seconds}


def uri_of(version: str) -> str:
    """Where the model of ``version`` lies."""
    return f"http://models/{version}.onnx"


ANALYSIS: dict[str, Any] = {
    "intervalSeconds": 5,
    "minSamples": 50,
    "metrics": [{"name": "errors", "errorRate": {}}, {"name": "accuracy", "accuracy": {"maxDecrease": 0.02}}],
}


def with_analysis(version: str = "v1", **more: Any) -> dict[str, Any]:
    """A small spec whose steps are judged every five seconds."""
    return spec(version, analysis=ANALYSIS, **more)


GATEWAY: dict[str, Any] = {"gateway": {"parentRefs": [{"name": "public"}], "hostnames": ["models.example.com"]}}
"""``spec.traffic`` of a route that Serin owns."""
