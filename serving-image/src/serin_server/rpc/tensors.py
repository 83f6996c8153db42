"""Tensors of gRPC messages as arrays and back, in raw bytes or in typed fields."""

from collections.abc import Sequence
from math import prod
from typing import Any, Final

import numpy as np

from serin_server.dataplane.binary import array_of_bytes, bytes_of_array, texts_of
from serin_server.dataplane.elements import check_texts, checked_shape, out_of_range, wrong_count
from serin_server.dataplane.memory import BYTES_OF_A_STRING, Holding
from serin_server.model.tensors import Array, TensorSpec
from serin_server.refusals import Kind, Refusal
from serin_server.rpc import open_inference_pb2 as pb

_MOST_TYPED_TEXTS: Final = 200_000
"""A typed text is an object three times: in the question, as an element, and in the answer."""
_MOST_SIZES: Final = 65
"""No tensor of ONNX Runtime has so many dimensions; a message can have a million."""
_LEAST_RAW: Final = 4
"""Bytes of the shortest raw text: its length."""
_PIECE: Final = 64 * 1024
FIELDS: Final = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}
"""Where the elements of each datatype stand; FP16 has no field and travels in raw bytes only."""


def arrays_of(
    specs: Sequence[TensorSpec], request: pb.ModelInferRequest, order: Sequence[int], holding: Holding | None = None
) -> list[Array]:
    """The arrays of a request in the order of the model's inputs; `holding` pays for texts. Raises `Refusal`."""
    raw = request.raw_input_contents
    if raw and len(raw) != len(request.inputs):
        raise Refusal(
            Kind.MALFORMED, f"{len(request.inputs)} inputs and {len(raw)} raw_input_contents came: give one each"
        )
    arrays = []
    for spec, position in zip(specs, order, strict=True):
        given = request.inputs[position]
        shape = checked_shape(spec, given.datatype, list(given.shape[:_MOST_SIZES]))
        if spec.datatype == "BYTES":
            most = len(raw[position]) // _LEAST_RAW if raw else len(given.contents.bytes_contents)
            count = min(prod(shape), most)
            check_texts(spec, (count,))
            if holding is not None:
                holding.grow(BYTES_OF_A_STRING * count)
        if raw:
            arrays.append(array_of_bytes(spec, shape, raw[position]))
        else:
            arrays.append(_of_contents(spec, shape, given.contents))
    return arrays


def _of_contents(spec: TensorSpec, shape: tuple[int, ...], contents: pb.InferTensorContents) -> Array:
    field = FIELDS.get(spec.datatype)
    if field is None:
        raise Refusal(
            Kind.INVALID_TENSOR, f"input {spec.name!r} is {spec.datatype}, which has no typed field: use raw contents"
        )
    values: Sequence[Any] = getattr(contents, field)
    if len(values) != prod(shape):
        raise wrong_count(spec, shape, len(values))
    if spec.datatype == "BYTES":
        if len(values) > _MOST_TYPED_TEXTS:
            raise Refusal(
                Kind.TOO_LARGE,
                f"input {spec.name!r} has {len(values)} texts, and {_MOST_TYPED_TEXTS} may come in typed fields: send them raw, or fewer rows",
            )
        try:
            return np.fromiter((value.decode() for value in values), np.object_, len(values)).reshape(shape)
        except UnicodeDecodeError:
            raise Refusal(
                Kind.INVALID_TENSOR,
                f"input {spec.name!r}: a string is not UTF-8, which ONNX asks for",
                f"a string of input {spec.name!r} is not UTF-8",
            ) from None
    array = np.empty(len(values), spec.dtype)
    try:
        for first in range(0, len(values), _PIECE):  # calls of a few milliseconds, between which others get their turn
            piece = values[first : first + _PIECE]
            array[first : first + _PIECE] = np.fromiter(piece, spec.dtype, len(piece))
    except (OverflowError, ValueError):
        raise out_of_range(spec) from None
    return array.reshape(shape)


def put_output(response: pb.ModelInferResponse, spec: TensorSpec, array: Array, *, is_raw: bool) -> None:
    """Adds one output to a response."""
    output = response.outputs.add(name=spec.name, datatype=spec.datatype, shape=array.shape)
    if is_raw:
        response.raw_output_contents.append(bytes_of_array(spec, array))
        return
    flat, field = array.ravel(), getattr(output.contents, FIELDS[spec.datatype])
    for first in range(0, len(flat), _PIECE):
        piece = flat[first : first + _PIECE]
        field.extend(texts_of(piece) if spec.datatype == "BYTES" else piece.tolist())
