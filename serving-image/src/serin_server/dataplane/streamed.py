"""The data of a large JSON tensor as an array, piece by piece: memory for one piece beside the array itself.

Each piece is a call of a few milliseconds into a parser, so other threads (the event loop among them) get their turn.
"""

import re
from collections import deque
from collections.abc import Callable, Iterator
from math import prod
from typing import Any, Final

import msgspec
import numpy as np

from serin_server.dataplane.constants import with_constants
from serin_server.dataplane.elements import TOO_FAR, from_flat, out_of_range, wrong_count
from serin_server.dataplane.memory import BYTES_OF_A_STRING, Holding
from serin_server.dataplane.numeric import NumericPieces
from serin_server.model.tensors import Array, TensorSpec
from serin_server.refusals import Kind, Refusal

_PIECE: Final = 128 * 1024
_BRACKETS: Final = bytes.maketrans(b"[]", b"  ")
_SPACE: Final = b" \t\r\n"
_COMMA, _OPEN, _CLOSE = b",[]"
_BEFORE_CLOSE: Final = np.zeros(256, np.bool_)
_BEFORE_CLOSE[list(b"0123456789].elyN")] = True  # ends of numbers, true, false, null, NaN, Infinity, rows
_AFTER_OPEN: Final = np.zeros(256, np.bool_)
_AFTER_OPEN[list(b"0123456789[-tfnNI")] = True
# A string, or one that the piece cuts: then to its end, so that no search begins again inside it.
_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_STRING_OR_BRACKET: Final = re.compile(_STRING.pattern + rb"|[\[\]]", re.DOTALL)
_decode: Final = msgspec.json.Decoder().decode


def streamed(spec: TensorSpec, shape: tuple[int, ...], text: memoryview, holding: Holding) -> Array:
    """The array of a tensor whose `data` are this JSON text. Raises `Refusal`.

    Args:
        spec: The input that it is for.
        shape: As the request says, checked against the input.
        text: A JSON list, flat or nested as the shape says.
        holding: Takes the bytes of the array.
    """
    inside = _inside(spec, text)
    count = prod(shape)
    if count > len(inside) // 2 + 1:
        raise wrong_count(spec, shape, _elements(inside))
    holding.grow(count * (BYTES_OF_A_STRING if spec.datatype == "BYTES" else spec.dtype.itemsize))
    array = np.empty(count, spec.dtype)
    filled = 0
    rows = _Rows(spec, shape)
    convert = _converter(spec)
    for piece in _pieces(spec, inside):
        flat = rows.flat(piece, filled)
        values = convert(flat, filled)
        if filled + len(values) > count:
            raise wrong_count(spec, shape, _elements(inside))
        array[filled : filled + len(values)] = values
        filled += len(values)
    if filled != count:
        raise wrong_count(spec, shape, filled)
    rows.end()
    return array.reshape(shape)


def _inside(spec: TensorSpec, text: memoryview) -> memoryview:
    start, end = 0, len(text)
    while start < end and text[start] in _SPACE:
        start += 1
    while start < end and text[end - 1] in _SPACE:
        end -= 1
    if end - start < 2 or text[start] != _OPEN or text[end - 1] != _CLOSE:
        raise Refusal(Kind.INVALID_TENSOR, f"input {spec.name!r} has no list of data")
    return text[start + 1 : end - 1]


def _elements(inside: memoryview) -> int:
    """About how many elements a list of numbers has, for a message."""
    return bytes(inside).count(b",") + 1


def _pieces(spec: TensorSpec, inside: memoryview) -> Iterator[bytes]:
    """The list cut at commas between its elements."""
    is_text = spec.datatype == "BYTES"
    position, end, size = 0, len(inside), _PIECE
    while position < end:
        piece = bytes(inside[position : position + size])
        if position + size >= end:
            yield piece
            return
        cut = _last_comma_between_strings(piece) if is_text else piece.rfind(b",")
        if cut < 0 and not is_text:
            raise Refusal(Kind.MALFORMED, f"input {spec.name!r}: there is no comma in {_PIECE} characters of its data")
        if cut < 0:
            size *= 2  # one string longer than a piece
            continue
        yield piece[:cut]
        position, size = position + cut + 1, _PIECE


