"""ONNX's own backend suite: what ONNX Runtime runs is served with the same answers over every transport, or refused with the reason."""

import os
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import ModelProto, TensorProto, load, load_tensor, numpy_helper
from onnx.backend.test.loader import load_model_tests
from tests.support.nursery import Ended, child
from tests.support.transports import answers, same

pytestmark = pytest.mark.slow

KINDS = ("node", "simple", "pytorch-converted", "pytorch-operator")
EACH = int(os.environ.get("SERIN_SUITE_EACH", "1"))
"""Every so many-th model; 1 serves all of them."""
AT_A_TIME = 3
NO_DATATYPE = re.compile(r"which the Open Inference Protocol has no datatype for|is a (sequence|map|optional)")
UNKNOWN_LENGTH = re.compile(
    r"is a list of tensors, (how many each request decides|whose number changes with the rows of a request)"
)
"""A list of tensors is served as so many tensors as a run at load gave; where inputs decide about the number, a server cannot know it."""


@dataclass(frozen=True)
class Case:
    name: str
    model: ModelProto
    given: list[Any]


def cases() -> Iterator[Case]:
    """The suite's models, each with the inputs of its first data set."""
    found = sorted((case for kind in KINDS for case in load_model_tests(kind=kind)), key=lambda case: case.name)
    for case in found[::EACH]:
        if case.model is not None:
            yield Case(case.name, case.model, list(case.data_sets[0][0]) if case.data_sets else [])
        else:
            folder = Path(case.model_dir)
            tensors = sorted(folder.glob("test_data_set_0/input_*.pb"))
            yield Case(case.name, load(folder / "model.onnx"), [load_tensor(file) for file in tensors])


def array(given: Any) -> Any:
    """What ONNX Runtime takes; lists are sequences and stay what they are."""
    if isinstance(given, TensorProto):
        return numpy_helper.to_array(given)
    return given if isinstance(given, list) or given is None else np.asarray(given)


class Random(Exception):
    """ONNX Runtime alone gives another answer at each run."""


def expected(case: Case, file: Path) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Inputs and what ONNX Runtime alone answers; None where it does not run the model with them.

    Raises:
        Random: There is nothing to compare with.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        wanted = {each.name for each in session.get_inputs()}
        names = [each.name for each in case.model.graph.input]
        feed = {name: array(given) for name, given in zip(names, case.given, strict=False) if name in wanted}
        outputs = [each.name for each in session.get_outputs()]
        runs = [dict(_tensors(zip(outputs, session.run(None, feed), strict=True))) for _ in range(3)]
    except Exception:  # noqa: BLE001 - whatever it says, it is the judge of what it can run
        return None
    if any(run.keys() != runs[0].keys() or not all(same(run[name], runs[0][name]) for name in run) for run in runs[1:]):
        raise Random
    return feed, runs[0]


def _tensors(answers: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Outputs as they are served: a list is so many tensors."""
    for name, value in answers:
        if isinstance(value, list):
            yield from ((f"{name}_{position}", each) for position, each in enumerate(value))
        else:
            yield name, value


def outcome(case: Case, folder: Path) -> tuple[str, str]:
    """A word for what became of a model, and what is wrong, if anything is."""
    folder.mkdir()
    file = folder / "model.onnx"
    file.write_bytes(case.model.SerializeToString())
    try:
        run = expected(case, file)
    except Random:
        return "ONNX Runtime gives another answer at each run", ""
    try:
        with child(file, folder) as server:
            if run is None:
                return "ONNX Runtime does not run it with its inputs", ""
            told = answers(server, *run)
            wrong = {
                transport: word for transport, word in told.items() if word not in {"equal", "no JSON for infinity"}
            }
            return ("wrong", f"{wrong}") if wrong else ("equal", "")
    except Ended as ended:
        if ended.reason == "ModelUnsupported" and (run is None or NO_DATATYPE.search(ended.message)):
            return "no datatype" if run else "ONNX Runtime refuses it too", ""
        if ended.reason == "ModelUnsupported" and UNKNOWN_LENGTH.search(ended.message):
            return "a list of another length", ""
        if run is None and ended.reason in {"ModelInvalid", "ModelFailedWarmup"}:
            return "ONNX Runtime refuses it too", ""
        return "refused", f"{ended.reason}: {ended.message}"
    except Exception as error:  # noqa: BLE001 - a client that fails is a finding like another, and told with the model's name
        return "wrong", repr(error)


def test_what_onnx_runtime_runs_is_served_with_the_same_answers_or_refused_with_the_reason(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        chosen = list(cases())
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        found = list(pool.map(lambda case: outcome(case, tmp_path / case.name), chosen))
    counts = Counter(word for word, _ in found)
    wrong = [f"{case.name}: {why}" for case, (_, why) in zip(chosen, found, strict=True) if why]
    assert not wrong, "\n".join(wrong)
    assert counts["equal"] > 0.6 * len(chosen), counts
    print(len(chosen), dict(counts))
