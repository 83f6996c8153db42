"""Inputs that a request may leave out, because the graph holds a value for them: initialisers that are inputs too.

Which of them came decides how a request is read; one with any of them runs alone, for their values hold for all its rows.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from serin_server.dataplane.call import NO_BATCH, Call
from serin_server.dataplane.protocol import JsonRequest, JsonTensor
from serin_server.dataplane.request import ArrayOf, ArrayOfRaw, RequestReader
from serin_server.model.tensors import Array, Signature, TensorSpec

_MOST_KEPT: Final = 64
_MOST_DIGITS: Final = 12


def reader_of(signature: Signature) -> RequestReader:
    """The reader that a model's inputs ask for."""
    return OptionalInputsReader(signature) if signature.optional else RequestReader(signature)


class _Named(msgspec.Struct, gc=False):
    name: str


class _Names(msgspec.Struct, gc=False):
    inputs: list[_Named]


class OptionalInputsReader(RequestReader):
    """Reads requests in which optional inputs may be; those without any as every reader does."""

    def __init__(self, signature: Signature) -> None:
        super().__init__(signature)
        self._signature = signature
        self._optional = {spec.name: spec for spec in signature.optional}
        self._readers: dict[frozenset[str], RequestReader] = {}
        self._decode_names = msgspec.json.Decoder(_Names).decode

    def read(self, body: bytes | bytearray, json_length: bytes | None = None) -> Call:
        """As `RequestReader.read`; of a body that names nothing that can be found, the refusal is the usual one."""
        is_number = json_length is not None and json_length.isdigit() and len(json_length) < _MOST_DIGITS
        length = int(json_length or 0) if is_number else len(body)
        try:
            names = [each.name for each in self._decode_names(memoryview(body)[:length]).inputs]
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            names = []
        reader = self.of(names)
        return super().read(body, json_length) if reader is self else reader.read(body, json_length)

    def call_of_json(self, request: JsonRequest[JsonTensor], array: ArrayOf) -> Call:
        """As `RequestReader.call_of_json`, with what is optional."""
        reader = self.of([tensor.name for tensor in request.inputs])
        return super().call_of_json(request, array) if reader is self else reader.call_of_json(request, array)

    def call_of_binary(
        self, request: JsonRequest[JsonTensor], raw: memoryview, array: ArrayOf, array_of_raw: ArrayOfRaw
    ) -> Call:
        """As `RequestReader.call_of_binary`, with what is optional."""
        reader = self.of([tensor.name for tensor in request.inputs])
        if reader is self:
            return super().call_of_binary(request, raw, array, array_of_raw)
        return reader.call_of_binary(request, raw, array, array_of_raw)

    def of(self, names: Iterable[str]) -> RequestReader:
        """The reader for requests with inputs of these names."""
        came = frozenset(names).intersection(self._optional)
        if not came:
            return self
        reader = self._readers.get(came)
        if reader is None:
            if len(self._readers) >= _MOST_KEPT:
                self._readers.clear()
            more = tuple([spec for name, spec in self._optional.items() if name in came])
            reader = self._readers[came] = _ReaderWithMore(self._signature, more)
        return reader


class _ReaderWithMore(RequestReader):
    """Reads requests that give certain optional inputs too."""

    def __init__(self, signature: Signature, more: tuple[TensorSpec, ...]) -> None:
        super().__init__(Signature((*signature.inputs, *more), signature.outputs))
        self._required = len(signature.inputs)
        self._more = [spec.name for spec in more]

    def call_of(self, arrays: list[Array], request_id: str | None) -> Call:
        """The call, what is optional apart from what the model always takes."""
        call = super().call_of(arrays[: self._required], request_id)
        call.more = dict(zip(self._more, arrays[self._required :], strict=True))
        call.rows = NO_BATCH
        return call
