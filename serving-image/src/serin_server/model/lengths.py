"""What decides how many tensors a list holds that comes out of a graph.

A run tells how many there were once. Where the graph shows that the inputs of a request decide, that is no promise to
clients, and the model is refused with the reason before anybody relies on it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from serin_server.model.rows.graph import Graph, Node, Unreadable
from serin_server.model.rows.reading import read

_MOST_STEPS: Final = 10_000
_AS_ITS_FIRST: Final = ("Identity", "SequenceInsert", "SequenceErase", "SequenceMap")
"""Operators whose list is as long as the one that they are given, or differs from it by a fixed number."""


def what_decides(file: Path, lists: Mapping[str, object]) -> dict[str, str]:
    """For each list that comes out of a model: what of a request decides how long it is; empty when nothing is known to."""
    if not lists:
        return {}
    try:
        graph = read(file)
    except Unreadable:
        return dict.fromkeys(lists, "")
    return {name: _decides(graph, name) for name in lists}


def _decides(graph: Graph, name: str) -> str:
    makers = {output: node for node in graph.nodes for output in node.outputs}
    for _ in range(_MOST_STEPS):  # a hostile graph may go in circles
        node = makers.get(name)
        if node is None or node.domain or not node.inputs:
            return ""
        if node.operator == "SplitToSequence":
            return _decides_splits(graph, node, makers)
        if node.operator == "Loop":
            return _decides_turns(graph, node, makers)
        if node.operator not in _AS_ITS_FIRST:
            return ""
        name = node.inputs[0]
    return ""


def _decides_splits(graph: Graph, node: Node, makers: Mapping[str, Node]) -> str:
    whole, *pieces = node.inputs
    if pieces and pieces[0] and not _is_constant(graph, pieces[0], makers):
        return f"SplitToSequence cuts where {pieces[0]!r} says, which is no constant"
    if pieces and pieces[0] and _is_list_of_sizes(graph, pieces[0], makers):
        return ""
    sizes = next((value.sizes for value in graph.inputs if value.name == whole), None)
    axis = node.attributes["axis"].integer or 0 if "axis" in node.attributes else 0
    if sizes is None or not -len(sizes) <= axis < len(sizes) or isinstance(sizes[axis], int):
        return ""
    return f"SplitToSequence cuts {whole!r} along dimension {axis}, whose size a request chooses"


def _decides_turns(graph: Graph, node: Node, makers: Mapping[str, Node]) -> str:
    turns = node.inputs[0]
    if turns and not _is_constant(graph, turns, makers):
        return f"a Loop makes it in as many turns as {turns!r} says, which is no constant"
    return ""


def _is_constant(graph: Graph, name: str, makers: Mapping[str, Node]) -> bool:
    if name in graph.constants:  # unless a request may put another value in its place
        return all(value.name != name for value in graph.inputs)
    return name in makers and makers[name].operator == "Constant"


def _is_list_of_sizes(graph: Graph, name: str, makers: Mapping[str, Node]) -> bool:
    if name in graph.constants:
        return len(graph.constants[name].shape) == 1
    attributes = makers[name].attributes
    tensor = attributes["value"].tensor if "value" in attributes else None
    return "value_ints" in attributes or (tensor is not None and len(tensor.shape) == 1)
