"""A gRPC request as the body of the same question over HTTP: tensors in raw bytes behind their descriptions."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import orjson

from serin_server.dataplane.binary import bytes_of_array
from serin_server.model.tensors import DTYPES, TensorSpec
from serin_server.rpc import open_inference_pb2 as pb
from serin_server.rpc.tensors import FIELDS


def question_of(request: pb.ModelInferRequest) -> tuple[bytes, bytes]:
    """The body and the length of its JSON, right or wrong as the request is."""
    raw = list(request.raw_input_contents)
    described: list[dict[str, Any]] = []
    tail: list[bytes] = []
    for position, given in enumerate(request.inputs):
        about: dict[str, Any] = {"name": given.name, "datatype": given.datatype, "shape": list(given.shape)}
        values = getattr(given.contents, FIELDS.get(given.datatype, "bytes_contents"))
        data = raw[position] if position < len(raw) else _raw_bytes(given.datatype, values)
        if data is None:
            about["data"] = list(values)
        else:
            about["parameters"] = {"binary_data_size": len(data)}
            tail.append(data)
        described.append(about)
    asked: dict[str, Any] = {"inputs": described}
    if request.outputs:
        asked["outputs"] = [{"name": output.name} for output in request.outputs]
    told = orjson.dumps(asked)
    return b"".join((told, *tail)), b"%d" % len(told)


def _raw_bytes(datatype: str, values: Iterable[Any]) -> bytes | None:
    """Typed elements in raw bytes; None for those that their datatype cannot hold."""
    dtype = DTYPES.get(datatype, np.dtype(np.object_))
    try:
        array = np.array(list(values), dtype)
    except (OverflowError, ValueError):
        return None
    return bytes_of_array(TensorSpec("", "BYTES" if dtype.hasobject else datatype, (-1,)), array)
