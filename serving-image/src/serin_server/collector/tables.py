"""A batch as tables: checked whole when it comes, so that nothing that was acknowledged can fail to be written."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain, groupby
from typing import Any, Final, NamedTuple

import msgspec
import orjson
import pyarrow as pa

from serin_server.collector.schema import (
    INPUT,
    LABELS,
    LABELS_SCHEMA,
    OUTPUT,
    PREDICTIONS,
    is_scalar,
    predictions_schema,
    value_type,
)
from serin_server.records.predictions.wire import MOST_BATCH_ROWS, SCHEMA, Head, Label, Line, Prediction, Scalar, Tensor

_HEADS: Final = msgspec.json.Decoder(Head)
_LINES: Final = msgspec.json.Decoder(Line)


class Malformed(Exception):
    """A batch that is none; says why, without what stands in it."""


class Part(NamedTuple):
    """Rows of one table, of one day, and of one version; labels are of a day alone."""

    name: str
    day: str
    version: str
    table: pa.Table


class Batch(NamedTuple):
    """What came at once, by the name that the sender gave it."""

    name: str
    parts: list[Part]
    predictions: int
    labels: int


def batch_of(body: bytes, hidden: frozenset[str] = frozenset()) -> Batch:
    """What a batch says. Raises `Malformed`."""
    first, _, rest = body.partition(b"\n")
    try:
        head = _HEADS.decode(first)
        if head.schema != SCHEMA:
            raise Malformed(f"schema {head.schema} is not known: this collector reads {SCHEMA}")
        lines = _LINES.decode_lines(rest)
        predictions = [line for line in lines if isinstance(line, Prediction)]
        labels = [line for line in lines if isinstance(line, Label)]
        if sum([line.rows for line in predictions]) + len(labels) > MOST_BATCH_ROWS:
            raise Malformed(f"a batch has at most {MOST_BATCH_ROWS} rows")
        parts = [*_predictions(head, predictions, hidden), *_labels(head, labels)]
    except (msgspec.MsgspecError, LookupError, pa.ArrowException, ValueError, TypeError, OverflowError) as error:
        raise Malformed(f"no batch of predictions ({type(error).__name__})") from None
    return Batch(head.batch, parts, len(predictions), len(labels))


def day_of(at_ms: int) -> str:
    """The day of a moment, in UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).date().isoformat()


def _predictions(head: Head, lines: Sequence[Prediction], hidden: frozenset[str]) -> Iterator[Part]:
    schema = predictions_schema(head, hidden)
    for day, of_day in _by_day(lines):
        told = [line for line in of_day if line.rows]
        if told:
            yield Part(PREDICTIONS, day, head.version, _predictions_table(head, told, hidden, schema))


def _by_day(lines: Iterable[Any]) -> Iterator[tuple[str, list[Any]]]:
    for day, of_day in groupby(sorted(lines, key=lambda line: line.at), lambda line: day_of(line.at)):
        yield day, list(of_day)


def _predictions_table(head: Head, lines: Sequence[Prediction], hidden: frozenset[str], schema: pa.Schema) -> pa.Table:
    rows = sum([line.rows for line in lines])
    is_hidden = not head.prediction_output or head.prediction_output in hidden
    own = [None] * rows if is_hidden else _of_rows([(line.predictions, line.rows) for line in lines])
    control = (
        [None] * rows
        if is_hidden
        else _of_rows([(line.control[1] if line.control else (), line.rows) for line in lines])
    )
    columns: dict[str, Any] = {
        "prediction_id": _repeated([(line.id, line.rows) for line in lines]),
        "row": list(chain.from_iterable([range(line.rows) for line in lines])),
        "predicted_at": _repeated([(line.at, line.rows) for line in lines]),
        "request_id": _repeated([(line.request, line.rows) for line in lines]),
        "namespace": [head.namespace] * rows,
        "model": [head.model] * rows,
        "serin_version": [head.version] * rows,
        "revision": [head.revision] * rows,
        "server_id": [head.server] * rows,
        "prediction": list(map(_text, own)),
        "prediction_number": list(map(_number, own)),
        "control_revision": _repeated([(line.control[0] if line.control else None, line.rows) for line in lines]),
        "control_prediction": list(map(_text, control)),
        "control_prediction_number": list(map(_number, control)),
    }
    for prefix, tensors, of_line in ((INPUT, head.inputs, "inputs"), (OUTPUT, head.outputs, "outputs")):
        for place, tensor in enumerate(tensors):
            if tensor.name not in hidden:
                values = [(getattr(line, of_line)[place], line.rows) for line in lines]
                columns[prefix + tensor.name] = _column(tensor, values)
    return pa.table(
        [
            pa.array(columns[field.name], field.type) if isinstance(columns[field.name], list) else columns[field.name]
            for field in schema
        ],
        schema=schema,
    )


def _labels(head: Head, lines: Sequence[Label]) -> Iterator[Part]:
    for day, of_day in _by_day(lines):
        columns = {
            "prediction_id": [line.id for line in of_day],
            "row": [line.row for line in of_day],
            "predicted_at": [line.at for line in of_day],
            "labelled_at": [line.labelled_at for line in of_day],
            "namespace": [head.namespace] * len(of_day),
            "model": [head.model] * len(of_day),
            "revision": [line.revision for line in of_day],
            "label": [_text(line.label) for line in of_day],
            "label_number": [_number(line.label) for line in of_day],
        }
        arrays = [pa.array(columns[field.name], field.type) for field in LABELS_SCHEMA]
        yield Part(LABELS, day, "", pa.table(arrays, schema=LABELS_SCHEMA))


def _repeated(values: Iterable[tuple[Any, int]]) -> list[Any]:
    return [value for value, rows in values for _ in range(rows)]


def _of_rows(values: Iterable[tuple[Sequence[Scalar], int]]) -> list[Scalar]:
    """One prediction for each row; None where there are not as many."""
    return list(chain.from_iterable([told if len(told) == rows else [None] * rows for told, rows in values]))


def _column(tensor: Tensor, values: Sequence[tuple[list[Any] | None, int]]) -> pa.Array | list[Any]:
    """A tensor's values row by row, null where they were not told or do not divide into rows."""
    if is_scalar(tensor):
        return _of_rows([(told or (), rows) for told, rows in values])
    offsets: list[int | None] = []
    flat: list[Any] = []
    for told, rows in values:
        if told is None or len(told) % rows:
            offsets += [None] * rows
            continue
        width = len(told) // rows
        offsets += range(len(flat), len(flat) + width * rows, width) if width else [len(flat)] * rows
        flat += told
    offsets.append(len(flat))
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(flat, value_type(tensor)))


def _text(value: Scalar) -> str | None:
    """A prediction or label as text, spelled as in JSON where it is none."""
    if value is None or isinstance(value, str):
        return value
    return orjson.dumps(value).decode() if isinstance(value, (bool, float)) else str(value)


def _number(value: Scalar) -> float | None:
    if value is None or isinstance(value, str):
        return None
    try:
        return float(value)
    except OverflowError:
        return None
