"""The background: rows that stand for "nothing special", against which a prediction is explained. They ship with the model."""

from pathlib import Path
from typing import Final

import numpy as np

from serin_server.dataplane.optional import reader_of
from serin_server.dataplane.request import RequestReader
from serin_server.dataplane.samples import Sample, UnreadableSamples, beside_model, feed_of, samples_in
from serin_server.model.tensors import Array, Signature
from serin_server.refusals import Refusal

FILE_NAME: Final = "background.jsonl"
MAX_ROWS: Final = 256
_HOW: Final = 'lines {"inputs": [...]} as requests have them, 32 to 100 rows of training data in all'


class Unexplainable(Exception):
    """Why this model cannot be explained, and what to do about it."""


def background_of(named: Path | None, model: Path, signature: Signature) -> list[Array]:
    """The rows of the file that is named, or that lies beside the model: a tensor for each input. Raises `Unexplainable`."""
    file = named or beside_model(model, FILE_NAME)
    if not file.is_file():
        where = f"{file} is not there" if named else f"there is no {FILE_NAME} beside the model"
        raise Unexplainable(f"nothing can be explained without a background, and {where}: write one, {_HOW}")
    _check_inputs(signature)
    reader = reader_of(signature)
    parts: list[list[Array]] = [[] for _ in signature.inputs]
    try:
        for number, sample in enumerate(samples_in(file, MAX_ROWS + 1, "request"), 1):
            feed = _fed(reader, sample, f"line {number} of {file.name}")
            for part, spec in zip(parts, signature.inputs, strict=True):
                part.append(feed[spec.name])
    except UnreadableSamples as error:
        raise Unexplainable(f"the background cannot be read: {error}") from error
    return _joined(parts, signature, file.name)


def _check_inputs(signature: Signature) -> None:
    if not signature.inputs:
        raise Unexplainable("the model takes no input, so there is nothing that its predictions depend on")
    for spec in signature.inputs:
        if not spec.shape or spec.shape[0] not in (-1, 1):
            raise Unexplainable(
                f"input {spec.name!r} has shape {list(spec.shape)}, whose first dimension is no free number of rows: only "
                "models that predict row by row can be explained"
            )


def _fed(reader: RequestReader, sample: Sample, where: str) -> dict[str, Array]:
    try:
        feed = feed_of(reader, sample)
    except Refusal as refusal:
        raise Unexplainable(f"{where} does not fit the model: {refusal.message}") from None
    if len({len(feed[spec.name]) for spec in reader.inputs}) > 1:
        raise Unexplainable(
            f"{where}: its inputs have different numbers of rows: a row of one belongs to a row of each"
        )
    return feed


def _joined(parts: list[list[Array]], signature: Signature, name: str) -> list[Array]:
    found: list[Array] = []
    for spec, arrays in zip(signature.inputs, parts, strict=True):
        if not sum(len(array) for array in arrays):
            raise Unexplainable(f"{name} holds no rows: write {_HOW}")
        shapes = sorted({array.shape[1:] for array in arrays})
        if len(shapes) > 1:
            raise Unexplainable(
                f"{name}: rows of input {spec.name!r} have shapes {list(shapes[0])} and {list(shapes[1])}: give all one shape"
            )
        found.append(np.concatenate(arrays))
    if not any(array[0].size for array in found):
        raise Unexplainable(f"rows of {name} have no columns, so there is nothing that predictions depend on")
    if len(found[0]) > MAX_ROWS:
        raise Unexplainable(
            f"{name} holds more than {MAX_ROWS} rows, which explanations would take long over: draw some of them"
        )
    return found
