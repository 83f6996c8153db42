"""Elements of JSON tensors as arrays: every value checked, nothing silently converted."""

import struct
from itertools import chain
from math import nan, prod
from typing import Any, Final, Protocol

import numpy as np

from serin_server.model.tensors import Array, TensorSpec
from serin_server.refusals import Kind, Refusal

_INTEGERS: Final = ("INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64")
_ELEMENTS: Final[dict[str, tuple[frozenset[type], str]]] = {
    **dict.fromkeys(("FP16", "FP32", "FP64"), (frozenset({float, int, type(None)}), "numbers")),
    **dict.fromkeys(_INTEGERS, (frozenset({int}), "integers")),
    "BOOL": (frozenset({bool}), "true or false"),
    "BYTES": (frozenset({str}), "strings"),
}
_MOST_TEXTS: Final = 400_000
TOO_FAR: Final = "Number out of range"
"""What msgspec says of a number beyond every float."""
_MOST_BESIDE_NONE: Final = 1 << 32
"""The other sizes of an empty tensor hold no bytes, yet numpy and the model multiply them."""

_MOST_SHAPES: Final = 256


class GivenTensor(Protocol):
    """A tensor as a request gives it."""

    name: str
    shape: list[int]
    datatype: str
    data: Any


def checked_shape(spec: TensorSpec, datatype: str, shape: list[int]) -> tuple[int, ...]:
    """The shape of a given tensor, if it and the datatype fit. Raises `Refusal`."""
    if datatype != spec.datatype:
        raise Refusal(
            Kind.INVALID_TENSOR,
            f"input {spec.name!r} is {spec.datatype}, and datatype {datatype[:20]!r} came",
            f"datatype of input {spec.name!r}",
        )
    given = tuple(shape)
    least = min(given) if given else 1
    if least < 0 or not spec.accepts(given):
        raise Refusal(
            Kind.INVALID_TENSOR,
            f"input {spec.name!r} has the shape {list(spec.shape)} (-1 is free), and {_shown(shape)} came",
            f"shape of input {spec.name!r}",
        )
    if not least and prod(size or 1 for size in given) > _MOST_BESIDE_NONE:
        raise Refusal(
            Kind.INVALID_TENSOR,
            f"input {spec.name!r} of shape {_shown(shape)}: an empty tensor may not be so large in its other dimensions",
            f"shape of input {spec.name!r}",
        )
    return given


def array_of(spec: TensorSpec, given: GivenTensor) -> Array:
    """The array of one JSON tensor. Raises `Refusal` naming it, what was expected and what came."""
    shape = checked_shape(spec, given.datatype, given.shape)
    data = given.data
    if type(data) is not list:
        raise Refusal(Kind.INVALID_TENSOR, f"input {spec.name!r} has no list of data", f"data of input {spec.name!r}")
    if data and type(data[0]) is list:
        data = _flat(spec, data, shape)
    if len(data) != prod(shape):
        raise wrong_count(spec, shape, len(data))
    return from_flat(spec, data).reshape(shape)


def wrong_count(spec: TensorSpec, shape: tuple[int, ...], came: int) -> Refusal:
    """The refusal of a tensor whose data are more or fewer than its shape says."""
    return Refusal(
        Kind.INVALID_TENSOR,
        f"input {spec.name!r} of shape {_shown(list(shape))} has {amount(prod(shape))} elements, and {came} came",
        f"number of elements of input {spec.name!r}",
    )


def amount(count: int) -> str:
    """A number of elements or bytes in a sentence: a made-up shape can make one of more digits than Python writes."""
    return str(count) if count <= 10**18 else "more than 10^18"


def from_flat(spec: TensorSpec, data: list[Any], first: int = 0) -> Array:
    """A flat array of the spec's type from Python values. Raises `Refusal` for a value of another kind.

    JSON has one kind of number: 3.0 is the integer 3, as in JSON Schema. It has no NaN: null is one, as in responses.

    Args:
        spec: The input that it is for.
        data: Elements in row-major order.
        first: The number of the first of them, for messages.
    """
    allowed, words = _ELEMENTS[spec.datatype]
    if not allowed.issuperset(map(type, data)):
        if spec.datatype in _INTEGERS:
            data = [int(value) if type(value) is float and value.is_integer() else value for value in data]
        for position, value in enumerate(data, first):
            if type(value) not in allowed:
                raise Refusal(
                    Kind.INVALID_TENSOR,
                    f"input {spec.name!r} is {spec.datatype}: its data must be {words}, "
                    f"and element {position} is {_shown(value)}",
                    f"element {position} of input {spec.name!r}, which is {spec.datatype}",
                )
    if spec.dtype.kind == "f" and None in data:
        data = [nan if value is None else value for value in data]
    return _array_of_values(spec, data)


