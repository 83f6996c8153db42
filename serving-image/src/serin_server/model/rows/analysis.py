"""Follows a graph from its inputs to its outputs and says whether every row is answered by itself."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Final

from serin_server.failures import one_line
from serin_server.model.rows.graph import Graph, Node, Unreadable, Value
from serin_server.model.rows.reading import read
from serin_server.model.rows.rules import RULES
from serin_server.model.rows.rules.filling import of_tensor
from serin_server.model.rows.sizes import ROWS, Size
from serin_server.model.rows.states import Fixed, Mixed, NotProven, Reason, Rows, State
from serin_server.model.rows.step import Step

_LONGEST_SECONDS: Final = 2.0
_FOLLOWED_DOMAINS: Final = ("", "ai.onnx.ml", "com.microsoft")
_TAKE_SHAPES: Final[Mapping[str, tuple[int, ...]]] = {
    "ConstantOfShape": (0,),
    "Expand": (1,),
    "Reshape": (1,),
    "Resize": (3,),
    "Slice": (1, 2),
    "Tile": (1,),
}
"""Inputs that are shapes, by operator."""
_MADE_BY_TOOLS: Final = re.compile(r"^(unk__\d+|.*_dim_\d+|(.*\.)?DynamicDimension\.\d+|\?+)$")
"""Names that exporters give to sizes that nobody named; they differ from tensor to tensor and say nothing."""


def check(path: Path) -> None:
    """Returns when the rows of a model are proven independent. Raises `NotProven` with the reason otherwise."""
    try:
        check_graph(read(path))
    except Unreadable as error:
        raise NotProven(Reason.NOT_FOLLOWED, f"the graph cannot be followed: {error}") from error
    except NotProven:
        raise
    except Exception as error:  # a hostile graph may break any rule; what breaks one is not proven
        raise NotProven(Reason.NOT_FOLLOWED, f"the graph cannot be followed ({one_line(error, 200)})") from error


def check_graph(graph: Graph) -> None:
    """The same for a graph that was read."""
    if "" not in graph.opsets and any(not node.domain for node in graph.nodes):
        raise NotProven(
            Reason.NOT_FOLLOWED, "the model does not say which version of ONNX's operators it was written for"
        )
    inputs = [value for value in graph.inputs if value.name not in graph.constants]
    _check_names([*inputs, *graph.outputs])
    states: dict[str, State] = {name: of_tensor(tensor) for name, tensor in graph.constants.items()}
    for value in inputs:
        states[value.name] = _of_input(value)
    follow(graph, states)
    for value in graph.outputs:
        match states.get(value.name):
            case Rows(axis=0, sizes=sizes) if sizes[0] == ROWS:
                continue
            case Mixed(reason=reason, message=message):
                raise NotProven(reason, message)
            case Rows(axis=axis, sizes=sizes) if axis or sizes[0] != ROWS:
                raise NotProven(Reason.ROWS_MIX, f"output {value.name!r} does not have one slice for each row")
            case _:
                raise NotProven(Reason.ROWS_MIX, f"output {value.name!r} does not follow the rows")


def follow(graph: Graph, states: dict[str, State]) -> None:
    """Adds the states of everything that the nodes make to those of inputs and constants."""
    numbers = count()
    deadline = monotonic() + _LONGEST_SECONDS
    for number, node in enumerate(graph.nodes):
        if monotonic() > deadline:
            raise NotProven(Reason.NOT_FOLLOWED, f"following the graph takes more than {_LONGEST_SECONDS:g} s")
        made = _after(node, number, graph, states, numbers)
        for position, name in enumerate(node.outputs):
            if name:
                states[name] = made[position] if position < len(made) else _unknown(node, number)


def _after(node: Node, number: int, graph: Graph, states: dict[str, State], numbers: Iterator[int]) -> Sequence[State]:
    inputs = []
    for name in node.inputs:
        state = states.get(name) if name else None
        if name and state is None:
            return [Mixed(Reason.NOT_FOLLOWED, f"{_called(node, number)} takes {name!r}, which nothing makes")] * len(
                node.outputs
            )
        if isinstance(state, Mixed):
            return [state] * len(node.outputs)
        inputs.append(state)
    rule = RULES.get((node.domain, node.operator))
    if rule is None or node.domain not in _FOLLOWED_DOMAINS or (node.domain, node.operator) in graph.functions:
        of_domain = f" of {node.domain}" if node.domain else ""
        message = f"{_called(node, number)}{of_domain} is not known to keep rows apart"
        return [Mixed(Reason.OPERATOR_UNKNOWN, message)] * len(node.outputs)
    try:
        made = rule(Step(node, tuple(inputs), graph.opsets.get(node.domain, 0), numbers))
    except NotProven as found:
        return [Mixed(found.reason, f"{_called(node, number)} {found.message}")] * len(node.outputs)
    except Exception as error:  # noqa: BLE001 (a node that is not as its rule expects, in a hostile file perhaps)
        message = f"{_called(node, number)} cannot be followed ({one_line(error, 200)})"
        return [Mixed(Reason.NOT_FOLLOWED, message)] * len(node.outputs)
    listed = [made] * len(node.outputs) if isinstance(made, State) else made
    return [_unless_counting(node, number, inputs, state) for state in listed]


def _unless_counting(node: Node, number: int, inputs: Sequence[State | None], made: State) -> State:
    """Whatever a rule says: the number of rows may become a shape, or go on as a value that is followed, nothing else."""
    if isinstance(made, Mixed) or (isinstance(made, Fixed) and made.values is not None):
        return made
    takers = _TAKE_SHAPES.get(node.operator, ())
    if any(isinstance(state, Fixed) and state.has_batch for at, state in enumerate(inputs) if at not in takers):
        return Mixed(Reason.BATCH_SIZE_MATTERS, f"{_called(node, number)} uses the number of rows as a value")
    return made


def _of_input(value: Value) -> State:
    if not value.sizes or isinstance(value.sizes[0], int):
        return Mixed(Reason.FIXED_SIZE, f"input {value.name!r} has no free first dimension")
    sizes = [ROWS]
    for axis, size in enumerate(value.sizes[1:], 1):
        own = f"{value.name}.{axis}" if size is None or _MADE_BY_TOOLS.match(str(size)) else f".{size}"
        if size == value.sizes[0] and size is not None and not _MADE_BY_TOOLS.match(str(size)):
            return Mixed(Reason.ROWS_MIX, f"input {value.name!r} has the number of rows in axis {axis} too")
        sizes.append(Size(size) if isinstance(size, int) else Size(1, (f"={own}",)))
    return Rows(0, tuple(sizes))


def _check_names(values: Sequence[Value]) -> None:
    """The first dimensions that somebody named must have the same name."""
    names = {
        str(value.sizes[0]): value.name
        for value in values
        if value.sizes and isinstance(value.sizes[0], str) and not _MADE_BY_TOOLS.match(value.sizes[0])
    }
    if len(names) > 1:
        told = ", ".join(f"{size!r} ({name!r})" for size, name in list(names.items())[:3])
        raise NotProven(Reason.OTHER_NAMES, f"the first dimensions have different names: {told}")


def _called(node: Node, number: int) -> str:
    return f"{node.operator} {node.name!r}" if node.name else f"{node.operator} (node {number + 1})"


def _unknown(node: Node, number: int) -> State:
    return Mixed(Reason.OPERATOR_UNKNOWN, f"{_called(node, number)} makes more than is known of it")
