"""The columns of the two tables. `docs/prediction-log.md` promises them to readers: they are added to, never changed.

`predictions` has a row for each row of a request, `labels` one for each label; `prediction_id` and `row` join them. Inputs and
outputs are columns by their names: one value where the model has one a row, else a list in row-major order.
"""

from collections.abc import Iterable
from typing import Final

import pyarrow as pa

from serin_server.records.predictions.wire import SCHEMA, Head, Tensor

PREDICTIONS: Final = "predictions"
LABELS: Final = "labels"
INPUT: Final = "input_"
OUTPUT: Final = "output_"
_META: Final = {b"serin.schema": str(SCHEMA).encode()}
_MOMENT: Final = pa.timestamp("ms", tz="UTC")

_TYPES: Final = {
    "BOOL": pa.bool_(),
    "UINT8": pa.uint8(),
    "UINT16": pa.uint16(),
    "UINT32": pa.uint32(),
    "UINT64": pa.uint64(),
    "INT8": pa.int8(),
    "INT16": pa.int16(),
    "INT32": pa.int32(),
    "INT64": pa.int64(),
    "FP16": pa.float32(),
    "FP32": pa.float32(),
    "FP64": pa.float64(),
    "BYTES": pa.string(),
}
"""Datatypes of the protocol. Half floats are written as floats, which every reader knows."""

_PREDICTIONS: Final = (
    ("prediction_id", pa.string()),
    ("row", pa.int32()),
    ("predicted_at", _MOMENT),
    ("request_id", pa.string()),
    ("namespace", pa.string()),
    ("model", pa.string()),
    ("serin_version", pa.string()),
    ("revision", pa.string()),
    ("server_id", pa.string()),
    ("prediction", pa.string()),
    ("prediction_number", pa.float64()),
    ("control_revision", pa.string()),
    ("control_prediction", pa.string()),
    ("control_prediction_number", pa.float64()),
)

LABELS_SCHEMA: Final = pa.schema(
    [
        ("prediction_id", pa.string()),
        ("row", pa.int32()),
        ("predicted_at", _MOMENT),
        ("labelled_at", _MOMENT),
        ("namespace", pa.string()),
        ("model", pa.string()),
        ("revision", pa.string()),
        ("label", pa.string()),
        ("label_number", pa.float64()),
    ],
    metadata=_META,
)
"""Of `labels`."""


def value_type(tensor: Tensor) -> pa.DataType:
    """The type of one value of a tensor. Raises `KeyError` for a datatype that is none."""
    return _TYPES[tensor.datatype]


def is_scalar(tensor: Tensor) -> bool:
    """Whether each row has one value."""
    shape = tensor.shape
    of_a_row = shape[1:] if shape and shape[0] == -1 else shape
    return all(size == 1 for size in of_a_row)  # no product: two open dimensions (-1) would make 1


def predictions_schema(head: Head, hidden: frozenset[str] = frozenset()) -> pa.Schema:
    """Of `predictions`, as one model fills it. Raises `KeyError` for a datatype that is none."""
    fields = [pa.field(name, kind) for name, kind in _PREDICTIONS]
    fields += _tensors(INPUT, head.inputs, hidden)
    fields += _tensors(OUTPUT, head.outputs, hidden)
    return pa.schema(fields, metadata=_META)


def _tensors(prefix: str, tensors: Iterable[Tensor], hidden: frozenset[str]) -> list[pa.Field]:
    return [_field(prefix, tensor) for tensor in tensors if tensor.name not in hidden]


def _field(prefix: str, tensor: Tensor) -> pa.Field:
    kind = value_type(tensor)
    shape = ",".join(map(str, tensor.shape)).encode()
    about = {b"serin.datatype": tensor.datatype.encode(), b"serin.shape": shape}
    return pa.field(prefix + tensor.name, kind if is_scalar(tensor) else pa.list_(kind), metadata=about)
