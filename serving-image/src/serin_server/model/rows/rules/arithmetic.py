"""Arithmetic of sizes, on their way from one shape to another."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np

from serin_server.model.rows.graph import MOST_VALUES
from serin_server.model.rows.sizes import Size, product, quotient
from serin_server.model.rows.states import Values
from serin_server.model.rows.step import Step, empty_values

_GROWING: Final = ("Add", "Sub", "Mul")
_LARGEST_EXACT: Final = 1 << 24
"""What FLOAT holds without rounding, the least of the types in which sizes are reckoned."""


def folded(step: Step, values: Sequence[Values | None]) -> Values | None:
    """What an operator makes of small tensors that are followed; None when that is not followed."""
    fold = _FOLDS.get(step.node.operator)
    operands = [value for value in values if value is not None]
    if fold is None or len(operands) != (3 if step.node.operator == "Where" else 2):
        return None
    try:
        arrays = np.broadcast_arrays(*operands)
    except ValueError:
        return None
    if arrays[0].size > MOST_VALUES:
        return None
    made = each(lambda *elements: fold(step, *elements), *arrays)
    return each(lambda value: exact(step, value), made) if step.node.operator in _GROWING else made


def exact(step: Step, value: Size | None) -> Size | None:
    """A number that every type of sizes holds; beyond that it is not known, since types round it or wrap it round."""
    return _unknown(step, value) if value is not None and abs(value.number) > _LARGEST_EXACT else value


def each(what: Callable[..., Size | None], *values: Values) -> Values:
    """The same function of each element.

    The number of rows is followed in multiples that are whole numbers only: a fraction of it, rounded, would be none.
    """
    found = empty_values(values[0].shape)
    for position in np.ndindex(values[0].shape):
        made = what(*(value[position] for value in values))
        found[position] = None if made is not None and made.has_batch and not made.is_size else made
    return found


def _unknown(step: Step, *values: Size) -> Size | None:
    """A number that cannot be told: None when it may depend on the number of rows."""
    return None if any(value.has_batch for value in values) else step.number()


def _multiplied(step: Step, one: Size | None, other: Size | None) -> Size | None:
    if one is None or other is None:
        return None
    found = product(one, other)
    return _unknown(step, one, other) if found is None or found.symbols.count("N") > 1 else found


def _divided(step: Step, one: Size | None, other: Size | None) -> Size | None:
    """Only without a rest: integers and floats would differ in it."""
    if one is None or other is None:
        return None
    found = quotient(one, other)
    return _unknown(step, one, other) if found is None else found


def _added(step: Step, one: Size | None, other: Size | None) -> Size | None:
    if one is None or other is None:
        return None
    for size, zero in ((one, other), (other, one)):
        if zero == Size(0):
            return size
    if one.symbols == other.symbols:
        total = one.number + other.number
        return Size(total, one.symbols) if total else Size(0)
    return _unknown(step, one, other)


def _subtracted(step: Step, one: Size | None, other: Size | None) -> Size | None:
    return _added(step, one, None if other is None else Size(-other.number, other.symbols))


def _equal(step: Step, one: Size | None, other: Size | None) -> Size | None:
    if one is None or other is None:
        return None
    if one == other or (one.is_number and other.is_number):
        return Size(int(one == other))
    if (one.is_number and one.number < 0 and other.is_size) or (other.is_number and other.number < 0 and one.is_size):
        return Size(0)
    return _unknown(step, one, other)


def _least(step: Step, one: Size | None, other: Size | None) -> Size | None:
    if one is None or other is None:
        return None
    if one.symbols == other.symbols and (one.is_number or one == other):
        return min(one, other) if step.node.operator == "Min" else max(one, other)
    return _unknown(step, one, other)


def _chosen(step: Step, condition: Size | None, one: Size | None, other: Size | None) -> Size | None:
    if one is not None and one == other:
        return one
    if condition is None or one is None or other is None:
        return None
    if condition.is_number:
        return one if condition.number else other
    return _unknown(step, condition, one, other)


_FOLDS: Final[Mapping[str, Callable[..., Size | None]]] = {
    "Add": _added,
    "Sub": _subtracted,
    "Mul": _multiplied,
    "Div": _divided,
    "Equal": _equal,
    "Min": _least,
    "Max": _least,
    "Where": _chosen,
}
