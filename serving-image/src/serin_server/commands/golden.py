"""`serin-server check`: a model must give the outputs that its author recorded.

Each line of `golden.jsonl` is `{"inputs": […], "outputs": […], "rtol": 1e-3, "atol": 1e-5}`: tensors as the protocol
writes them in JSON (and `"labels": […]`, which nothing here looks at). Numbers may differ by `atol + rtol * |expected|`; everything else must be equal.
"""

import json
import sys
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from serin_server.config.settings import Settings
from serin_server.dataplane.elements import array_of
from serin_server.dataplane.optional import reader_of
from serin_server.dataplane.protocol import JsonTensor
from serin_server.dataplane.request import RequestReader
from serin_server.dataplane.samples import GOLDEN, Sample, UnreadableSamples, beside_model, feed_of, samples_in
from serin_server.failures import LoadFailure, one_line
from serin_server.model.load import Model
from serin_server.model.tensors import Array, TensorSpec
from serin_server.process.model import load_as_set
from serin_server.process.termination import failure_report, write_termination_message
from serin_server.refusals import Refusal

EXIT_WRONG: Final = 64
_MOST_TOLD: Final = 5


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many samples there were, and what was wrong with which."""

    samples: int
    failures: tuple[str, ...]
    first_without_values: str = ""
    """Where the first sample that fails differs: for places that many people read."""

    def told(self) -> dict[str, Any]:
        """The verdict as the preflight reads it."""
        if not self.failures:
            return {"ok": True, "samples": self.samples, "failed": 0}
        more = len(self.failures) - _MOST_TOLD
        message = "; ".join(self.failures[:_MOST_TOLD]) + (f"; and {more} more" if more > 0 else "")
        return {
            "ok": False,
            "reason": "GoldenSampleFailed",
            "message": message[:1000],
            "samples": self.samples,
            "failed": len(self.failures),
        }


def check(settings: Settings) -> int:
    """Runs the golden samples; the verdict goes to stdout and the termination log."""
    try:
        model = load_as_set(settings, with_samples=False)  # they are judged below, one by one
        told = judged(model, samples_of(settings, model)).told()
        exit_code = 0 if told["ok"] else EXIT_WRONG
    except LoadFailure as failure:
        told, exit_code = failure_report(failure), failure.exit_code
    except UnreadableSamples as error:
        told, exit_code = {"ok": False, "reason": "GoldenSampleFailed", "message": str(error)}, EXIT_WRONG
    text = json.dumps(told)
    write_termination_message(settings.termination_log, text)
    sys.stdout.write(text + "\n")
    return exit_code


def samples_of(settings: Settings, model: Model) -> list[Sample]:
    """The samples beside the model, or in the file that is named. Raises `UnreadableSamples`."""
    file = settings.golden or beside_model(model.path, GOLDEN)
    samples = samples_in(file, what="golden sample")
    if not samples:
        raise UnreadableSamples(f"{file} holds no sample")
    return samples


def judged(model: Model, samples: list[Sample]) -> Verdict:
    """What the model makes of each sample."""
    reader = reader_of(model.signature)
    failures: list[str] = []
    first = ""
    for number, sample in enumerate(samples, 1):
        problem = _problem(model, reader, sample)
        if problem:
            first = first or f"sample {number}: {problem.without_values}"
            failures.append(f"sample {number}: {problem.message}")
    return Verdict(len(samples), tuple(failures), first)


@dataclass(frozen=True, slots=True)
class _Problem:
    """What is wrong with a sample: in full for its author, and without values for everybody else."""

    message: str
    without_values: str


def _problem(model: Model, reader: RequestReader, sample: Sample) -> _Problem | None:
    try:
        feed = feed_of(reader, sample)
        given = dict(zip([spec.name for spec in model.signature.outputs], model.session.run(feed), strict=True))
        specs = {spec.name: spec for spec in model.signature.outputs}
        for output in sample.outputs:
            if output.name not in specs:
                return _plain(f"the model has no output {output.name!r}")
            problem = _difference(specs[output.name], given[output.name], output, sample)
            if problem:
                return problem
    except Refusal as refusal:
        return _Problem(refusal.message, f"it is no request that the model takes ({refusal.logged})")
    except Exception as error:  # noqa: BLE001 (whatever the model raises is the verdict on this sample)
        return _Problem(f"the model raised: {one_line(error, 200)}", f"the model raised {type(error).__name__}")
    return None


def _plain(message: str) -> _Problem:
    return _Problem(message, message)


def _difference(spec: TensorSpec, given: Array, output: JsonTensor, sample: Sample) -> _Problem | None:
    wanted = array_of(TensorSpec(spec.name, output.datatype, tuple(output.shape)), output)
    if given.shape != wanted.shape:
        return _plain(f"output {spec.name!r} has the shape {list(given.shape)}, expected {list(wanted.shape)}")
    if wanted.dtype.kind != "f":
        wrong = np.argwhere(given != wanted)
    else:
        wrong = np.argwhere(~np.isclose(given, wanted, rtol=sample.rtol, atol=sample.atol, equal_nan=True))
    if not len(wrong):
        return None
    place = tuple(wrong[0].tolist())
    count = f"({len(wrong)} of {wanted.size} values differ)"
    return _Problem(
        f"output {spec.name!r} at {list(place)} is {given[place]!s}, expected {wanted[place]!s} {count}",
        f"output {spec.name!r} at {list(place)} is not as expected {count}",
    )
