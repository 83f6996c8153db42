"""Several models behind one gRPC port: a call's message names the model that answers it."""

from collections.abc import Mapping
from typing import Any

from serin_server.dataplane.memory import Holding
from serin_server.dataplane.plane import DataPlane
from serin_server.dataplane.repository import Repository
from serin_server.model.served import ServedModel
from serin_server.refusals import Kind, Refusal
from serin_server.rpc import open_inference_pb2 as pb
from serin_server.rpc.metadata import check_access
from serin_server.rpc.service import Handler, InferenceService
from serin_server.rpc.transport.heads import Message
from serin_server.rpc.transport.stream import Stream
from serin_server.rpc.triton import TritonCalls


class PackService(InferenceService):
    """One handler for each call, which passes it on to the model that it names."""

    def __init__(
        self,
        front: ServedModel,
        plane: DataPlane,
        models: Mapping[str, tuple[ServedModel, DataPlane]],
        repository: Repository,
    ) -> None:
        super().__init__(front, plane)
        self._models = {name: InferenceService(*each) for name, each in models.items()}
        self._triton = {name: TritonCalls(*each) for name, each in models.items()}
        self._repository = repository

    def calls(self) -> dict[str, Handler]:
        """What answers each call, and the message that it takes."""
        return super().calls() | {
            "ModelConfig": (self.model_config, pb.ModelConfigRequest),
            "ModelStatistics": (self.model_statistics, pb.ModelStatisticsRequest),
            "RepositoryIndex": (self.repository_index, pb.RepositoryIndexRequest),
            "RepositoryModelLoad": (self.repository_model_load, pb.RepositoryModelLoadRequest),
            "RepositoryModelUnload": (self.repository_model_unload, pb.RepositoryModelUnloadRequest),
        }

    def server_ready(self, request: pb.ServerReadyRequest, stream: Stream) -> pb.ServerReadyResponse:
        """Whether traffic should be sent here."""
        del request, stream
        return pb.ServerReadyResponse(ready=self._repository.is_ready)

    def server_metadata(self, request: pb.ServerMetadataRequest, stream: Stream) -> pb.ServerMetadataResponse:
        """Name, version and extensions of the server."""
        del request, stream
        return pb.ServerMetadataResponse(**self._repository.server_metadata())

    def model_ready(self, request: pb.ModelReadyRequest, stream: Stream) -> pb.ModelReadyResponse:
        """Whether this model is served."""
        return self._named(request.name).model_ready(request, stream)

    def model_metadata(self, request: pb.ModelMetadataRequest, stream: Stream) -> pb.ModelMetadataResponse:
        """Inputs, outputs, revision and digest of the model."""
        return self._named(request.name).model_metadata(request, stream)

    def _began(self, message: Message, stream: Stream) -> None:
        self._read(message, stream)

    def infer(self, request: pb.ModelInferRequest, stream: Stream, holding: Holding | None) -> None:
        """One inference."""
        model = self._models.get(request.model_name)
        if model is None:
            stream.refuse(self._unknown(request.model_name))
            if holding is not None:
                holding.release()
            return
        if self._plane.departure is not None:
            self._plane.departure.came(stream.client)
        model.infer(request, stream, holding)

    def model_config(self, request: pb.ModelConfigRequest, stream: Stream) -> pb.ModelConfigResponse:
        """How the model is served, in Triton's words."""
        self._named(request.name)
        return self._triton[request.name].model_config(request, stream)

    def model_statistics(self, request: pb.ModelStatisticsRequest, stream: Stream) -> pb.ModelStatisticsResponse:
        """The counts of a model, or of all without a name."""
        if request.name:
            self._named(request.name)
            return self._triton[request.name].model_statistics(request, stream)
        told = pb.ModelStatisticsResponse()
        for triton in self._triton.values():
            told.model_stats.extend(triton.model_statistics(request, stream).model_stats)
        return told

    def repository_index(self, request: pb.RepositoryIndexRequest, stream: Stream) -> pb.RepositoryIndexResponse:
        """The models, and the state of each."""
        check_access(self._plane.access, stream)
        models = self._repository.index(is_ready_only=request.ready)
        return pb.RepositoryIndexResponse(models=[pb.RepositoryIndexResponse.ModelIndex(**each) for each in models])

    async def repository_model_load(
        self, request: pb.RepositoryModelLoadRequest, stream: Stream
    ) -> pb.RepositoryModelLoadResponse:
        """Loads a model, or loads it anew."""
        self._check(request, stream)
        await self._repository.load(request.model_name)
        return pb.RepositoryModelLoadResponse()

    async def repository_model_unload(
        self, request: pb.RepositoryModelUnloadRequest, stream: Stream
    ) -> pb.RepositoryModelUnloadResponse:
        """Serves a model no longer."""
        self._check(request, stream)
        await self._repository.unload(request.model_name)
        return pb.RepositoryModelUnloadResponse()

    def _check(self, request: Any, stream: Stream) -> None:
        check_access(self._plane.access, stream)
        self._repository.check(request.model_name, request.parameters)

    def _named(self, name: str) -> InferenceService:
        if name not in self._models:
            raise self._unknown(name)
        return self._models[name]

    def _unknown(self, name: str) -> Refusal:
        known = ", ".join(list(self._models)[:20])
        return Refusal(Kind.UNKNOWN, f"there is no model {name[:200]!r} here: this server has {known}")
