"""Operators that give the same elements another shape; rows must stay outermost in one axis."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from serin_server.model.rows.graph import MOST_VALUES
from serin_server.model.rows.sizes import ONE, Size, quotient
from serin_server.model.rows.states import Fixed, NotProven, Reason, Rows, Sizes, State, Values, of_values
from serin_server.model.rows.step import Rule, Step, axis_of, by_batch_size, empty_values


def shape(step: Step) -> State:
    """The sizes of a tensor as values."""
    sizes = step.given(0).sizes
    start, end = step.integer("start", 0), step.integer("end", len(sizes))
    return of_values(_listed(sizes[start:end]))


def total(step: Step) -> State:
    """The number of elements as a value."""
    value = empty_values(())
    value[()] = step.times(*step.given(0).sizes)
    return of_values(value)


def _listed(sizes: Sequence[Size | None]) -> Values:
    values = empty_values((len(sizes),))
    for position, size in enumerate(sizes):
        values[position] = size
    return values


def transpose(step: Step) -> State:
    """Other order of axes."""
    state = step.given(0)
    rank = len(state.sizes)
    order = step.integers("perm") or tuple(reversed(range(rank)))
    if sorted(order) != list(range(rank)):
        raise NotProven(Reason.NOT_FOLLOWED, "names axes that are not there")
    sizes = tuple(state.sizes[axis] for axis in order)
    if isinstance(state, Rows):
        return Rows(order.index(state.axis), sizes)
    return Fixed(sizes, None if state.values is None else state.values.transpose(order))


def reshape(step: Step) -> State:
    """Any shape in which the rows are still outermost in one axis."""
    state = step.given(0)
    wanted = step.integers("shape") if step.opset < 5 else None
    target: list[Size | None] = [Size(size) for size in wanted] if wanted is not None else step.sizes_in(1)
    return reshaped(step, state, target, is_zero_kept=step.integer("allowzero", 0) != 0)


def reshaped(step: Step, state: Rows | Fixed, target: Sequence[Size | None], *, is_zero_kept: bool) -> State:
    """The same elements in order. A 0 stands for the size at its place, one -1 for what is left."""
    sizes = []
    for position, size in enumerate(target):
        if size is None:
            raise by_batch_size()
        if size == Size(0) and not is_zero_kept and position < len(state.sizes):
            size = state.sizes[position]  # noqa: PLW2901 (that is what a 0 stands for)
        sizes.append(size)
    if isinstance(state, Fixed):
        return _reshaped_constant(step, state, sizes)
    place = _place_of_rows(step, state, sizes)
    rest = step.times(*state.sizes)
    if Size(-1) in sizes:
        left = sizes.index(Size(-1))
        known = step.times(*(size for position, size in enumerate(sizes) if position != left))
        sizes[left] = step.over(rest, known)
    clean = tuple(size if position == place or size.is_size else step.size() for position, size in enumerate(sizes))
    if any(size.has_batch != (position == place) for position, size in enumerate(clean)):
        raise NotProven(Reason.ROWS_MIX, "spreads the rows over several axes")
    return Rows(place, clean)


def _place_of_rows(step: Step, state: Rows, sizes: list[Size]) -> int:
    """The axis of the new shape that holds the rows: what lies before it must be what lay before them."""
    explicit = [position for position, size in enumerate(sizes) if size.has_batch]
    if len(explicit) > 1:
        raise NotProven(Reason.ROWS_MIX, "spreads the rows over several axes")
    if explicit:
        place = explicit[0]
    elif sizes.count(Size(-1)) == 1:
        place = sizes.index(Size(-1))
        known = step.times(*(size for position, size in enumerate(sizes) if position != place))
        if quotient(step.times(*state.sizes), known) is None:
            raise NotProven(Reason.ROWS_MIX, "cuts the rows into pieces that need not be whole rows")
    else:
        raise NotProven(Reason.ROWS_MIX, "has a shape in which the number of rows has no place")
    if step.times(*sizes[:place]) != step.times(*state.sizes[: state.axis]):
        raise NotProven(Reason.ROWS_MIX, "brings elements of different rows together")
    return place


def _reshaped_constant(step: Step, state: Fixed, sizes: list[Size]) -> State:
    if state.values is not None and all(size.is_number for size in sizes):
        try:
            return of_values(state.values.reshape([size.number for size in sizes]))
        except ValueError:
            raise NotProven(Reason.NOT_FOLLOWED, "has a shape that does not fit") from None
    if any(size.has_batch for size in sizes) or state.has_batch:
        raise by_batch_size()
    if Size(-1) in sizes:
        left = sizes.index(Size(-1))
        known = step.times(*(size for position, size in enumerate(sizes) if position != left))
        sizes[left] = step.over(step.times(*state.sizes), known)
    return Fixed(tuple(size if size.is_size else step.size() for size in sizes))


def flatten(step: Step) -> State:
    """A matrix of all axes before one, by all others."""
    state = step.given(0)
    axis = axis_of(step.integer("axis", 1), len(state.sizes) + 1) if step.integer("axis", 1) >= 0 else None
    if axis is None:
        axis = axis_of(step.integer("axis", 1), len(state.sizes))
    target = [step.times(*state.sizes[:axis]), step.times(*state.sizes[axis:])]
    return reshaped(step, state, target, is_zero_kept=True)


def squeeze(step: Step) -> State:
    """Without some axes of size 1, which must be named: one row alone is an axis of size 1, too. An empty list names none."""
    state = step.given(0)
    axes = step.list_of("axes", 1)
    if not axes:
        if isinstance(state, Rows) or not all(size.is_number for size in state.sizes):
            raise NotProven(Reason.ROWS_MIX, "drops every axis of size 1, also the rows' when there is one row")
        axes = tuple(axis for axis, size in enumerate(state.sizes) if size == ONE)
    gone = {axis_of(axis, len(state.sizes)) for axis in axes}
    sizes = tuple(size for axis, size in enumerate(state.sizes) if axis not in gone)
    if isinstance(state, Rows):
        if state.axis in gone:
            raise NotProven(Reason.ROWS_MIX, "drops the axis of the rows")
        return Rows(state.axis - sum(axis < state.axis for axis in gone), sizes)
    return Fixed(sizes, None if state.values is None else state.values.squeeze(tuple(gone)))


def unsqueeze(step: Step) -> State:
    """With more axes of size 1."""
    state = step.given(0)
    axes = step.list_of("axes", 1) or ()
    rank = len(state.sizes) + len(axes)
    new = {axis_of(axis, rank) for axis in axes}
    old = iter(state.sizes)
    sizes: Sizes = tuple(ONE if axis in new else next(old, ONE) for axis in range(rank))
    if isinstance(state, Rows):
        kept = [axis for axis in range(rank) if axis not in new]
        return Rows(kept[state.axis], sizes)
    return Fixed(sizes, None if state.values is None else np.expand_dims(state.values, tuple(new)))


def concat(step: Step) -> State:
    """Joined along an axis, which must not be the rows'; all parts must hold the same rows."""
    states = step.all_given()
    rank = len(states[0].sizes)
    if any(len(state.sizes) != rank for state in states):
        raise NotProven(Reason.NOT_FOLLOWED, "joins tensors of different numbers of dimensions")
    axis = axis_of(step.integer("axis", 1 if step.opset < 4 else 0), rank)
    joined = [state.sizes[axis] for state in states]
    one = joined[0] if len(joined) == 1 else step.size()
    size = Size(sum(each.number for each in joined)) if all(each.is_number for each in joined) else one
    places = {(state.axis, state.size) for state in states if isinstance(state, Rows)}
    if places:
        return _joined_rows(states, places, axis, size)
    constants = [state.values for state in states if isinstance(state, Fixed)]
    followed = [values for values in constants if values is not None]
    if len(followed) == len(states) and sum(values.size for values in followed) <= MOST_VALUES:
        return of_values(np.concatenate(followed, axis))
    if any(isinstance(state, Fixed) and state.has_batch for state in states):
        raise by_batch_size()
    return Fixed((*states[0].sizes[:axis], size, *states[0].sizes[axis + 1 :]))


def _joined_rows(states: Sequence[Rows | Fixed], places: set[tuple[int, Size]], axis: int, size: Size) -> State:
    (place, rows), *more = places
    if more or any(isinstance(state, Fixed) for state in states):
        what = "joins rows with what is no row for each of them" if not more else "joins rows of different places"
        raise NotProven(Reason.ROWS_MIX, what)
    if axis == place:
        raise NotProven(Reason.ROWS_MIX, f"joins other rows to the rows (axis {axis})")
    sizes = list(states[0].sizes)
    sizes[axis], sizes[place] = size, rows
    return Rows(place, tuple(sizes))


RULES: Final[Mapping[tuple[str, str], Rule]] = {
    ("", "Shape"): shape,
    ("", "Size"): total,
    ("", "Transpose"): transpose,
    ("", "Reshape"): reshape,
    ("", "Flatten"): flatten,
    ("", "Squeeze"): squeeze,
    ("", "Unsqueeze"): unsqueeze,
    ("", "Concat"): concat,
}
