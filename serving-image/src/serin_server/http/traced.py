"""Connections on which traces begin: only there where spans are exported, so that others pay nothing for it."""

from collections.abc import Callable

from serin_server.dataplane.trace import Trace
from serin_server.http.connection import HttpConnection
from serin_server.http.messages import Request
from serin_server.http.server import HttpServer


class TracedConnection(HttpConnection):
    """Asks for each inference that belongs to no trace whether one begins with it."""

    __slots__ = ("_begin",)

    def __init__(self, server: HttpServer, begin: Callable[[], Trace | None]) -> None:
        super().__init__(server)
        self._begin = begin

    def completed(self, request: Request) -> None:
        """Takes a whole request."""
        if request.trace is None and _is_inference(request):
            request.trace = self._begin()
        super().completed(request)


def _is_inference(request: Request) -> bool:
    """Whether a client asks for a prediction; another version that compares itself is none."""
    is_asked = request.method == b"POST" and not request.control
    return is_asked and request.target.partition(b"?")[0].endswith((b"/infer", b"/embeddings"))
