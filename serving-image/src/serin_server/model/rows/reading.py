"""Reads the graph of an ONNX file.

Field numbers are those of `onnx.proto`. A model may be hostile, so every message is read up to a bound, whatever could
be read in two ways is refused, and the time is bounded as a whole.
"""

import mmap
from pathlib import Path
from time import monotonic
from typing import Any, Final

import numpy as np

from serin_server.model.protobuf import BYTES, FIXED32, VARINT, Data, Field, fields, integers, varint
from serin_server.model.rows.graph import MOST_VALUES, Attribute, Graph, Node, Tensor, Unreadable, Value

MOST_NODES: Final = 50_000
_MOST_FIELDS: Final = 4096
_MOST_ELEMENTS: Final = 256
_MOST_COUNTED: Final = 65_536
_COUNTED: Final = ("cats_strings", "cats_int64s")
"""Lists of which the length matters; a forest has others, with millions of elements."""
_MOST_SIZES: Final = 32
_LONGEST_SECONDS: Final = 2.0
_ONCE: Final = (1, 2, 3, 4, 5)
_RAW: Final = {1: "<f4", 2: "u1", 3: "i1", 6: "<i4", 7: "<i8", 9: "?", 11: "<f8"}
"""numpy's words for the element types whose small values matter."""
_IS_NUMBER: Final = 1
_IS_INTEGER: Final = 2
_FIELD_OF_KIND: Final = {1: 2, 2: 3, 3: 4, 4: 5, 6: 7, 7: 8, 8: 9}
"""Which field of an attribute holds its value, by the kind that it says it has: what ONNX Runtime goes by."""
_FLOATS: Final = (1, 11)
_MOST_FLOATS: Final = 32


