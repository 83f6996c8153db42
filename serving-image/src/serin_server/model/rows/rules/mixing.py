"""Operators that are known to look at all rows at once, or by their place, with the words for it."""

from collections.abc import Mapping
from typing import Final

from serin_server.model.rows.states import NotProven, Reason, State
from serin_server.model.rows.step import Rule, Step

_WHY: Final[Mapping[str, tuple[Reason, str]]] = {
    "DynamicQuantizeLinear": (Reason.ROWS_MIX, "takes its scale from the smallest and largest value of all rows"),
    "NonMaxSuppression": (Reason.ROWS_MIX, "lists the boxes of all rows one after the other"),
    "NonZero": (Reason.ROWS_MIX, "lists the elements of all rows one after the other"),
    "Unique": (Reason.ROWS_MIX, "looks for what is the same in all rows"),
    "Compress": (Reason.ROWS_MIX, "leaves elements out, counted through all rows"),
    "If": (Reason.ROWS_MIX, "takes one branch for all rows alike"),
    "Loop": (Reason.ROWS_MIX, "repeats a graph that is not followed, for all rows alike"),
    "Scan": (Reason.ROWS_MIX, "goes through a graph that is not followed"),
    "StringNormalizer": (Reason.ROWS_MIX, "may leave words out, counted through all rows"),
    "StringSplit": (Reason.ROWS_MIX, "makes as many columns as the longest text of all rows needs"),
    "EyeLike": (Reason.POSITION_MATTERS, "makes an element by the place in the batch"),
    "RandomNormal": (Reason.POSITION_MATTERS, "draws random numbers by the place in the batch"),
    "RandomNormalLike": (Reason.POSITION_MATTERS, "draws random numbers by the place in the batch"),
    "RandomUniform": (Reason.POSITION_MATTERS, "draws random numbers by the place in the batch"),
    "RandomUniformLike": (Reason.POSITION_MATTERS, "draws random numbers by the place in the batch"),
    "Bernoulli": (Reason.POSITION_MATTERS, "draws random numbers by the place in the batch"),
    "Multinomial": (Reason.POSITION_MATTERS, "draws random numbers by the place in the batch"),
}


def mixing(step: Step) -> State:
    """Raises `NotProven` with the reason."""
    raise NotProven(*_WHY[step.node.operator])


RULES: Final[Mapping[tuple[str, str], Rule]] = {("", operator): mixing for operator in _WHY}
