"""The HTTP server: addresses of the protocol, the connections that are open, and their ends."""

import asyncio
import random
from collections import deque
from collections.abc import Iterable
from functools import partial
from time import time
from typing import TYPE_CHECKING, Final, Protocol, cast

from serin_server.dataplane.departure import WATCHED_SECONDS
from serin_server.dataplane.plane import DataPlane
from serin_server.http.body import BodyLimits
from serin_server.http.connection import HttpConnection
from serin_server.http.heads import KnownHeads
from serin_server.http.inference import Inferences
from serin_server.http.large import LargeRequests
from serin_server.http.messages import Later, Request, Response, Turns, date_line, refused, refused_at
from serin_server.http.origins import Origins
from serin_server.http.outfit import HEADERS, Outfit
from serin_server.http.parsing import KEPT_HEADERS
from serin_server.metrics.clients import WINDOW_SECONDS
from serin_server.refusals import Kind, Refusal

if TYPE_CHECKING:
    from serin_server.security.access import AccessControl

SWEEP_SECONDS: Final = 1.0
_NEVER: Final = float("inf")


class Router(Protocol):
    """Answers everything that is not inference."""

    def infer_address(self, request: Request) -> bool:
        """Whether the request is an inference of the served model; raises `Refusal` when of another one."""

    def answer(self, request: Request) -> Response | Turns | Later:
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
        self.outfit: Outfit | None = None
        self.kept_headers = KEPT_HEADERS
        self.heads = KnownHeads()
        self._inferences = Inferences(plane, self._large, loop)
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

    def dress(self, origins: Origins | None, packed_from_bytes: int) -> None:
        """From now on answers tell browsers which pages may ask, and large ones are packed for those who ask for it."""
        self.outfit = Outfit(self._large, origins, packed_from_bytes)
        self.kept_headers = KEPT_HEADERS | HEADERS

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
        connection.client = self._metrics.clients.client(connection.address)
        self._clients += 1
        if self._plane.departure is not None:
            self._plane.departure.came(connection)

    def is_last(self, connection: HttpConnection) -> bool:
        """Whether the response that is being written is to be the connection's last."""
        return connection.requests_left <= 0 or self.now >= connection.expires_at or self._plane.departure is not None

    def _sweep(self) -> None:
        self.now = now = self.loop.time()
        self.heads.forget()
        moment = time()
        self.date = date_line(moment)
        self._metrics.look(moment)
        self._metrics.clients.window = int(now / WINDOW_SECONDS)
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
        if not (connection.is_client or request.control) and request.method == b"POST":  # probes only look
            self._met(connection)
        try:
            if request.refusal is not None:
                self._refuse_by_head(request, connection, request.refusal)
                return
            if request.target in self._infer_targets or self._router.infer_address(request):
                if request.method == b"POST":
                    self._inferences.infer(request, connection)
                    return
                if request.method != b"OPTIONS":
                    raise Refusal(Kind.METHOD, "inference is asked for with POST")
            answer = self._router.answer(request)
        except Refusal as refusal:
            self.refused(refusal)
            answer = refused(refusal, b"POST")
        except Exception as error:  # noqa: BLE001 (a fault of our own: its client is answered all the same)
            answer = refused(self._inferences.fault(error))
        if isinstance(answer, Response):
            connection.respond(request, answer)
        elif callable(answer):
            answer(partial(connection.respond, request))
        else:
            self._go_on(request, connection, answer)

    def _go_on(self, request: Request, connection: HttpConnection, turns: Turns) -> None:
        """Makes a response turn by turn."""
        try:
            response = next(turns)
        except Refusal as refusal:
            response = refused(refusal)
        except Exception as error:  # noqa: BLE001 (a fault of our own)
            response = refused(self._inferences.fault(error))
        if response is None:
            self.loop.call_soon(self._go_on, request, connection, turns)
        else:
            connection.respond(request, response)

    def refused(self, refusal: Refusal) -> None:
        """Counts what was refused before it was a request."""
        self._plane.rejected(refusal)

    def question_of(self, request: Request, mark: bytes) -> str:
        """The number of the question that another version asks as of its control; empty unless its mark is genuine."""
        marks = self._plane.marks
        is_one = marks is not None and request.method == b"POST" and request.target in self._infer_targets
        return marks.question(mark) if marks is not None and is_one else ""

    def refusal_of(self, request: Request) -> Refusal | None:
        """Why a request may not come in, by the credentials in its head, or not yet; its body need not be kept then."""
        headers = request.headers
        if request.control:
            return None
        try:
            caller = cast("AccessControl", self.access).check(headers.get(b"authorization"), headers.get(b"x-api-key"))
            if self._plane.rates is not None:
                self._plane.rates.check(caller)
        except Refusal as refusal:
            return refusal.with_traceback(None)  # it would hold this frame
        return None

    def _refuse_by_head(self, request: Request, connection: HttpConnection, refusal: Refusal) -> None:
        if request.target in self._infer_targets or self._router.infer_address(request):
            self._inferences.refuse(request, connection, refusal, was_submitted=False)
            return
        self.refused(refusal)
        connection.respond(request, refused_at(request.target, refusal))
