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
        inputs, size = _chosen(call.arrays, self._inputs)
        told, more = _chosen(outputs, self._outputs)
        if size + more > self._max_bytes:
            inputs, told = [None] * len(inputs), [None] * len(told)
        line: dict[str, Any] = {
            "kind": "prediction",
            "id": id_of(token),
            "at": int(at * 1000),
            "request": call.id[:_LONGEST_ID],
            "rows": rows,
            "predictions": self._reader.read(outputs) if self._reader is not None and outputs else (),
            "inputs": inputs,
            "outputs": told,
        }
        control = None if call.pair is None else call.pair.control_part()
        if control is not None and self._reader is not None:  # what is hidden of one version is hidden of the other
            line["control"] = (control.revision, control.predictions)
        return orjson.dumps(line, option=_NUMPY)

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


def _chosen(arrays: Sequence[Array], which: Sequence[tuple[int, TensorSpec]]) -> tuple[list[Any], int]:
    """Flat tensors, and their size in bytes. Of a large request nothing may be left by now."""
    if not arrays:
        return [None] * len(which), 0
    flat: list[Any] = []
    size = 0
    for place, spec in which:
        array = arrays[place]
        size += array.nbytes
        if spec.datatype == "BYTES":
            texts = [each if isinstance(each, str) else _text(each) for each in array.ravel().tolist()]
            size += sum([len(each) for each in texts])
            flat.append(texts)
        else:
            flat.append(array.ravel())
    return flat, size


def _text(value: Any) -> str:
    return bytes(value).decode(errors="replace")


def _tensor(spec: TensorSpec) -> Tensor:
    return Tensor(spec.name, spec.datatype, list(spec.shape))
