"""Lines of a batch, made in the thread that sends them."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import orjson

from serin_server.model.predictions import PredictionReader
from serin_server.model.tensors import Array, TensorSpec
from serin_server.records.predictions.sample import Keeper, Taken, TakenLabel
from serin_server.records.predictions.wire import SCHEMA, Head, Tensor, id_of

_LONGEST_ID: Final = 253
_NUMPY: Final = orjson.OPT_SERIALIZE_NUMPY


class LineWriter:
    """Writes batches of one model.

    Args:
        about: Namespace, model, version, revision and server, as the head names them.
        keeper: Which tensors are told.
        reader: Finds the predictions in the outputs.
    """

    def __init__(self, about: dict[str, str], keeper: Keeper, reader: PredictionReader, width: int) -> None:
        self._inputs = [spec for _, spec in keeper.inputs]
        self._outputs = [spec for _, spec in keeper.outputs]
        self._reader = reader
        self._position = keeper.prediction_output
        self._width = width
        output = next((spec.name for place, spec in keeper.outputs if place == self._position), "")
        self._head = Head(
            schema=SCHEMA,
            batch="unnamed!",
            inputs=[_tensor(spec) for spec in self._inputs],
            outputs=[_tensor(spec) for spec in self._outputs],
            prediction_output=output,
            **about,
        )

    def head(self, batch: str) -> bytes:
        """The first line of a batch of this name."""
        return msgspec.json.encode(msgspec.structs.replace(self._head, batch=batch))

    def line(self, taken: Taken | TakenLabel) -> bytes:
        """One line. Raises whatever there is to raise about values that JSON has not."""
        if isinstance(taken, TakenLabel):
            return orjson.dumps(
                {
                    "kind": "label",
                    "id": id_of(taken.token),
                    "row": taken.row,
                    "at": taken.at_ms,
                    "revision": taken.revision,
                    "labelled_at": taken.labelled_at_ms,
                    "label": taken.label,
                }
            )
        told: dict[str, Any] = {
            "kind": "prediction",
            "id": id_of(taken.token),
            "at": taken.at_ms,
            "request": taken.request[:_LONGEST_ID],
            "rows": taken.rows,
            "predictions": self._predictions(taken.predicted),
            "inputs": [_flat(*each) for each in zip(self._inputs, taken.inputs, strict=True)],
            "outputs": [_flat(*each) for each in zip(self._outputs, taken.outputs, strict=True)],
        }
        if taken.control is not None:
            told["control"] = (taken.control.revision, taken.control.predictions)
        return orjson.dumps(told, option=_NUMPY)

    def _predictions(self, predicted: Array | None) -> Sequence[object]:
        if predicted is None or self._position is None:
            return ()
        outputs: list[Any] = [None] * self._width
        outputs[self._position] = predicted
        return self._reader.read(outputs)


def _tensor(spec: TensorSpec) -> Tensor:
    return Tensor(spec.name, spec.datatype, list(spec.shape))


def _flat(spec: TensorSpec, array: Array | None) -> Any:
    if array is None:
        return None
    if spec.datatype == "BYTES":
        return [
            each if isinstance(each, str) else bytes(each).decode(errors="replace") for each in array.ravel().tolist()
        ]
    return array.ravel()
