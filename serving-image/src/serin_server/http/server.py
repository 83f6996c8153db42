"""The HTTP server: addresses of the protocol, the connections that are open, and their ends."""

import asyncio
import random
from collections import deque
from collections.abc import Iterable
from functools import partial
from time import time
from typing import TYPE_CHECKING, Final, Protocol, cast

from serin_server.dataplane.call import Call, is_large
from serin_server.dataplane.departure import WATCHED_SECONDS
from serin_server.dataplane.memory import UNCOUNTED_BYTES
from serin_server.dataplane.plane import DataPlane, Loaded
from serin_server.http.body import BodyLimits, pay
from serin_server.http.connection import HttpConnection
from serin_server.http.large import LargeRequests
from serin_server.http.messages import Request, Response, binary_response, date_line, refused
from serin_server.refusals import STATUS, Kind, Refusal

if TYPE_CHECKING:
    from serin_server.security.access import AccessControl

SWEEP_SECONDS: Final = 1.0
_NEVER: Final = float("inf")


class Router(Protocol):
    """Answers everything that is not inference."""

    def infer_address(self, request: Request) -> bool:
        """Whether the request is an inference of the served model; raises `Refusal` when of another one."""

    def answer(self, request: Request) -> Response:
        """The response to any other request; refusals included."""


