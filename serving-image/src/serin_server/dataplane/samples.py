"""Recorded requests beside a model: golden samples, or a file to warm up with. A line each, tensors as the protocol writes them."""

import sys
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec

from serin_server.dataplane.memory import Holding, MemoryBudget
from serin_server.dataplane.optional import reader_of
from serin_server.dataplane.protocol import JsonTensor
from serin_server.dataplane.request import RequestReader
from serin_server.failures import one_line
from serin_server.model.tensors import Array, Signature
from serin_server.model.warmup import RealSample
from serin_server.refusals import Refusal

GOLDEN: Final = "golden.jsonl"
WARM_UP: Final = "warmup.jsonl"
_ENOUGH: Final = 8


class Sample(msgspec.Struct):
    """One recorded request, and for a golden sample its outputs and how far from them a model may be.

    `labels` are what is true of its rows, one each, where that is known and more than the outputs say.
    """

    inputs: list[msgspec.Raw]
    outputs: list[JsonTensor] = []
    labels: list[int | float | str | bool] = []
    rtol: float = 1e-3
    atol: float = 1e-5


class UnreadableSamples(Exception):
    """Samples that cannot be read, and why."""


@dataclass(frozen=True, slots=True)
class SampleFiles:
    """Where samples may lie: files that are named, else those beside the model."""

    warm_up: Path | None = None
    golden: Path | None = None

    def to_warm_up(self, model: Path, signature: Signature) -> list[RealSample]:
        """The first few samples there are, for a first inference. Raises `UnreadableSamples`."""
        named = self.warm_up or self.golden
        beside = [beside_model(model, WARM_UP), beside_model(model, GOLDEN)]
        file = named or next((each for each in beside if each.is_file()), None)
        if file is None:
            return []
        reader = reader_of(signature)
        return [_real(reader, each, f"sample {number} of {file.name}") for number, each in _numbered(file)]


def beside_model(model: Path, name: str) -> Path:
    """The path of a file of this name in a model's folder, or beside its only file."""
    return model / name if model.is_dir() else model.with_name(name)


def samples_in(file: Path, most: int | None = None, what: str = "sample") -> list[Sample]:
    """The samples of a file, one a line. Raises `UnreadableSamples`."""
    try:
        with file.open("rb") as lines:
            return [msgspec.json.decode(line, type=Sample) for line in islice(filter(bytes.strip, lines), most)]
    except OSError as error:
        raise UnreadableSamples(f"{what}s cannot be read ({one_line(error, 200)}): name the file") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UnreadableSamples(f"{file}: a line is no {what} ({one_line(error, 200)})") from error


def feed_of(reader: RequestReader, sample: Sample) -> dict[str, Array]:
    """A sample's inputs by name, those included that it may leave out. Raises `Refusal`."""
    body = b'{"inputs":[' + b",".join(map(bytes, sample.inputs)) + b"]}"
    unbounded = Holding(MemoryBudget(sys.maxsize))  # what lies beside a model is its author's own
    call = reader.read_large(body, None, unbounded) if reader.is_large(len(body), None) else reader.read(body)
    return {**dict(zip([spec.name for spec in reader.inputs], call.arrays, strict=True)), **(call.more or {})}


def _numbered(file: Path) -> list[tuple[int, Sample]]:
    return list(enumerate(samples_in(file, _ENOUGH), 1))


def _real(reader: RequestReader, sample: Sample, where: str) -> RealSample:
    try:
        return RealSample(where, feed_of(reader, sample))
    except Refusal as refusal:
        return RealSample(where, {}, refusal.message)
