"""Reads an inference request, in JSON or with binary tensors behind it, into arrays that fit the model."""

import itertools
import secrets
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgspec

from serin_server.dataplane.binary import array_of_bytes
from serin_server.dataplane.call import NO_BATCH, Call
from serin_server.dataplane.constants import is_json, with_constants
from serin_server.dataplane.elements import TOO_FAR, FlatFloats, array_of, checked_shape
from serin_server.dataplane.large import LARGE_BYTES, LargeArrays, LargeJson
from serin_server.dataplane.memory import Holding
from serin_server.dataplane.numeric import NumericReader, Tensors
from serin_server.dataplane.parameters import check_output, check_request
from serin_server.dataplane.protocol import (
    Envelope,
    FloatTensor,
    JsonOutput,
    JsonRequest,
    JsonTensor,
    Parameters,
    Tensor,
)
from serin_server.model.tensors import Array, Signature, TensorSpec
from serin_server.refusals import Kind, Refusal

_BIG_BODY: Final = 2048
ArrayOf = Callable[[TensorSpec, JsonTensor], Array]
ArrayOfRaw = Callable[[TensorSpec, tuple[int, ...], memoryview], Array]


class RequestReader:
    """Reads requests for one model; everything that depends on its signature is prepared once."""

    def __init__(self, signature: Signature) -> None:
        # A number too large for its type would silently become infinity: numpy only warns.
        warnings.filterwarnings("error", message="overflow encountered in cast", category=RuntimeWarning)
        self.inputs = signature.inputs
        self.outputs = signature.outputs
        self._names = [spec.name for spec in signature.inputs]
        self._positions = {spec.name: position for position, spec in enumerate(signature.inputs)}
        self._output_positions = {spec.name: position for position, spec in enumerate(signature.outputs)}
        self._equal_sizes = _places_of_equal_names(signature)
        self._is_fixed_width = all(-1 not in spec.shape[1:] for spec in signature.inputs)
        self._decode = msgspec.json.Decoder(JsonRequest[JsonTensor]).decode
        self._takes_floats_only = all(spec.dtype.kind == "f" for spec in signature.inputs)
        self._floats = [FlatFloats(spec) for spec in signature.inputs if self._takes_floats_only]
        self._decode_floats = msgspec.json.Decoder(JsonRequest[FloatTensor]).decode
        self._decode_envelope = msgspec.json.Decoder(Envelope).decode
        self._numeric = NumericReader.of(signature)
        self._large = LargeJson(signature.inputs, signature.optional)
        self._takes_text = any(spec.datatype == "BYTES" for spec in signature.inputs)
        self._id_prefix = secrets.token_hex(4)
        self._numbers = itertools.count()

    def read(self, body: bytes | bytearray, json_length: bytes | None = None) -> Call:
        """The call that a body asks for. `json_length` is the Inference-Header-Content-Length of the binary extension.

        Raises `Refusal` naming the tensor, what was expected and what came.
        """
        if json_length is not None:
            return self._read_binary(body, json_length, self._parsed, array_of, array_of_bytes)
        if self._numeric is not None and len(body) > _BIG_BODY:
            arrays = self._numeric.read(body)
            if arrays is not None:
                return self._call(self._envelope(arrays), arrays.arrays)
        elif self._takes_floats_only:
            call = self._read_floats(body)
            if call is not None:
                return call
        return self.call_of_json(self._parsed(body), array_of)

    def is_large(self, size: int, json_length: bytes | None) -> bool:
        """Whether a plain body of so many bytes is for `read_large`: numbers in binary cost nothing to read."""
        if size <= LARGE_BYTES:
            return False
        if json_length is None or self._takes_text:
            return True
        return not json_length.isdigit() or len(json_length) > 6 or int(json_length) > LARGE_BYTES

    def read_large(self, body: bytes | bytearray, json_length: bytes | None, holding: Holding) -> Call:
        """As `read`, for large bodies, in a thread of its own: memory is flat, paid for by `holding`, and no step is long."""
        arrays = LargeArrays(holding)
        if json_length is not None:
            return self._read_binary(body, json_length, self._large.parsed, arrays.of_json, arrays.of_bytes)
        return self.call_of_json(self._large.parsed(memoryview(body)), arrays.of_json)

    def call_of_json(self, request: JsonRequest[JsonTensor], array: ArrayOf) -> Call:
        """The call of a parsed request; `array` makes each of its tensors. Raises `Refusal`."""
        inputs = self._in_order(request.inputs)
        return self._call(request, [array(spec, given) for spec, given in zip(self.inputs, inputs, strict=True)])

    def _read_floats(self, body: bytes | bytearray) -> Call | None:
        """The call of a body with nothing but flat floats for data; None for others, which the slow way can explain."""
        try:
            request = self._decode_floats(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        inputs = self._in_order(request.inputs)
        arrays = [floats.array(given) for floats, given in zip(self._floats, inputs, strict=True)]
        return self._call(request, arrays)

    def _parsed(self, body: bytes | bytearray | memoryview) -> JsonRequest[JsonTensor]:
        try:
            return self._decode(body)
        except msgspec.ValidationError as error:
            # A number that no float holds is one that no tensor holds, where what follows it is JSON.
            is_number = TOO_FAR in str(error) and ".data" in str(error) and is_json(body)
            kind = Kind.INVALID_TENSOR if is_number else Kind.MALFORMED
            raise Refusal(kind, f"the request does not follow the protocol: {error}") from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            request = with_constants(bytes(body), JsonRequest[JsonTensor])
            if request is None:
                raise Refusal(Kind.MALFORMED, f"the body is not JSON: {error}") from None
            return request

    def _envelope(self, tensors: Tensors) -> Envelope:
        if not tensors.envelope:
            return Envelope()
        try:
            return msgspec.convert(tensors.envelope, Envelope)
        except msgspec.ValidationError as error:
            raise Refusal(Kind.MALFORMED, f"the request does not follow the protocol: {error}") from None

    def _read_binary(
        self,
        body: bytes | bytearray,
        json_length: bytes,
        parsed: Callable[[memoryview], JsonRequest[JsonTensor]],
        array: ArrayOf,
        array_of_raw: ArrayOfRaw,
    ) -> Call:
        length = int(json_length) if json_length.isdigit() and len(json_length) < 12 else -1
        if not 0 <= length <= len(body):
            came = json_length[:40].decode(errors="replace")
            raise Refusal(
                Kind.MALFORMED, f"Inference-Header-Content-Length is {came}, and the body has {len(body)} bytes"
            )
        return self.call_of_binary(parsed(memoryview(body)[:length]), memoryview(body)[length:], array, array_of_raw)

    def call_of_binary(
        self, request: JsonRequest[JsonTensor], raw: memoryview, array: ArrayOf, array_of_raw: ArrayOfRaw
    ) -> Call:
        """The same with binary tensors, which stand one behind the other in `raw`. Raises `Refusal`."""
        arrays: dict[str, Array] = {}
        position = 0
        ordered = self._in_order(request.inputs)
        specs = {spec.name: spec for spec in self.inputs}
        for given in request.inputs:
            spec = specs[given.name]
            size = (given.parameters or {}).get("binary_data_size")
            if size is None:
                arrays[spec.name] = array(spec, given)
                continue
            if type(size) is not int or size < 0 or position + size > len(raw):
                raise Refusal(
                    Kind.INVALID_TENSOR,
                    f"input {spec.name!r}: binary_data_size is {size!r}, and {len(raw) - position} bytes are left",
                    f"binary_data_size of input {spec.name!r}",
                )
            shape = checked_shape(spec, given.datatype, given.shape)
            arrays[spec.name] = array_of_raw(spec, shape, raw[position : position + size])
            position += size
        if position != len(raw):
            raise Refusal(Kind.MALFORMED, f"{len(raw) - position} bytes are left over behind the last binary tensor")
        return self._call(request, [arrays[given.name] for given in ordered])

    def _call(self, request: JsonRequest[Any] | Envelope, arrays: list[Array]) -> Call:
        call = self.call_of(arrays, request.id)
        if request.outputs is None and request.parameters is None:
            return call
        if request.parameters:
            check_request(request.parameters)
        for output in request.outputs or ():
            if output.parameters:
                check_output(output.name, output.parameters)
        by_default = _flag(request.parameters, "binary_data_output", default=False)
        asked = request.outputs or [JsonOutput(name) for name in self._output_positions]
        if request.outputs:
            call.wanted = self.positions([output.name for output in asked])
        binary = [_flag(output.parameters, "binary_data", default=by_default) for output in asked]
        call.binary = binary if any(binary) else None
        return call

    def of(self, names: Iterable[str]) -> "RequestReader":
        """The reader for requests with inputs of these names."""
        del names
        return self

    def call_of(self, arrays: list[Array], request_id: str | None) -> Call:
        """The call of a request whose tensors were read, in the order of the model's inputs."""
        first = arrays[0].shape[:1] if arrays else ()
        rows = first[0] if first else NO_BATCH
        if len(arrays) > 1 and any([array.shape[:1] != first for array in arrays]):
            rows = NO_BATCH
        if self._equal_sizes and not self._are_equal(arrays):
            rows = NO_BATCH  # what was proven of rows was proven of sizes that are equal where their names are
        key = None if self._is_fixed_width else tuple([array.shape[1:] for array in arrays])
        return Call(arrays, rows, key, request_id or f"{self._id_prefix}-{next(self._numbers):x}")

    def _are_equal(self, arrays: list[Array]) -> bool:
        return all(
            [len({arrays[position].shape[axis] for position, axis in places}) == 1 for places in self._equal_sizes]
        )

    def positions(self, names: Sequence[str]) -> list[int]:
        """Where the named outputs stand among the model's. Raises `Refusal` for one that it has not."""
        for name in names:
            if name not in self._output_positions:
                raise Refusal(
                    Kind.INVALID_TENSOR,
                    f"there is no output {name!r}: the model gives {', '.join(self._output_positions)}",
                )
        if len(set(names)) != len(names):
            raise Refusal(Kind.MALFORMED, "an output is asked for twice")
        return [self._output_positions[name] for name in names]

    def _in_order(self, given: list[Tensor]) -> list[Tensor]:
        names = [tensor.name for tensor in given]
        if names == self._names:
            return given
        return [given[position] for position in self.input_order(names)]

    def input_order(self, names: Sequence[str]) -> list[int]:
        """For each input of the model, which of the given names it is. Raises `Refusal` unless it is one each."""
        for name in names:
            if name not in self._positions:
                raise Refusal(
                    Kind.INVALID_TENSOR, f"there is no input {name!r}: the model takes {', '.join(self._names)}"
                )
        if len(set(names)) != len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise Refusal(Kind.INVALID_TENSOR, f"input {twice!r} is given twice")
        missing = [name for name in self._names if name not in names]
        if missing:
            raise Refusal(
                Kind.INVALID_TENSOR,
                f"input {missing[0]!r} is missing: the model takes {', '.join(self._names)}, "
                f"and {', '.join(names) or 'none'} came",
                f"input {missing[0]!r} is missing",
            )
        return [names.index(name) for name in self._names]


def _places_of_equal_names(signature: Signature) -> list[list[tuple[int, int]]]:
    """Inputs and dimensions whose free sizes have the same name, which ONNX Runtime only warns of when they differ."""
    places: dict[str, list[tuple[int, int]]] = {}
    for position, spec in enumerate(signature.inputs):
        for axis, name in enumerate(spec.size_names[1:], 1):
            if name:
                places.setdefault(name, []).append((position, axis))
    return [found for found in places.values() if len(found) > 1]


def _flag(parameters: Parameters | None, name: str, *, default: bool) -> bool:
    """A parameter that is a yes or a no; "false" is not, and would read as a yes."""
    value = default if parameters is None else parameters.get(name, default)
    if type(value) is not bool:
        raise Refusal(Kind.MALFORMED, f"{name} is true or false, and {str(value)[:40]!r} came")
    return value
