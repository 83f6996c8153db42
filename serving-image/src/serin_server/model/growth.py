"""How large a graph becomes in memory, before ONNX Runtime makes it so.

Two bytes of a file are a node, which is a hundred times larger when it is loaded. And the functions that a model defines are
written out first: a few lines in which each calls the next one twice are 2^n nodes, for which no time and no memory suffice. Field
numbers are those of `onnx.proto`: ModelProto 7 graph, 25 functions; FunctionProto 1 name, 7 nodes, 10 domain; NodeProto 4
operator, 5 attributes, 7 domain; AttributeProto 6 graph, 11 graphs; GraphProto 1 nodes.
"""

import mmap
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Final

from serin_server.failures import LoadFailure, Reason
from serin_server.model.protobuf import fields

MOST_NODES: Final = 1_000_000
_MOST_DEEP: Final = 100
_GRAPH, _FUNCTION = 7, 25

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


class _Growth:
    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._bodies: dict[_Name, Counter[_Name]] = {}
        self._sizes: dict[_Name, int] = {}
        self._visited = 0

    def check(self) -> None:
        whole = (0, len(self._data))
        for start, end in self._spans(whole, _FUNCTION):
            name, nodes = self._function(start, end)
            self._bodies[name] = self._bodies.get(name, Counter()) + self._calls(nodes)
        for graph in self._spans(whole, _GRAPH):
            self._check_parts(graph)
            if self._bodies:
                self._total(self._calls(self._spans(graph, 1)), 0)

    def _check_parts(self, graph: _Span) -> None:
        for count, _ in enumerate(fields(self._data, *graph)):
            if count > MOST_NODES:
                raise ValueError(f"it has more than {MOST_NODES:,} nodes and weights")

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
