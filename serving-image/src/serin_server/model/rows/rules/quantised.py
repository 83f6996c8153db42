"""Quantised elements: scales and zero points are constants, and none of them belongs to a place in the batch."""

from collections.abc import Mapping, Sequence
from typing import Final

from serin_server.model.rows.rules.images import global_pool, pool
from serin_server.model.rows.rules.products import scalars
from serin_server.model.rows.sizes import ONE
from serin_server.model.rows.states import Fixed, NotProven, Reason, State
from serin_server.model.rows.step import Rule, Step, axis_of, broadcast, by_batch_size


def by_scale(step: Step) -> State:
    """To integers or back, by one scale or by one for each place along an axis."""
    state = step.given(0)
    step.all_fixed(1, 2)
    if isinstance(state, Fixed):
        if state.has_batch:
            raise by_batch_size()
        return Fixed(state.sizes)
    for position in (1, 2):
        sizes = step.fixed(position).sizes if step.has(position) else ()
        if all(size == ONE for size in sizes):
            continue
        if len(sizes) != 1 or axis_of(step.integer("axis", 1), len(state.sizes)) == state.axis:
            raise NotProven(Reason.POSITION_MATTERS, "has a scale for each place in the batch")
    return state


def unary(step: Step) -> State:
    """Elements by themselves, with constant scales."""
    step.all_fixed(1, 2, 3, 4)
    scalars(step, 1, 2, 3, 4)
    state = step.given(0)
    if isinstance(state, Fixed):
        raise NotProven(Reason.NOT_FOLLOWED, "works on a constant in a way that is not followed")
    return state


def binary(step: Step) -> State:
    """Elements of two tensors, each with constant scales."""
    step.all_fixed(1, 2, 4, 5, 6, 7)
    scalars(step, 1, 2, 4, 5, 6, 7)
    return broadcast(step, [step.given(0), step.given(3)])


def pooled(step: Step) -> State | Sequence[State]:
    """Means in windows or of whole images, with constant scales."""
    if step.integer("channels_last", 0):
        raise NotProven(Reason.NOT_FOLLOWED, "has its channels in the last axis")
    scalars(step, 1, 2, 3, 4)
    return pool(step) if step.node.operator == "QLinearAveragePool" else global_pool(step)


RULES: Final[Mapping[tuple[str, str], Rule]] = {
    ("", "QuantizeLinear"): by_scale,
    ("", "DequantizeLinear"): by_scale,
    ("com.microsoft", "QuantizeLinear"): by_scale,
    ("com.microsoft", "DequantizeLinear"): by_scale,
    ("com.microsoft", "QLinearSigmoid"): unary,
    ("com.microsoft", "QLinearLeakyRelu"): unary,
    ("com.microsoft", "QLinearAdd"): binary,
    ("com.microsoft", "QLinearMul"): binary,
    ("com.microsoft", "QLinearAveragePool"): pooled,
    ("com.microsoft", "QLinearGlobalAveragePool"): pooled,
}
