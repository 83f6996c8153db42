"""Parameters of gRPC requests, checked as those over HTTP are."""

from typing import Any, Final

from serin_server.dataplane.parameters import check_output, check_request
from serin_server.rpc import open_inference_pb2 as pb
from serin_server.rpc.parts import check_count

_MOST: Final = 256


def check_parameters(request: pb.ModelInferRequest) -> None:
    """Raises `Refusal` for one that would be ignored."""
    if request.parameters:
        check_count(len(request.parameters), _MOST, "parameters")
        check_request({name: _plain(value) for name, value in request.parameters.items()})
    for output in request.outputs:
        if output.parameters:
            check_count(len(output.parameters), _MOST, "parameters of an output")
            check_output(output.name, {name: _plain(value) for name, value in output.parameters.items()})


def _plain(parameter: pb.InferParameter) -> Any:
    which = parameter.WhichOneof("parameter_choice")
    return getattr(parameter, which) if which else None
