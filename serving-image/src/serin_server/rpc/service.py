"""The gRPC service of the protocol: messages in, calls into the data plane, messages out."""

from collections.abc import Mapping
from typing import Any, Final

from serin_server.dataplane.memory import Holding
from serin_server.dataplane.plane import DataPlane
from serin_server.model.served import ServedModel
from serin_server.rpc import open_inference_pb2 as pb
from serin_server.rpc.inference import Inferences
from serin_server.rpc.reading import Handle, Reading, Threads
from serin_server.rpc.transport.dispatch import Aside
from serin_server.rpc.transport.heads import Message, Method
from serin_server.rpc.transport.stream import Stream
from serin_server.rpc.triton import TritonCalls

SERVICE: Final = "inference.GRPCInferenceService"
Handler = tuple[Handle, Any]


class InferenceService:
    """One handler for each call of the service."""

    def __init__(self, served: ServedModel, plane: DataPlane) -> None:
        self._served = served
        self._plane = plane
        self._threads = Threads()
        self._reading = Reading(plane, self._threads)
        self._read = self._reading.method(pb.ModelInferRequest, self.infer).begin
        self._inferences = Inferences(served, plane, self._threads)

    @property
    def plane(self) -> DataPlane:
        """What counts the calls."""
        return self._plane

    @property
    def aside(self) -> Aside:
        """Does in a thread what would keep others waiting."""
        return self._threads.aside

    def calls(self) -> dict[str, Handler]:
        """What answers each call but inferences, and the message that it takes."""
        triton = TritonCalls(self._served, self._plane)
        return {
            "ServerLive": (self.server_live, pb.ServerLiveRequest),
            "ServerReady": (self.server_ready, pb.ServerReadyRequest),
            "ModelReady": (self.model_ready, pb.ModelReadyRequest),
            "ServerMetadata": (self.server_metadata, pb.ServerMetadataRequest),
            "ModelMetadata": (self.model_metadata, pb.ModelMetadataRequest),
            "ModelConfig": (triton.model_config, pb.ModelConfigRequest),
            "ModelStatistics": (triton.model_statistics, pb.ModelStatisticsRequest),
        }

    def methods(self) -> Mapping[bytes, Method]:
        """What answers each address."""
        methods = {name: self._reading.answering(message, handle) for name, (handle, message) in self.calls().items()}
        methods["ModelInfer"] = Method(self._began)
        return {f"/{SERVICE}/{name}".encode(): method for name, method in methods.items()}

    def _began(self, message: Message, stream: Stream) -> None:
        if not self._inferences.infer_known(message, stream):
            self._read(message, stream)

    def infer(self, request: pb.ModelInferRequest, stream: Stream, holding: Holding | None) -> None:
        """One inference; its answer is raw or typed as its request was, and raw where a request has no tensors."""
        self._inferences.infer(request, stream, holding)

    def server_live(self, request: pb.ServerLiveRequest, stream: Stream) -> pb.ServerLiveResponse:
        """The process answers."""
        del request, stream
        return pb.ServerLiveResponse(live=True)

    def server_ready(self, request: pb.ServerReadyRequest, stream: Stream) -> pb.ServerReadyResponse:
        """Whether traffic should be sent here."""
        del request, stream
        return pb.ServerReadyResponse(ready=self._served.is_ready)

    def model_ready(self, request: pb.ModelReadyRequest, stream: Stream) -> pb.ModelReadyResponse:
        """Whether this model is served."""
        del stream
        self._served.check_address(request.name, request.version or None)
        return pb.ModelReadyResponse(ready=self._served.is_ready)

    def server_metadata(self, request: pb.ServerMetadataRequest, stream: Stream) -> pb.ServerMetadataResponse:
        """Name, version and extensions of the server."""
        del request, stream
        return pb.ServerMetadataResponse(**self._served.server_metadata())

    def model_metadata(self, request: pb.ModelMetadataRequest, stream: Stream) -> pb.ModelMetadataResponse:
        """Inputs, outputs, revision and digest of the model."""
        del stream
        self._served.check_address(request.name, request.version or None)
        told = self._served.metadata()
        for tensor in (*told["inputs"], *told["outputs"]):
            tensor.pop("parameters", None)
        return pb.ModelMetadataResponse(**told)
