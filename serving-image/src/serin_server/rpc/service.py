"""The gRPC service of the protocol: messages in, calls into the data plane, messages out."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from functools import partial
from time import perf_counter, time
from typing import Any, Final, TypeVar

import grpc
from google.protobuf.message import DecodeError

from serin_server.dataplane.call import Call, Pair, is_large
from serin_server.dataplane.large import LARGE_BYTES
from serin_server.dataplane.memory import UNCOUNTED_BYTES, Holding, expected_bytes
from serin_server.dataplane.plane import DataPlane, Loaded
from serin_server.dataplane.trace import Trace
from serin_server.metrics.clients import Client
from serin_server.model.served import ServedModel
from serin_server.model.tensors import TensorSpec
from serin_server.refusals import STATUS, Kind, Refusal
from serin_server.rpc import open_inference_pb2 as pb
from serin_server.rpc.metadata import told_by, trace_told
from serin_server.rpc.parameters import check_parameters
from serin_server.rpc.parts import LOOKED_AT_BYTES, check_parts
from serin_server.rpc.question import question_of
from serin_server.rpc.tensors import arrays_of, put_output
from serin_server.rpc.triton import TritonCalls

SERVICE: Final = "inference.GRPCInferenceService"
CODES: Final = {
    Kind.MALFORMED: grpc.StatusCode.INVALID_ARGUMENT,
    Kind.INVALID_TENSOR: grpc.StatusCode.INVALID_ARGUMENT,
    Kind.UNAUTHENTICATED: grpc.StatusCode.UNAUTHENTICATED,
    Kind.UNKNOWN: grpc.StatusCode.NOT_FOUND,
    Kind.METHOD: grpc.StatusCode.UNIMPLEMENTED,
    Kind.UNSUPPORTED: grpc.StatusCode.UNIMPLEMENTED,
    Kind.SLOW_CLIENT: grpc.StatusCode.DEADLINE_EXCEEDED,
    Kind.TOO_LARGE: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Kind.HEAD_TOO_LARGE: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Kind.TOO_OFTEN: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Kind.OVERLOADED: grpc.StatusCode.UNAVAILABLE,
    Kind.NOT_READY: grpc.StatusCode.UNAVAILABLE,
    Kind.TIMED_OUT: grpc.StatusCode.DEADLINE_EXCEEDED,
    Kind.UNEXPLAINABLE: grpc.StatusCode.FAILED_PRECONDITION,
    Kind.MODEL_FAILED: grpc.StatusCode.INTERNAL,
    Kind.FAULT: grpc.StatusCode.INTERNAL,
}
Context = Any
Handler = tuple[Callable[[Any, Context], Awaitable[Any]], Any]
Result = TypeVar("Result")
_HELD: Final[ContextVar[Holding | None]] = ContextVar("held", default=None)
"""What the call holds of the memory budget; None for small ones."""
_TIMES: Final = 3
"""What a large call holds: its bytes, the message made of them, and its tensors."""


class InferenceService:
    """One handler for each call of the service."""

    def __init__(self, served: ServedModel, plane: DataPlane) -> None:
        self._served = served
        self._plane = plane
        self._threads = ThreadPoolExecutor(2, "large-calls")

    def calls(self) -> dict[str, Handler]:
        """What answers each call, and the message that it takes."""
        triton = TritonCalls(self._served, self._plane)
        return {
            "ServerLive": (self.server_live, pb.ServerLiveRequest),
            "ServerReady": (self.server_ready, pb.ServerReadyRequest),
            "ModelReady": (self.model_ready, pb.ModelReadyRequest),
            "ServerMetadata": (self.server_metadata, pb.ServerMetadataRequest),
            "ModelMetadata": (self.model_metadata, pb.ModelMetadataRequest),
            "ModelInfer": (self.model_infer, pb.ModelInferRequest),
            "ModelConfig": (triton.model_config, pb.ModelConfigRequest),
            "ModelStatistics": (triton.model_statistics, pb.ModelStatisticsRequest),
        }

    def handler(self) -> grpc.GenericRpcHandler:
        """The service as gRPC registers it."""
        return grpc.method_handlers_generic_handler(
            SERVICE,
            {
                name: grpc.unary_unary_rpc_method_handler(self._told(handle, request), None, _serialized)
                for name, (handle, request) in self.calls().items()
            },
        )

    async def server_live(self, request: pb.ServerLiveRequest, context: Context) -> pb.ServerLiveResponse:
        """The process answers."""
        del request, context
        return pb.ServerLiveResponse(live=True)

    async def server_ready(self, request: pb.ServerReadyRequest, context: Context) -> pb.ServerReadyResponse:
        """Whether traffic should be sent here."""
        del request, context
        return pb.ServerReadyResponse(ready=self._served.is_ready)

    async def model_ready(self, request: pb.ModelReadyRequest, context: Context) -> pb.ModelReadyResponse:
        """Whether this model is served."""
        del context
        self._served.check_address(request.name, request.version or None)
        return pb.ModelReadyResponse(ready=self._served.is_ready)

    async def server_metadata(self, request: pb.ServerMetadataRequest, context: Context) -> pb.ServerMetadataResponse:
        """Name, version and extensions of the server."""
        del request, context
        return pb.ServerMetadataResponse(**self._served.server_metadata())

    async def model_metadata(self, request: pb.ModelMetadataRequest, context: Context) -> pb.ModelMetadataResponse:
        """Inputs, outputs, revision and digest of the model."""
        del context
        self._served.check_address(request.name, request.version or None)
        told = self._served.metadata()
        for tensor in (*told["inputs"], *told["outputs"]):
            tensor.pop("parameters", None)
        return pb.ModelMetadataResponse(**told)

    async def model_infer(self, request: pb.ModelInferRequest, context: Context) -> pb.ModelInferResponse:
        """One inference; its answer is raw or typed as its request was, and raw where a request has no tensors."""
        started = perf_counter()
        was_submitted = False
        pair: Pair | None = None
        trace: Trace | None = None
        client = self._plane.metrics.clients.client(context.peer().rpartition(":")[0].encode())
        try:
            sent = told_by(context)
            trace = trace_told(sent, context, self._plane.begin_trace)
            if self._plane.access is not None:
                caller = self._plane.access.check(sent.get("authorization"), sent.get("x-api-key"))
                if self._plane.rates is not None:
                    self._plane.rates.check(caller)
            self._served.check_address(request.model_name, request.model_version or None)
            if self._plane.departure is not None:
                self._plane.departure.came(context.peer())
            loaded = self._plane.admit()
            outputs = (
                self._served.loaded().signature.outputs
            )  # those of the model that runs, also if it is unloaded meanwhile
            pair = self._pair_of(request)
            check_parameters(request)
            call, request_is_raw = await self._call_of(loaded, request), _is_raw(request)
            del request  # what was made of it is enough: a message of many texts is many times their size
            call.started, call.pair, call.client, call.trace = started, pair, client, trace
            was_submitted = True
            await self._run(loaded, call)
            refusal, call.refusal = call.refusal, None  # raised, it holds this frame, which must not hold it
            if refusal is not None:
                raise refusal
            make = partial(self._response, call, outputs, is_raw=request_is_raw)
            if is_large(call):
                self._plane.let_inputs_go(call)
                response = await self._aside(make)
            else:
                response = make()
            if token := loaded.writer.token_of(call, response.parameters["predicted_at"].double_param):
                response.parameters["feedback_token"].string_param = token.decode()
        except Refusal as refusal:
            self._count_refused(refusal, started, was_submitted=was_submitted, pair=pair, client=client, trace=trace)
            raise
        except Exception as error:
            fault = _fault(error)
            self._count_refused(fault, started, was_submitted=was_submitted, pair=pair, client=client, trace=trace)
            raise fault from error
        self._plane.succeeded(call, "grpc")
        return response

    async def _call_of(self, loaded: Loaded, request: pb.ModelInferRequest) -> Call:
        names = [tensor.name for tensor in request.inputs]
        reader = loaded.reader.of(names)
        order = reader.input_order(names)
        work = partial(arrays_of, reader.inputs, request, order, _HELD.get())
        call = reader.call_of(await self._aside(work) if request.ByteSize() > LARGE_BYTES else work(), request.id)
        if (held := _HELD.get()) is not None:
            held.grow(expected_bytes(reader.outputs, call.arrays))
        if request.outputs:
            call.wanted = reader.positions([output.name for output in request.outputs])
        return call

    async def _run(self, loaded: Loaded, call: Call) -> None:
        finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def done(answered: Call) -> None:
            # A run that took too long answers by a stand-in for the call.
            call.outputs, call.refusal = answered.outputs, answered.refusal
            if finished.cancelled():
                self._count_abandoned(call)
            else:
                finished.set_result(None)

        self._plane.metrics.in_flight += 1
        loaded.batcher.submit(call, done)
        try:
            await finished
        except asyncio.CancelledError:
            if not finished.cancelled():  # it was done in the very turn in which the client hung up
                self._count_abandoned(call)
            raise
        if call.pair is not None and call.refusal is None:
            await self._hear_control(call.pair, call)

    def _count_abandoned(self, call: Call) -> None:
        """A client that hangs up does not take back what was submitted: it counts as what came out."""
        if call.refusal is None:
            self._plane.succeeded(call, "grpc")
        else:
            self._count_refused(call.refusal, call.started, was_submitted=True, client=call.client, trace=call.trace)

    def _count_refused(
        self,
        refusal: Refusal,
        started: float,
        *,
        was_submitted: bool,
        pair: Pair | None = None,
        client: Client | None = None,
        trace: Trace | None = None,
    ) -> None:
        if pair is not None:
            pair.refused(refusal)
        status = STATUS[refusal.kind]
        self._plane.refused(
            refusal, status, started, was_submitted=was_submitted, transport="grpc", client=client, trace=trace
        )

    def _pair_of(self, request: pb.ModelInferRequest) -> Pair | None:
        pairing = self._plane.pairing
        return pairing.ask(*question_of(request)) if pairing is not None and pairing.draws(request.ByteSize()) else None

    async def _hear_control(self, pair: Pair, call: Call) -> None:
        """Waits until the call may be answered: until the control has been heard, or nobody waits for it."""
        heard = asyncio.Event()
        pair.predicted(call, heard.set)
        try:
            await heard.wait()
        except asyncio.CancelledError:
            self._count_abandoned(call)
            raise

    def _response(self, call: Call, outputs: Sequence[TensorSpec], *, is_raw: bool) -> pb.ModelInferResponse:
        arrays = call.outputs or []
        positions = range(len(outputs)) if call.wanted is None else call.wanted
        response = pb.ModelInferResponse(model_name=self._served.name, model_version=self._served.revision, id=call.id)
        response.parameters["serin_version"].string_param = self._served.version
        response.parameters["predicted_at"].double_param = round(time(), 3)
        is_raw = is_raw or any(outputs[position].datatype == "FP16" for position in positions)
        for position in positions:
            put_output(response, outputs[position], arrays[position], is_raw=is_raw)
        return response

    async def _aside(self, work: Callable[[], Result]) -> Result:
        """What would keep everybody waiting, in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _told(
        self, handle: Callable[[Any, Context], Awaitable[Any]], message: Any
    ) -> Callable[[bytes, Context], Awaitable[Any]]:
        """The handler, its refusals told as status codes of gRPC. Bytes that are no message are the client's fault too."""

        async def told(sent: bytes, context: Context) -> Any:
            # No abort: its exception holds this frame, and with it the message, until the collector comes round.
            holding = Holding(self._plane.memory) if len(sent) > UNCOUNTED_BYTES else None
            _HELD.set(holding)
            try:
                if len(sent) > LOOKED_AT_BYTES:
                    check_parts(sent)
                if holding is None:
                    return await handle(message.FromString(sent), context)
                holding.grow(_TIMES * len(sent))
                if len(sent) <= LARGE_BYTES:
                    return await handle(message.FromString(sent), context)
                return await handle(await self._aside(partial(message.FromString, sent)), context)
            except DecodeError:
                context.set_code(CODES[Kind.MALFORMED])
                context.set_details(f"the bytes are no {message.DESCRIPTOR.full_name}")
            except Refusal as refusal:
                if holding is not None and not holding.held_bytes:
                    self._plane.rejected(refusal)
                context.set_code(CODES[refusal.kind])
                context.set_details(refusal.message)
            finally:
                if holding is not None:
                    holding.release()
            return None

        return told


def _serialized(response: Any) -> bytes:
    return response.SerializeToString()  # type: ignore[no-any-return]


def _fault(error: Exception) -> Refusal:
    """A bug: the log gets its stack trace, the client an answer."""
    context = {"message": "a call found a fault in the server", "exception": error}
    asyncio.get_running_loop().call_exception_handler(context)
    return Refusal(Kind.FAULT, "the server itself failed on this call: its log says more")


def _is_raw(request: pb.ModelInferRequest) -> bool:
    """Whether an answer is to be in raw bytes: Triton's clients read nothing else, and send typed tensors never."""
    return bool(request.raw_input_contents) or not request.inputs
