"""Operators that take a part of a tensor; rows may be looked up by, but not looked up among rows."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from serin_server.model.rows.graph import MOST_VALUES
from serin_server.model.rows.sizes import Size
from serin_server.model.rows.states import Fixed, NotProven, Reason, Rows, State, Values, of_values
from serin_server.model.rows.step import Rule, Step, apart, axis_of, by_batch_size

_FAR: Final = 1_000_000_000
"""Ends from here on are what exporters write for "to the end": no tensor is as long."""


def split(step: Step) -> Sequence[State]:
    """Parts along an axis other than the rows'."""
    state = step.given(0)
    axis = axis_of(step.integer("axis", 0), len(state.sizes))
    if isinstance(state, Rows):
        apart(state, axis, "splits")
    count = len(step.node.outputs)
    parts = step.list_of("split", 1)
    whole = state.sizes[axis]
    if parts is None and whole.is_number:
        each = -(-whole.number // count)
        parts = tuple(max(0, min(each, whole.number - each * place)) for place in range(count))
    if isinstance(state, Fixed) and state.values is not None and parts is not None and sum(parts) == whole.number:
        ends = np.cumsum(parts)[:-1]
        return [of_values(values) for values in np.split(state.values, ends, axis)]
    if isinstance(state, Fixed) and state.has_batch:
        raise by_batch_size()
    made = []
    for place in range(count):
        size = Size(parts[place]) if parts is not None and place < len(parts) else step.size()
        sizes = (*state.sizes[:axis], size, *state.sizes[axis + 1 :])
        made.append(Rows(state.axis, sizes) if isinstance(state, Rows) else Fixed(sizes))
    return made


def cut(step: Step) -> State:
    """A range along some axes; along the rows' all of it, in order."""
    state = step.given(0)
    rank = len(state.sizes)
    if step.opset < 10:
        starts = [Size(value) for value in step.integers("starts") or ()]
        ends = [Size(value) for value in step.integers("ends") or ()]
        axes = list(step.integers("axes") or range(len(starts)))
        steps = [1] * len(starts)
    else:
        starts, ends = _bounds(step, 1), _bounds(step, 2)
        axes = step.constants(3) if step.has(3) else list(range(len(starts)))
        steps = step.constants(4) if step.has(4) else [1] * len(starts)
    sizes = list(state.sizes)
    ranges = [slice(None)] * rank
    are_known = True
    for axis, start, end, stride in zip(axes, starts, ends, steps, strict=True):
        place = axis_of(axis, rank)
        if start == Size(0) and stride == 1 and (end == sizes[place] or (end.is_number and end.number >= _FAR)):
            continue
        if isinstance(state, Rows) and place == state.axis:
            raise NotProven(Reason.POSITION_MATTERS, "takes some of the rows, by their place in the batch")
        if start.has_batch or end.has_batch:
            raise by_batch_size()
        if sizes[place].is_number and start.is_number and end.is_number and stride:
            ranges[place] = slice(start.number, end.number, stride)
            sizes[place] = Size(len(range(*ranges[place].indices(sizes[place].number))))
        else:
            sizes[place], are_known = step.size(), False
    if isinstance(state, Rows):
        return Rows(state.axis, tuple(sizes))
    if state.values is not None and are_known:
        return of_values(state.values[tuple(ranges)])
    if state.has_batch:
        raise by_batch_size()
    return Fixed(tuple(sizes))


def _bounds(step: Step, position: int) -> list[Size]:
    state = step.given(position)
    if isinstance(state, Fixed) and state.values is None and len(state.sizes) == 1 and state.sizes[0].is_number:
        return [step.number() for _ in range(min(state.sizes[0].number, MOST_VALUES))]
    found = []
    for value in step.sizes_in(position):
        if value is None:
            raise by_batch_size()
        found.append(value)
    return found


def gather(step: Step) -> State:
    """A constant table looked up by rows, or rows of which a constant says which elements."""
    table, indices = step.given(0), step.given(1)
    axis = axis_of(step.integer("axis", 0), len(table.sizes))
    sizes = (*table.sizes[:axis], *indices.sizes, *table.sizes[axis + 1 :])
    if isinstance(table, Fixed):
        if isinstance(indices, Rows):
            step.fixed(0)
            return Rows(axis + indices.axis, sizes)
        return _gathered_constant(table, indices, axis)
    if isinstance(indices, Rows):
        raise NotProven(Reason.ROWS_MIX, "looks rows up among the rows")
    step.fixed(1)
    if axis == table.axis:
        raise NotProven(Reason.POSITION_MATTERS, "takes some of the rows, by their place in the batch")
    return Rows(table.axis if table.axis < axis else table.axis - 1 + len(indices.sizes), sizes)


def _gathered_constant(table: Fixed, indices: Fixed, axis: int) -> State:
    if table.values is not None and indices.values is not None and not indices.has_batch:
        places = indices.values
        if all(place.is_number for place in places.flat):
            try:
                taken = np.take(table.values, _plain(places).ravel(), axis)
            except IndexError:
                raise NotProven(Reason.NOT_FOLLOWED, "looks up what is not there") from None
            # A single index would give the element itself, not a tensor of it.
            shape = table.values.shape
            return of_values(taken.reshape((*shape[:axis], *places.shape, *shape[axis + 1 :])))
    if table.has_batch or indices.has_batch:
        raise by_batch_size()
    return Fixed((*table.sizes[:axis], *indices.sizes, *table.sizes[axis + 1 :]))


def _plain(values: Values) -> NDArray[np.int64]:
    return np.array([value.number for value in values.flat], dtype=np.int64).reshape(values.shape)


def gather_elements(step: Step) -> State:
    """Element by element along an axis other than the rows', both by the same rows; or from a constant table."""
    data, indices = step.given(0), step.given(1)
    axis = axis_of(step.integer("axis", 0), len(data.sizes))
    if len(indices.sizes) != len(data.sizes):
        raise NotProven(Reason.NOT_FOLLOWED, "has indices of another number of dimensions")
    if isinstance(data, Fixed) and isinstance(indices, Fixed):
        step.all_fixed(0, 1)
        return Fixed(indices.sizes)
    if isinstance(data, Rows) and isinstance(indices, Rows):
        if (data.axis, data.size) != (indices.axis, indices.size) or axis == data.axis:
            raise NotProven(Reason.ROWS_MIX, "looks rows up among the rows")
        return indices
    if isinstance(indices, Rows) and axis == indices.axis:
        step.fixed(0)
        return indices
    raise NotProven(Reason.POSITION_MATTERS, "looks up by the place in the batch")


def gather_nd(step: Step) -> State:
    """A constant table looked up by tuples from rows, or rows looked up each within itself."""
    data, indices = step.given(0), step.given(1)
    batch = step.integer("batch_dims", 0)
    last = indices.sizes[-1] if indices.sizes else Size(0)
    if not last.is_number:
        raise NotProven(Reason.NOT_FOLLOWED, "has indices whose length is not known")
    sizes = (*indices.sizes[:-1], *data.sizes[batch + last.number :])
    if isinstance(data, Fixed) and isinstance(indices, Fixed):
        step.all_fixed(0, 1)
        return Fixed(sizes)
    if isinstance(data, Fixed) and isinstance(indices, Rows) and not batch and indices.axis < len(indices.sizes) - 1:
        step.fixed(0)
        return Rows(indices.axis, sizes)
    if (
        isinstance(data, Rows)
        and isinstance(indices, Rows)
        and (data.axis, data.size) == (indices.axis, indices.size)
        and data.axis < batch < len(indices.sizes)
    ):
        return Rows(data.axis, sizes)
    raise NotProven(Reason.ROWS_MIX, "looks rows up among the rows")


def scatter_elements(step: Step) -> State:
    """Elements replaced along an axis other than the rows', everything by the same rows."""
    states = [step.given(position) for position in range(3)]
    axis = axis_of(step.integer("axis", 0), len(states[0].sizes))
    if all(isinstance(state, Fixed) for state in states):
        step.all_fixed(0, 1, 2)
        return Fixed(states[0].sizes)
    places = {(state.axis, state.size) if isinstance(state, Rows) else None for state in states}
    (place, *more) = places
    if more or place is None or place[0] == axis:
        raise NotProven(Reason.ROWS_MIX, "writes rows among the rows")
    return states[0]


def reverse_sequence(step: Step) -> State:
    """Each row turned round up to a length of its own."""
    state, lengths = step.given(0), step.given(1)
    batch, time = step.integer("batch_axis", 1), step.integer("time_axis", 0)
    if not isinstance(state, Rows) or not isinstance(lengths, Rows):
        raise NotProven(Reason.POSITION_MATTERS, "takes lengths by the place in the batch")
    if state.axis != batch or time == batch or state.size != lengths.size:
        raise NotProven(Reason.ROWS_MIX, "takes another axis for the batch than that of the rows")
    return state


RULES: Final[Mapping[tuple[str, str], Rule]] = {
    ("", "Split"): split,
    ("", "Slice"): cut,
    ("", "Gather"): gather,
    ("", "GatherElements"): gather_elements,
    ("", "GatherND"): gather_nd,
    ("", "ScatterElements"): scatter_elements,
    ("", "ReverseSequence"): reverse_sequence,
}
