"""NaN and Infinity in a JSON body: no JSON, but what Python's own writer makes of such floats, and many clients send."""

import json
from typing import Any, TypeVar

import msgspec

Kind = TypeVar("Kind")


def with_constants(body: bytes, kind: type[Kind]) -> Kind | None:
    """The value of a JSON body with such words in it; None when it has none, or is no JSON for other reasons."""
    if b"NaN" not in body and b"Infinity" not in body:
        return None
    try:
        read: Any = json.loads(body)
        return msgspec.convert(read, kind)
    except (ValueError, RecursionError):  # msgspec's errors and bytes that are no UTF-8 among them
        return None


def is_json(body: bytes | bytearray | memoryview) -> bool:
    """Whether a body is JSON, such words allowed; no number of it is looked at."""
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        return with_constants(bytes(body), object) is not None
    return True
