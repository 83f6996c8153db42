"""Questions that are known but for their numbers: clients describe the same tensors again and again.

What such a description means was found out once, by the parser and every check there is. Nothing of a call's own is in it:
neither its id nor its elements, raw ones or typed floats, whose number and lengths are looked at each time. Whatever is a little
different is no known question, and goes the long way.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from serin_server.dataplane.call import Call
from serin_server.dataplane.plane import Loaded
from serin_server.rpc import open_inference_pb2 as pb
from serin_server.rpc.question import question_of
from serin_server.rpc.transport.heads import Message

if TYPE_CHECKING:
    from serin_server.dataplane.request import RequestReader
    from serin_server.model.tensors import Array

_ID, _INPUT, _RAW = 0x1A, 0x2A, 0x3A
"""The keys of the fields that are a call's own, or hold what is."""
_CONTENTS: Final = 0x2A
_BEFORE_CONTENTS: Final = frozenset((0x0A, 0x12, 0x1A, 0x22))
"""The keys of an input's fields: its elements, and those before them."""
_FLOATS: Final = frozenset((0x32, 0x3A))
"""The keys of typed elements that lie in a message as in memory."""
_TYPED: Final = b"\0"
"""How descriptions of typed tensors begin, which no message does."""
_LONGEST: Final = 1024
_MOST: Final = 64
_MOST_FIELDS: Final = 512
_MOST_FIELDS_OF_INPUT: Final = 16
_LONG_WAY: Final = ("BYTES", "BOOL")
"""Tensors that do not lie in a message as in memory."""

Parts = tuple[bytes, bytes, list[tuple[int, int]]]
"""The description, the id, and where the elements of each tensor begin and end."""


def parts_of(message: Message) -> Parts | None:
    """A message without what is its own; None for one that looks otherwise than those of clients do."""
    position, end = 0, len(message)
    described: list[bytes | bytearray] = []
    identity, raw, inputs = b"", [], []
    try:
        for _ in range(_MOST_FIELDS):  # a question of more is none that could be known: what is left is seen below
            if position >= end:
                break
            start, after = _span(message, position)
            key = message[position]
            if key == _RAW:
                raw.append((start, after))
            elif key == _ID and not identity:  # of two, one may be no text
                identity = bytes(message[start:after])
            elif key & 0x87 == 2 and key != _ID:
                if key == _INPUT:
                    inputs.append((len(described), position, start, after))
                described.append(message[position:after])
            else:
                return None
            position = after
        if not raw:
            raw = _cut_floats(message, described, inputs)
    except (IndexError, ValueError):
        return None
    return (b"".join(described), identity, raw) if position == end and raw else None


def _span(message: Message, position: int) -> tuple[int, int]:
    """Where the value of a field begins and ends. Raises `ValueError` for one of megabytes, `IndexError` behind the end."""
    length, start = message[position + 1], position + 2
    if length >= 0x80:
        length, start = (length & 0x7F) | message[start] << 7, start + 1
        if length >= 1 << 14:
            length, start = (length & 0x3FFF) | message[start] << 14, start + 1
            if length >= 1 << 21:
                raise ValueError
    return start, start + length


def _cut_floats(
    message: Message, described: list[bytes | bytearray], inputs: Sequence[tuple[int, int, int, int]]
) -> list[tuple[int, int]]:
    """Takes typed elements out of the descriptions of inputs, and tells where they are."""
    places = []
    for place, begins, start, after in inputs:
        floats = _floats_of(message, start, after)
        described[place] = message[begins:floats]
        places.append((floats, after))
    described.insert(0, _TYPED)
    return places


def _floats_of(message: Message, position: int, end: int) -> int:
    """Where the elements of an input begin, which has nothing behind them. Raises `ValueError` for any other input."""
    for _ in range(_MOST_FIELDS_OF_INPUT):
        if message[position] not in _BEFORE_CONTENTS:
            break
        _, position = _span(message, position)
        if position >= end:
            raise ValueError
    start, after = _span(message, position)
    begins, ends = _span(message, start)
    if message[position] != _CONTENTS or message[start] not in _FLOATS or not begins <= ends == after == end:
        raise ValueError
    return begins


@dataclass(frozen=True, slots=True)
class Known:
    """What a description means to a model."""

    loaded: Loaded
    reader: "RequestReader"
    tensors: tuple[tuple[int, int, tuple[int, ...], np.dtype[Any]], ...]
    """For each input of the model where its bytes stand, how many they are, and their shape and type."""
    wanted: list[int] | None
    is_raw: bool
    told: bytes
    """What its question to another version begins with."""

    def question(self, message: Message, parts: Parts) -> tuple[bytes, bytes]:
        """The same as `question_of` makes of the parsed message."""
        elements = [message[start:end] for start, end in parts[2]]
        return b"".join([self.told, *elements]), b"%d" % len(self.told)

    def call(self, message: Message, parts: Parts) -> Call | None:
        """The call of a question; None where its bytes are not as many as its shapes ask for."""
        _, identity, raw = parts
        if len(raw) != len(self.tensors):
            return None
        arrays: list[Array] = []
        for position, size, shape, dtype in self.tensors:
            start, end = raw[position]
            if end - start != size:
                return None
            arrays.append(np.ndarray(shape, dtype, bytes(message[start:end])))
        try:
            call = self.reader.call_of(arrays, identity.decode())
        except UnicodeDecodeError:
            return None
        call.wanted = self.wanted
        return call


class KnownQuestions:
    """The descriptions that one model has answered; no more than a few."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[bytes, Known] = {}

    def find(self, loaded: Loaded, parts: Parts) -> Known | None:
        """What is known of a question."""
        known = self._known.get(parts[0])
        return known if known is not None and known.loaded is loaded else None

    def learn(self, description: bytes, loaded: Loaded, request: pb.ModelInferRequest, call: Call) -> None:
        """Remembers what a question was found to mean."""
        names = [tensor.name for tensor in request.inputs]
        reader = loaded.reader.of(names)
        specs = reader.inputs
        if len(description) > _LONGEST or any(spec.datatype in _LONG_WAY for spec in specs):
            return
        is_raw = not description.startswith(_TYPED)
        if len(request.raw_input_contents) != (len(names) if is_raw else 0):
            return
        if call.more is not None or len(call.arrays) != len(names):
            return
        tensors = tuple(
            (position, array.nbytes, array.shape, array.dtype)
            for position, array in zip(reader.input_order(names), call.arrays, strict=True)
        )
        body, told_bytes = question_of(request)
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[description] = Known(loaded, reader, tensors, call.wanted, is_raw, body[: int(told_bytes)])
