"""One client connection: bytes in, requests out one after another, responses in their order.

Requests of one connection are answered one at a time, so pipelined ones wait in `_waiting` and never overtake; but for
questions of another version (`http/questions.py`).
Nothing here sets a timer: `Connections.sweep` (http/server.py) looks at all connections once a second.
"""

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final, cast

import httptools

from serin_server.dataplane.memory import UNCOUNTED_BYTES, Holding
from serin_server.http.body import pay
from serin_server.http.messages import Request, Response, head, refused
from serin_server.http.outfit import Dressed
from serin_server.http.parsing import RequestParser
from serin_server.http.questions import Questions, text_of
from serin_server.metrics.clients import Client
from serin_server.refusals import Kind, Refusal

if TYPE_CHECKING:
    from serin_server.http.server import HttpServer

_MAX_WAITING: Final = 16
_SMALL_BYTES: Final = 4096
_LEAST_BYTES_PER_SECOND: Final = 64 * 1024
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class HttpConnection(RequestParser):
    """Parses requests, hands each to the server's router, writes what comes back."""

    __slots__ = (
        "_continue_owed",
        "_is_busy",
        "_is_closing",
        "_is_reading_paused",
        "_is_writing_paused",
        "_questions",
        "_refusal_owed",
        "_transport",
        "_unsent",
        "_unsent_bytes",
        "_waiting",
        "client",
        "expires_at",
        "idle_since",
        "is_client",
        "requests_left",
    )

    def __init__(self, server: "HttpServer") -> None:
        super().__init__(server)
        self._transport: asyncio.Transport = cast("asyncio.Transport", None)
        self._waiting: deque[Request] = deque()
        self._is_busy = False
        self._is_closing = False
        self._is_reading_paused = False
        self._is_writing_paused = False
        self._unsent: list[Holding] = []
        self._unsent_bytes = 0
        self._continue_owed = False
        self._refusal_owed: bytes | None = None
        self._questions: Questions | None = None
        self.is_client = False
        self.client: Client | None = None
        self.requests_left = 0
        self.idle_since = 0.0
        self.expires_at = 0.0

    # From asyncio: the life of the connection.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._server.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_closing = True
        self._drop_waiting()
        self.drop_unfinished()
        self._release_sent()
        if self._questions:
            self._questions.drop()
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

    # From the parser.

    def completed(self, request: Request) -> None:
        self._continue_owed = False
        if request.control and request.keep_alive and self._is_free_for_questions():
            self._open(request)
        elif self._is_busy:
            if len(request.body) > _SMALL_BYTES:
                pay(request, len(request.body), self._server.memory)
            self._waiting.append(request)
            if len(self._waiting) >= _MAX_WAITING:
                self._pause_reading()
        else:
            self._is_busy = True
            self._server.handle(request, self)

    def _is_free_for_questions(self) -> bool:
        return not (self._is_busy and (self._waiting or not self._questions))

    def _open(self, question: Request) -> None:
        """Begins to answer a question beside those that are open."""
        self._is_busy = True
        if self._questions is None:
            self._questions = Questions()
        self._questions.open(question)
        if len(self._questions) >= _MAX_WAITING:
            self._pause_reading()
        self._server.handle(question, self)

    def go_on(self) -> None:
        if self._is_busy:
            self._continue_owed = True
        else:
            self._transport.write(_CONTINUE)

    def let_others_read(self) -> None:
        self._pause_reading()
        self._server.loop.call_soon(self._read_on)

    # From the router: the response to the request that is being answered.

    def respond(self, request: Request, response: Response) -> None:
        """Writes the response of the current request and turns to the next one."""
        holding = request.holding
        if self._transport.is_closing():
            if holding is not None:
                holding.release()
            return
        server = self._server
        if self._questions and request in self._questions:
            self._answer(self._questions, request, response)
            return
        if server.outfit is not None and not isinstance(response, Dressed):
            server.outfit.dress(request, response, self)
            return
        self.requests_left -= 1
        if request.trace is not None:
            response.extra += b"traceparent: %b\r\n" % request.trace.traceparent().encode()
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
            self._hold(holding)
        if close:
            self._close()
        else:
            self._next()

    def _hold(self, *unsent: Holding) -> None:
        """Has the budget hold these until they were sent."""
        self._unsent += unsent
        if not self._is_writing_paused:
            self._release_sent()

    def _answer(self, questions: Questions, request: Request, response: Response) -> None:
        """Takes the answer to a question. Those of one run come in one turn, and are written together."""
        if questions.answer(request, response):
            self._write_answers()
        elif not questions.is_due:
            questions.is_due = True
            self._server.loop.call_soon(self._write_answers)

    def _write_answers(self) -> None:
        """Writes the answers to questions that are ready, and goes on when none is owed."""
        questions, server = cast("Questions", self._questions), self._server
        questions.is_due = False
        if self._transport.is_closing() or not (ready := questions.take()):
            return
        self.requests_left -= len(ready)
        is_end = self._is_closing and not self._waiting and self._refusal_owed is None
        close = not questions and (is_end or server.is_last(self))
        self._transport.write(text_of(ready, server.date, close=close))
        self._hold(*[request.holding for request, _ in ready if request.holding is not None])
        if close:
            self._close()
        elif not questions:
            self._read_on()
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
        if self._server.outfit is not None and self._request is not None:
            response.extra += self._server.outfit.leave(self._request)
        text = head(response, close=True, announce_keep_alive=False, date=self._server.date)
        is_head = self._request is not None and self._parser.get_method() == b"HEAD"
        self._refusal_owed = text if is_head else text + response.body
        if not self._is_busy:
            self._transport.write(self._refusal_owed)
        self._discard()

    def _discard(self) -> None:
        self._is_discarding = True
        self._is_closing = True
        self.drop_unfinished()
        # While an inference runs, its own time limit holds.
        self.deadline = 0.0 if self._is_busy else self._server.now + 2.0
        if not self._is_busy and self._transport.can_write_eof():
            self._transport.write_eof()

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

    @property
    def address(self) -> bytes:
        """Where the client is, without its port; empty where nobody can tell."""
        peer = self._transport.get_extra_info("peername")
        return str(peer[0]).encode() if isinstance(peer, tuple) else b""

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
