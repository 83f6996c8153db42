"""Inferences over HTTP: from a request that was read to the answer that is written and counted."""

import asyncio
from functools import partial

from serin_server.dataplane.call import Call, is_large
from serin_server.dataplane.memory import UNCOUNTED_BYTES, bytes_of, expected_bytes
from serin_server.dataplane.plane import DataPlane, Loaded
from serin_server.http.body import pay
from serin_server.http.connection import HttpConnection
from serin_server.http.faults import fault
from serin_server.http.large import LargeRequests
from serin_server.http.messages import Request, Response, binary_response, refused, sealed_response
from serin_server.refusals import STATUS, Refusal


class Inferences:
    """Answers the inferences of one port, those of clients and those that another version asks as its control."""

    def __init__(self, plane: DataPlane, large: LargeRequests, loop: asyncio.AbstractEventLoop) -> None:
        self._plane = plane
        self._metrics = plane.metrics
        self._memory = plane.memory
        self._large = large
        self._loop = loop

    def fault(self, error: Exception) -> Refusal:
        """A bug: the log gets its stack trace."""
        return fault(self._loop, error)

    def infer(self, request: Request, connection: HttpConnection) -> None:
        """Answers one request, after a run of the model."""
        try:
            loaded = self._plane.admit(is_control=bool(request.control))
            headers = request.headers
            json_length = headers.get(b"inference-header-content-length")
            size = len(request.body)
            pairing = self._plane.pairing
            if (
                pairing is not None
                and not request.control
                and pairing.draws(size)
                and b"content-encoding" not in headers
            ):
                request.pair = pairing.ask(request.body, json_length)
            if b"content-encoding" in headers or (size > UNCOUNTED_BYTES and loaded.reader.is_large(size, json_length)):
                self._large.read(request, loaded.reader, lambda call: self._was_read(request, connection, loaded, call))
                return
            call = loaded.reader.read(request.body, json_length)
            if size > UNCOUNTED_BYTES:
                pay(request, size + bytes_of(call.arrays), self._memory)
        except Refusal as refusal:
            self.refuse(request, connection, refusal, was_submitted=False)
        except Exception as error:  # noqa: BLE001 (a fault of our own)
            self.refuse(request, connection, self.fault(error), was_submitted=False)
        else:
            self._submit(request, connection, loaded, call)

    def _was_read(self, request: Request, connection: HttpConnection, loaded: Loaded, call: Call | Exception) -> None:
        """Goes on with a large request, in a later turn of the loop."""
        if isinstance(call, Call) and request.holding is not None:
            try:  # what the run makes lies in memory before anybody could refuse it
                request.holding.grow(expected_bytes(loaded.reader.outputs, call.arrays))
            except Refusal as too_much:
                call = too_much.with_traceback(None)
        if isinstance(call, Call):
            self._submit(request, connection, loaded, call)
        else:
            refusal = call if isinstance(call, Refusal) else self.fault(call)
            self.refuse(request, connection, refusal, was_submitted=False)

    def _submit(self, request: Request, connection: HttpConnection, loaded: Loaded, call: Call) -> None:
        request.body = b""
        call.started = request.started
        call.control, call.pair, call.client = request.control, request.pair, connection.client
        call.trace = request.trace
        self._metrics.in_flight += 1

        def done(call: Call) -> None:
            if call.refusal is not None:
                call.forget()
                self.refuse(request, connection, call.refusal, was_submitted=True)
            elif call.pair is None:
                self._write(request, connection, loaded, call)
            else:
                call.pair.predicted(call, partial(self._write, request, connection, loaded, call))

        loaded.batcher.submit(call, done)

    def _write(self, request: Request, connection: HttpConnection, loaded: Loaded, call: Call) -> None:
        if call.control:
            connection.respond(request, sealed_response(loaded.writer.sealed(call)))
            self._plane.succeeded(call)
        elif is_large(call):
            self._plane.let_inputs_go(call)
            self._large.write(request, call, loaded.writer, partial(self._answer, request, connection, call))
        else:
            try:
                written: tuple[bytes, int] | Exception = loaded.writer.write(call)
            except Exception as error:  # noqa: BLE001 (a fault of our own)
                written = error
            self._answer(request, connection, call, written)

    def _answer(
        self, request: Request, connection: HttpConnection, call: Call, written: tuple[bytes, int] | Exception
    ) -> None:
        """Sends what was written for a call."""
        if not isinstance(written, Exception) and len(written[0]) > UNCOUNTED_BYTES and request.holding is None:
            written = self._paid(request, written)
        if isinstance(written, Exception):
            refusal = written if isinstance(written, Refusal) else self.fault(written)
            call.forget()
            self.refuse(request, connection, refusal, was_submitted=True)
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
            pay(request, len(written[0]), self._memory)
        except Refusal as refusal:
            return refusal.with_traceback(None)
        return written

    def refuse(self, request: Request, connection: HttpConnection, refusal: Refusal, *, was_submitted: bool) -> None:
        """Answers an inference with a refusal, and counts it."""
        status = STATUS[refusal.kind]
        if request.pair is not None:
            request.pair.refused(refusal)
        loaded = self._plane.loaded
        if request.control and refusal.kind.is_error and loaded is not None:
            connection.respond(request, sealed_response(loaded.writer.sealed_failure(request.control), status))
        else:
            connection.respond(request, refused(refusal))
        self._plane.refused(
            refusal,
            status,
            request.started,
            was_submitted=was_submitted,
            is_control=bool(request.control),
            client=connection.client,
            trace=request.trace,
        )
