"""What answers are given beside their content where that is switched on: packed bodies, and leave for pages of other origins."""

import zlib
from functools import partial
from typing import TYPE_CHECKING, Final

from serin_server.dataplane.memory import Holding
from serin_server.http.large import LargeRequests
from serin_server.http.messages import Request, Response
from serin_server.http.origins import Origins

if TYPE_CHECKING:
    from serin_server.http.connection import HttpConnection

HEADERS: Final = frozenset({b"accept-encoding", b"origin", b"access-control-request-method"})
"""Those of requests that matter here, and are not kept otherwise."""
_ASIDE_BYTES: Final = 32 * 1024
"""Packing more takes longer than others should wait: about a millisecond."""
_LEVEL: Final = 1
_GZIP: Final = 31


class Dressed(Response):
    """An answer that lacks nothing any more."""


class Outfit:
    """Dresses the answers of one port."""

    def __init__(self, large: LargeRequests, origins: Origins | None, least_bytes: int) -> None:
        """Bodies of `least_bytes` and more are packed for those who ask for that; 0 for none."""
        self._large = large
        self._origins = origins
        self._least_bytes = least_bytes

    def leave(self, request: Request) -> bytes:
        """The headers that let a page of the request's origin read the answer."""
        return b"" if self._origins is None else self._origins.headers(request.headers.get(b"origin"))

    def dress(self, request: Request, response: Response, connection: "HttpConnection") -> None:
        """Gives the connection the answer as it goes on the wire, at once or from a thread."""
        body = response.body
        extra = response.extra + self.leave(request)
        if not self._least_bytes or len(body) < self._least_bytes or response.status != 200:
            connection.respond(request, Dressed(response.status, body, response.content_type, extra))
            return
        extra += b"vary: accept-encoding\r\n"
        if request.method == b"HEAD" or not takes_gzip(request.headers.get(b"accept-encoding", b"")):
            connection.respond(request, Dressed(200, body, response.content_type, extra))
        elif len(body) <= _ASIDE_BYTES:
            connection.respond(request, _packed(response.content_type, extra, body, _gzip(body)))
        else:
            then = partial(_respond, request, connection, response.content_type, extra, body)
            self._large.aside(partial(_gzip_within, request.holding, body), then)


def takes_gzip(accepted: bytes) -> bool:
    """Whether an Accept-Encoding names gzip, and does not say that it is not wanted (`q=0`)."""
    for part in accepted.lower().split(b","):
        name, *parameters = part.split(b";")
        if name.strip() in (b"gzip", b"x-gzip"):
            return not any(_weighs_nothing(parameter) for parameter in parameters)
    return False


def _weighs_nothing(parameter: bytes) -> bool:
    name, _, value = parameter.partition(b"=")
    weight = value.strip()
    return name.strip() == b"q" and weight != b"" and not weight.strip(b"0.")


def _respond(
    request: Request,
    connection: "HttpConnection",
    content_type: bytes,
    extra: bytes,
    body: bytes,
    packed: bytes | Exception,
) -> None:
    if isinstance(packed, Exception):  # without memory to pack it there is still the answer itself
        packed = body
    connection.respond(request, _packed(content_type, extra, body, packed))


def _packed(content_type: bytes, extra: bytes, body: bytes, packed: bytes) -> Dressed:
    """The shorter of the two."""
    if len(packed) < len(body):
        return Dressed(200, packed, content_type, extra + b"content-encoding: gzip\r\n")
    return Dressed(200, body, content_type, extra)


def _gzip_within(holding: Holding | None, body: bytes) -> bytes:
    """The packed body, which is held then. Raises `Refusal` where the budget has no room for it, twice while it is joined."""
    if holding is None:
        return _gzip(body)
    holding.grow(2 * len(body))
    packed = _gzip(body)
    holding.shrink(2 * len(body) - len(packed))
    return packed


def _gzip(body: bytes) -> bytes:
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    return packer.compress(body) + packer.flush()
