"""Quantities as Kubernetes writes them, as numbers."""

import re
from decimal import ROUND_CEILING, Decimal
from typing import Final

_DECIMAL: Final = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY: Final = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_QUANTITY: Final = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)([numkMGTPE]?|[KMGTPE]i)")


def whole_units(quantity: str) -> int:
    """The number that a quantity stands for, rounded up to a whole one: 1.5Gi is 1610612736, 500m is 1.

    Raises:
        ValueError: It is no quantity; the message says so.
    """
    return int(amount(quantity).to_integral_value(ROUND_CEILING))


def amount(quantity: str) -> Decimal:
    """The number that a quantity stands for: 1024Mi and 1Gi are the same, and so are 0.5 and 500m.

    Raises:
        ValueError: It is no quantity; the message says so.
    """
    parts = _QUANTITY.fullmatch(quantity)
    if parts is None:
        raise ValueError(f"{quantity!r} is not a quantity such as 512Mi")
    number, unit = Decimal(parts[1]), parts[2]
    return number * 2 ** _BINARY[unit] if unit in _BINARY else number.scaleb(_DECIMAL[unit])
