"""What is known of a tensor: it is the same in every run, it holds one slice for each row, or neither is proven."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from serin_server.model.rows.sizes import Size

Sizes = tuple[Size, ...]
Values = NDArray[Any]
"""Elements of small tensors: `Size`, or None for one that may depend on the number of rows in any way."""


class Reason(StrEnum):
    """Why requests share runs, or why they do not, in one word."""

    PROVEN = "RowsAreIndependent"
    TRUSTED = "TrustedBySetting"
    SWITCHED_OFF = "SwitchedOff"
    FIXED_SIZE = "FirstDimensionFixed"
    OTHER_NAMES = "FirstDimensionNamesDiffer"
    ROWS_MIX = "RowsMix"
    POSITION_MATTERS = "PositionMatters"
    BATCH_SIZE_MATTERS = "BatchSizeMatters"
    OPERATOR_UNKNOWN = "OperatorNotKnown"
    NOT_FOLLOWED = "GraphNotFollowed"
    NOT_PROBED = "NotProbed"
    PROBE_DIFFERS = "ProbeDiffers"


MEANINGS: Final[Mapping[Reason, str]] = {
    Reason.PROVEN: "every operator keeps rows apart, and trials gave each row alone what it gets in a batch",
    Reason.TRUSTED: "`batching=trusted`: nothing was checked but the free first dimensions",
    Reason.SWITCHED_OFF: "`batching=off` or `max_batch_rows=1`",
    Reason.FIXED_SIZE: "an input or output has no free first dimension",
    Reason.OTHER_NAMES: "people named the first dimensions differently: they are not all the batch",
    Reason.ROWS_MIX: "an operator makes a row's answer of other rows",
    Reason.POSITION_MATTERS: "a row's answer depends on its place in the batch",
    Reason.BATCH_SIZE_MATTERS: "a row's answer depends on how many rows there are",
    Reason.OPERATOR_UNKNOWN: "an operator is not known to keep rows apart",
    Reason.NOT_FOLLOWED: "the graph, or the shapes in it, cannot be followed",
    Reason.NOT_PROBED: "the model takes none of the rows that it was tried with, or is too slow to be tried",
    Reason.PROBE_DIFFERS: "in a trial a row got another answer in a batch than alone",
}
"""What each reason says, for the reference."""


class NotProven(Exception):
    """Rows are not proven independent; why, as a reason and the end of a sentence about a node."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


@dataclass(frozen=True, slots=True)
class Rows:
    """One axis holds the rows, outermost in it: `sizes[axis]` is the number of rows times a constant.

    Every slice along it depends on its own row alone. No other size depends on the number of rows.
    """

    axis: int
    sizes: Sizes

    @property
    def size(self) -> Size:
        """The size of the axis that holds the rows."""
        return self.sizes[self.axis]


@dataclass(frozen=True, slots=True, eq=False)
class Fixed:
    """The same whatever the rows are, and however many: constants, and what follows from other sizes alone.

    The exception are `values` with the number of rows in them: shapes on their way to a Reshape.
    """

    sizes: Sizes
    values: Values | None = None
    floats: tuple[float, ...] | None = None

    @property
    def has_batch(self) -> bool:
        """Whether a value may depend on the number of rows."""
        return self.values is not None and any(value is None or value.has_batch for value in self.values.flat)


@dataclass(frozen=True, slots=True)
class Mixed:
    """Not proven to keep rows apart, and why."""

    reason: Reason
    message: str


State = Rows | Fixed | Mixed


def of_values(values: Values) -> Fixed:
    """A small tensor whose elements are known."""
    return Fixed(tuple(Size(size) for size in values.shape), values)


def as_values(integers: Any) -> Values:
    """Integers as elements of a small tensor."""
    array = np.asarray(integers)
    values = np.empty(array.shape, dtype=object)
    for position in np.ndindex(array.shape):
        values[position] = Size(int(array[position]))
    return values
