"""A second, tiny router on the metrics port: `/metrics`, and the addresses that probes ask for.

A kubelet has no certificate, so where clients must show one (mutual TLS) it can ask for health on this port alone.
"""

from collections.abc import Callable
from typing import Protocol

from serin_server.http.messages import Request, Response, refused
from serin_server.refusals import Kind, Refusal

_TEXT = b"text/plain; version=0.0.4; charset=utf-8"


class Exposed(Protocol):
    """Metrics that can be told."""

    def exposition(self) -> bytes:
        """Everything in the text format of Prometheus."""


class MetricsRouter:
    """Answers scrapes, and probes.

    Args:
        metrics: What is told.
        health: Answers for the addresses of health; None for every other address.
    """

    def __init__(self, metrics: Exposed, health: Callable[[Request], Response | None]) -> None:
        self._metrics = metrics
        self._health = health

    def infer_address(self, request: Request) -> bool:
        """Nothing is inferred on this port."""
        del request
        return False

    def answer(self, request: Request) -> Response:
        """The exposition, to GET and HEAD of /metrics; or what the protocol's port says of health."""
        if (health := self._health(request)) is not None:
            return health
        if request.target.partition(b"?")[0] != b"/metrics":
            return refused(Refusal(Kind.UNKNOWN, "this port has /metrics, and health and readiness under /v2"))
        if request.method not in (b"GET", b"HEAD"):
            return refused(Refusal(Kind.METHOD, "metrics are read with GET"), b"GET, HEAD")
        return Response(200, self._metrics.exposition(), _TEXT)
