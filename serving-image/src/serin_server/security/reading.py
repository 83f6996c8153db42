"""Reads JSON of people who are not believed yet. Every function raises `ValueError` with a sentence that names the place."""

import base64
import json
from collections.abc import Mapping
from typing import Any, Final

_LARGEST: Final = 1 << 63


def json_in(text: bytes | str, what: str) -> object:
    """What a text says."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError(f"{what} is no JSON") from None


def object_in(told: object, what: str) -> Mapping[str, Any]:
    """A JSON object."""
    if not isinstance(told, dict):
        raise ValueError(f"{what} is missing, or no JSON object")  # noqa: TRY004 (a sentence for people, not a type of ours)
    return told


def objects_in(told: object, what: str, most: int) -> list[Mapping[str, Any]]:
    """The objects of a list, which may be missing."""
    listed = [] if told is None else told
    if not isinstance(listed, list) or len(listed) > most:
        raise ValueError(f"{what} is no list of at most {most}")
    return [object_in(each, what) for each in listed]


def bytes_in(told: object, what: str) -> bytes:
    """Bytes that were written as base64."""
    try:
        return base64.b64decode(told if isinstance(told, str) else "", validate=True)
    except ValueError:
        raise ValueError(f"{what} is no base64") from None


def number_in(told: object, what: str) -> int:
    """A whole number, 0 or more, which JSON of protobuf writes as a text."""
    text = str(told) if isinstance(told, int) and not isinstance(told, bool) else told
    if not isinstance(text, str) or not (text.isascii() and text.isdigit() and len(text) < 20) or int(text) >= _LARGEST:
        raise ValueError(f"{what} is no whole number")
    return int(text)


def short(told: object) -> str:
    """A value as messages may show it."""
    return repr(told)[:80]
