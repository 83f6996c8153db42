"""Answers of calls that shared a run: each reads as if it had run alone."""

import re

import numpy as np
import pytest

from serin_server.dataplane.call import Call, Shared
from serin_server.dataplane.response import ResponseWriter
from serin_server.model.tensors import DTYPES, Signature, TensorSpec

ROWS = (1, 2, 0, 1, 3)
SHAPES = {"a value a row": (), "rows": (3,), "tables": (2, 2), "rows of nothing": (0,)}


def output(datatype, shape):
    values = np.arange(sum(ROWS) * int(np.prod(shape, dtype=int))).reshape(sum(ROWS), *shape)
    if datatype == "BYTES":
        return np.array([f'{value}],["é' for value in values.ravel()], dtype=object).reshape(values.shape)
    array = (values % 2 if datatype == "BOOL" else values).astype(DTYPES[datatype])
    if datatype.startswith("FP") and array.size:
        array.flat[::3] = (np.nan, np.inf, 0.1)[array.size % 3]
    return array


def calls(outputs, *, is_shared):
    """Calls of these numbers of rows, their outputs in one piece or each in its own."""
    shared, first = Shared(outputs), 0
    for number, rows in enumerate(ROWS):
        call = Call([], rows, None, f"call-{number}")
        if is_shared:
            call.shared, call.first = shared, first
        else:
            call.outputs = [each[first : first + rows] for each in outputs]
        first += rows
        yield call


def without_time(body):
    return re.sub(rb'"predicted_at":[0-9.]+', b"", body)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("datatype", DTYPES)
@pytest.mark.parametrize("binary", [None, [True, False], [False, True]], ids=["JSON", "binary first", "binary second"])
def test_an_answer_does_not_tell_whether_its_run_was_shared(datatype, shape, binary):
    specs = TensorSpec("y", datatype, (-1, *shape)), TensorSpec("z", "FP32", (-1, 2))
    outputs = [output(datatype, shape), output("FP32", (2,))]
    writer = ResponseWriter("m", "r", "v", Signature((), specs))
    answers = []
    for is_shared in (True, False):
        each = list(calls(outputs, is_shared=is_shared))
        for call in each:
            call.binary = binary
        answers.append([(without_time(body), length) for body, length in map(writer.write, each)])
    assert answers[0] == answers[1]


def test_a_call_that_is_forgotten_holds_nothing_of_the_run_that_it_shared():
    call = next(calls([np.zeros((8, 2))], is_shared=True))
    assert [array.shape for array in call.outputs] == [(1, 2)]
    call.forget()
    assert call.shared is None
    assert call.outputs is None


def test_a_run_too_large_to_be_written_in_one_go_is_written_for_each_call():
    outputs = [np.ones((sum(ROWS), 20_000), np.float32)]
    writer = ResponseWriter("m", "r", "v", Signature((), (TensorSpec("y", "FP32", (-1, -1)),)))
    shared = list(calls(outputs, is_shared=True))
    bodies = [without_time(writer.write(call)[0]) for call in shared]
    assert shared[0].shared.columns is None
    assert bodies == [without_time(writer.write(call)[0]) for call in calls(outputs, is_shared=False)]
