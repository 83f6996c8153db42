"""Lines of a batch. They are made where the answer is: a few microseconds there cost less than a thread that makes them, for
which the loop would wait at every turn, and what waits is bytes of a known size.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
import orjson

from serin_server.dataplane.call import NO_BATCH, Call
from serin_server.feedback.counter import LabelTaken
from serin_server.model.predictions import PredictionReader
from serin_server.model.tensors import Array, Signature, TensorSpec
from serin_server.records.predictions.wire import MOST_ROWS, SCHEMA, Head, Tensor, id_of

_LONGEST_ID: Final = 253
_NUMPY: Final = orjson.OPT_SERIALIZE_NUMPY


class LineWriter:
    """Writes lines of one model.

    Args:
        about: Namespace, model, version, revision and server, as the head names them.
        signature: The model's tensors.
        reader: Finds the predictions in its outputs.
        hidden: Names of tensors that are never told.
        max_bytes: The most that the tensors of one request may have; of larger ones none is told.
    """

    def __init__(
        self,
        about: Mapping[str, str],
        signature: Signature,
        reader: PredictionReader,
        *,
        hidden: Iterable[str] = (),
        max_bytes: int,
    ) -> None:
        names = frozenset(hidden)
        self._inputs = [each for each in enumerate(signature.inputs) if each[1].name not in names]
        self._outputs = [each for each in enumerate(signature.outputs) if each[1].name not in names]
        told = [place for place, _ in self._outputs]
        self._reader = reader if reader.position in told else None
        self._max_bytes = max_bytes
        self._head = Head(
            schema=SCHEMA,
            batch="unnamed!",
            inputs=[_tensor(spec) for _, spec in self._inputs],
            outputs=[_tensor(spec) for _, spec in self._outputs],
            prediction_output="" if self._reader is None else signature.outputs[reader.position or 0].name,
            **about,
        )

    def head(self, batch: str) -> bytes:
        """The first line of a batch of this name."""
        return msgspec.json.encode(msgspec.structs.replace(self._head, batch=batch))

    def prediction(self, call: Call, at: float, token: bytes) -> bytes | None:
        """The line of a request that was answered; None for one with too many rows. Raises what JSON cannot say."""
        rows = 1 if call.rows == NO_BATCH else call.rows
        if rows > MOST_ROWS:
            return None
        outputs = call.outputs or []
        is_small = self._is_small(call.arrays, outputs)
        line: dict[str, Any] = {
            "kind": "prediction",
            "id": id_of(token),
            "at": int(at * 1000),
            "request": call.id[:_LONGEST_ID],
            "rows": rows,
            "predictions": self._reader.read(outputs) if self._reader is not None and outputs else (),
            "inputs": _flat(call.arrays, self._inputs, is_told=is_small),
            "outputs": _flat(outputs, self._outputs, is_told=is_small),
        }
        control = None if call.pair is None else call.pair.control_part()
        if control is not None and self._reader is not None:  # what is hidden of one version is hidden of the other
            line["control"] = (control.revision, control.predictions)
        return orjson.dumps(line, option=_NUMPY)

    def _is_small(self, inputs: Sequence[Array], outputs: Sequence[Array]) -> bool:
        """Whether tensors are told: found out before any text is decoded, which takes long for large ones."""
        chosen = [(inputs[place], spec) for place, spec in self._inputs if inputs]
        chosen += [(outputs[place], spec) for place, spec in self._outputs if outputs]
        size = sum([array.nbytes for array, _ in chosen])
        if size > self._max_bytes:
            return False
        size += sum([sum(map(len, array.ravel().tolist())) for array, spec in chosen if spec.datatype == "BYTES"])
        return size <= self._max_bytes

    def label(self, taken: LabelTaken) -> bytes:
        """The line of a label. Raises what JSON cannot say."""
        return orjson.dumps(
            {
                "kind": "label",
                "id": id_of(taken.token.encode()),
                "row": taken.row,
                "at": round(taken.predicted_at * 1000),
                "revision": taken.revision,
                "labelled_at": int(taken.now * 1000),
                "label": taken.label,
            }
        )


def _flat(arrays: Sequence[Array], which: Sequence[tuple[int, TensorSpec]], *, is_told: bool) -> list[Any]:
    """Flat tensors; None for each that is not told. Of a large request nothing may be left by now."""
    if not arrays or not is_told:
        return [None] * len(which)
    flat: list[Any] = []
    for place, spec in which:
        array = arrays[place].ravel()
        if spec.datatype == "BYTES":
            flat.append([each if isinstance(each, str) else _text(each) for each in array.tolist()])
        else:
            flat.append(array)
    return flat


def _text(value: Any) -> str:
    return bytes(value).decode(errors="replace")


def _tensor(spec: TensorSpec) -> Tensor:
    return Tensor(spec.name, spec.datatype, list(spec.shape))
