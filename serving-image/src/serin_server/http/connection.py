"""One client connection: bytes in, requests out one after another, responses in their order.

Requests of one connection are answered one at a time, so pipelined ones wait in `_waiting` and never overtake.
Nothing here sets a timer: `Connections.sweep` (http/server.py) looks at all connections once a second.
"""

import asyncio
from collections import deque
from time import perf_counter
from typing import TYPE_CHECKING, Final, cast

import httptools

from serin_server.dataplane.memory import UNCOUNTED_BYTES, Holding
from serin_server.http.body import Body, pay
from serin_server.http.messages import Request, Response, head, refused
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
    }
)
_MAX_WAITING: Final = 16
_SMALL_BYTES: Final = 4096
_LEAST_BYTES_PER_SECOND: Final = 64 * 1024
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class HttpConnection(asyncio.Protocol):
    """Parses requests, hands each to the server's router, writes what comes back."""

    __slots__ = (
        "_body",
        "_continue_owed",
        "_head_bytes",
        "_is_busy",
        "_is_closing",
        "_is_discarding",
        "_is_head_done",
        "_is_reading_paused",
        "_is_writing_paused",
        "_offered",
        "_parser",
        "_refusal_owed",
        "_request",
        "_server",
        "_transport",
        "_unfinished_bytes",
        "_unsent",
        "_unsent_bytes",
        "_waiting",
        "deadline",
        "expires_at",
        "idle_since",
        "is_client",
        "requests_left",
    )

    def __init__(self, server: "HttpServer") -> None:
        self._server = server
        self._transport: asyncio.Transport = cast("asyncio.Transport", None)
        self._parser = httptools.HttpRequestParser(self)
        self._request: Request | None = None
        self._waiting: deque[Request] = deque()
        self._body: Body | bytes = b""
        self._head_bytes = 0
        self._unfinished_bytes = 0
        self._is_head_done = False
        self._is_busy = False
        self._is_closing = False
        self._is_discarding = False
        self._is_reading_paused = False
        self._is_writing_paused = False
        self._unsent: list[Holding] = []
        self._unsent_bytes = 0
        self._continue_owed = False
        self._refusal_owed: bytes | None = None
        self._offered: Request | None = None
        self.is_client = False
        self.requests_left = 0
        self.deadline = 0.0
        self.idle_since = 0.0
        self.expires_at = 0.0

    # From asyncio: the life of the connection.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._server.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_closing = True
        self._drop_waiting()
        self._drop_unfinished()
        self._release_sent()
        self._parser = cast("httptools.HttpRequestParser", None)  # it holds us
        self._server.closed(self)

    def eof_received(self) -> bool:
        """A client that only closed its sending half still gets the answers to what it has sent."""
        self._is_closing = True
        return self._is_busy and self._transport.can_write_eof()  # TLS has no half-closed connections

    def pause_writing(self) -> None:
        self._pause_reading()
        self._is_writing_paused = True
        self._unsent_bytes = self._transport.get_write_buffer_size()
        self.deadline = self._server.now + self._server.read_timeout

    def resume_writing(self) -> None:
        self._is_writing_paused = False
        self.deadline = 0.0
        self._release_sent()
        self._resume_reading()

    def data_received(self, data: bytes) -> None:
        if self._is_discarding:
            return
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
        offered, self._offered = self._offered, None
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
        if name in KEPT_HEADERS and not self._is_head_done:  # what trails a chunked body is no header
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
        if server.access is not None and request.method == b"POST":
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
        if self._is_busy:
            self._continue_owed = True
        else:
            self._transport.write(_CONTINUE)

    def on_body(self, body: bytes) -> None:
        if not self._body:
            self._body = body
            return
        request = cast("Request", self._request)
        if request.refusal is not None:
            self._throw_away(request.refusal, len(body))
            return
        if isinstance(self._body, bytes):
            self._body = Body(request, self._body, self._server.memory)
        self._body.add(body)
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
            return
        self._continue_owed = False
        self.deadline = 0.0
        body = self._body
        request.body = body.whole() if isinstance(body, Body) else body
        self._body = b""
        request.keep_alive = self._parser.should_keep_alive()
        request.started = perf_counter()
        if self._is_busy:
            if len(request.body) > _SMALL_BYTES:
                pay(request, len(request.body), self._server.memory)
            self._waiting.append(request)
            if len(self._waiting) >= _MAX_WAITING:
                self._pause_reading()
        else:
            self._is_busy = True
            self._server.handle(request, self)

    # From the router: the response to the request that is being answered.

    def respond(self, request: Request, response: Response) -> None:
        """Writes the response of the current request and turns to the next one."""
        holding = request.holding
        if self._transport.is_closing():
            if holding is not None:
                holding.release()
            return
        server = self._server
        self.requests_left -= 1
        is_end = self._is_closing and not self._waiting and self._refusal_owed is None
        close = not request.keep_alive or is_end or server.is_last(self)
        text = head(response, close, request.is_http_1_0, server.date)
        if request.method == b"HEAD":
            self._transport.write(text)
        elif len(response.body) > UNCOUNTED_BYTES:
            self._transport.write(text)
            self._transport.write(response.body)
        else:
            self._transport.write(text + response.body)
        if holding is not None:
            self._unsent.append(holding)
            if not self._is_writing_paused:
                self._release_sent()
        if close:
            self._close()
        else:
            self._next()

    def _next(self) -> None:
        if self._waiting:
            following = self._waiting.popleft()
            if self._is_reading_paused and not self._waiting:
                self._resume_reading()
            # A turn of the loop between two, so that a long pipeline neither recurses nor starves the others.
            self._server.loop.call_soon(self._server.handle, following, self)
            return
        self._is_busy = False
        self.idle_since = self._server.now
        if self._refusal_owed is not None:
            self._transport.write(self._refusal_owed)
            self._discard()
        elif self._continue_owed:
            self._continue_owed = False
            self._transport.write(_CONTINUE)

    def refuse(self, refusal: Refusal) -> None:
        """Answers a request that cannot be read to its end, behind the answers to those before it, and closes.

        What the client is still sending is read and thrown away for a moment: closing at once would reset the
        connection, and the client might never see the answer.
        """
        if self._is_discarding or self._transport.is_closing():
            return
        self._server.refused(refusal)
        response = refused(refusal)
        text = head(response, close=True, announce_keep_alive=False, date=self._server.date)
        is_head = self._request is not None and self._parser.get_method() == b"HEAD"
        self._refusal_owed = text if is_head else text + response.body
        if not self._is_busy:
            self._transport.write(self._refusal_owed)
        self._discard()

    def _discard(self) -> None:
        self._is_discarding = True
        self._is_closing = True
        self._drop_unfinished()
        # While an inference runs, its own time limit holds.
        self.deadline = 0.0 if self._is_busy else self._server.now + 2.0
        if not self._is_busy and self._transport.can_write_eof():
            self._transport.write_eof()

    def _drop_unfinished(self) -> None:
        request, self._request, self._body = self._request, None, b""
        if request is not None and request.holding is not None:
            request.holding.release()

    def _drop_waiting(self) -> None:
        for request in self._waiting:
            if request.holding is not None:
                request.holding.release()
        self._waiting.clear()

    def _release_sent(self) -> None:
        for holding in self._unsent:
            holding.release()
        self._unsent.clear()

    def _close(self) -> None:
        self._is_closing = True
        self._drop_waiting()
        if self._is_discarding or self._request is not None:
            self._is_busy = False
            self._discard()
        else:
            self._transport.close()

    # From the sweep.

    @property
    def is_idle(self) -> bool:
        """Whether nothing is being read or answered."""
        return not self._is_busy and self._request is None

    def expire(self) -> None:
        """The client took too long to send its request, or to read its answer, or to go away."""
        unsent = self._transport.get_write_buffer_size()
        if unsent and self._unsent_bytes - unsent >= _LEAST_BYTES_PER_SECOND:
            self._unsent_bytes = unsent  # a large answer on its way to a slow reader
            self.deadline = self._server.now + self._server.read_timeout
        elif self._is_discarding or unsent:
            self._transport.abort()
        elif self._is_reading_paused:  # too many wait behind one another: it is not the client who is slow
            self.deadline = self._server.now + self._server.read_timeout
        else:
            self.refuse(Refusal(Kind.SLOW_CLIENT, "the request did not arrive in time"))

    def shut(self) -> None:
        """Closes a connection that is idle."""
        self._transport.close()

    def _read_on(self) -> None:
        if not self._is_writing_paused and len(self._waiting) < _MAX_WAITING:
            self._resume_reading()

    def _pause_reading(self) -> None:
        if not self._is_reading_paused and not self._transport.is_closing():
            self._is_reading_paused = True
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._is_reading_paused and not self._transport.is_closing():
            self._is_reading_paused = False
            self._transport.resume_reading()


def _cause_of(error: httptools.HttpParserCallbackError) -> Refusal:
    """What a callback raised. Never a local of its caller: it would hold itself by its traceback until the collector comes."""
    cause = error.__context__
    return cause if isinstance(cause, Refusal) else Refusal(Kind.MALFORMED, "not an HTTP request")


def _head_too_large(limit: int) -> Refusal:
    return Refusal(Kind.HEAD_TOO_LARGE, f"the request's head is larger than {limit} bytes")


def _body_too_large(limit: int, length: bytes) -> Refusal:
    came = length.decode("ascii", "replace")
    return Refusal(Kind.TOO_LARGE, f"the body may have {limit} bytes, and {came} came: send fewer rows a request")