def read(path: Path) -> Graph:
    """The graph of a file. Raises `Unreadable` for everything that cannot be followed with certainty."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _Reader(data).model()
    except (ValueError, OSError, UnicodeDecodeError) as error:
        raise Unreadable(f"the file cannot be followed ({error})") from error


class _Reader:
    def __init__(self, data: Data) -> None:
        self._data = data
        self._deadline = monotonic() + _LONGEST_SECONDS

    def model(self) -> Graph:
        graph: Field | None = None
        opsets: dict[str, int] = {}
        functions = set()
        for field in fields(self._data, 0, len(self._data)):
            number = field[0]
            if number == 7:
                if graph is not None:
                    raise ValueError("it holds two graphs")
                graph = self._message(field)
            elif number == 8:
                members = self._members(field)
                domain, version = _domain(self._text(members.get(1))), self._integer(members.get(2))
                if opsets.setdefault(domain, version) != version:
                    raise ValueError(f"it imports two versions of the operator set {domain!r}")
            elif number == 25:
                function = {each[0]: each for each in fields(self._data, field[2], field[3])}
                functions.add((_domain(self._text(function.get(10))), self._text(function.get(1))))
        if graph is None:
            raise ValueError("it holds no graph")
        return self._graph(graph, opsets, frozenset(functions))

    def _graph(self, graph: Field, opsets: dict[str, int], functions: frozenset[tuple[str, str]]) -> Graph:
        nodes: list[Node] = []
        constants: dict[str, Tensor] = {}
        inputs: list[Value] = []
        outputs: list[Value] = []
        for field in fields(self._data, graph[2], graph[3]):
            if monotonic() > self._deadline:
                raise ValueError(f"reading it takes more than {_LONGEST_SECONDS:g} s")
            match field[0]:
                case 1:
                    nodes.append(self._node(self._message(field)))
                    if len(nodes) > MOST_NODES:
                        raise ValueError(f"it has more than {MOST_NODES} nodes")
                case 5:
                    name, tensor = self._tensor(self._message(field))
                    if name in constants:
                        raise ValueError("it holds two constants of one name")
                    constants[name] = tensor
                case 11:
                    inputs.append(self._value(field))
                case 12:
                    outputs.append(self._value(field))
        return Graph(nodes, constants, inputs, outputs, opsets, functions)

    def _node(self, node: Field) -> Node:
        data, inputs, outputs = self._data, [], []
        words = {3: "", 4: "", 7: ""}
        attributes: dict[str, Attribute] = {}
        for field in self._bounded(node):
            number, _, start, end = field
            if number == 1:
                inputs.append(data[start:end].decode())
            elif number == 2:
                outputs.append(data[start:end].decode())
            elif number in words:
                words[number] = data[start:end].decode()
            elif number == 5:
                name, attribute = self._attribute(self._message(field))
                if name in attributes:
                    raise ValueError(f"a node has two attributes {name!r}")
                attributes[name] = attribute
        return Node(words[4], _domain(words[7]), words[3], tuple(inputs), tuple(outputs), attributes)

    def _attribute(self, attribute: Field) -> tuple[str, Attribute]:
        data, given, whole = self._data, dict[int, Field](), True
        numbers, floats, strings = list[int](), list[float](), list[str]()
        most = _MOST_ELEMENTS
        for count, field in enumerate(fields(data, attribute[2], attribute[3])):
            if count > most or len(numbers) > most:
                whole = False
                break
            match field[0]:
                case 7:
                    floats += self._floats(field)
                case 8:
                    numbers += integers(data, field)
                case 9:
                    strings.append(self._beginning(field))
                case number:
                    if number in _ONCE and number in given:
                        raise ValueError(f"field {number} of an attribute comes twice")
                    given[number] = field
                    if number == 1 and self._text(field) in _COUNTED:
                        most = _MOST_COUNTED
        name = self._text(given.get(1))
        if 21 in given:
            raise ValueError(f"the attribute {name!r} is no plain value")
        kind = self._integer(given.get(20))
        held = {*(given.keys() & {2, 3, 4, 5}), *[7] * bool(floats), *[8] * bool(numbers), *[9] * bool(strings)}
        if kind and not held <= {_FIELD_OF_KIND.get(kind)}:
            raise ValueError(f"the attribute {name!r} holds another kind of value than it says")
        return name, Attribute(
            # Writers of protobuf 3 leave a zero out.
            integer=self._integer(given.get(3)) if 3 in given or kind == _IS_INTEGER else None,
            text=self._beginning(given[4]) if 4 in given else "",
            integers=tuple(numbers),
            number=self._floats(given[2])[0] if 2 in given else 0.0 if kind == _IS_NUMBER else None,
            numbers=tuple(floats),
            strings=tuple(strings),
            tensor=self._tensor(self._message(given[5]))[1] if 5 in given else None,
            is_whole=whole,
        )

    def _beginning(self, field: Field) -> str:
        return self._data[field[2] : min(field[3], field[2] + _MOST_FIELDS)].decode(errors="replace")

    def _tensor(self, tensor: Field) -> tuple[str, Tensor]:
        data, name, kind, is_external = self._data, "", 0, False
        shape: list[int] = []
        raw: Field | None = None
        listed: list[Field] = []
        for field in self._bounded(tensor):
            match field[0]:
                case 1:
                    shape += integers(data, field)
                case 2:
                    kind = self._integer(field)
                case 8:
                    name = data[field[2] : field[3]].decode()
                case 9:
                    raw = field
                case 4 | 5 | 7 | 10:
                    listed.append(field)
                case 3 | 14:
                    is_external = True
        if len(shape) > _MOST_SIZES or any(size < 0 for size in shape):
            raise ValueError(f"the constant {name!r} has no proper shape")
        count = int(np.prod(shape, dtype=object)) if shape else 1
        if is_external or kind not in _RAW or count > (_MOST_FLOATS if kind in _FLOATS else MOST_VALUES):
            return name, Tensor(tuple(shape))
        return name, Tensor(tuple(shape), self._values(kind, count, raw, listed).reshape(shape))

    def _values(self, kind: int, count: int, raw: Field | None, listed: list[Field]) -> np.ndarray[Any, Any]:
        dtype = np.dtype(_RAW[kind])
        if raw is not None:
            values = np.frombuffer(self._data[raw[2] : raw[3]], dtype)
        elif kind in _FLOATS:
            values = np.frombuffer(b"".join([self._data[at:to] for _, _, at, to in listed]), dtype)
        else:
            values = np.array([value for field in listed for value in integers(self._data, field)], dtype)
        if len(values) != count:
            raise ValueError(f"a constant of {count} values holds {len(values)}")
        return values

    def _value(self, field: Field) -> Value:
        members = self._members(field)
        name = self._text(members.get(1))
        if 2 not in members:
            return Value(name, None)
        kind = self._members(members[2])
        if set(kind) - {6} != {1}:
            return Value(name, None)
        tensor = self._members(kind[1])
        if 2 not in tensor:
            return Value(name, None)
        sizes: list[int | str | None] = []
        for size in self._bounded(self._message(tensor[2])):
            if size[0] == 1:
                told = self._members(size)
                number = self._integer(told[1]) if 1 in told else -1
                sizes.append(number if number >= 0 else self._text(told.get(2)) or None)
        if len(sizes) > _MOST_SIZES:
            raise ValueError(f"{name!r} has more than {_MOST_SIZES} dimensions")
        return Value(name, tuple(sizes))

    def _members(self, message: Field) -> dict[int, Field]:
        """The fields of a message; those that are used here may not come twice."""
        found: dict[int, Field] = {}
        for field in self._bounded(self._message(message)):
            if field[0] in found and field[0] <= 2:
                raise ValueError(f"field {field[0]} comes twice at byte {field[2]}")
            found[field[0]] = field
        return found

    def _bounded(self, message: Field) -> list[Field]:
        found = []
        for field in fields(self._data, message[2], message[3]):
            found.append(field)
            if len(found) > _MOST_FIELDS:
                raise ValueError(f"the message at byte {message[2]} has more than {_MOST_FIELDS} fields")
        return found

    def _floats(self, field: Field) -> list[float]:
        _, wire, start, end = field
        if wire not in (FIXED32, BYTES) or (end - start) % 4:
            raise ValueError(f"no number at byte {start}")
        return [float(value) for value in np.frombuffer(self._data[start : min(end, start + _MOST_FIELDS)], "<f4")]

    def _message(self, field: Field) -> Field:
        if field[1] != BYTES:
            raise ValueError(f"no message at byte {field[2]}")
        return field

    def _integer(self, field: Field | None) -> int:
        if field is None:
            return 0
        if field[1] != VARINT:
            raise ValueError(f"no integer at byte {field[2]}")
        value, _ = varint(self._data, field[2], field[3])
        return value - (1 << 64) if value >> 63 else value

    def _text(self, field: Field | None) -> str:
        return "" if field is None else self._data[field[2] : field[3]].decode()


def _domain(name: str) -> str:
    """A domain by its short name: ONNX's own has two."""
    return "" if name == "ai.onnx" else name
