"""Writes the answers of one model as protobuf, from pieces that were made once.

A message of the parser's own takes several times as long to fill as to write: most of an answer is the same each time.
"""

import struct
from collections.abc import Sequence
from math import prod
from time import time
from typing import Any, Final

from serin_server.dataplane.binary import bytes_of_array
from serin_server.dataplane.call import Call, Shared
from serin_server.dataplane.response import ResponseWriter
from serin_server.model.tensors import Array, TensorSpec
from serin_server.rpc import open_inference_pb2 as pb
from serin_server.rpc.tensors import put_output

_NAME, _REVISION, _ID, _PARAMETERS, _OUTPUTS, _RAW = 0x0A, 0x12, 0x1A, 0x22, 0x2A, 0x32
"""The keys of the fields of an answer: its number, and that its length comes next."""
_SHAPE: Final = 0x1A
_CONTENTS: Final = 0x2A
_PACKED: Final = {"FP32": 0x32, "FP64": 0x3A}
"""The keys of typed elements that lie in a message as in memory."""
_VARINTS: Final = {
    "BOOL": 0x0A, "INT8": 0x12, "INT16": 0x12, "INT32": 0x12, "INT64": 0x1A, "UINT8": 0x22, "UINT16": 0x22, "UINT32": 0x22, "UINT64": 0x2A,
}  # fmt: skip
"""The keys of those that do not: a number below 128 is a byte, others are several."""
_MOST_PLANS: Final = 256
_PIECE: Final = 64 * 1024
_DOUBLE: Final = struct.Struct("<d")


_Plan = tuple[bytes, list[bytes]]
"""What stands before the elements of outputs of known shapes, and before each of them."""
_Rows = tuple[tuple[tuple[int, ...], ...], list[bytes], list[int]]
"""Of each output of a shared run the shape of a row, all bytes, and those of a row."""


class Writer:
    """Writes the answers of one model."""

    __slots__ = ("_before_id", "_is_plain", "_outputs", "_plans", "_predicted_at", "_specs", "_version")

    def __init__(self, model_name: str, revision: str, version: str, outputs: Sequence[TensorSpec]) -> None:
        self._before_id = _text(_NAME, model_name) + _text(_REVISION, revision)
        self._version = _parameter("serin_version", _field(0x1A, version.encode()))
        self._predicted_at = _parameter("predicted_at", b"\x21" + bytes(_DOUBLE.size))[: -_DOUBLE.size]
        self._specs = outputs
        self._outputs = [_text(0x0A, spec.name) + _text(0x12, spec.datatype) for spec in outputs]
        self._is_plain = all(spec.datatype != "BYTES" for spec in outputs)
        self._plans: dict[Any, _Plan] = {}
        """Of raw answers with all outputs, by the shapes of these."""

    def write(self, call: Call, tokens: ResponseWriter, *, is_raw: bool) -> bytes:
        """The answer of a call that has outputs. `predicted_at` is the time of writing."""
        now = round(time(), 3)
        told = [self._before_id]
        if call.id:
            told.append(_text(_ID, call.id))
        told += (self._version, self._predicted_at, _DOUBLE.pack(now))
        if token := tokens.token_of(call, now):
            told.append(_parameter("feedback_token", _field(0x1A, token)))
        shared = call.shared
        if is_raw and call.wanted is None and self._is_plain:
            if shared is not None and shared.elements <= _PIECE:
                if shared.raw is None:
                    shared.raw = _rows_of(shared)
                told += self._rows(call.first, call.rows, shared.raw)
            else:
                arrays = call.outputs or []
                before, keys = self._plan(tuple([array.shape for array in arrays]))
                told.append(before)
                for key, array in zip(keys, arrays, strict=True):
                    told += (key, array.tobytes())
            return b"".join(told)
        positions = range(len(self._outputs)) if call.wanted is None else call.wanted
        told += self._selected(call.outputs or [], positions, is_raw=is_raw)
        return b"".join(told)

    def _rows(self, first: int, rows: int, raw: _Rows) -> list[bytes]:
        """All outputs of some rows of a run that several calls shared."""
        shapes, data, sizes = raw
        before, keys = self._plan((rows, shapes))
        told = [before]
        for key, each, size in zip(keys, data, sizes, strict=True):
            told += (key, each[first * size : (first + rows) * size])
        return told

    def _selected(self, arrays: Sequence[Array], positions: Sequence[int], *, is_raw: bool) -> list[bytes]:
        told: list[bytes] = []
        raw: list[bytes] = []
        is_raw = is_raw or any(self._specs[position].datatype == "FP16" for position in positions)
        for position in positions:
            spec, array = self._specs[position], arrays[position]
            described = self._outputs[position] + _shape(array.shape)
            if is_raw:
                data = bytes_of_array(spec, array)
                raw += (_key(_RAW, len(data)), data)
                told.append(_field(_OUTPUTS, described))
            else:
                contents = _contents(spec, array)
                size = len(described) + sum(map(len, contents))
                told += (_key(_OUTPUTS, size), described, *contents)
        return told + raw

    def _plan(self, shapes: Any) -> _Plan:
        """What stands before raw outputs of these shapes, or of so many rows of these."""
        plan = self._plans.get(shapes)
        if plan is not None:
            return plan
        whole = shapes
        if shapes and isinstance(shapes[0], int):
            whole = [(shapes[0], *shape) for shape in shapes[1]]
        described, keys = [], []
        for spec, about, shape in zip(self._specs, self._outputs, whole, strict=True):
            described.append(_field(_OUTPUTS, about + _shape(shape)))
            keys.append(_key(_RAW, prod(shape) * spec.dtype.itemsize))
        if len(self._plans) >= _MOST_PLANS:
            self._plans.clear()
        plan = self._plans[shapes] = b"".join(described), keys
        return plan


