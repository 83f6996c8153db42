"""An ONNX graph, as far as rows need it: nodes, attributes, sizes, and the values of small constants."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

MOST_VALUES: Final = 1024
"""Constants with more elements than this are known by their shape only."""


class Unreadable(Exception):
    """The file is no graph that can be followed; says why."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """A constant: its shape and, when it is small and of a common type, its values."""

    shape: tuple[int, ...]
    values: np.ndarray[Any, Any] | None = None


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of a node; only the member of its kind is set."""

    integer: int | None = None
    text: str = ""
    integers: tuple[int, ...] = ()
    number: float | None = None
    numbers: tuple[float, ...] = ()
    strings: tuple[str, ...] = ()
    tensor: Tensor | None = None
    is_whole: bool = True
    """False when it has more elements than are read here."""


@dataclass(frozen=True, slots=True)
class Node:
    """One operator of a graph."""

    operator: str
    domain: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Attribute]


@dataclass(frozen=True, slots=True)
class Value:
    """An input or output: its sizes as numbers, names, or None for neither; no sizes at all when it is no tensor."""

    name: str
    sizes: tuple[int | str | None, ...] | None


@dataclass(frozen=True, slots=True)
class Graph:
    """A graph with the operator sets that it was written for and the functions that it defines."""

    nodes: list[Node]
    constants: dict[str, Tensor]
    inputs: list[Value]
    outputs: list[Value]
    opsets: dict[str, int]
    functions: frozenset[tuple[str, str]]
