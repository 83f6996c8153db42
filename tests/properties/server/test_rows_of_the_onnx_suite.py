"""Every operator of the ONNX backend suite, its first dimensions freed: what the graph proves, trying it confirms."""

from collections import Counter
from collections.abc import Iterator
from importlib import import_module

import numpy as np
import pytest
from onnx import ModelProto, numpy_helper
from onnx.backend.test.case import node as node_cases
from onnx.backend.test.loader import load_model_tests

from serin_server.failures import LoadFailure
from serin_server.model.rows.analysis import check
from serin_server.model.rows.probe import probe
from serin_server.model.rows.states import NotProven, Reason
from serin_server.model.session import open_session

VARIANTS = ("every input is rows", "the first input is rows", "the second input is rows", "the last input is rows")


SAMPLE = ("add", "argmax", "cumsum", "div", "einsum", "elu", "flatten", "gather", "layernormalization", "matmul", "pow",
          "prelu", "reducemean", "reshape", "slice", "softmax", "split", "sub", "tanh", "transpose", "where")  # fmt: skip
"""Modules of the suite whose cases take little time to make; making all takes half a minute."""


def cases():
    return sorted(load_model_tests(kind="node"), key=lambda case: case.name)


def sample():
    for name in SAMPLE:
        import_module(f"onnx.backend.test.case.node.{name}")
    wanted = tuple(f"test_{name}" for name in SAMPLE)
    return [case for case in node_cases._NodeTestCases if case.name.startswith(wanted)]


def freed(case, rows: set[int]) -> tuple[ModelProto, dict] | None:
    """The model with free first dimensions; inputs that are no rows become constants, as weights are."""
    model = ModelProto()
    model.CopyFrom(case.model)
    if not case.data_sets:
        return None
    given = list(case.data_sets[0][0])
    kept, feed = [], {}
    for position, (value, array) in enumerate(zip(model.graph.input, given, strict=False)):
        if not isinstance(array, np.ndarray) or not value.type.HasField("tensor_type"):
            return None
        if position in rows:
            if not array.ndim:
                return None
            _free(value)
            kept.append(value)
            feed[value.name] = array
        else:
            model.graph.initializer.append(numpy_helper.from_array(array, value.name))
    if not kept:
        return None
    del model.graph.input[:]
    model.graph.input.extend(kept)
    for value in model.graph.output:
        if value.type.HasField("tensor_type"):
            _free(value)
            for size in value.type.tensor_type.shape.dim:
                size.Clear()
    return model, feed


def _free(value) -> None:
    if value.type.tensor_type.shape.dim:
        value.type.tensor_type.shape.dim[0].Clear()


def variants(case) -> Iterator[tuple[str, tuple[ModelProto, dict]]]:
    count = len(case.model.graph.input)
    chosen = {VARIANTS[0]: set(range(count)), VARIANTS[1]: {0}, VARIANTS[2]: {1}, VARIANTS[3]: {count - 1}}
    seen = []
    for name, rows in chosen.items():
        if rows not in seen and max(rows, default=count) < count:
            seen.append(rows)
            if made := freed(case, rows):
                yield name, made


def outcome(model: ModelProto, feed: dict, file) -> str:
    """What became of the proof of one model."""
    file.write_bytes(model.SerializeToString())
    try:
        check(file)
    except NotProven as found:
        return str(found.reason)
    try:
        session = open_session(file)
    except LoadFailure:
        return "not loaded"
    for samples in ([feed], []):
        try:
            probe(session, [], samples)
        except NotProven as found:
            if found.reason is Reason.PROBE_DIFFERS:
                return f"DIFFERS: {found.message}"
            continue
        return "confirmed"
    return "not probed"


def outcomes(chosen, folder) -> tuple[Counter, list[str]]:
    """How many of each outcome, and where the graph promised what trying refuted."""
    counts, wrong = Counter(), []
    for case in chosen:
        for name, (model, feed) in variants(case):
            result = outcome(model, feed, folder / "model.onnx")
            counts[result.split(":")[0]] += 1
            if result.startswith("DIFFERS"):
                wrong.append(f"{case.name}, {name}: {result}")
    return counts, wrong


def test_a_sample_of_the_suite_confirms_what_graphs_prove(tmp_path):
    counts, wrong = outcomes(sample(), tmp_path)
    assert wrong == []
    assert counts["confirmed"] > 40


@pytest.mark.slow
def test_the_whole_suite_confirms_what_graphs_prove(tmp_path):
    counts, wrong = outcomes(cases(), tmp_path)
    assert wrong == []
    assert counts["confirmed"] > 600
