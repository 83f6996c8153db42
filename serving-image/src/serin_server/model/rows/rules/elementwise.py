"""Operators that make each element of its counterparts alone, with numpy's broadcasting."""

from collections.abc import Mapping, Sequence
from typing import Final

from serin_server.model.rows.rules.arithmetic import each, exact, folded
from serin_server.model.rows.sizes import Size
from serin_server.model.rows.states import Fixed, NotProven, Reason, Rows, State, of_values
from serin_server.model.rows.step import Rule, Step, broadcast, by_batch_size

_UNARY: Final = [
    "Abs",
    "Acos",
    "Acosh",
    "Asin",
    "Asinh",
    "Atan",
    "Atanh",
    "BitwiseNot",
    "Celu",
    "Cos",
    "Cosh",
    "Elu",
    "Erf",
    "Exp",
    "Gelu",
    "HardSigmoid",
    "HardSwish",
    "IsInf",
    "IsNaN",
    "LeakyRelu",
    "Log",
    "Mish",
    "Not",
    "Reciprocal",
    "RegexFullMatch",
    "Relu",
    "Selu",
    "Shrink",
    "Sigmoid",
    "Sign",
    "Sin",
    "Sinh",
    "Softplus",
    "Softsign",
    "Sqrt",
    "Swish",
    "Tan",
    "Tanh",
    "ThresholdedRelu",
]
_SAME_VALUES: Final = ["Identity", "Floor", "Ceil", "Round"]
_BROADCAST: Final = [
    "Add",
    "And",
    "BitShift",
    "BitwiseAnd",
    "BitwiseOr",
    "BitwiseXor",
    "Clip",
    "Div",
    "Equal",
    "Greater",
    "GreaterOrEqual",
    "Less",
    "LessOrEqual",
    "Max",
    "Mean",
    "Min",
    "Mod",
    "Mul",
    "Or",
    "Pow",
    "PRelu",
    "StringConcat",
    "Sub",
    "Sum",
    "Where",
    "Xor",
]
_FOREIGN: Final = ["BiasGelu", "FastGelu", "Gelu", "QuickGelu"]
_EXACT_TYPES: Final = (1, 6, 7, 11)
"""FLOAT, INT32, INT64 and DOUBLE hold any size that occurs; a cast to another type may change it, or a number beyond sizes."""


def unary(step: Step) -> State:
    """The same shape; values of sizes are lost."""
    state = step.given(0)
    step.all_fixed(*range(1, len(step.states)))
    if isinstance(state, Rows):
        return state
    if state.has_batch:
        raise by_batch_size()
    return Fixed(state.sizes)


def same_values(step: Step) -> State:
    """Sizes are whole numbers: rounding leaves them as they are, but not what is only called a number."""
    state = step.given(0)
    if isinstance(state, Rows) or state.values is None:
        return state if step.node.operator == "Identity" or isinstance(state, Rows) else Fixed(state.sizes)
    if step.node.operator == "Identity":
        return state
    return of_values(each(lambda value: _rounded(step, value), state.values))


def _rounded(step: Step, value: Size | None) -> Size | None:
    if value is None or value.is_size or value.is_number:
        return value
    return None if value.has_batch else step.number()


def cast(step: Step) -> State:
    """Values stay what they are in types that hold every size."""
    state = step.given(0)
    if isinstance(state, Rows):
        return state
    if state.values is not None and step.integer("to", 0) in _EXACT_TYPES:
        return of_values(each(lambda value: exact(step, value), state.values))
    if state.has_batch:
        raise by_batch_size()
    return Fixed(state.sizes)


def like(step: Step) -> State:
    """The first input in another type, which the second has, and which need not hold its values."""
    state = step.given(0)
    if isinstance(state, Rows):
        return state
    if state.has_batch:
        raise by_batch_size()
    return Fixed(state.sizes)


def negative(step: Step) -> State:
    """The opposite of known numbers, else as any other operator of one input."""
    state = step.given(0)
    if isinstance(state, Fixed) and state.values is not None:
        return of_values(
            each(lambda value: None if value is None else Size(-value.number, value.symbols), state.values)
        )
    return unary(step)


def dropout(step: Step) -> Sequence[State]:
    """The input itself, since a served model is not trained; the mask has the same shape."""
    if step.opset < 7 and not step.integer("is_test", 0):
        raise NotProven(Reason.ROWS_MIX, "is in training mode")
    if step.has(2):
        training = step.given(2)
        if not isinstance(training, Fixed) or training.values is None or any(step.constants(2)):
            raise NotProven(Reason.ROWS_MIX, "is in training mode")
    state = step.given(0)
    return [state, state if isinstance(state, Rows) else Fixed(state.sizes)]


def by_element(step: Step) -> State:
    """Broadcasts; arithmetic of sizes is followed."""
    states = step.all_given()
    if all(isinstance(state, Fixed) and state.values is not None for state in states):
        made = folded(step, [state.values for state in states if isinstance(state, Fixed)])
        if made is not None:
            return of_values(made)
    return broadcast(step, states)


RULES: Final[Mapping[tuple[str, str], Rule]] = {
    **{("", operator): unary for operator in _UNARY},
    **{("", operator): same_values for operator in _SAME_VALUES},
    **{("", operator): by_element for operator in _BROADCAST},
    **{("com.microsoft", operator): by_element for operator in _FOREIGN},
    ("", "Cast"): cast,
    ("", "CastLike"): like,
    ("", "Neg"): negative,
    ("", "Dropout"): dropout,
}
