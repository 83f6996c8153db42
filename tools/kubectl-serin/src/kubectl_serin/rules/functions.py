"""Functions that the rules of the CRD call, as Kubernetes has them."""

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from itertools import pairwise
from typing import Any, Final
from urllib.parse import urlsplit

from serin_operator.api.quantity import amount

Value = Any


class CelError(Exception):
    """A rule has something that is not understood here, or cannot be computed."""


class Kind(StrEnum):
    """Types, as ``type()`` tells them."""

    INT = "int"
    TEXT = "string"
    BOOL = "bool"
    DOUBLE = "double"
    LIST = "list"
    MAP = "map"


def kind_of(value: Value) -> Kind:
    """The type of a value."""
    kinds = ((bool, Kind.BOOL), (int, Kind.INT), (float, Kind.DOUBLE), (str, Kind.TEXT), (list, Kind.LIST))
    return next((kind for python, kind in kinds if isinstance(value, python)), Kind.MAP)


def equal(left: Value, right: Value) -> bool:
    """Whether two values are the same; in CEL true is not 1."""
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def called(name: str, arguments: list[Value]) -> Value:
    """What a function gives.

    Raises:
        CelError: It is not known here, or does not take what it is given.
    """
    if name not in FUNCTIONS:
        raise CelError(f"the function {name} is not known")
    try:
        return FUNCTIONS[name](*arguments)
    except (TypeError, ValueError, AttributeError) as error:
        raise CelError(f"{name}: {error}") from error


def _matches(text: str, pattern: str) -> bool:
    # Python's $ also stands before a last line break, RE2's does not.
    return re.search(pattern, text + "\0" if text.endswith("\n") else text) is not None


def _is_sorted(items: list[Value]) -> bool:
    return all(a <= b for a, b in pairwise(items))


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    is_whole = not re.search(r"[\s\x00-\x1f\x7f]", text) and not re.search(r"%(?![0-9A-Fa-f]{2})", text)
    return is_whole and bool((parts.scheme and parts.netloc) or text.startswith("/"))


def _is_quantity(text: str) -> bool:
    try:
        amount(text)
    except ValueError:
        return False
    return True


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


FUNCTIONS: Final[Mapping[str, Callable[..., Value]]] = {
    "size": len,
    "matches": _matches,
    "startsWith": lambda text, start: text.startswith(start),
    "endsWith": lambda text, end: text.endswith(end),
    "contains": lambda text, part: part in text,
    "split": lambda text, by: text.split(by),
    "join": lambda items, by="": by.join(items),
    "isSorted": _is_sorted,
    "sum": sum,
    "replace": lambda text, old, new, most=-1: text.replace(old, new, most),
    "isURL": _is_url,
    "isQuantity": _is_quantity,
    "quantity": amount,
    "isInteger": lambda number: number == number.to_integral_value() and abs(number) < 1 << 63,
    "isGreaterThan": lambda a, b: a > b,
    "isLessThan": lambda a, b: a < b,
    "string": _text,
    "type": kind_of,
}
