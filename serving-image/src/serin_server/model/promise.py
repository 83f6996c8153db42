"""What clients of a version rely on: the requests that it takes, the outputs that it gives, and the classes it tells apart.

Written down by the operator as JSON, bounded, and read again beside the next version (commands/compatible.py).
"""

import hashlib
import json
import mmap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from serin_server.model.protobuf import fields, integers
from serin_server.model.tensors import Signature, TensorSpec

Classes = tuple[int | str, ...]

_GRAPH, _NODE, _ATTRIBUTE = 7, 1, 5
_NAME, _INTEGERS, _STRINGS = 1, 8, 9
_LISTS_OF_CLASSES: Final = (b"classlabels_int64s", b"classlabels_ints", b"classlabels_strings")
"""What classifiers of ai.onnx.ml and ZipMap call the classes of their columns, in order."""
_MOST_CLASSES: Final = 100_000
_TOLD_CLASSES: Final = 32
_TOLD_BYTES: Final = 512


@dataclass(frozen=True, slots=True)
class Promise:
    """One version, as its clients see it."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    optional: tuple[TensorSpec, ...] = ()
    classes: tuple[str, ...] = ()
    """As `told_classes` tells them; empty where the file names none."""
    digest: str = ""
    truncated: bool = False
    """Whether tensors were left out, because there were too many to write down."""

    def told(self) -> dict[str, Any]:
        """As it is written down; what is empty is left out, but for inputs and outputs."""
        return {
            "signatureDigest": self.digest,
            "inputs": [_told(tensor) for tensor in self.inputs],
            "outputs": [_told(tensor) for tensor in self.outputs],
            **({"optional": [_told(tensor) for tensor in self.optional]} if self.optional else {}),
            **({"classes": list(self.classes)} if self.classes else {}),
        }


def promise_of(signature: Signature, file: Path) -> Promise:
    """What a model promises whose file this is."""
    classes = told_classes(classes_in(file) or _learnt(signature))
    return Promise(
        signature.inputs, signature.outputs, signature.optional, classes, signature_digest(signature, classes)
    )


def signature_digest(signature: Signature, classes: tuple[str, ...] = ()) -> str:
    """The sha256 of a signature's canonical JSON: equal digests mean that the same requests fit, and the same is given."""
    described: list[Any] = [[tensor.described() for tensor in side] for side in (signature.inputs, signature.outputs)]
    if signature.optional or classes:
        described += [[tensor.described() for tensor in signature.optional], list(classes)]
    return hashlib.sha256(json.dumps(described, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def promise_from(told: Mapping[str, Any]) -> Promise:
    """Reads what `told` wrote. Raises `ValueError` for anything else."""
    try:
        sides = [tuple(_tensor(each) for each in told.get(side) or ()) for side in ("inputs", "outputs", "optional")]
        classes = tuple(str(each) for each in told.get("classes") or ())
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"it is no description of a signature ({error})") from error
    digest, truncated = str(told.get("signatureDigest") or ""), bool(told.get("truncated"))
    return Promise(sides[0], sides[1], sides[2], classes, digest, truncated)


def _told(tensor: TensorSpec) -> dict[str, Any]:
    return {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}


def _tensor(told: Mapping[str, Any]) -> TensorSpec:
    return TensorSpec(str(told["name"]), str(told["datatype"]), tuple(int(size) for size in told["shape"]))


def told_classes(classes: Sequence[int | str]) -> tuple[str, ...]:
    """Classes by name; where they are too many to write down, how many they are and a digest of all."""
    text = json.dumps(list(classes))
    if len(classes) <= _TOLD_CLASSES and len(text) <= _TOLD_BYTES:
        return tuple(map(str, classes))
    return (f"{len(classes)} classes, sha256 {hashlib.sha256(text.encode()).hexdigest()[:16]}",)


def _learnt(signature: Signature) -> Classes:
    return next((spec.labels for spec in signature.outputs if spec.labels), ())


def classes_in(file: Path) -> Classes:
    """The classes that the nodes of a file name; none where they name several lists: which is for which output it does not say."""
    found: dict[Classes, None] = {}
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            for start, end in _attributes(data):
                # Writers begin with the name; the millions of fields of a forest's other attributes are passed over.
                number, _, at, to = next(fields(data, start, end), (0, 0, 0, 0))
                if number == _NAME and data[at:to] in _LISTS_OF_CLASSES and (listed := _listed(data, start, end)):
                    found.setdefault(listed)
        except ValueError:
            return ()
    return next(iter(found)) if len(found) == 1 else ()


def _attributes(data: mmap.mmap) -> Iterator[tuple[int, int]]:
    for graph in _inside(data, (0, len(data)), _GRAPH):
        for node in _inside(data, graph, _NODE):
            yield from _inside(data, node, _ATTRIBUTE)


def _inside(data: mmap.mmap, span: tuple[int, int], wanted: int) -> Iterator[tuple[int, int]]:
    return ((at, to) for number, _, at, to in fields(data, *span) if number == wanted)


def _listed(data: mmap.mmap, start: int, end: int) -> Classes:
    classes: list[int | str] = []
    for field in fields(data, start, end):
        if field[0] == _INTEGERS:
            classes += integers(data, field)
        elif field[0] == _STRINGS:
            classes.append(data[field[2] : field[3]].decode(errors="replace"))
        if len(classes) > _MOST_CLASSES:
            return ()
    return tuple(classes)
