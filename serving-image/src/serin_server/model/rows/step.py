"""One node with what is known of its inputs, as the rules see it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from serin_server.model.rows.graph import Attribute, Node
from serin_server.model.rows.sizes import ANY, ONE, Size, product, quotient
from serin_server.model.rows.states import Fixed, Mixed, NotProven, Reason, Rows, State, Values

Rule = Callable[["Step"], "State | Sequence[State]"]
"""What is known of a node's outputs (one for all, or each its own). Raises `NotProven` where rows may mix."""


@dataclass(frozen=True, slots=True)
class Step:
    """A node, the states of its inputs (None for one left out), and the version of its operator set."""

    node: Node
    states: tuple[State | None, ...]
    opset: int
    numbers: Iterator[int]

    # Attributes.

    def attribute(self, name: str) -> Attribute | None:
        """An attribute that was read as a whole; None when it is not there."""
        found = self.node.attributes.get(name)
        if found is not None and not found.is_whole:
            raise NotProven(Reason.NOT_FOLLOWED, f"has too many {name}")
        return found

    def integer(self, name: str, default: int) -> int:
        """An attribute that is one integer."""
        found = self.attribute(name)
        return default if found is None or found.integer is None else found.integer

    def integers(self, name: str) -> tuple[int, ...] | None:
        """An attribute that is a list of integers; None when it is not there."""
        found = self.attribute(name)
        return None if found is None else found.integers

    def text(self, name: str, default: str = "") -> str:
        """An attribute that is a word."""
        found = self.attribute(name)
        return default if found is None else found.text

    # Inputs.

    def has(self, position: int) -> bool:
        """Whether an input is given."""
        return position < len(self.states) and self.states[position] is not None

    def given(self, position: int) -> Rows | Fixed:
        """The state of an input that must be there."""
        state = self.states[position] if position < len(self.states) else None
        if state is None or isinstance(state, Mixed):
            raise NotProven(Reason.NOT_FOLLOWED, f"lacks input {position + 1}")
        return state

    def all_given(self) -> list[Rows | Fixed]:
        """The states of all inputs that are there."""
        return [self.given(position) for position in range(len(self.states)) if self.has(position)]

    def fixed(self, position: int) -> Fixed:
        """An input that must be the same in every run. Raises `NotProven` for one made of rows or of their number."""
        state = self.given(position)
        if isinstance(state, Rows):
            raise NotProven(Reason.ROWS_MIX, f"takes its input {position + 1} from rows, for all rows alike")
        if state.has_batch:
            raise by_batch_size()
        return state

    def all_fixed(self, *positions: int) -> None:
        """Inputs that must be the same in every run where they are given."""
        for position in positions:
            if self.has(position):
                self.fixed(position)

    def constants(self, position: int) -> list[int]:
        """An input that must hold known integers."""
        values = self.sizes_in(position)
        if any(value is None or not value.is_number for value in values):
            raise NotProven(Reason.NOT_FOLLOWED, f"has an input {position + 1} that is no constant")
        return [value.number for value in values if value is not None]

    def sizes_in(self, position: int) -> list[Size | None]:
        """An input that must hold integers that can be followed, be they known or not."""
        state = self.given(position)
        if isinstance(state, Rows):
            raise NotProven(Reason.ROWS_MIX, f"takes its input {position + 1} from rows, for all rows alike")
        if state.values is None:
            raise NotProven(Reason.NOT_FOLLOWED, f"has an input {position + 1} that cannot be followed")
        return list(state.values.ravel())

    def list_of(self, name: str, position: int) -> tuple[int, ...] | None:
        """Integers that older operator sets give as an attribute and newer ones as an input; None without either."""
        found = self.integers(name)
        if found is None and self.has(position):
            return tuple(self.constants(position))
        return found

    # Sizes.

    def size(self) -> Size:
        """A size that is not known, the same however many rows there are."""
        return Size(1, (f"#{next(self.numbers)}",))

    def number(self) -> Size:
        """A number that is not known, the same however many rows there are."""
        return Size(1, (f"{ANY}{next(self.numbers)}",))

    def times(self, *sizes: Size) -> Size:
        """A product of sizes that do not depend on the number of rows, or of which one does."""
        found = product(*sizes)
        if found is None:
            raise NotProven(Reason.NOT_FOLLOWED, "makes sizes that grow beyond all bounds")
        return found

    def over(self, whole: Size, part: Size) -> Size:
        """`whole / part`, a symbol of its own where it cannot be told."""
        return quotient(whole, part) or self.size()


