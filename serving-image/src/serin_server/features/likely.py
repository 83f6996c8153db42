"""Rows that a baseline makes likely: for a first inference when nobody recorded a request."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from serin_server.baseline import FILE_NAME, Distribution, InvalidBaseline, read
from serin_server.model.tensors import Array, Signature, TensorSpec
from serin_server.model.warmup import Feed


def baseline_file(named: Path | None, model: Path) -> Path | None:
    """The baseline that is named, or that of the model's folder; None when there is none."""
    beside = model / FILE_NAME
    return named or (beside if model.is_dir() and beside.is_file() else None)


def likely_feeds(file: Path | None, signature: Signature) -> list[Feed]:
    """A row from the middle of training, if the baseline knows all columns of all inputs; else nothing."""
    if file is None:
        return []
    try:
        features = read(file).features
    except InvalidBaseline:
        return []  # who counts features says so
    feed: dict[str, Array] = {}
    for spec in signature.inputs:
        array = _row(spec, [each for each in features if each.tensor == spec.name])
        if array is None:
            return []
        feed[spec.name] = array
    return [feed] if feed else []


def _row(spec: TensorSpec, columns: Sequence[Distribution]) -> Array | None:
    shape = tuple(1 if place == 0 and size == -1 else size for place, size in enumerate(spec.shape))
    if not columns or -1 in shape or int(np.prod(shape)) != len(columns):
        return None
    ordered = sorted(columns, key=lambda each: each.column or 0)
    try:
        return np.array([_middle(each) for each in ordered], dtype=spec.dtype).reshape(shape)
    except (ValueError, TypeError, OverflowError):
        return None


def _middle(column: Distribution) -> Any:
    if column.categories:
        return column.categories[int(np.argmax(column.counts[: len(column.categories)]))]
    return column.edges[len(column.edges) // 2] if column.edges else column.least
