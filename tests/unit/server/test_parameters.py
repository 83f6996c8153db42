"""Parameters that would change what an answer means are refused, whatever their form; others pass."""

import json

import pytest

from serin_server.dataplane.request import RequestReader
from serin_server.model.tensors import Signature, TensorSpec
from serin_server.refusals import Kind, Refusal

READER = RequestReader(Signature((TensorSpec("x", "FP32", (-1,)),), (TensorSpec("y", "FP32", (-1,)),)))


def read(rows=1, **more):
    x = {"name": "x", "datatype": "FP32", "shape": [rows], "data": [1.5] * rows}
    return READER.read(json.dumps({"inputs": [x], **more}).encode())


@pytest.mark.parametrize("rows", [1, 2000])
@pytest.mark.parametrize(
    "more",
    [
        {"parameters": {"sequence_id": 1}},
        {"parameters": {"sequence_id": "one"}},
        {"parameters": {"sequence_start": True}},
        {"parameters": {"sequence_end": True}},
        {"outputs": [{"name": "y", "parameters": {"classification": 1}}]},
        {"outputs": [{"name": "y", "parameters": {"shared_memory_region": "r"}}]},
    ],
)
def test_what_is_not_served_is_refused_and_is_no_error_of_the_version(rows, more):
    with pytest.raises(Refusal, match=r"not served|serves no sequences") as refusal:
        read(rows, **more)
    assert refusal.value.kind is Kind.MALFORMED
    assert not refusal.value.kind.is_error


@pytest.mark.parametrize("rows", [1, 2000])
@pytest.mark.parametrize(
    "parameters",
    [
        {"sequence_id": 0, "sequence_start": False, "sequence_end": False},
        {"sequence_id": ""},
        {"priority": 9, "timeout": 5},
        {},
    ],
)
def test_what_changes_no_answer_passes(rows, parameters):
    assert read(rows, parameters=parameters, outputs=[{"name": "y", "parameters": {"classification": 0}}]).rows == rows