class HttpServer:
    """All connections of one listening port."""

    def __init__(
        self,
        router: Router,
        infer_targets: Iterable[bytes],
        plane: DataPlane,
        loop: asyncio.AbstractEventLoop,
        *,
        max_requests: int = 100,
        max_seconds: float = 30.0,
        max_body_bytes: int = 64 << 20,
        max_header_bytes: int = 16 << 10,
        max_body_growth: float = 10.0,
        read_timeout: float = 20.0,
        idle_timeout: float = 300.0,
    ) -> None:
        self._router = router
        self._infer_targets = frozenset(infer_targets)
        self._plane = plane
        self._metrics = plane.metrics
        self.memory = plane.memory
        self.access = plane.access
        self._large = LargeRequests(BodyLimits(plane.memory, max_body_bytes, max_body_growth), loop)
        self.loop = loop
        self._max_requests = max_requests
        self._max_seconds = max_seconds
        self.max_body_bytes = max_body_bytes
        self.max_header_bytes = max_header_bytes
        self.read_timeout = read_timeout
        self._idle_timeout = idle_timeout
        self.connections: set[HttpConnection] = set()
        self._clients = 0
        self.clients_by_second: deque[int] = deque(maxlen=WATCHED_SECONDS)
        self.now = loop.time()
        self.date = date_line(time())
        self._sweep_handle = loop.call_later(SWEEP_SECONDS, self._sweep)

    # The connections.

    def opened(self, connection: HttpConnection) -> None:
        """A client came; its connection gets an age and a number of requests, jittered so that ends spread out."""
        jitter = random.uniform(0.8, 1.2)  # noqa: S311 (no secret)
        connection.requests_left = int(self._max_requests * jitter) if self._max_requests else 1 << 60
        connection.expires_at = self.now + self._max_seconds * jitter if self._max_seconds else _NEVER
        connection.idle_since = self.now
        self.connections.add(connection)
        self._metrics.connections += 1

    def closed(self, connection: HttpConnection) -> None:
        """A connection is gone."""
        self.connections.discard(connection)
        self._metrics.connections -= 1

    def _met(self, connection: HttpConnection) -> None:
        """The first request of a connection that wants something of the model."""
        connection.is_client = True
        self._clients += 1
        if self._plane.departure is not None:
            self._plane.departure.came(connection)

    def is_last(self, connection: HttpConnection) -> bool:
        """Whether the response that is being written is to be the connection's last."""
        return connection.requests_left <= 0 or self.now >= connection.expires_at or self._plane.departure is not None

    def _sweep(self) -> None:
        self.now = now = self.loop.time()
        self.date = date_line(time())
        self.clients_by_second.append(self._clients)
        self._clients = 0
        for connection in list(self.connections):
            if connection.deadline and now > connection.deadline:
                connection.expire()
            elif connection.is_idle and now - connection.idle_since > self._idle_timeout:
                connection.shut()
        self._sweep_handle = self.loop.call_later(SWEEP_SECONDS, self._sweep)

    def shut_idle(self) -> None:
        """Closes the connections on which nothing is going on."""
        for connection in list(self.connections):
            if connection.is_idle:
                connection.shut()

    def stop(self) -> None:
        """Ends the sweep and every connection that is left."""
        self._sweep_handle.cancel()
        self._large.close()
        for connection in list(self.connections):
            connection.shut()

    # The requests.

    def handle(self, request: Request, connection: HttpConnection) -> None:
        """Answers one request, at once or after its inference."""
        if not connection.is_client and request.method == b"POST":  # probes only look
            self._met(connection)
        try:
            if request.refusal is not None:
                self._refuse_by_head(request, connection, request.refusal)
                return
            if request.target in self._infer_targets or self._router.infer_address(request):
                if request.method == b"POST":
                    self._infer(request, connection)
                    return
                raise Refusal(Kind.METHOD, "inference is asked for with POST")
            response = self._router.answer(request)
        except Refusal as refusal:
            self.refused(refusal)
            response = refused(refusal, b"POST")
        except Exception as error:  # noqa: BLE001 (a fault of our own: its client is answered all the same)
            response = refused(self._fault(error))
        connection.respond(request, response)

    def _fault(self, error: Exception) -> Refusal:
        """A bug: the log gets its stack trace."""
        self.loop.call_exception_handler({"message": "a request found a fault in the server", "exception": error})
        return Refusal(Kind.FAULT, "the server itself failed on this request: its log says more")

    def refused(self, refusal: Refusal) -> None:
        """Counts what was refused before it was a request."""
        self._plane.rejected(refusal)

    def refusal_of(self, request: Request) -> Refusal | None:
        """Why a request may not come in, by the credentials in its head; its body need not be kept then."""
        headers = request.headers
        try:
            cast("AccessControl", self.access).check(headers.get(b"authorization"), headers.get(b"x-api-key"))
        except Refusal as refusal:
            return refusal.with_traceback(None)  # it would hold this frame
        return None

    def _refuse_by_head(self, request: Request, connection: HttpConnection, refusal: Refusal) -> None:
        if request.target in self._infer_targets or self._router.infer_address(request):
            self._refuse(request, connection, refusal, was_submitted=False)
            return
        self.refused(refusal)
        connection.respond(request, refused(refusal))

    def _infer(self, request: Request, connection: HttpConnection) -> None:
        try:
            loaded = self._plane.admit()
            headers = request.headers
            json_length = headers.get(b"inference-header-content-length")
            size = len(request.body)
            if b"content-encoding" in headers or (size > UNCOUNTED_BYTES and loaded.reader.is_large(size, json_length)):
                self._large.read(request, loaded.reader, lambda call: self._was_read(request, connection, loaded, call))
                return
            call = loaded.reader.read(request.body, json_length)
            if size > UNCOUNTED_BYTES:
                pay(request, size + sum(array.nbytes for array in call.arrays), self.memory)
        except Refusal as refusal:
            self._refuse(request, connection, refusal, was_submitted=False)
        except Exception as error:  # noqa: BLE001 (a fault of our own)
            self._refuse(request, connection, self._fault(error), was_submitted=False)
        else:
            self._submit(request, connection, loaded, call)

    def _was_read(self, request: Request, connection: HttpConnection, loaded: Loaded, call: Call | Exception) -> None:
        """Goes on with a large request, in a later turn of the loop."""
        if isinstance(call, Call):
            self._submit(request, connection, loaded, call)
        else:
            refusal = call if isinstance(call, Refusal) else self._fault(call)
            self._refuse(request, connection, refusal, was_submitted=False)

    def _submit(self, request: Request, connection: HttpConnection, loaded: Loaded, call: Call) -> None:
        request.body = b""
        call.started = request.started
        self._metrics.in_flight += 1

        def done(call: Call) -> None:
            if call.refusal is not None:
                call.forget()
                self._refuse(request, connection, call.refusal, was_submitted=True)
            elif is_large(call):
                self._large.write(request, call, loaded.writer, partial(self._answer, request, connection, call))
            else:
                try:
                    written: tuple[bytes, int] | Exception = loaded.writer.write(call)
                except Exception as error:  # noqa: BLE001 (a fault of our own)
                    written = error
                self._answer(request, connection, call, written)

        loaded.batcher.submit(call, done)

    def _answer(
        self, request: Request, connection: HttpConnection, call: Call, written: tuple[bytes, int] | Exception
    ) -> None:
        """Sends what was written for a call."""
        if not isinstance(written, Exception) and len(written[0]) > UNCOUNTED_BYTES and request.holding is None:
            written = self._paid(request, written)
        if isinstance(written, Exception):
            refusal = written if isinstance(written, Refusal) else self._fault(written)
            call.forget()
            self._refuse(request, connection, refusal, was_submitted=True)
            return
        body, json_length = written
        response = binary_response(body, json_length) if json_length else Response(200, body)
        if request.holding is None:
            connection.respond(request, response)
            self._plane.succeeded(call)
        else:
            self._plane.succeeded(call)
            call.forget()
            connection.respond(request, response)

    def _paid(self, request: Request, written: tuple[bytes, int]) -> tuple[bytes, int] | Refusal:
        """An answer whose bytes the memory budget holds until they were sent, or the refusal in its place."""
        try:
            pay(request, len(written[0]), self.memory)
        except Refusal as refusal:
            return refusal.with_traceback(None)
        return written

    def _refuse(self, request: Request, connection: HttpConnection, refusal: Refusal, *, was_submitted: bool) -> None:
        """Answers an inference with a refusal, and counts it."""
        connection.respond(request, refused(refusal))
        self._plane.refused(refusal, STATUS[refusal.kind], request.started, was_submitted=was_submitted)
