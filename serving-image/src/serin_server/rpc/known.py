"""Questions that are known but for their numbers: clients describe the same tensors again and again.

What such a description means was found out once, by the parser and every check there is. Nothing of a call's own is in it:
neither its id nor its raw bytes, whose number and lengths are looked at each time. Whatever is a little different is no known
question, and goes the long way.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from serin_server.dataplane.call import Call
from serin_server.dataplane.plane import Loaded
from serin_server.rpc import open_inference_pb2 as pb
from serin_server.rpc.transport.heads import Message

if TYPE_CHECKING:
    from serin_server.dataplane.request import RequestReader
    from serin_server.model.tensors import Array

_ID, _RAW = 0x1A, 0x3A
"""The keys of the fields that are a call's own."""
_LONGEST: Final = 1024
_MOST: Final = 64
_MOST_FIELDS: Final = 512
_LONG_WAY: Final = ("BYTES", "BOOL")
"""Tensors that do not lie in a message as in memory."""

Parts = tuple[bytes, bytes, list[tuple[int, int]]]
"""The description, the id, and where each raw tensor begins and ends."""


def parts_of(message: Message) -> Parts | None:
    """A message without what is its own; None for one that looks otherwise than those of clients do."""
    position, end = 0, len(message)
    described, identity, raw = [], b"", []
    try:
        for _ in range(_MOST_FIELDS):  # a question of more is none that could be known: what is left is seen below
            if position >= end:
                break
            key, length, start = message[position], message[position + 1], position + 2
            if length >= 0x80:
                length, start = (length & 0x7F) | message[start] << 7, start + 1
                if length >= 1 << 14:
                    length, start = (length & 0x3FFF) | message[start] << 14, start + 1
                    if length >= 1 << 21:
                        return None
            after = start + length
            if key == _RAW:
                raw.append((start, after))
            elif key == _ID and not identity:  # of two, one may be no text
                identity = bytes(message[start:after])
            elif key & 0x87 == 2 and key != _ID:
                described.append(message[position:after])
            else:
                return None
            position = after
    except IndexError:
        return None
    return (b"".join(described), identity, raw) if position == end and raw else None


@dataclass(frozen=True, slots=True)
class Known:
    """What a description means to a model."""

    loaded: Loaded
    reader: "RequestReader"
    tensors: tuple[tuple[int, int, tuple[int, ...], np.dtype[Any]], ...]
    """For each input of the model where its raw bytes stand, how many they are, and their shape and type."""
    wanted: list[int] | None

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

    def call(self, loaded: Loaded, message: Message, parts: Parts) -> Call | None:
        """The call of a known question; None for another."""
        known = self._known.get(parts[0])
        return known.call(message, parts) if known is not None and known.loaded is loaded else None

    def learn(self, description: bytes, loaded: Loaded, request: pb.ModelInferRequest, call: Call) -> None:
        """Remembers what a question was found to mean."""
        names = [tensor.name for tensor in request.inputs]
        reader = loaded.reader.of(names)
        specs = reader.inputs
        if len(description) > _LONGEST or any(spec.datatype in _LONG_WAY for spec in specs):
            return
        if call.more is not None or len(call.arrays) != len(names) or len(request.raw_input_contents) != len(names):
            return
        tensors = tuple(
            (position, array.nbytes, array.shape, array.dtype)
            for position, array in zip(reader.input_order(names), call.arrays, strict=True)
        )
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[description] = Known(loaded, reader, tensors, call.wanted)
