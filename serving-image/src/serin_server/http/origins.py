"""Cross-origin requests: which pages may have their browsers ask this server, as the Fetch standard (CORS) has it."""

from collections.abc import Iterable
from typing import Final

from serin_server.http.messages import Request, Response

ANY: Final = "*"
_EXPOSED: Final = b"access-control-expose-headers: inference-header-content-length, traceparent, retry-after\r\n"
_ALLOWED: Final = (
    b"access-control-allow-methods: GET, HEAD, POST\r\n"
    b"access-control-allow-headers: authorization, content-encoding, content-type, inference-header-content-length, "
    b"traceparent, x-api-key\r\n"
    b"access-control-max-age: 600\r\n"
)


class Origins:
    """Those that may ask. Cookies are never asked for, so no credentials of a browser go along."""

    def __init__(self, origins: Iterable[str]) -> None:
        self._origins = frozenset(origin.encode() for origin in origins)
        self._is_any = ANY.encode() in self._origins

    def headers(self, origin: bytes | None) -> bytes:
        """What an answer tells the browser of a page of this origin; nothing to other clients."""
        if origin is None:
            return b"" if self._is_any else b"vary: origin\r\n"
        if self._is_any:
            return b"access-control-allow-origin: *\r\n" + _EXPOSED
        if origin not in self._origins:
            return b"vary: origin\r\n"
        return b"access-control-allow-origin: %b\r\n%bvary: origin\r\n" % (origin, _EXPOSED)

    def preflight(self, request: Request) -> Response | None:
        """The answer to a browser that asks whether it may ask; None to another question."""
        headers = request.headers
        if b"origin" not in headers or b"access-control-request-method" not in headers:
            return None
        is_known = self._is_any or headers[b"origin"] in self._origins
        return Response(200, b"", extra=_ALLOWED if is_known else b"")
