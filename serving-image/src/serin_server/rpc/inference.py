"""Inferences over gRPC: from a message that was read to the answer that is written and counted."""

from functools import partial
from time import perf_counter
from typing import Any

from serin_server.dataplane.call import Call, Pair, is_large
from serin_server.dataplane.large import LARGE_BYTES
from serin_server.dataplane.memory import UNCOUNTED_BYTES, Holding, expected_bytes
from serin_server.dataplane.plane import DataPlane, Loaded
from serin_server.dataplane.trace import Trace
from serin_server.metrics.clients import Client
from serin_server.model.served import ServedModel
from serin_server.refusals import STATUS, Refusal
from serin_server.rpc import open_inference_pb2 as pb
from serin_server.rpc.known import KnownQuestions, parts_of
from serin_server.rpc.metadata import HEADER, trace_told
from serin_server.rpc.parameters import check_parameters
from serin_server.rpc.question import question_of
from serin_server.rpc.reading import Threads, fault
from serin_server.rpc.tensors import arrays_of
from serin_server.rpc.transport.heads import Message
from serin_server.rpc.transport.stream import Stream
from serin_server.rpc.writing import Writer


class Asked:
    """One inference on its way."""

    __slots__ = ("client", "holding", "is_raw", "pair", "started", "stream", "trace", "was_submitted", "writer")

    def __init__(self, stream: Stream, holding: Holding | None) -> None:
        self.stream = stream
        self.holding = holding
        self.started = perf_counter()
        self.client: Client | None = None
        self.trace: Trace | None = None
        self.pair: Pair | None = None
        self.is_raw = False
        self.was_submitted = False
        self.writer: Writer | None = None


