"""Tensors as clients write them, and what they read of answers."""

import json
import struct

from serin_server.dataplane.request import RequestReader
from serin_server.dataplane.response import ResponseWriter
from serin_server.model.tensors import Signature, TensorSpec

FREE = (-1, -1)


def signature(datatype, shape=FREE):
    return Signature((TensorSpec("x", datatype, shape),), (TensorSpec("y", datatype, shape),))


def json_body(datatype, array, nested=False, **more):
    data = array.tolist() if nested else array.ravel().tolist()
    tensor = {"name": "x", "datatype": datatype, "shape": list(array.shape), "data": data}
    return json.dumps({"inputs": [tensor], **more}).encode()


def raw(array):
    if array.dtype == object:
        return b"".join(struct.pack("<I", len(t.encode())) + t.encode() for t in array.ravel())
    return array.tobytes()


def same(one, other):
    return one.dtype == other.dtype and one.shape == other.shape and (one == other).all()


def written(array, datatype, **request):
    """What a client sees of an output, JSON and raw part."""
    reader, sig = RequestReader(signature(datatype)), signature(datatype)
    call = reader.read(json_body(datatype, array, **request))
    call.outputs = [array]
    body, length = ResponseWriter("m", "r", "v", sig).write(call)
    return json.loads(body[: length or None]), body[length:] if length else b""
