"""Writes inference responses from pieces that were made once, in JSON or with binary tensors behind it."""

from collections.abc import Callable
from time import time
from typing import Any, Final

import orjson

from serin_server.dataplane.binary import bytes_of_array
from serin_server.dataplane.call import Call
from serin_server.model.tensors import Array, Signature, TensorSpec

TokenMaker = Callable[[Call, float], bytes]
Sealer = Callable[[str, Call | None, float], bytes]
"""Makes the token by which a control answers a question: with a call its predictions, without one its failure."""
_PIECE: Final = 64 * 1024
_SAME_TIME: Final = 0.0005
"""Answers are told the same time for so many seconds, which is less than they are told it to."""
_NUMPY: Final = orjson.OPT_SERIALIZE_NUMPY


class ResponseWriter:
    """Writes the responses of one model."""

    __slots__ = ("_after_id", "_before_id", "_outputs", "_seal", "_time", "_time_text", "_token")

    def __init__(
        self,
        model_name: str,
        revision: str,
        version: str,
        signature: Signature,
        token: TokenMaker | None = None,
        seal: Sealer | None = None,
    ) -> None:
        self._token = token
        self._seal = seal
        self._time, self._time_text = 0.0, b""
        self._outputs = [(spec, *_pieces(spec)) for spec in signature.outputs]
        names = b'{"model_name":' + orjson.dumps(model_name) + b',"model_version":' + orjson.dumps(revision)
        self._before_id = names + b',"id":'
        self._after_id = b',"parameters":{"serin_version":' + orjson.dumps(version) + b',"predicted_at":'

    def write(self, call: Call) -> tuple[bytes, int]:
        """The response body of a call that has outputs, and the length of its JSON if binary tensors follow, else 0.

        `predicted_at` is the time of writing.
        """
        now = time()
        if not 0 <= now - self._time < _SAME_TIME:
            self._time, self._time_text = now, b"%.3f" % now
        token = b"" if self._token is None else self._token(call, now)
        after = b',"feedback_token":"%b"},"outputs":[' % token if token else b'},"outputs":['
        pieces = [self._before_id, orjson.dumps(call.id), self._after_id, self._time_text, after]
        is_plain = call.wanted is None and call.binary is None
        shared = call.shared
        if is_plain and shared is not None and shared.elements <= _PIECE:
            if shared.columns is None:
                shared.columns = [_Column(*each) for each in zip(self._outputs, shared.outputs, strict=True)]
            for column in shared.columns:
                pieces += column.of(call.first, call.rows)
            pieces[-1] = b"]}]}"
            return b"".join(pieces), 0
        arrays = call.outputs or []
        if is_plain:
            for (spec, before_shape, _), array in zip(self._outputs, arrays, strict=True):
                pieces += (before_shape, orjson.dumps(array.shape), b',"data":', flat_json(spec, array), b"},")
            pieces[-1] = b"}]}"
            return b"".join(pieces), 0
        return self._write_selected(call, arrays, pieces)

    def token_of(self, call: Call, predicted_at: float) -> bytes:
        """The signed token of a call's predictions; empty when tokens are off or the rows are too many for one."""
        return b"" if self._token is None else self._token(call, predicted_at)

    def sealed(self, call: Call) -> bytes:
        """What a control answers with its predictions."""
        return b"" if self._seal is None else self._seal(call.control, call, time())

    def sealed_failure(self, question: str) -> bytes:
        """What a control answers whose version fails on a question."""
        return b"" if self._seal is None else self._seal(question, None, time())

    def _write_selected(self, call: Call, arrays: list[Array], pieces: list[bytes]) -> tuple[bytes, int]:
        wanted = range(len(arrays)) if call.wanted is None else call.wanted
        binary = call.binary or [False] * len(wanted)
        tail: list[bytes] = []
        for position, is_binary in zip(wanted, binary, strict=True):
            spec, before_shape, before_size = self._outputs[position]
            array = arrays[position]
            if is_binary:
                raw = bytes_of_array(spec, array)
                tail.append(raw)
                pieces += (before_size, b"%d" % len(raw), b'},"shape":', orjson.dumps(array.shape), b"},")
            else:
                pieces += (before_shape, orjson.dumps(array.shape), b',"data":', flat_json(spec, array), b"},")
        pieces[-1] = b"}]}"
        head = b"".join(pieces)
        return (b"".join([head, *tail]), len(head)) if tail else (head, 0)


class _Column:
    """One output of a run that several calls shared, written in JSON for all of them at once."""

    __slots__ = ("_before", "_before_shape", "_rows", "_shape")

    def __init__(self, output: tuple[TensorSpec, bytes, bytes], array: Array) -> None:
        spec, self._before_shape, _ = output
        self._shape = array.shape[1:]
        self._before: dict[int, bytes] = {}
        """What stands before the elements of a call, by its rows."""
        if spec.datatype == "BYTES" or not array.size:
            self._rows = [flat_json(spec, array[row : row + 1])[1:-1] for row in range(len(array))]
        else:
            self._rows = orjson.dumps(array.reshape(len(array), -1), option=_NUMPY)[2:-2].split(b"],[")

    def of(self, first: int, rows: int) -> tuple[bytes, bytes, bytes]:
        """The tensor of a call's rows but for its last braces."""
        before = self._before.get(rows)
        if before is None:
            before = self._before_shape + orjson.dumps((rows, *self._shape)) + b',"data":['
            self._before[rows] = before
        if rows == 1:
            return before, self._rows[first], b"]},"
        # Rows without elements leave no commas.
        return before, b",".join([row for row in self._rows[first : first + rows] if row]), b"]},"


def _pieces(spec: TensorSpec) -> tuple[bytes, bytes]:
    """What stands before the shape of a JSON output, and before the size of a binary one."""
    described = b'{"name":' + orjson.dumps(spec.name) + b',"datatype":' + orjson.dumps(spec.datatype)
    labels = b'"labels":' + orjson.dumps(list(spec.labels)) if spec.labels else b""
    in_json = described + (b',"parameters":{' + labels + b"}" if labels else b"") + b',"shape":'
    in_binary = described + b',"parameters":{' + (labels + b"," if labels else b"") + b'"binary_data_size":'
    return in_json, in_binary


def flat_json(spec: TensorSpec, array: Array) -> bytes:
    """The elements in row-major order as a flat JSON list; NaN and infinities, which JSON has not, become null."""
    if spec.datatype == "BYTES":
        return _joined([orjson.dumps([_text(value) for value in piece.tolist()]) for piece in _pieces_of(array)])
    if array.size <= _PIECE:
        return orjson.dumps(array.ravel(), option=_NUMPY)
    return _joined([orjson.dumps(piece, option=_NUMPY) for piece in _pieces_of(array)])


def _pieces_of(array: Array) -> list[Array]:
    """The elements cut into calls of a few milliseconds, between which other threads get their turn."""
    flat = array.ravel()
    return [flat[first : first + _PIECE] for first in range(0, max(1, flat.size), _PIECE)]


def _joined(lists: list[bytes]) -> bytes:
    """One JSON list of several."""
    return lists[0] if len(lists) == 1 else b"[" + b",".join([text[1:-1] for text in lists]) + b"]"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else bytes(value).decode(errors="replace")
