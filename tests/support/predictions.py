"""Batches of predictions and labels, as servers send them."""

import json
import uuid
from typing import Any

INPUTS = [
    {"name": "x", "datatype": "FP32", "shape": [-1, 2]},
    {"name": "age", "datatype": "INT64", "shape": [-1, 1]},
    {"name": "name", "datatype": "BYTES", "shape": [-1]},
]
OUTPUTS = [{"name": "label", "datatype": "INT64", "shape": [-1]}]
NOON = 1_700_000_000_000
"""On 2023-11-14, in milliseconds."""


def head(**changes: Any) -> dict[str, Any]:
    return {
        "schema": 1,
        "batch": uuid.uuid4().hex,
        "namespace": "scoring",
        "model": "credit-risk",
        "version": "v1",
        "revision": "abcdefghij",
        "server": "pod-1",
        "inputs": INPUTS,
        "outputs": OUTPUTS,
        "prediction_output": "label",
        **changes,
    }


def prediction(number: int = 0, rows: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "kind": "prediction",
        "id": f"{number:032x}",
        "at": NOON + number,
        "request": f"request-{number}",
        "rows": rows,
        "predictions": [1] * rows,
        "inputs": [[0.5, None] * rows, [41] * rows, ["Ada"] * rows],
        "outputs": [[1] * rows],
        **changes,
    }


def label(number: int = 0, **changes: Any) -> dict[str, Any]:
    return {
        "kind": "label",
        "id": f"{number:032x}",
        "row": 0,
        "at": NOON + number,
        "revision": "abcdefghij",
        "labelled_at": NOON + 60_000,
        "label": "good",
        **changes,
    }


def batch(*lines: dict[str, Any], **of_head: Any) -> bytes:
    return b"\n".join(json.dumps(each).encode() for each in (head(**of_head), *lines))
