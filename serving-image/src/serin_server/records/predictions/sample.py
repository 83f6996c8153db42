"""What is kept of an answer until it is sent: references where they hold nothing else, copies where they would."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from serin_server.dataplane.call import NO_BATCH, Call
from serin_server.feedback.tokens import ControlPart
from serin_server.model.tensors import Array, TensorSpec
from serin_server.records.predictions.wire import MOST_ROWS

FIXED_BYTES: Final = 512
"""What anything that waits is taken to hold beside its tensors."""
_MOST_TEXTS: Final = 4096
_TOO_MANY: Final = 1 << 40


class Taken(NamedTuple):
    """One request that was answered, as it waits. Tensors are None where they are not told."""

    token: bytes
    at_ms: int
    request: str
    rows: int
    inputs: list[Array | None]
    outputs: list[Array | None]
    predicted: Array | None
    """The output with the predictions."""
    control: ControlPart | None


class TakenLabel(NamedTuple):
    """One label as it waits."""

    token: bytes
    row: int
    at_ms: int
    revision: str
    labelled_at_ms: int
    label: int | float | str | bool


class Keeper:
    """Says what of a call is kept, and how large that is.

    Args:
        inputs, outputs: Specs of the tensors, in the order of the model's.
        hidden: Names of those that are never told.
        max_bytes: The most that the tensors of one request may have; of larger ones none is told.
        position: Of the output with the predictions; None: there are none.
    """

    def __init__(
        self,
        inputs: Sequence[TensorSpec],
        outputs: Sequence[TensorSpec],
        hidden: Iterable[str],
        max_bytes: int,
        position: int | None,
    ) -> None:
        names = frozenset(hidden)
        self.inputs = [(place, spec) for place, spec in enumerate(inputs) if spec.name not in names]
        self.outputs = [(place, spec) for place, spec in enumerate(outputs) if spec.name not in names]
        self._max_bytes = max_bytes
        self._position = position if position in [place for place, _ in self.outputs] else None

    @property
    def prediction_output(self) -> int | None:
        """Where the predictions are; None also where they are hidden."""
        return self._position

    def kept(self, call: Call, at: float, token: bytes) -> tuple[Taken, int] | None:
        """What is kept of a call and its size in bytes; None for one with too many rows."""
        rows = 1 if call.rows == NO_BATCH else call.rows
        if rows > MOST_ROWS:
            return None
        outputs = call.outputs or []
        inputs, size = _chosen(call.arrays, self.inputs)
        told, more = _chosen(outputs, self.outputs)
        size += more
        if size > self._max_bytes:
            inputs, told, size = [None] * len(self.inputs), [None] * len(self.outputs), 0
        inputs, told = [_own(array) for array in inputs], [_own(array) for array in told]
        predicted = None
        if self._position is not None and self._position < len(outputs):
            predicted = _own(outputs[self._position])
            size += outputs[self._position].nbytes
        control = None if call.pair is None else call.pair.control_part()
        taken = Taken(token, int(at * 1000), call.id, rows, inputs, told, predicted, control)
        return taken, size + FIXED_BYTES


def _chosen(arrays: Sequence[Array], which: Sequence[tuple[int, TensorSpec]]) -> tuple[list[Array | None], int]:
    """The arrays that may be told, and their size. Of a large request nothing may be left by now."""
    if not arrays:
        return [None] * len(which), 0
    kept: list[Array | None] = []
    size = 0
    for place, _ in which:
        array = arrays[place]
        size += array.nbytes if array.dtype.kind != "O" else _text_bytes(array)
        kept.append(array)
    return kept, size


def _text_bytes(array: Array) -> int:
    if array.size > _MOST_TEXTS:
        return _TOO_MANY
    return sum([len(text) + 64 for text in array.ravel().tolist()])


def _own(array: Array | None) -> Array | None:
    """The array; a copy where it is a part of a much larger one, which it would keep alive."""
    base = None if array is None else array.base
    if array is None or base is None:
        return array
    size = getattr(base, "nbytes", None)
    return array.copy() if size is None or size > 2 * array.nbytes + FIXED_BYTES else array
