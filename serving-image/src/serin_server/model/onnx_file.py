"""Reads the few facts of an ONNX file that its session does not tell, without loading the graph.

An ONNX file is a protobuf `ModelProto`: field 1 is the IR version, field 7 the graph, field 8 the opset imports
(`OperatorSetIdProto`: 1 domain, 2 version). Walking the top-level fields skips the graph by its length, so a model
of several gigabytes costs a few page reads.
"""

import mmap
from pathlib import Path
from typing import Final

from serin_server.failures import LoadFailure, Reason
from serin_server.model.lookalikes import HEAD_BYTES, lookalike
from serin_server.model.protobuf import fields, varint

_MOST_WORDS: Final = 64
EMBEDDINGS: Final = "serin.embeddings"
"""The property of a model that declares that it makes embeddings: `on`, or the name of the output with them."""
MODEL_FILE_NAMES: Final = ("model.onnx",)
_GRAPH, _OPSET_IMPORT, _PROPERTIES = 7, 8, 14
_MOST_PROPERTIES, _LONGEST_PROPERTY = 256, 4096
_NODE, _ATTRIBUTE, _FLOATS, _INTS, _STRINGS = 1, 5, 7, 8, 9


def model_file(path: Path) -> Path:
    """The ONNX file of a model: itself, or in a folder `model.onnx`, or the only `.onnx` there."""
    if not path.is_dir():
        return path
    for name in MODEL_FILE_NAMES:
        if (path / name).is_file():
            return path / name
    found = sorted(file for file in path.glob("*.onnx") if file.is_file())
    if len(found) == 1:
        return found[0]
    listing = ", ".join(file.name for file in found) or "none"
    raise LoadFailure(
        Reason.MODEL_INVALID,
        f"the model folder must hold model.onnx or exactly one .onnx file; found: {listing}",
    )


def opset_of(path: Path) -> int:
    """The version of the default operator set that a model was written for; 0 when it imports none.

    Raises `LoadFailure` (ModelInvalid) when the bytes are no ONNX model: empty, cut short, or something else.
    """
    if path.stat().st_size == 0:
        raise LoadFailure(Reason.MODEL_INVALID, "the model file is empty: upload it again")
    opset, has_graph = 0, False
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            for number, _, start, end in fields(data, 0, len(data)):
                has_graph = has_graph or number == _GRAPH
                if number == _OPSET_IMPORT:
                    opset = max(opset, _default_domain_version(data, start, end))
    except ValueError as error:
        raise _no_model(path, f"the file is not an ONNX model or is cut short ({error})") from None
    if not has_graph:
        raise _no_model(path, "the file is not an ONNX model: it holds no graph")
    return opset


def _no_model(path: Path, otherwise: str) -> LoadFailure:
    with path.open("rb") as file:
        said = lookalike(file.read(HEAD_BYTES))
    return LoadFailure(Reason.MODEL_INVALID, f"the file is not an ONNX model, but {said}" if said else otherwise)


def properties_of(path: Path) -> dict[str, str]:
    """What a model says of itself in words (`metadata_props`): entries of a key (field 1) and a value (2), so far as they are short."""
    found: dict[str, str] = {}
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for start, end in _inside(data, [(0, len(data))], (_PROPERTIES,))[:_MOST_PROPERTIES]:
            if end - start <= _LONGEST_PROPERTY:
                entry = {number: data[at:to].decode(errors="replace") for number, _, at, to in fields(data, start, end)}
                found[entry.get(1, "")] = entry.get(2, "")
    return found


def words_in(path: Path) -> list[list[str]]:
    """The first words of each list of strings that a node holds: categories of encoders, keys of tables.

    Field 7 (graph) / 1 (node) / 5 (attribute) / 9 (strings).
    """
    lists: dict[tuple[str, ...], None] = {}
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for start, end in _inside(data, [(0, len(data))], (_GRAPH, _NODE, _ATTRIBUTE)):
            words: list[str] = []
            for number, _, at, to in fields(data, start, end):
                # The numbers of a forest are millions of fields, with no word behind them.
                if number in (_FLOATS, _INTS) or len(words) == _MOST_WORDS:
                    break
                if number == _STRINGS:
                    words.append(data[at:to].decode(errors="replace"))
            if words:
                lists.setdefault(tuple(words))
    return [list(words) for words in lists]


def _inside(data: mmap.mmap, spans: list[tuple[int, int]], path: tuple[int, ...]) -> list[tuple[int, int]]:
    """Where the messages lie that a path of field numbers leads to."""
    for wanted in path:
        spans = [(at, to) for start, end in spans for number, _, at, to in fields(data, start, end) if number == wanted]
    return spans


def _default_domain_version(data: mmap.mmap, start: int, end: int) -> int:
    domain, version = b"", 0
    for number, _, at, to in fields(data, start, end):
        if number == 1:
            domain = data[at:to]
        elif number == 2:
            version, _ = varint(data, at, to)
    return version if domain in {b"", b"ai.onnx"} else 0
