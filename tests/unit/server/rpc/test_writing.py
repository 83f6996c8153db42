"""Answers written by hand are those that the parser's own messages would be."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from serin_server.dataplane.call import Call, Shared
from serin_server.model.tensors import TensorSpec
from serin_server.rpc import open_inference_pb2 as pb
from serin_server.rpc.tensors import put_output
from serin_server.rpc.writing import Writer

ARRAYS = {
    "FP32": np.array([[1.5, -2], [math.inf, 0], [3, 4]], np.float32),
    "FP64": np.array([[1.5], [2.5], [1e300]], np.float64),
    "FP16": np.array([1, 2, 3], np.float16),
    "INT64": np.array([[1, -1], [2**62, 0], [5, 6]], np.int64),
    "UINT8": np.array([1, 255, 0], np.uint8),
    "INT64 of classes": np.array([0, 1, 127], np.int64),
    "INT8": np.array([[0, 1], [-1, 1], [127, 1]], np.int8),
    "UINT64": np.array([1, 2**64 - 1, 128], np.uint64),
    "BOOL": np.array([True, False, True]),
    "BYTES": np.array(["é", "", "long" * 100], object),
    "FP32 without elements": np.zeros((3, 0), np.float32),
}
SPECS = {name: TensorSpec(name, name.split()[0], (-1, *array.shape[1:])) for name, array in ARRAYS.items()}
SETS = [
    ["FP32", "INT64"],
    ["FP64", "BOOL", "UINT8"],
    ["FP16", "FP32"],
    ["BYTES", "INT64"],
    ["FP32 without elements"],
    ["INT64 of classes", "FP32"],
    ["UINT64", "INT8"],
]


def no_token(call, predicted_at):
    return b""


def a_token(call, predicted_at):
    return b"token"


@pytest.mark.parametrize("is_raw", [True, False], ids=["raw", "typed"])
@pytest.mark.parametrize("is_shared", [True, False], ids=["of a shared run", "of its own run"])
@pytest.mark.parametrize("names", SETS, ids=", ".join)
@pytest.mark.parametrize("wanted", [None, [0]], ids=["all outputs", "one of them"])
def test_an_answer_is_what_the_parser_would_write(names, is_shared, is_raw, wanted):
    specs = [SPECS[name] for name in names]
    writer = Writer("m", "r1", "", specs)
    for token, first in ((no_token, 0), (a_token, 1), (no_token, 1)):
        call = Call([], 2, None, "id" if first else "")
        outputs = [ARRAYS[name] for name in names]
        if is_shared:
            call.shared, call.first = Shared(outputs), first
        else:
            call.outputs = [each[first : first + 2] for each in outputs]
        call.wanted = wanted
        written = pb.ModelInferResponse.FromString(writer.write(call, SimpleNamespace(token_of=token), is_raw=is_raw))
        expected = pb.ModelInferResponse(model_name="m", model_version="r1", id=call.id)
        expected.parameters["serin_version"].string_param = ""
        expected.parameters["predicted_at"].double_param = written.parameters["predicted_at"].double_param
        if token is a_token:
            expected.parameters["feedback_token"].string_param = "token"
        positions = wanted or range(len(names))
        as_raw = is_raw or any(specs[position].datatype == "FP16" for position in positions)
        for position in positions:
            put_output(expected, specs[position], outputs[position][first : first + 2], is_raw=as_raw)
        assert written == expected
