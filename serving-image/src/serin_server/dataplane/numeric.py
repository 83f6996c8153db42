"""A faster way through large JSON bodies of models that take numbers only: simdjson, no Python floats.

It reads what is right and says None to everything else, which then goes the slow way that can explain: keys that come
twice, nests that are not rows of one length, values of other types. So a body means the same whichever way it is read.
"""

from math import prod
from typing import Any, Final, Self

import numpy as np

from serin_server.model.tensors import Array, Signature, TensorSpec

_KEPT_PARSER_BYTES: Final = 1 << 20
_KINDS: Final = {"f": ("d", np.dtype(np.float64)), "i": ("i", np.dtype(np.int64)), "u": ("u", np.dtype(np.uint64))}


class Tensors:
    """The arrays of a request in the order of the model's inputs, and whatever else the request holds."""

    __slots__ = ("arrays", "envelope")

    def __init__(self, arrays: list[Array], envelope: dict[str, Any]) -> None:
        self.arrays = arrays
        self.envelope = envelope


class NumericReader:
    """Reads the requests of one model. Not for several threads: the parser's memory is used again and again."""

    __slots__ = ("_inputs", "_new_parser", "_parser")

    def __init__(self, inputs: tuple[TensorSpec, ...]) -> None:
        import simdjson  # noqa: PLC0415 (only models that can use it pay for it)

        self._inputs = inputs
        self._new_parser = simdjson.Parser
        self._parser: Any = simdjson.Parser()

    @classmethod
    def of(cls, signature: Signature) -> Self | None:
        """A reader for a model all of whose inputs are numbers; None for others."""
        if not signature.inputs or any(spec.dtype.kind not in _KINDS for spec in signature.inputs):
            return None
        return cls(signature.inputs)

    def read(self, body: bytes | bytearray) -> Tensors | None:
        """The tensors of a JSON body, or None when anything is not exactly as it should be."""
        # The memory of a parser grows to its largest document and stays: one huge body must not leave that behind.
        parser = self._parser if len(body) <= _KEPT_PARSER_BYTES else self._new_parser()
        try:
            return self._tensors(parser.parse(body), body.count(b"["))
        except (ValueError, TypeError, KeyError, RuntimeError, RuntimeWarning, AttributeError):
            return None

    def _tensors(self, document: Any, brackets: int) -> Tensors | None:
        keys = list(document)
        given = document["inputs"]
        if len(given) != len(self._inputs) or len(set(keys)) != len(keys):
            return None
        arrays = []
        for position, spec in enumerate(self._inputs):
            array = _array(spec, given[position])
            if array is None:
                return None
            arrays.append(array)
        envelope = {}
        for key in keys:
            if key != "inputs":
                value = document[key]
                envelope[key] = value if isinstance(value, str) else _plain(value)
        # A buffer is made of nested lists as of flat ones: one bracket too many, and the body is not what it seems.
        expected = 1 + sum([_brackets_of(given[position]) for position in range(len(arrays))]) + _brackets_in(envelope)
        return Tensors(arrays, envelope) if brackets == expected else None


class NumericPieces:
    """Reads flat lists of numbers of one type. Not for several threads."""

    __slots__ = ("_code", "_dtype", "_parser", "_spec")

    def __init__(self, spec: TensorSpec) -> None:
        import simdjson  # noqa: PLC0415 (only who reads large bodies pays for it)

        self._spec = spec
        self._code, self._dtype = _KINDS[spec.dtype.kind]
        self._parser: Any = simdjson.Parser()

    @classmethod
    def of(cls, spec: TensorSpec) -> Self | None:
        """A reader for an input of numbers; None for others."""
        return cls(spec) if spec.dtype.kind in _KINDS else None

    def read(self, text: bytes) -> Array | None:
        """The numbers of a JSON list without brackets inside, or None when anything is not exactly as it should be."""
        try:
            flat = np.frombuffer(self._parser.parse(text).as_buffer(of_type=self._code), self._dtype)
            return _of_type(self._spec, flat)
        except (ValueError, TypeError, RuntimeError, RuntimeWarning, AttributeError):
            return None


def _array(spec: TensorSpec, tensor: Any) -> Array | None:
    keys = list(tensor)
    if len(set(keys)) != len(keys):
        return None
    if tensor["name"] != spec.name or tensor["datatype"] != spec.datatype:
        return None
    shape = tuple(tensor["shape"].as_list())
    if not all([type(size) is int and size > 0 for size in shape]) or not spec.accepts(shape):
        return None
    data = tensor["data"]
    code, dtype = _KINDS[spec.dtype.kind]
    if len(data) and isinstance(data[0], type(data)) and not _is_regular(data, shape):
        return None
    flat = np.frombuffer(data.as_buffer(of_type=code), dtype)
    if len(flat) != prod(shape):
        return None
    array = _of_type(spec, flat)
    return None if array is None else array.reshape(shape)


def _of_type(spec: TensorSpec, flat: Array) -> Array | None:
    """The numbers in the input's own type; None when one is out of its range."""
    if flat.dtype is not spec.dtype and flat.dtype.kind != "f":
        limits = np.iinfo(spec.dtype)
        if len(flat) and (flat.min() < limits.min or flat.max() > limits.max):
            return None
    return flat.astype(spec.dtype, copy=False)


def _is_regular(data: Any, shape: tuple[int, ...]) -> bool:
    """Whether nested data are rows of one length; deeper nests are left to the slow way."""
    if len(shape) != 2 or len(data) != shape[0]:
        return False
    return all([isinstance(row, type(data)) and len(row) == shape[1] and _is_flat(row, type(data)) for row in data])


def _is_flat(row: Any, nested: type) -> bool:
    return not (len(row) and isinstance(row[0], nested))


def _brackets_of(tensor: Any) -> int:
    """The brackets that a tensor opens when its data are flat, or rows in one list."""
    data = tensor["data"]
    rows = len(data) if len(data) and isinstance(data[0], type(data)) else 0
    others = [_brackets_in(_plain(tensor[key])) for key in tensor if key not in ("shape", "data")]
    return 2 + rows + sum(others)


def _brackets_in(value: Any) -> int:
    """The brackets that a value opens, those in its strings included."""
    match value:
        case str():
            return value.count("[")
        case list():
            return 1 + sum(map(_brackets_in, value))
        case dict():
            return sum([_brackets_in(key) + _brackets_in(each) for key, each in value.items()])
        case _:
            return 0


def _plain(value: Any) -> Any:
    if hasattr(value, "as_dict"):
        return value.as_dict()
    return value.as_list() if hasattr(value, "as_list") else value
