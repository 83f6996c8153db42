"""A second, tiny router on the metrics port: `/metrics` and nothing else."""

from serin_server.http.messages import Request, Response, refused
from serin_server.metrics.server import ServerMetrics
from serin_server.refusals import Kind, Refusal

_TEXT = b"text/plain; version=0.0.4; charset=utf-8"


class MetricsRouter:
    """Answers scrapes."""

    def __init__(self, metrics: ServerMetrics) -> None:
        self._metrics = metrics

    def infer_address(self, request: Request) -> bool:
        """Nothing is inferred on this port."""
        del request
        return False

    def answer(self, request: Request) -> Response:
        """The exposition, to GET and HEAD of /metrics."""
        if request.target.partition(b"?")[0] != b"/metrics":
            return refused(Refusal(Kind.UNKNOWN, "this port has /metrics only"))
        if request.method not in (b"GET", b"HEAD"):
            return refused(Refusal(Kind.METHOD, "metrics are read with GET"), b"GET, HEAD")
        return Response(200, self._metrics.exposition(), _TEXT)