def _last_comma_between_strings(piece: bytes) -> int:
    """Where the last comma stands that is in no string; -1 when there is none."""
    following = len(piece)
    for string in reversed(deque(_STRING.finditer(piece), maxlen=2)):
        comma = piece.find(b",", string.end(), following)
        if comma >= 0:
            return comma
        following = string.start()
    return -1


class _Rows:
    """Takes the brackets of nested rows away, if they stand where the shape says; a flat list has none."""

    def __init__(self, spec: TensorSpec, shape: tuple[int, ...]) -> None:
        self._spec = spec
        self._shape = shape
        self._strides = [prod(shape[depth:]) for depth in range(1, len(shape))]
        self._is_nested: bool | None = None
        self._depth = 0

    def flat(self, piece: bytes, first: int) -> bytes:
        """A piece whose first element has this number, without brackets. Raises `Refusal`."""
        if self._spec.datatype == "BYTES":
            return self._flat_text(piece, first)
        opens, closes = piece.count(b"["), piece.count(b"]")
        if self._is_nested is None:
            self._is_nested = piece.lstrip().startswith(b"[")
        if not self._is_nested:
            if opens or closes:
                raise self._irregular()
            return piece
        self._check(piece.translate(None, _SPACE), first)
        self._depth += opens - closes
        return piece.translate(_BRACKETS)

    def end(self) -> None:
        """Every row that was opened has to be closed."""
        if self._depth:
            raise self._irregular()

    def _check(self, compact: bytes, first: int) -> None:
        text = np.frombuffer(compact, np.uint8)
        commas = np.flatnonzero(text == _COMMA)
        elements = np.arange(first, first + len(commas) + 1)
        begun, ended = np.zeros(len(elements), np.int64), np.zeros(len(elements), np.int64)
        for stride in self._strides:
            if not stride:
                raise self._irregular()
            begun += elements % stride == 0
            ended += (elements + 1) % stride == 0
        opens, closes = np.flatnonzero(text == _OPEN), np.flatnonzero(text == _CLOSE)
        is_right = (
            np.array_equal(np.bincount(np.searchsorted(commas, opens), minlength=len(elements)), begun)
            and np.array_equal(np.bincount(np.searchsorted(commas, closes), minlength=len(elements)), ended)
            and (not len(opens) or (opens[-1] + 1 < len(text) and _AFTER_OPEN[text[opens + 1]].all()))
            and (not len(closes) or (closes[0] > 0 and _BEFORE_CLOSE[text[closes - 1]].all()))
        )
        if not is_right:
            raise self._irregular()

    def _flat_text(self, piece: bytes, first: int) -> bytes:
        """Strings may hold brackets: those outside of them are found with the strings blanked."""
        blanked = _STRING.sub(b"0", piece)
        if self._is_nested is None:
            self._is_nested = blanked.lstrip().startswith(b"[")
        if not self._is_nested:
            if b"[" in blanked or b"]" in blanked:
                raise self._irregular()
            return piece
        self._check(blanked.translate(None, _SPACE), first)
        self._depth += blanked.count(b"[") - blanked.count(b"]")
        return _STRING_OR_BRACKET.sub(lambda match: b" " if match[0] in (b"[", b"]") else match[0], piece)

    def _irregular(self) -> Refusal:
        return Refusal(
            Kind.INVALID_TENSOR,
            f"input {self._spec.name!r}: the nested data do not have the shape {list(self._shape)}",
        )


def _converter(spec: TensorSpec) -> Callable[[bytes, int], Array]:
    """What makes an array of one flat piece: simdjson where it can, else Python values that are checked one by one."""
    fast = NumericPieces.of(spec)

    def convert(piece: bytes, first: int) -> Array:
        text = b"[%b]" % piece
        values = fast.read(text) if fast is not None else None
        return from_flat(spec, _values(spec, text), first) if values is None else values

    return convert


def _values(spec: TensorSpec, text: bytes) -> list[Any]:
    try:
        return _decode(text)  # type: ignore[no-any-return]
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if TOO_FAR in str(error):
            raise out_of_range(spec) from None
        values = with_constants(text, list[Any])
        if values is None:
            raise Refusal(Kind.MALFORMED, f"the body is not JSON: {error}") from None
        return values
