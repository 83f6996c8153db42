"""Triton's extensions over gRPC that say something of the model: its configuration and its statistics."""

from typing import Final

from serin_server.dataplane.plane import DataPlane
from serin_server.metrics.statistics import statistics
from serin_server.model.served import ServedModel
from serin_server.rpc import open_inference_pb2 as pb
from serin_server.rpc.metadata import check_access
from serin_server.rpc.transport.stream import Stream

_NOT_IN_THE_MESSAGE: Final = "batch_stats"


class TritonCalls:
    """One handler for each call."""

    def __init__(self, served: ServedModel, plane: DataPlane) -> None:
        self._served = served
        self._plane = plane

    def model_config(self, request: pb.ModelConfigRequest, stream: Stream) -> pb.ModelConfigResponse:
        """How the model is served, in Triton's words."""
        from google.protobuf.json_format import ParseDict  # noqa: PLC0415 (it would cost every server's start)

        del stream
        self._served.check_address(request.name, request.version or None)
        return pb.ModelConfigResponse(config=ParseDict(self._served.configuration(), pb.ModelConfig()))

    def model_statistics(self, request: pb.ModelStatisticsRequest, stream: Stream) -> pb.ModelStatisticsResponse:
        """The counts of this process; without a name, too, for there is one model."""
        check_access(self._plane.access, stream)
        self._served.check_address(request.name or self._served.name, request.version or None)
        told = statistics(self._plane.metrics, self._served.name, self._served.revision)
        del told[_NOT_IN_THE_MESSAGE]
        return pb.ModelStatisticsResponse(model_stats=[pb.ModelStatistics(**told)])
