"""Requests and responses of HTTP as values, and how a refusal reads in HTTP."""

from collections.abc import Callable, Iterator
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, Final

import orjson

from serin_server.dataplane.call import Pair
from serin_server.dataplane.memory import Holding
from serin_server.dataplane.trace import Trace
from serin_server.refusals import STATUS, Kind, Refusal

JSON: Final = b"application/json"


class Request:
    """One request, whole. Header names are lower case; only those in `KEPT_HEADERS` are kept."""

    __slots__ = (
        "body",
        "control",
        "headers",
        "holding",
        "is_http_1_0",
        "keep_alive",
        "method",
        "pair",
        "refusal",
        "started",
        "target",
        "trace",
    )

    def __init__(self) -> None:
        self.method = b""
        self.target = b""
        self.headers: dict[bytes, bytes] = {}
        self.body: bytes | bytearray = b""
        self.holding: Holding | None = None
        """What it holds of the memory budget; nothing while it is small."""
        self.refusal: Refusal | None = None
        """Why it will not be answered otherwise, known when its head was read; its body is then thrown away."""
        self.keep_alive = True
        self.is_http_1_0 = False
        self.started = 0.0
        self.control = ""
        """The number of the question where another version asks, and no client."""
        self.pair: Pair | None = None
        """What the control makes of it, where it was asked."""
        self.trace: Trace | None = None
        """The trace that its client told of."""


class Response:
    """A response before it is put on the wire."""

    __slots__ = ("body", "content_type", "extra", "status")

    def __init__(self, status: int, body: bytes, content_type: bytes = JSON, extra: bytes = b"") -> None:
        self.status = status
        self.body = body
        self.content_type = content_type
        self.extra = extra


Turns = Iterator[Response | None]
"""A response that is long in the making: None for every turn of the loop that others should have before it goes on."""
Later = Callable[[Callable[[Response], None]], None]
"""A response that is made elsewhere: is given what to call with it, on the loop's thread."""


def json_response(content: Any, status: int = 200) -> Response:
    """A response with a JSON body."""
    return Response(status, orjson.dumps(content))


def binary_response(body: bytes, json_length: int) -> Response:
    """An inference response of the binary tensor data extension: JSON of this length, raw tensors behind it."""
    return Response(200, body, b"application/octet-stream", b"inference-header-content-length: %d\r\n" % json_length)


def sealed_response(token: bytes, status: int = 200) -> Response:
    """What a control answers: a token alone, with the status that a client would have seen."""
    return Response(status, token, b"text/plain")


def refused(refusal: Refusal, allow: bytes = b"") -> Response:
    """A refusal as the protocol's error body."""
    extra = b""
    if refusal.kind in (Kind.OVERLOADED, Kind.NOT_READY, Kind.TOO_OFTEN):
        extra = b"retry-after: %d\r\n" % refusal.retry_seconds
    elif refusal.kind is Kind.METHOD:
        extra = b"allow: " + allow + b"\r\n"
    elif refusal.kind is Kind.UNAUTHENTICATED:
        extra = b'www-authenticate: Bearer realm="serin"\r\n'
    return Response(STATUS[refusal.kind], orjson.dumps({"error": refusal.message}), JSON, extra)


OPENAI: Final = b"/v1/"
"""Where the addresses of OpenAI's interface begin."""


def refused_at(target: bytes, refusal: Refusal) -> Response:
    """A refusal as clients of this address read it: OpenAI's have an object where the protocol has a sentence."""
    response = refused(refusal, b"POST")
    if target.startswith(OPENAI):
        kind = (
            "rate_limit_error"
            if response.status == 429
            else "invalid_request_error"
            if response.status < 500
            else "server_error"
        )
        code = _CODES.get(refusal.kind)
        told = {"message": refusal.message, "type": kind, "param": None, "code": code}
        response.body = orjson.dumps({"error": told})
    return response


_CODES: Final = {Kind.UNKNOWN: "model_not_found", Kind.UNAUTHENTICATED: "invalid_api_key"}
_STATUS_LINES: Final = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}


def head(response: Response, close: bool, announce_keep_alive: bool, date: bytes) -> bytes:
    """Status line and headers. A 1.0 client that asked to keep the connection is told that it is kept."""
    connection = b"connection: close\r\n" if close else b"connection: keep-alive\r\n" if announce_keep_alive else b""
    return b"%b%bcontent-type: %b\r\ncontent-length: %d\r\n%b%b\r\n" % (
        _STATUS_LINES[response.status],
        date,
        response.content_type,
        len(response.body),
        response.extra,
        connection,
    )


def date_line(seconds: float) -> bytes:
    """The Date header of this second."""
    return b"date: " + formatdate(seconds, usegmt=True).encode() + b"\r\n"
