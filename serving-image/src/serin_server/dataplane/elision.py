"""Cuts the long arrays of numbers out of a large JSON body, so that what is left is small enough to parse in one go.

A JSON parser keeps the interpreter's lock until it is through, and makes many bytes of one. An array of numbers holds
no letters but those of true, false, null, NaN and Infinity; so a long run of such characters behind a colon is an
array, unless it stands in a string, and then the name that takes its place breaks the string, and the body is parsed
whole.
"""

import secrets
from typing import Final

import msgspec
import numpy as np

LONG: Final = 64 * 1024
_MOST_OF_NAME: Final = 64
_MOST_ARRAYS: Final = 4096
_WINDOW: Final = 1 << 20
_COLON, _OPEN, _CLOSE = b":[]"
_SPACE: Final = b" \t\r\n"
_IS_OF_ARRAYS: Final = np.zeros(256, np.bool_)
_IS_OF_ARRAYS[list(b"0123456789+-.eE,[] \t\r\ntrufalsnNIiy")] = True


class Elided:
    """A body without its long arrays: `text` is JSON, in which a string stands for each; `arrays` has them by its JSON."""

    __slots__ = ("arrays", "text")

    def __init__(self, text: bytes, arrays: dict[bytes, memoryview]) -> None:
        self.text = text
        self.arrays = arrays

    def part(self, raw: msgspec.Raw) -> memoryview:
        """A part of the text as it stood in the body."""
        view = memoryview(raw)
        found = self.arrays.get(bytes(view)) if len(view) < _MOST_OF_NAME else None
        return view if found is None else found


def elided(body: memoryview, longer_than: int = LONG) -> Elided:
    """The body, its long arrays replaced by names that no client can guess."""
    nonce = secrets.token_hex(8).encode()
    pieces: list[bytes | memoryview] = []
    arrays: dict[bytes, memoryview] = {}
    done = 0
    for start, end in _runs(body, longer_than):
        end = _end_of_array(body, start, end)  # noqa: PLW2901 (what trails the array belongs to the rest)
        if not end or len(arrays) == _MOST_ARRAYS:
            continue
        name = b'"%b-%d"' % (nonce, len(arrays))
        arrays[name] = body[start:end]
        pieces += (body[done:start], name)
        done = end
    pieces.append(body[done:])
    return Elided(b"".join(pieces), arrays)


def _runs(body: memoryview, longer_than: int) -> list[tuple[int, int]]:
    """Where nothing but the characters of arrays stands, for long."""
    runs: list[tuple[int, int]] = []
    whole = np.frombuffer(body, np.uint8)
    last = 0
    for base in range(0, len(body), _WINDOW):
        window = np.frombuffer(body[base : base + _WINDOW], np.uint8)
        stops = np.flatnonzero(~_IS_OF_ARRAYS[window]) + base
        if not len(stops):
            continue
        before = np.concatenate(([last], stops[:-1]))
        long = (stops - before > longer_than) & (whole[before] == _COLON)
        runs += zip((before[long] + 1).tolist(), stops[long].tolist(), strict=True)
        last = int(stops[-1])
    return runs


def _end_of_array(body: memoryview, start: int, end: int) -> int:
    """One past the bracket that ends the array of a run; 0 when the run is no array behind a colon."""
    if not start or body[start - 1] != _COLON:
        return 0
    while start < end and body[start] in _SPACE:
        start += 1
    if start == end or body[start] != _OPEN:
        return 0
    # Behind it comes a comma and the next key, or the brace that ends the tensor.
    while body[end - 1] in b", \t\r\n":
        end -= 1
    return end if body[end - 1] == _CLOSE else 0