def by_batch_size() -> NotProven:
    """The number of rows is used as a value."""
    return NotProven(Reason.BATCH_SIZE_MATTERS, "uses the number of rows as a value")


def axis_of(axis: int, rank: int) -> int:
    """An axis counted from the front."""
    found = axis + rank if axis < 0 else axis
    if not 0 <= found < rank:
        raise NotProven(Reason.NOT_FOLLOWED, f"names axis {axis} of {rank}")
    return found


def apart(state: Rows, axis: int, what: str) -> None:
    """Raises `NotProven` when an operator works along the axis that holds the rows."""
    if axis == state.axis:
        raise NotProven(Reason.ROWS_MIX, f"{what} over the rows (axis {axis})")


def only_rows(step: Step, position: int, axis: int, rank: int | None = None) -> Rows:
    """An input that must hold the rows at one axis."""
    state = step.given(position)
    if isinstance(state, Fixed):
        raise NotProven(Reason.NOT_FOLLOWED, "works on a constant in a way that is not followed")
    if rank is not None and len(state.sizes) != rank:
        raise NotProven(Reason.NOT_FOLLOWED, f"takes {len(state.sizes)} dimensions where {rank} were expected")
    if state.axis != axis:
        raise NotProven(Reason.ROWS_MIX, f"takes axis {axis} for the batch, but the rows lie at axis {state.axis}")
    return state


def broadcast(step: Step, states: Sequence[Rows | Fixed]) -> Rows | Fixed:
    """The common shape of operands, numpy's way; all rows must meet in one axis, and constants may not vary along it."""
    if step.integer("broadcast", 0):
        raise NotProven(Reason.NOT_FOLLOWED, "broadcasts as operator sets before 7 did")
    rank = max(len(state.sizes) for state in states)
    found: tuple[int, Size] | None = None
    for state in states:
        if isinstance(state, Rows):
            place = (state.axis + rank - len(state.sizes), state.size)
            if found is not None and found != place:
                raise NotProven(Reason.ROWS_MIX, "brings rows together that lie at different places")
            found = place
    sizes = [ONE] * rank
    for state in states:
        shift = rank - len(state.sizes)
        if isinstance(state, Fixed):
            if state.has_batch:
                raise by_batch_size()
            if found is not None and found[0] >= shift and state.sizes[found[0] - shift] != ONE:
                raise NotProven(Reason.POSITION_MATTERS, "has a constant that differs by the place in the batch")
        for position, size in enumerate(state.sizes, shift):
            sizes[position] = common(step, sizes[position], size)
    return Fixed(tuple(sizes)) if found is None else Rows(found[0], tuple(sizes))


def common(step: Step, one: Size, other: Size) -> Size:
    """The size that two sizes of one axis broadcast to."""
    if other in {one, ONE}:
        return one
    if one == ONE:
        return other
    if one.is_number or other.is_number:
        return one if one.is_number else other
    return step.size()


def small(values: Values, most: int) -> Values:
    """Values that are few enough to be followed."""
    if values.size > most:
        raise NotProven(Reason.NOT_FOLLOWED, "makes too many values to follow")
    return values


def empty_values(shape: Sequence[int]) -> Values:
    """Room for elements."""
    return np.empty(tuple(shape), dtype=object)
