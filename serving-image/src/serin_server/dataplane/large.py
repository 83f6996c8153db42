"""Reads large requests: bodies of which a parser would make many times their size, and keep everybody waiting.

Only what is not data is parsed, in one short call; `data` stay the text they are until they become an array, piece by
piece (`streamed`). Nothing in a body makes more objects than the model has inputs.
"""

from collections.abc import Callable
from math import prod
from typing import Any, Final

import msgspec

from serin_server.dataplane.binary import array_of_bytes
from serin_server.dataplane.constants import with_constants
from serin_server.dataplane.elements import check_texts, checked_shape, no_elements
from serin_server.dataplane.elision import Elided, elided
from serin_server.dataplane.memory import BYTES_OF_A_STRING, Holding
from serin_server.dataplane.protocol import JsonOutput, JsonRequest, JsonTensor, Parameters
from serin_server.dataplane.streamed import streamed
from serin_server.model.tensors import Array, TensorSpec
from serin_server.refusals import Kind, Refusal

LARGE_BYTES: Final = 512 * 1024
"""JSON above this size is read here."""
_MOST_OF_SHAPE: Final = 4096
_MOST_TEXT: Final = 32 << 20


class LargeTensor(msgspec.Struct, gc=False):
    """One input tensor, its parts not yet read."""

    name: str
    shape: msgspec.Raw
    datatype: str
    data: msgspec.Raw = msgspec.Raw(b"null")
    parameters: msgspec.Raw = msgspec.Raw(b"null")


class LargeRequest(msgspec.Struct, gc=False):
    """An inference request, its parts not yet read."""

    inputs: msgspec.Raw
    id: str | None = None
    outputs: msgspec.Raw = msgspec.Raw(b"null")
    parameters: msgspec.Raw = msgspec.Raw(b"null")


class LargeJson:
    """Reads the JSON of large requests for one model. One for all threads: it keeps nothing between two requests."""

    def __init__(self, inputs: tuple[TensorSpec, ...], optional: tuple[TensorSpec, ...] = ()) -> None:
        self._inputs = inputs
        self._optional = optional
        self._decode = msgspec.json.Decoder(LargeRequest).decode
        # A struct, since it takes some of what may be left out; at one tensor more, nothing further is read.
        places: list[Any] = [(f"input_{place}", LargeTensor) for place, _ in enumerate(inputs)]
        places += [(f"optional_{place}", LargeTensor, None) for place, _ in enumerate(optional)]
        struct = msgspec.defstruct("LargeInputs", places, array_like=True, forbid_unknown_fields=True, gc=False)
        self._decode_inputs = msgspec.json.Decoder(struct).decode

    def parsed(self, body: memoryview) -> JsonRequest[JsonTensor]:
        """The request, its `data` still text (a `memoryview`). Raises `Refusal`."""
        without, request, inputs = self._taken_apart(body)
        outputs = _small(memoryview(request.outputs), list[JsonOutput] | None, LARGE_BYTES, "the list of outputs")
        parameters = _small(memoryview(request.parameters), Parameters | None, LARGE_BYTES, "the parameters")
        return JsonRequest([_tensor(tensor, without) for tensor in inputs], request.id, outputs, parameters)

    def _taken_apart(self, body: memoryview) -> tuple[Elided, LargeRequest, tuple[LargeTensor, ...]]:
        first = elided(body)
        ways: list[Callable[[], Elided]] = [lambda: first]
        if first.arrays:  # what looked like an array stood in a string, perhaps
            ways.append(lambda: Elided(bytes(body), {}))
        if b"NaN" in first.text or b"Infinity" in first.text:
            ways.append(lambda: elided(body, longer_than=0))  # a short array was left in, and NaN is no JSON
        errors: list[Exception] = []
        for way in ways:
            without = way()
            try:
                return without, *self._decoded(without.text)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                errors.append(error)
        raise self._refusal(errors[-1])

    def _decoded(self, text: bytes) -> tuple[LargeRequest, tuple[LargeTensor, ...]]:
        if len(text) > _MOST_TEXT:
            raise Refusal(
                Kind.TOO_LARGE,
                f"{len(text)} bytes of JSON are not numbers, and {_MOST_TEXT} may be: send fewer rows a request, or binary tensors",
            )
        request = self._decode(text)
        inputs = msgspec.structs.astuple(self._decode_inputs(request.inputs))
        return request, tuple([tensor for tensor in inputs if tensor is not None])

    def _refusal(self, error: Exception) -> Refusal:
        if not isinstance(error, msgspec.ValidationError):
            return Refusal(Kind.MALFORMED, f"the body is not JSON: {error}")
        if str(error).startswith("Expected `array` of at"):
            names = ", ".join(spec.name for spec in self._inputs)
            more = f"; {', '.join(spec.name for spec in self._optional)} may be left out" if self._optional else ""
            return Refusal(Kind.INVALID_TENSOR, f"the model takes {len(self._inputs)} inputs, each once: {names}{more}")
        return Refusal(Kind.MALFORMED, f"the request does not follow the protocol: {error}")


def _tensor(given: LargeTensor, without: Elided) -> JsonTensor:
    shape = _small(without.part(given.shape), list[int], _MOST_OF_SHAPE, f"the shape of input {given.name[:60]!r}")
    parameters = _small(memoryview(given.parameters), Parameters | None, LARGE_BYTES, "the parameters of an input")
    return JsonTensor(given.name, shape, given.datatype, without.part(given.data), parameters)


class LargeArrays:
    """Makes the arrays of one large request; its holding takes their bytes."""

    def __init__(self, holding: Holding) -> None:
        self._holding = holding

    def of_json(self, spec: TensorSpec, given: JsonTensor) -> Array:
        """The array of a tensor whose `data` are JSON text. Raises `Refusal`."""
        shape = checked_shape(spec, given.datatype, given.shape)
        check_texts(spec, shape)
        try:
            return streamed(spec, shape, given.data, self._holding)
        except Refusal as refusal:
            _check_json(given.data)
            if (
                refusal.kind is Kind.MALFORMED
            ):  # it is JSON after all: something else than elements stands between commas
                raise no_elements(spec) from None
            raise refusal from None

    def of_bytes(self, spec: TensorSpec, shape: tuple[int, ...], data: memoryview) -> Array:
        """The array of a binary tensor; strings become objects, and are paid for. Raises `Refusal`."""
        check_texts(spec, shape)
        if spec.datatype == "BYTES":
            self._holding.grow(BYTES_OF_A_STRING * min(prod(shape), len(data) // 4))
        return array_of_bytes(spec, shape, data)


def _check_json(text: memoryview) -> None:
    """Raises `Refusal` when data that do not fit are not even JSON, which is another mistake."""
    if len(text) <= _MOST_TEXT:
        try:
            msgspec.json.decode(text, type=msgspec.Raw)
        except (msgspec.DecodeError, RecursionError) as error:
            if with_constants(bytes(text), list[Any]) is None:
                raise Refusal(Kind.MALFORMED, f"the body is not JSON: {error}") from None


def _small(raw: memoryview, kind: Any, most: int, what: str) -> Any:
    """A part that is parsed whole, because it is small."""
    if len(raw) > most:
        raise Refusal(Kind.TOO_LARGE, f"{what} may have {most} bytes, and {len(raw)} came")
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        raise Refusal(Kind.MALFORMED, f"the request does not follow the protocol: {error}") from None
    except (
        msgspec.DecodeError,
        UnicodeDecodeError,
        RecursionError,
    ) as error:  # whoever found its end looked at nothing else
        raise Refusal(Kind.MALFORMED, f"the body is not JSON: {error}") from None
