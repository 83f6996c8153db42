"""Tensors as the protocol's raw bytes: little-endian, row-major; each string behind its length in four bytes."""

from math import prod
from struct import Struct
from typing import Final

import numpy as np

from serin_server.dataplane.elements import amount, wrong_count
from serin_server.model.tensors import Array, TensorSpec
from serin_server.refusals import Kind, Refusal

_LENGTH: Final = Struct("<I")
_PIECE: Final = 16 * 1024


def array_of_bytes(spec: TensorSpec, shape: tuple[int, ...], data: memoryview | bytes) -> Array:
    """The array of one binary tensor. Raises `Refusal` when the bytes are not what its shape asks for."""
    if spec.datatype == "BYTES":
        return _strings(spec, shape, bytes(data))
    expected = prod(shape) * spec.dtype.itemsize
    if len(data) != expected:
        raise Refusal(
            Kind.INVALID_TENSOR,
            f"input {spec.name!r} ({spec.datatype} of shape {list(shape)}) is {amount(expected)} bytes, "
            f"and {len(data)} came",
            f"number of bytes of input {spec.name!r}",
        )
    if spec.datatype == "BOOL":  # any byte but 0 is true; a numpy bool must hold 0 or 1
        flags: Array = np.frombuffer(data, np.uint8) != 0
        return flags.reshape(shape)
    array = np.frombuffer(data, spec.dtype)
    if not array.flags.aligned:
        array = array.copy()
    return array.reshape(shape)


def _strings(spec: TensorSpec, shape: tuple[int, ...], data: bytes) -> Array:
    values: list[str] = []
    position, end = 0, len(data)
    while position < end:
        length = _LENGTH.unpack_from(data, position)[0] if end - position >= 4 else -1
        start = position + 4
        position = start + length
        if length < 0 or position > end:
            raise Refusal(
                Kind.INVALID_TENSOR,
                f"input {spec.name!r}: the bytes end within string {len(values)}: "
                "each string stands behind its length in four bytes, little-endian",
                f"bytes of input {spec.name!r}",
            )
        try:
            values.append(data[start:position].decode())
        except UnicodeDecodeError:
            raise Refusal(
                Kind.INVALID_TENSOR,
                f"input {spec.name!r}: string {len(values)} is not UTF-8, which ONNX asks for",
                f"string {len(values)} of input {spec.name!r} is not UTF-8",
            ) from None
    if len(values) != prod(shape):
        raise wrong_count(spec, shape, len(values))
    return np.array(values, dtype=object).reshape(shape)


def bytes_of_array(spec: TensorSpec, array: Array) -> bytes:
    """The raw bytes of an output."""
    if spec.datatype != "BYTES":
        return array.tobytes()
    flat, raw = array.ravel(), bytearray()
    for first in range(0, len(flat), _PIECE):  # short texts take many times their length while they are objects
        encoded = texts_of(flat[first : first + _PIECE])
        raw += b"".join([part for text in encoded for part in (_LENGTH.pack(len(text)), text)])
    return bytes(raw)


def texts_of(array: Array) -> list[bytes]:
    """The texts of an output in UTF-8."""
    return [value.encode() if isinstance(value, str) else bytes(value) for value in array.tolist()]