class FlatFloats:
    """Makes the arrays of one input of floats from flat JSON data; what follows from a shape is found out once."""

    __slots__ = ("_dtype", "_known", "_spec")

    def __init__(self, spec: TensorSpec) -> None:
        self._spec = spec
        self._dtype = spec.dtype
        self._known: dict[tuple[int, ...], struct.Struct] = {}

    def array(self, given: GivenTensor) -> Array:
        """The array of a tensor whose data were parsed as floats and nothing else; it is read only. Raises `Refusal`."""
        data, shape = given.data, tuple(given.shape)
        packer = self._known.get(shape)
        if packer is None or given.datatype != self._spec.datatype:
            packer = self._learn(given, shape)
        if len(data) * self._dtype.itemsize != packer.size:
            raise wrong_count(self._spec, shape, len(data))
        try:
            return np.ndarray(shape, self._dtype, packer.pack(*data))
        except OverflowError:
            raise out_of_range(self._spec) from None

    def _learn(self, given: GivenTensor, shape: tuple[int, ...]) -> struct.Struct:
        checked_shape(self._spec, given.datatype, given.shape)
        count = prod(shape)
        if count > len(given.data):  # before anything is made of that size
            raise wrong_count(self._spec, shape, len(given.data))
        packer = struct.Struct(f"={count}{self._dtype.char}")  # without "=" what overflows becomes infinite
        if len(self._known) < _MOST_SHAPES:
            self._known[shape] = packer
        return packer


def _array_of_values(spec: TensorSpec, data: list[Any]) -> Array:
    try:
        if spec.datatype == "FP16":  # fromiter knows no half precision
            return np.fromiter(data, np.float64, len(data)).astype(np.float16)
        return np.fromiter(data, spec.dtype, len(data))
    except (OverflowError, ValueError, RuntimeWarning):
        raise out_of_range(spec) from None


def check_texts(spec: TensorSpec, shape: tuple[int, ...]) -> None:
    """Raises `Refusal` for too many texts: ONNX Runtime takes them one by one, and nobody else has a turn meanwhile."""
    if spec.datatype == "BYTES" and prod(shape) > _MOST_TEXTS:
        raise Refusal(
            Kind.TOO_LARGE,
            f"input {spec.name!r} has {amount(prod(shape))} texts, and a request may have {_MOST_TEXTS}: send fewer rows",
        )


def no_elements(spec: TensorSpec) -> Refusal:
    """The refusal of a list that holds something else than elements of its datatype."""
    return Refusal(
        Kind.INVALID_TENSOR, f"input {spec.name!r} is {spec.datatype}: its data must be {_ELEMENTS[spec.datatype][1]}"
    )


def out_of_range(spec: TensorSpec) -> Refusal:
    """The refusal of a number that its type cannot hold."""
    sentence = f"input {spec.name!r} is {spec.datatype}: an element is out of its range"
    return Refusal(Kind.INVALID_TENSOR, sentence, sentence)


def _flat(spec: TensorSpec, data: list[Any], shape: tuple[int, ...]) -> list[Any]:
    """Nested rows as one flat list; every level must have the length that the shape says."""
    for depth in range(len(shape) - 1):
        if len(data) != prod(shape[: depth + 1]) or any(
            [type(row) is not list or len(row) != shape[depth + 1] for row in data]
        ):
            raise Refusal(
                Kind.INVALID_TENSOR,
                f"input {spec.name!r}: the nested data do not have the shape {_shown(list(shape))} "
                f"at dimension {depth}",
                f"nested data of input {spec.name!r}",
            )
        data = list(chain.from_iterable(data))
    return data


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:59] + "…"