def _rows_of(shared: Shared) -> _Rows:
    outputs = shared.outputs
    sizes = [prod(output.shape[1:]) * output.itemsize for output in outputs]
    return tuple([output.shape[1:] for output in outputs]), [output.tobytes() for output in outputs], sizes


def _contents(spec: TensorSpec, array: Array) -> list[bytes]:
    """Typed elements."""
    key = _PACKED.get(spec.datatype)
    data = _small(spec, array) if key is None else bytes_of_array(spec, array)
    if data is None:
        answer = pb.ModelInferResponse()
        put_output(answer, spec, array, is_raw=False)
        contents = answer.outputs[0].contents.SerializeToString()
        return [_key(_CONTENTS, len(contents)), contents] if contents else []
    if not data:
        return []
    before = _key(key or _VARINTS[spec.datatype], len(data))
    return [_key(_CONTENTS, len(before) + len(data)), before, data]


def _small(spec: TensorSpec, array: Array) -> bytes | None:
    """Whole numbers of a byte each, as classes mostly are; None for others."""
    if spec.datatype not in _VARINTS or array.size > _PIECE:
        return None
    try:
        data = bytes(array.ravel().tolist())
    except ValueError:
        return None
    return data if data.isascii() else None


def _shape(shape: tuple[int, ...]) -> bytes:
    if not shape:
        return b""
    return _field(_SHAPE, b"".join([_varint(size) for size in shape]))


def _parameter(name: str, value: bytes) -> bytes:
    """One entry of the map of parameters."""
    return _field(_PARAMETERS, _text(0x0A, name) + _field(0x12, value))


def _text(key: int, text: str) -> bytes:
    return _field(key, text.encode()) if text else b""


def _field(key: int, value: bytes) -> bytes:
    return _key(key, len(value)) + value


def _key(key: int, size: int) -> bytes:
    """A key and the length of its value."""
    return bytes((key, size)) if size < 0x80 else bytes((key,)) + _varint(size)


def _varint(value: int) -> bytes:
    if value < 0x80:
        return bytes((value,))
    told = bytearray()
    while value >= 0x80:
        told.append(value & 0x7F | 0x80)
        value >>= 7
    told.append(value)
    return bytes(told)