class Inferences:
    """Answers the inferences of one model."""

    def __init__(self, served: ServedModel, plane: DataPlane, threads: Threads) -> None:
        self._served = served
        self._plane = plane
        self._threads = threads
        self._known = KnownQuestions()
        self._writer: tuple[Any, Writer] = (None, Writer("", "", "", ()))

    def infer(self, request: pb.ModelInferRequest, stream: Stream, holding: Holding | None) -> None:
        """Answers one call, after a run of the model; raw or typed as it came, and raw where it has no tensors."""
        plane = self._plane
        asked = Asked(stream, holding)
        asked.client = plane.metrics.clients.client(stream.address)
        try:
            self._check_caller(asked)
            self._served.check_address(request.model_name, request.model_version or None)
            loaded = self._admit(asked)
            size = request.ByteSize() if holding is not None or plane.pairing is not None else 0
            if plane.pairing is not None and plane.pairing.draws(size):
                asked.pair = plane.pairing.ask(*question_of(request))
            check_parameters(request)
            # Triton's clients read nothing but raw bytes, and send typed tensors never.
            asked.is_raw = bool(request.raw_input_contents) or not request.inputs
            wanted = [output.name for output in request.outputs] if request.outputs else None
            work = partial(_call_of, loaded, request, wanted, holding)
            if size > LARGE_BYTES:
                del request  # what was made of it is enough: a message of many texts is many times their size
                self._threads.aside(work, partial(self._was_made, asked, loaded))
                return
            call = work()
            if stream.note and holding is None:
                self._known.learn(stream.note, loaded, request, call)
            del work
        except Refusal as refusal:
            self._refuse(asked, refusal)
        except Exception as error:  # noqa: BLE001 (a fault of our own)
            self._refuse(asked, fault(error))
        else:
            self._was_made(asked, loaded, call)

    def infer_known(self, message: Message, stream: Stream) -> bool:
        """Answers a question that is known but for its numbers; whether it is one."""
        plane = self._plane
        loaded = plane.loaded
        if loaded is None or len(message) > UNCOUNTED_BYTES:
            return False
        parts = parts_of(message)
        if parts is None:
            return False
        known = self._known.find(loaded, parts)
        call = None if known is None else known.call(message, parts)
        if known is None or call is None:
            stream.note = parts[0]
            return False
        asked = Asked(stream, None)
        asked.is_raw = known.is_raw
        asked.client = plane.metrics.clients.client(stream.address)
        try:
            self._check_caller(asked)
            loaded = self._admit(asked)
            if plane.pairing is not None and plane.pairing.draws(len(message)):
                asked.pair = plane.pairing.ask(*known.question(message, parts))
        except Refusal as refusal:
            self._refuse(asked, refusal)
        except Exception as error:  # noqa: BLE001 (a fault of our own)
            self._refuse(asked, fault(error))
        else:
            self._submit(asked, loaded, call)
        return True

    def _check_caller(self, asked: Asked) -> None:
        plane, stream = self._plane, asked.stream
        if plane.begin_trace is not None or HEADER in stream.headers:
            asked.trace = trace_told(stream, plane.begin_trace)
        if plane.access is not None:
            sent = stream.headers
            caller = plane.access.check(sent.get("authorization"), sent.get("x-api-key"))
            if plane.rates is not None:
                plane.rates.check(caller)

    def _admit(self, asked: Asked) -> Loaded:
        plane = self._plane
        if plane.departure is not None:
            plane.departure.came(asked.stream.client)
        loaded = plane.admit()
        asked.writer = self._writer_of_loaded()  # that of the model that runs, also if it is unloaded meanwhile
        return loaded

    def _writer_of_loaded(self) -> Writer:
        served = self._served
        signature = served.loaded().signature
        if self._writer[0] is not signature:
            self._writer = signature, Writer(served.name, served.revision, served.version, signature.outputs)
        return self._writer[1]

    def _was_made(self, asked: Asked, loaded: Loaded, call: Call | Exception) -> None:
        """Goes on with a call whose tensors are there."""
        if asked.stream.is_over:  # its client has hung up while they were made
            asked.stream.end()
            _release(asked)
            return
        if isinstance(call, Exception):
            self._refuse(asked, call if isinstance(call, Refusal) else fault(call))
            return
        if asked.holding is not None:
            try:  # what the run makes lies in memory before anybody could refuse it
                asked.holding.grow(expected_bytes(loaded.reader.outputs, call.arrays))
            except Refusal as refusal:
                call.forget()
                self._refuse(asked, refusal)
                return
        self._submit(asked, loaded, call)

    def _submit(self, asked: Asked, loaded: Loaded, call: Call) -> None:
        call.started, call.pair, call.client, call.trace = asked.started, asked.pair, asked.client, asked.trace
        asked.was_submitted = True
        self._plane.metrics.in_flight += 1
        loaded.batcher.submit(call, partial(self._done, asked, loaded))

    def _done(self, asked: Asked, loaded: Loaded, call: Call) -> None:
        """The model has run. A client that has hung up does not take back what was submitted: it counts as what came out."""
        if call.refusal is not None:
            refusal = call.refusal
            call.forget()
            self._refuse(asked, refusal)
        elif call.pair is None:
            self._write(asked, loaded, call)
        else:
            call.pair.predicted(call, partial(self._write, asked, loaded, call))

    def _write(self, asked: Asked, loaded: Loaded, call: Call) -> None:
        writer = asked.writer
        if writer is None:
            return
        work = partial(writer.write, call, loaded.writer, is_raw=asked.is_raw)
        if is_large(call):
            self._plane.let_inputs_go(call)
            self._threads.aside(work, partial(self._answer, asked, call))
            return
        try:
            written: bytes | Exception = work()
        except Exception as error:  # noqa: BLE001 (a fault of our own)
            written = error
        self._answer(asked, call, written)

    def _answer(self, asked: Asked, call: Call, written: bytes | Exception) -> None:
        """Sends what was written for a call."""
        if not isinstance(written, Exception) and len(written) > UNCOUNTED_BYTES and asked.holding is None:
            asked.holding = Holding(self._plane.memory)
            try:
                asked.holding.grow(len(written))
            except Refusal as refusal:
                written = refusal
        if isinstance(written, Exception):
            call.forget()
            self._refuse(asked, written if isinstance(written, Refusal) else fault(written))
            return
        if asked.holding is None:
            asked.stream.answer(written)
            self._plane.succeeded(call, "grpc")
            return
        self._plane.succeeded(call, "grpc")
        call.forget()
        asked.stream.answer(written, asked.holding)

    def _refuse(self, asked: Asked, refusal: Refusal) -> None:
        """Answers an inference with a refusal, and counts it."""
        refusal = refusal.with_traceback(None)
        if asked.pair is not None:
            asked.pair.refused(refusal)
        asked.stream.refuse(refusal)
        self._plane.refused(
            refusal,
            STATUS[refusal.kind],
            asked.started,
            was_submitted=asked.was_submitted,
            transport="grpc",
            client=asked.client,
            trace=asked.trace,
        )
        _release(asked)


def _release(asked: Asked) -> None:
    if asked.holding is not None:
        asked.holding.release()


def _call_of(loaded: Loaded, request: pb.ModelInferRequest, wanted: list[str] | None, holding: Holding | None) -> Call:
    names = [tensor.name for tensor in request.inputs]
    reader = loaded.reader.of(names)
    order = reader.input_order(names)
    call = reader.call_of(arrays_of(reader.inputs, request, order, holding), request.id)
    if wanted is not None:
        call.wanted = reader.positions(wanted)
    return call
