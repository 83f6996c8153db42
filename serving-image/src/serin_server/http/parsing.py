"""The reading half of a connection: bytes in, whole requests out, and bounds on what is kept of an unfinished one."""

import asyncio
from abc import abstractmethod
from time import perf_counter
from typing import TYPE_CHECKING, Final, cast

import httptools

from serin_server.dataplane.memory import UNCOUNTED_BYTES
from serin_server.dataplane.trace import HEADER as TRACE_HEADER
from serin_server.dataplane.trace import trace_of
from serin_server.feedback.marks import HEADER
from serin_server.http.body import Body
from serin_server.http.heads import KnownHead
from serin_server.http.messages import Request
from serin_server.refusals import Kind, Refusal

if TYPE_CHECKING:
    from serin_server.http.server import HttpServer

KEPT_HEADERS: Final = frozenset(
    {
        b"authorization",
        b"content-encoding",
        b"content-length",
        b"content-type",
        b"expect",
        b"host",
        b"transfer-encoding",
        b"inference-header-content-length",
        b"x-api-key",
        HEADER,
        TRACE_HEADER,
    }
)
_LEAST_BYTES_PER_SECOND: Final = 64 * 1024
_HEAD_END: Final = b"\r\n\r\n"


class RequestParser(asyncio.Protocol):
    """Parses what comes on one connection."""

    __slots__ = (
        "_body",
        "_head",
        "_head_bytes",
        "_is_discarding",
        "_is_head_done",
        "_is_reusable",
        "_kept_headers",
        "_offered",
        "_parser",
        "_request",
        "_server",
        "_unfinished_bytes",
        "deadline",
    )

    def __init__(self, server: "HttpServer") -> None:
        self._server = server
        self._kept_headers = server.kept_headers
        self._parser = httptools.HttpRequestParser(self)
        self._request: Request | None = None
        self._body: Body | bytes = b""
        self._head: bytes | None = None
        """The head with which what is being read began, where it may be remembered."""
        self._is_reusable = True
        self._head_bytes = 0
        self._unfinished_bytes = 0
        self._is_head_done = False
        self._is_discarding = False
        self._offered: Request | None = None
        self.deadline = 0.0

    @abstractmethod
    def completed(self, request: Request) -> None:
        """Takes a whole request."""

    @abstractmethod
    def refuse(self, refusal: Refusal) -> None:
        """Takes the refusal of a request that cannot be read to its end, nor any behind it."""

    @abstractmethod
    def go_on(self) -> None:
        """Tells a client that waits for it to send its body."""

    @abstractmethod
    def let_others_read(self) -> None:
        """Reads on in the next turn of the loop."""

    # From asyncio.

    def data_received(self, data: bytes) -> None:
        if self._is_discarding:
            return
        if self._request is None and self._is_reusable:
            end = data.find(_HEAD_END) + 4
            head = data[:end]
            known = self._server.heads.find(head)
            if known is not None and len(data) == end + known.length:
                self._known(known, data[end:])
                return
            self._head = head
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._ignore_upgrade(data[upgrade.args[0] :])
            return
        except httptools.HttpParserCallbackError as error:
            self.refuse(_cause_of(error))
            return
        except httptools.HttpParserError as error:
            self.refuse(Refusal(Kind.MALFORMED, f"not an HTTP request: {error}"))
            return
        if self._request is not None:
            self._unfinished(len(data))

    def _known(self, known: KnownHead, body: bytes) -> None:
        """Takes a whole request whose head was parsed before, on this connection or another one."""
        request = Request()
        request.method = b"POST"
        request.target, request.headers, request.body = known.target, known.headers, body
        try:
            if self._server.access is not None:
                request.refusal = self._server.refusal_of(request)
            request.started = perf_counter()
            self.completed(request)
        except Refusal as refusal:
            self.refuse(refusal)

    def _unfinished(self, size: int) -> None:
        """Bounds what is kept of a request whose end is yet to come."""
        if not self._is_head_done:
            # A head that began in these bytes is small so far; one that goes on and on is not.
            self._unfinished_bytes = 0 if self._unfinished_bytes < 0 else self._unfinished_bytes + size
            if self._unfinished_bytes > self._server.max_header_bytes:
                self.refuse(_head_too_large(self._server.max_header_bytes))
        elif isinstance(self._body, bytes) and self._body:
            try:
                self._body = Body(cast("Request", self._request), self._body, self._server.memory)
            except Refusal as refusal:
                self.refuse(refusal)

    def _ignore_upgrade(self, rest: bytes) -> None:
        """Goes on in HTTP/1.1 after an offer to change protocols, which a server may ignore.

        Java's client makes that offer by default. The parser believes that the new protocol begins behind the head and
        gives up; so a new one is told the same head without the offer.
        """
        offered = self._offered
        self._parser = httptools.HttpRequestParser(self)
        if offered is None:
            return
        headers = b"".join(b"%b: %b\r\n" % header for header in offered.headers.items() if header[0] != b"expect")
        headers += b"connection: keep-alive\r\n" if offered.keep_alive else b"connection: close\r\n"
        version = b"1.0" if offered.is_http_1_0 else b"1.1"
        self.data_received(b"%b %b HTTP/%b\r\n%b\r\n%b" % (offered.method, offered.target, version, headers, rest))

    # From httptools: the parts of a request.

    def on_message_begin(self) -> None:
        self._request = Request()
        self._body = b""
        self._head_bytes = 0
        self._unfinished_bytes = -1
        self._is_head_done = False
        self.deadline = self._server.now + self._server.read_timeout

    def on_url(self, url: bytes) -> None:
        request = self._request
        if request is not None:
            request.target += url
            self._head_bytes += len(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_bytes += len(name) + len(value)
        name = name.lower()
        if name in self._kept_headers and not self._is_head_done:  # what trails a chunked body is no header
            headers = self._request.headers  # type: ignore[union-attr]
            if name == b"host" and name in headers:
                raise Refusal(Kind.MALFORMED, "a request names one host, and two came")
            headers[name] = value

    def on_headers_complete(self) -> None:
        request = cast("Request", self._request)
        self._is_head_done = True
        server = self._server
        if self._head_bytes > server.max_header_bytes:
            raise _head_too_large(server.max_header_bytes)
        parser = self._parser
        request.method = parser.get_method()
        if parser.get_http_version() == "1.0":
            request.is_http_1_0 = True
        headers = request.headers
        length = headers.get(b"content-length")
        if length is not None and len(length) > 3:
            self._check_size(length)
        if b"host" not in headers and not request.is_http_1_0:
            raise Refusal(Kind.MALFORMED, "a request of HTTP/1.1 names its host")
        if (trace := headers.get(TRACE_HEADER)) is not None:
            request.trace = trace_of(trace)
        if (mark := headers.get(HEADER)) is not None:
            request.control = server.question_of(request, mark)
        offered, self._offered = self._offered, None
        if offered is not None:  # the same request once more: it counts once
            request.refusal = offered.refusal
        elif server.access is not None and request.method == b"POST":
            request.refusal = server.refusal_of(request)
        expected = headers.get(b"expect")
        if expected is not None and not request.is_http_1_0:
            self._meet(expected, request)

    def _check_size(self, length: bytes) -> None:
        """Refuses a body before it is sent that would be too large when it is here."""
        size = int(length)
        if size > self._server.max_body_bytes:
            raise _body_too_large(self._server.max_body_bytes, length)
        if size > UNCOUNTED_BYTES:
            self._server.memory.check(size)

    def _meet(self, expected: bytes, request: Request) -> None:
        """Tells a client that waits for it to send its body, or not to."""
        if request.refusal is not None:
            raise request.refusal
        if expected.lower() != b"100-continue":
            raise Refusal(Kind.MALFORMED, "the only expectation that can be met is 100-continue")
        self.go_on()

    def on_body(self, body: bytes) -> None:
        if not self._body:
            self._body = body
            if len(body) > self._server.max_body_bytes:
                raise _body_too_large(self._server.max_body_bytes, b"more")
            return
        request = cast("Request", self._request)
        if request.refusal is not None:
            self._throw_away(request.refusal, len(body))
            return
        if isinstance(self._body, bytes):
            self._body = Body(request, self._body, self._server.memory)
        if self._body.add(body):
            self.let_others_read()
        # Who goes on sending gets more time, who trickles does not.
        self.deadline += len(body) / _LEAST_BYTES_PER_SECOND
        if len(self._body) > self._server.max_body_bytes:
            raise _body_too_large(self._server.max_body_bytes, b"more")

    def _throw_away(self, refusal: Refusal, size: int) -> None:
        """Forgets the body of a request that is refused: a short one, so that its connection can go on."""
        self._head_bytes += size
        if self._head_bytes > UNCOUNTED_BYTES:
            raise refusal

    def on_message_complete(self) -> None:
        request = cast("Request", self._request)
        self._request = None
        self._is_head_done = False
        self._head_bytes = 0
        if self._parser.should_upgrade() and request.method != b"CONNECT":
            request.keep_alive = self._parser.should_keep_alive()
            self._offered = request
            self._head, self._is_reusable = None, False
            return
        self.deadline = 0.0
        body = self._body
        request.body = body.whole() if isinstance(body, Body) else body
        self._body = b""
        request.keep_alive = self._parser.should_keep_alive()
        if self._head is not None:
            self._server.heads.remember(self._head, request)
            self._head = None
        self._is_reusable = request.keep_alive
        request.started = perf_counter()
        self.completed(request)

    def drop_unfinished(self) -> None:
        """Forgets the request whose end is yet to come."""
        request, self._request, self._body = self._request, None, b""
        if request is not None and request.holding is not None:
            request.holding.release()


def _cause_of(error: httptools.HttpParserCallbackError) -> Refusal:
    """What a callback raised. Never a local of its caller: it would hold itself by its traceback until the collector comes."""
    cause = error.__context__
    return cause if isinstance(cause, Refusal) else Refusal(Kind.MALFORMED, "not an HTTP request")


def _head_too_large(limit: int) -> Refusal:
    return Refusal(Kind.HEAD_TOO_LARGE, f"the request's head is larger than {limit} bytes")


def _body_too_large(limit: int, length: bytes) -> Refusal:
    came = length.decode("ascii", "replace")
    return Refusal(Kind.TOO_LARGE, f"the body may have {limit} bytes, and {came} came: send fewer rows a request")
