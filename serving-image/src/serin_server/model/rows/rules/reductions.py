"""Operators that look along an axis: sums, softmax, largest elements. The rows' axis must not be among them."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from serin_server.model.rows.sizes import ONE, Size
from serin_server.model.rows.states import Fixed, NotProven, Reason, Rows, Sizes, State, of_values
from serin_server.model.rows.step import Rule, Step, apart, axis_of, by_batch_size

_REDUCTIONS: Final = ["L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare"]


def softmax(step: Step) -> State:
    """Along one axis; before operator set 13 over everything from that axis on."""
    state = step.given(0)
    rank = len(state.sizes)
    if isinstance(state, Fixed):
        return Fixed(state.sizes)
    if step.opset >= 13:
        apart(state, axis_of(step.integer("axis", -1), rank), "is taken")
        return state
    axis = step.integer("axis", 1)
    if state.axis >= axis_of(axis, rank if axis < 0 else rank + 1):
        raise NotProven(Reason.ROWS_MIX, f"is taken over the rows (axes from {axis} on)")
    return state


def reduced(step: Step) -> State:
    """Over some axes, all of them when none is named."""
    state = step.given(0)
    rank = len(state.sizes)
    axes = step.list_of("axes", 1)
    if not axes:
        if step.integer("noop_with_empty_axes", 0):
            return state if isinstance(state, Rows) else _without_values(state)
        axes = tuple(range(rank))
    found = {axis_of(axis, rank) for axis in axes}
    if isinstance(state, Fixed):
        return _reduced_constant(step, state, found)
    for axis in found:
        apart(state, axis, "reduces")
    return _shrunk(state, found, keeps=step.integer("keepdims", 1) != 0)


def _reduced_constant(step: Step, state: Fixed, axes: set[int]) -> State:
    keeps = step.integer("keepdims", 1) != 0
    if step.node.operator == "ReduceProd" and state.values is not None and len(state.sizes) == 1 and axes == {0}:
        found = [value for value in state.values if value is not None]
        if len(found) == len(state.values):
            values = np.empty((1,) if keeps else (), dtype=object)
            values[(0,) if keeps else ()] = step.times(*found)
            return of_values(values)
    _without_values(state)
    return Fixed(_shape_without(state.sizes, axes, keeps=keeps))


def _without_values(state: Fixed) -> Fixed:
    if state.has_batch:
        raise by_batch_size()
    return Fixed(state.sizes)


def _shape_without(sizes: Sizes, axes: set[int], *, keeps: bool) -> Sizes:
    if keeps:
        return tuple(ONE if axis in axes else size for axis, size in enumerate(sizes))
    return tuple(size for axis, size in enumerate(sizes) if axis not in axes)


def _shrunk(state: Rows, axes: set[int], *, keeps: bool) -> Rows:
    before = 0 if keeps else sum(axis < state.axis for axis in axes)
    return Rows(state.axis - before, _shape_without(state.sizes, axes, keeps=keeps))


def largest(step: Step) -> State:
    """The place of the largest or smallest element along an axis, the first one unless it is named."""
    state = step.given(0)
    axis = axis_of(step.integer("axis", 0), len(state.sizes))
    keeps = step.integer("keepdims", 1) != 0
    if isinstance(state, Fixed):
        _without_values(state)
        return Fixed(_shape_without(state.sizes, {axis}, keeps=keeps))
    if axis == state.axis:
        raise NotProven(Reason.POSITION_MATTERS, "tells a place in the batch")
    return _shrunk(state, {axis}, keeps=keeps)


def top(step: Step) -> Sequence[State]:
    """The k largest along an axis, and where they are."""
    state = step.given(0)
    axis = axis_of(step.integer("axis", -1), len(state.sizes))
    if isinstance(state, Rows):
        apart(state, axis, "sorts")
    count: Size | None = Size(step.integer("k", 1))
    if step.has(1):
        (count, *_) = step.sizes_in(1)
        if count is None or count.has_batch:
            raise by_batch_size()
    sizes = (
        *state.sizes[:axis],
        step.size() if count is None or not count.is_size else count,
        *state.sizes[axis + 1 :],
    )
    made: State = Rows(state.axis, sizes) if isinstance(state, Rows) else Fixed(sizes)
    return [made, made]


def cumulated(step: Step) -> State:
    """Sums or products up to each place along an axis."""
    state = step.given(0)
    if isinstance(state, Fixed):
        return _without_values(state)
    (axis,) = step.constants(1)
    apart(state, axis_of(axis, len(state.sizes)), "adds up")
    return state


RULES: Final[Mapping[tuple[str, str], Rule]] = {
    **{("", operator): softmax for operator in ("Softmax", "LogSoftmax", "Hardmax")},
    **{("", f"Reduce{what}"): reduced for what in _REDUCTIONS},
    ("", "ArgMax"): largest,
    ("", "ArgMin"): largest,
    ("", "TopK"): top,
    ("", "CumSum"): cumulated,
    ("", "CumProd"): cumulated,
}
