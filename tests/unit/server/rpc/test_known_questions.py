"""A question that is known is answered as it would be if it were not."""

import numpy as np
import pytest

from serin_server.dataplane.plane import Loaded
from serin_server.dataplane.request import RequestReader
from serin_server.dataplane.response import ResponseWriter
from serin_server.model.tensors import Signature, TensorSpec
from serin_server.rpc import open_inference_pb2 as pb
from serin_server.rpc.known import KnownQuestions, parts_of

INPUTS = (TensorSpec("x", "FP32", (-1, 3)), TensorSpec("n", "INT64", (-1,)))


def question(rows: int = 2, *names: str, identity: str = "", seed: int = 0, outputs: tuple[str, ...] = ()) -> bytes:
    rng = np.random.default_rng(seed)
    asked = pb.ModelInferRequest(model_name="m", id=identity)
    for name in names or ("x", "n"):
        shape = [rows, 3] if name == "x" else [rows]
        asked.inputs.add(name=name, datatype="FP32" if name == "x" else "INT64", shape=shape)
        data = rng.random(shape, np.float32) if name == "x" else rng.integers(0, 9, shape)
        asked.raw_input_contents.append(data.tobytes())
    for name in outputs:
        asked.outputs.add(name=name)
    return asked.SerializeToString()


@pytest.fixture
def loaded():
    signature = Signature(INPUTS, (TensorSpec("y", "FP32", (-1,)), TensorSpec("z", "FP32", (-1,))))
    reader = RequestReader(signature)
    return Loaded(reader, None, ResponseWriter("m", "1", "1", signature))


def learnt(loaded, sent: bytes) -> KnownQuestions:
    from serin_server.rpc.inference import _call_of

    request = pb.ModelInferRequest.FromString(sent)
    wanted = [output.name for output in request.outputs] or None
    known = KnownQuestions()
    known.learn(parts_of(sent)[0], loaded, request, _call_of(loaded, request, wanted, None))
    return known


SETS = {
    "two rows": ((2,), {}),
    "inputs in another order": ((2, "n", "x"), {}),
    "one output": ((1,), {"outputs": ("z",)}),
    "no rows": ((0,), {}),
}


@pytest.mark.parametrize("case", SETS)
def test_the_same_tensors_are_found(loaded, case):
    from serin_server.rpc.inference import _call_of

    how, more = SETS[case]
    known = learnt(loaded, question(*how, **more))
    sent = question(*how, **more, identity="é7", seed=1)
    call = known.call(loaded, sent, parts_of(sent))
    request = pb.ModelInferRequest.FromString(sent)
    expected = _call_of(loaded, request, list(more.get("outputs", ())) or None, None)
    for got, wanted in zip(call.arrays, expected.arrays, strict=True):
        assert got.dtype == wanted.dtype
        assert np.array_equal(got, wanted)
    assert (call.id, call.rows, call.wanted, call.shapes_key) == (
        "é7",
        expected.rows,
        expected.wanted,
        expected.shapes_key,
    )


STRANGE = {
    "other rows": question(3),
    "another output": question(2, outputs=("y",)),
    "another order": question(2, "n", "x"),
    "bytes of another length": question(2)[:-8],
}


@pytest.mark.parametrize("case", STRANGE)
def test_whatever_differs_is_not_known(loaded, case):
    known = learnt(loaded, question(2))
    parts = parts_of(STRANGE[case])
    assert parts is None or known.call(loaded, STRANGE[case], parts) is None


def test_an_id_that_is_no_text_and_raw_bytes_too_many_are_left_to_the_parser(loaded):
    known = learnt(loaded, question(2))
    for more in (b"\x1a\x02\xff\xff", b"\x3a\x01a", b"\x1a\x02\xff\xff\x1a\x01a"):
        sent = question(2) + more
        parts = parts_of(sent)
        assert parts is None or known.call(loaded, sent, parts) is None


def test_of_thousands_of_fields_no_more_are_looked_at_than_a_known_question_has():
    assert parts_of(b"\x3a\x00" * 512) is not None
    assert parts_of(b"\x3a\x00" * 513) is None


def test_what_one_model_was_asked_is_not_known_to_another(loaded):
    known = learnt(loaded, question(2))
    other = Loaded(loaded.reader, None, loaded.writer)
    assert known.call(other, question(2), parts_of(question(2))) is None
