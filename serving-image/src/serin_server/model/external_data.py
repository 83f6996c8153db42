"""Weights that an ONNX file keeps in other files: they are part of the model, so they are part of its digest.

A digest names what is served. Were the weights left out of it, a file that names the same graph could serve anything, and a
rollback by digest would bring back half a model. So:

- The digest of a *file* that keeps its weights elsewhere is that of the listing of all these files, made as that of a folder
  is (model/digest.py); `sha256sum model.onnx weights.bin | sort | sha256sum` computes it. A file with everything in it keeps
  its own sha256.
- Over HTTP there is one file and nothing beside it: such a model is refused with the way out.
- In a folder every file counts already; what lies where the digest does not look is refused.
- Only paths below the model's own folder are taken: none that is absolute, leads upwards, or leads out by a link.

An ONNX file is a protobuf; the walk below visits every message that may hold a tensor, and skips weights by their length.
"""

import mmap
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Final

from serin_server.failures import LoadFailure, Reason
from serin_server.model.protobuf import fields
from serin_server.uris import shown

_MODEL, _TRAINING, _GRAPH, _NODE, _FUNCTION, _ATTRIBUTE, _TENSOR, _SPARSE, _ENTRY = range(9)
_CHILDREN: Final = {
    _MODEL: {7: _GRAPH, 20: _TRAINING, 25: _FUNCTION},
    _TRAINING: {1: _GRAPH, 2: _GRAPH},
    _GRAPH: {1: _NODE, 5: _TENSOR, 15: _SPARSE},
    _FUNCTION: {7: _NODE, 11: _ATTRIBUTE},
    _NODE: {5: _ATTRIBUTE},
    _ATTRIBUTE: {5: _TENSOR, 6: _GRAPH, 10: _TENSOR, 11: _GRAPH, 22: _SPARSE, 23: _SPARSE},
    _SPARSE: {1: _TENSOR, 2: _TENSOR},
    _TENSOR: {13: _ENTRY},
}
"""Which fields of a message (onnx.proto) hold messages that may lead to a tensor's external data."""
_KEY, _VALUE = 1, 2
_LOCATION: Final = b"location"
_PIECE: Final = 1 << 20
_LARGE: Final = 64 << 20
_FEW_FIELDS: Final = 200_000
"""A large model is mostly weights, and a walk over its messages skips those; one of many small fields is quicker read."""


def locations_in(file: Path) -> list[str]:
    """The paths, as they are written, under which a model keeps weights outside its file. Raises `LoadFailure` (ModelInvalid)."""
    if file.stat().st_size > _LARGE:  # to read it all would take seconds
        with suppress(LoadFailure):  # what no walk can read is none of its business where nothing is mentioned
            if (found := _walked(file, _FEW_FIELDS)) is not None:
                return found
    if not _mentions(file, _LOCATION):  # every path stands behind this key: most models are done here
        return []
    return _walked(file) or []


def _walked(file: Path, most_fields: int | None = None) -> list[str] | None:
    """The paths, from a walk over all messages; None when it has more fields than that. Raises `LoadFailure`."""
    found: dict[bytes, None] = {}
    left = count() if most_fields is None else iter(range(most_fields))
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
        todo = [(_MODEL, 0, len(data))]
        try:
            while todo:
                kind, start, end = todo.pop()
                if kind == _ENTRY:
                    entry = {number: data[at:to] for number, _, at, to in fields(data, start, end)}
                    if entry.get(_KEY) == _LOCATION:
                        found.setdefault(entry.get(_VALUE, b""))
                    continue
                children = _CHILDREN[kind]
                for number, _, at, to in fields(data, start, end):
                    if next(left, None) is None:
                        return None
                    if number in children:
                        todo.append((children[number], at, to))
        except ValueError as error:
            message = f"the file is not an ONNX model or is cut short ({error})"
            raise LoadFailure(Reason.MODEL_INVALID, message) from None
    return [location.decode("utf-8", "surrogateescape") for location in found]


def _mentions(file: Path, word: bytes) -> bool:
    """Whether a word stands in a file: read in pieces, because what is mapped counts as memory of the process."""
    with file.open("rb") as opened:
        before = b""
        while piece := opened.read(_PIECE):
            if word in before + piece:
                return True
            before = piece[1 - len(word) :]
    return False


def external_files(file: Path) -> list[Path]:
    """The files beside a model's file in which it keeps weights. Raises `LoadFailure` (ModelInvalid) for one it may not have."""
    folder = file.parent
    files = []
    for location in locations_in(file):
        told = shown(location)
        path = Path(location)
        parts = path.parts
        if "\0" in location or path.is_absolute() or ".." in parts or not parts:
            raise _refused(f"keeps weights in {told!r}, which is no path below its folder")
        if any(part.startswith("..") for part in parts):
            raise _refused(f"keeps weights in {told!r}; names that begin with two dots are Kubernetes' own in a volume")
        found = folder / path
        if not found.is_file():
            raise _refused(f"keeps weights in {told!r}, and there is no such file beside it")
        if not found.resolve().is_relative_to(folder.resolve()):
            raise _refused(f"keeps weights in {told!r}, which leads out of its folder")
        if any((folder / above).is_symlink() for above in path.parents if above.parts):
            raise _refused(f"keeps weights in {told!r}, in a folder that is a link, which a digest does not see")
        files.append(found)
    return files


def _refused(why: str) -> LoadFailure:
    return LoadFailure(
        Reason.MODEL_INVALID, f"the model {why}: put the file there, or save the model with its weights in it"
    )
