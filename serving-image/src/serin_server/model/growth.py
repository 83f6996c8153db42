"""How large a graph becomes in memory, before ONNX Runtime makes it so.

Two bytes of a file are a node, which is a hundred times larger when it is loaded. And the functions that a model defines are
written out first: a few lines in which each calls the next one twice are 2^n nodes, for which no time and no memory suffice. Field
numbers are those of `onnx.proto`: ModelProto 7 graph, 25 functions; FunctionProto 1 name, 7 nodes, 10 domain; NodeProto 4
operator, 5 attributes, 7 domain; AttributeProto 6 graph, 7 floats, 8 ints, 11 graphs; GraphProto 1 nodes.
"""

import mmap
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Final

from serin_server.failures import LoadFailure, Reason
from serin_server.model.protobuf import BYTES, Field, fields

MOST_NODES: Final = 1_000_000
_MOST_DEEP: Final = 100
_GRAPH, _FUNCTION = 7, 25
_FLOATS, _INTS = 7, 8
_NUMBERS: Final = re.compile(rb"(?:\x3d.{4}|\x40[\x80-\xff]*+[\x00-\x7f])*+", re.DOTALL)
"""Floats and ints of an attribute, one field each: a forest has millions."""

_Name = tuple[bytes, bytes]
"""Domain and name. Overloads of one name count together, which is never too few."""
_Span = tuple[int, int]


def check_growth(file: Path) -> None:
    """Raises `LoadFailure` (ModelInvalid) for a graph of too many parts, as it is or when its functions are written out."""
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            _Growth(data).check()
        except ValueError as error:
            raise LoadFailure(Reason.MODEL_INVALID, f"the model's graph is not one to load: {error}") from None


_PARTS: Final[Mapping[str, Mapping[int, str]]] = {
    "model": {7: "graph", 8: "", 14: "", 20: "training", 25: "function", 26: ""},
    "training": {1: "graph", 2: "graph", 3: "", 4: ""},
    "graph": {1: "node", 5: "", 11: "", 12: "", 13: "", 14: "", 15: "", 16: ""},
    "function": {7: "node", 9: "", 11: "attribute", 12: "", 14: ""},
    "node": {5: "attribute", 9: "", 10: ""},
    "attribute": {5: "", 6: "graph", 10: "", 11: "graph", 14: "", 15: "", 22: "", 23: ""},
}
"""Which fields of a message are messages (onnx.proto); no name for those that are not looked into."""


def _check_parts(data: mmap.mmap) -> None:
    """Raises `ValueError` for more messages than a model has, wherever they are."""
    count = 0
    todo = [("model", 0, len(data))]
    while todo:
        kind, start, end = todo.pop()
        parts = _PARTS[kind]
        found = _without_numbers(data, start, end) if kind == "attribute" else fields(data, start, end)
        for number, wire, at, to in found:
            inner = parts.get(number) if wire == BYTES else None
            if inner is None:
                continue
            count += 1
            if count > MOST_NODES:
                raise ValueError(f"it has more than {MOST_NODES:,} nodes, attributes and weights")
            if inner:
                todo.append((inner, at, to))


def _without_numbers(data: mmap.mmap, start: int, end: int) -> Iterator[Field]:
    """The fields of an attribute but for its numbers, which are passed over in one go."""
    while start < end:
        for field in fields(data, start, end):
            if field[0] in (_FLOATS, _INTS) and field[1] != BYTES:
                start = _NUMBERS.match(data, field[3], end).end()  # type: ignore[union-attr]  # nothing matches too
                break
            yield field
        else:
            return


class _Growth:
    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._bodies: dict[_Name, Counter[_Name]] = {}
        self._sizes: dict[_Name, int] = {}
        self._visited = 0

    def check(self) -> None:
        _check_parts(self._data)
        whole = (0, len(self._data))
        for start, end in self._spans(whole, _FUNCTION):
            name, nodes = self._function(start, end)
            self._bodies[name] = self._bodies.get(name, Counter()) + self._calls(nodes)
        if self._bodies:
            for graph in self._spans(whole, _GRAPH):
                self._total(self._calls(self._spans(graph, 1)), 0)

    def _function(self, start: int, end: int) -> tuple[_Name, list[_Span]]:
        words, nodes = {1: b"", 10: b""}, []
        for number, _, at, to in fields(self._data, start, end):
            if number == 7:
                nodes.append((at, to))
                if len(nodes) > MOST_NODES:
                    raise ValueError(f"one of its functions has more than {MOST_NODES:,} nodes")
            elif number in words:
                words[number] = self._data[at:to]
        return (words[10], words[1]), nodes

    def _calls(self, nodes: list[_Span]) -> Counter[_Name]:
        """How often each operator stands in these nodes, and in the graphs that they hold."""
        found: Counter[_Name] = Counter()
        while nodes:
            start, end = nodes.pop()
            self._visited += 1
            if self._visited > MOST_NODES:
                raise ValueError(f"it has more than {MOST_NODES:,} nodes")
            words = {4: b"", 7: b""}
            for number, _, at, to in fields(self._data, start, end):
                if number in words:
                    words[number] = self._data[at:to]
                elif number == 5:
                    graphs = [graph for field in (6, 11) for graph in self._spans((at, to), field)]
                    nodes += [node for graph in graphs for node in self._spans(graph, 1)]
                    if len(nodes) > MOST_NODES:
                        raise ValueError(f"it has more than {MOST_NODES:,} nodes")
            found[words[7], words[4]] += 1
        return found

    def _spans(self, span: _Span, wanted: int) -> list[_Span]:
        found = ((at, to) for number, _, at, to in fields(self._data, *span) if number == wanted)
        spans = list(islice(found, MOST_NODES + 1))
        if len(spans) > MOST_NODES:
            raise ValueError(f"it has more than {MOST_NODES:,} nodes or functions")
        return spans

    def _total(self, calls: Counter[_Name], depth: int) -> int:
        if depth > _MOST_DEEP:
            raise ValueError(f"its functions call one another without end, or more than {_MOST_DEEP} deep")
        total = sum(count * self._size(name, depth) for name, count in calls.items())
        if total > MOST_NODES:
            raise ValueError(f"written out, its functions are more than {MOST_NODES:,} nodes")
        return total

    def _size(self, name: _Name, depth: int) -> int:
        """Nodes that a call of this operator becomes: one, unless the model defines it."""
        if name not in self._bodies:
            return 1
        if name not in self._sizes:
            self._sizes[name] = self._total(self._bodies[name], depth + 1)
        return self._sizes[name]
