"""A question that is known is answered as it would be if it were not."""

import numpy as np
import pytest

from serin_server.dataplane.plane import Loaded
from serin_server.dataplane.request import RequestReader
from serin_server.dataplane.response import ResponseWriter
from serin_server.model.tensors import Signature, TensorSpec
from serin_server.rpc import open_inference_pb2 as pb
from serin_server.rpc.known import KnownQuestions, parts_of
from serin_server.rpc.question import question_of

INPUTS = (TensorSpec("x", "FP32", (-1, 3)), TensorSpec("n", "INT64", (-1,)))


FLOATS = (TensorSpec("x", "FP32", (-1, 3)), TensorSpec("d", "FP64", (-1,)))
TYPED = ("x", "d")


def typed(rows: int = 2, *names: str, identity: str = "", seed: int = 0, outputs: tuple[str, ...] = ()) -> bytes:
    """With elements in typed fields."""
    rng = np.random.default_rng(seed)
    asked = pb.ModelInferRequest(model_name="m", id=identity)
    for name in names or TYPED:
        given = asked.inputs.add(
            name=name, datatype="FP32" if name == "x" else "FP64", shape=[rows, 3][: 1 + (name == "x")]
        )
        getattr(given.contents, "fp32_contents" if name == "x" else "fp64_contents").extend(
            rng.random(rows * (3 if name == "x" else 1))
        )
    for name in outputs:
        asked.outputs.add(name=name)
    return asked.SerializeToString()


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


def made(inputs):
    signature = Signature(inputs, (TensorSpec("y", "FP32", (-1,)), TensorSpec("z", "FP32", (-1,))))
    reader = RequestReader(signature)
    return Loaded(reader, None, ResponseWriter("m", "1", "1", signature))


@pytest.fixture
def loaded():
    return made(INPUTS)


def found(known, loaded, sent):
    """The call of a question, if it is known."""
    parts = parts_of(sent)
    what = None if parts is None else known.find(loaded, parts)
    return None if what is None else what.call(sent, parts)


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
    how, more = SETS[case]
    known = learnt(loaded, question(*how, **more))
    _is_answered_alike(loaded, known, question(*how, **more, identity="é7", seed=1))


TYPED_SETS = {
    "two rows": ((2,), {}),
    "many rows": ((900,), {}),
    "inputs in another order": ((2, "d", "x"), {}),
    "one output": ((1,), {"outputs": ("z",)}),
}


@pytest.mark.parametrize("case", TYPED_SETS)
def test_the_same_typed_floats_are_found(case):
    loaded = made(FLOATS)
    how, more = TYPED_SETS[case]
    known = learnt(loaded, typed(*how, **more))
    _is_answered_alike(loaded, known, typed(*how, **more, identity="é7", seed=1))


def _is_answered_alike(loaded, known, sent):
    """And another version is asked alike."""
    from serin_server.rpc.inference import _call_of

    call = found(known, loaded, sent)
    request = pb.ModelInferRequest.FromString(sent)
    what = known.find(loaded, parts_of(sent))
    assert what.is_raw == bool(request.raw_input_contents)
    assert what.question(sent, parts_of(sent)) == question_of(request)
    expected = _call_of(loaded, request, [output.name for output in request.outputs] or None, None)
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
    assert found(learnt(loaded, question(2)), loaded, STRANGE[case]) is None


def _odd(change):
    asked = pb.ModelInferRequest.FromString(typed(2))
    change(asked)
    return asked.SerializeToString()


STRANGE_TYPED = {
    "other rows": typed(3),
    "another order": typed(2, "d", "x"),
    "one element more": _odd(lambda asked: asked.inputs[0].contents.fp32_contents.append(1)),
    "no elements": _odd(lambda asked: asked.inputs[0].ClearField("contents")),
    "elements of two types": _odd(lambda asked: asked.inputs[0].contents.int_contents.append(1)),
    "elements of another type": _odd(lambda asked: asked.inputs[1].contents.fp32_contents.append(1)),
    "raw bytes as well": _odd(lambda asked: asked.raw_input_contents.extend([b"a" * 24, b"b" * 16])),
    "elements twice": _odd(lambda asked: asked.inputs.add().CopyFrom(asked.inputs[0])),
    "elements one by one": b"\x0a\x01m\x2a\x15\x0a\x01x\x12\x04FP32\x1a\x01\x01\x2a\x05\x35\x00\x00\x80\x3f",
    "an input within which elements end too late": b"\x2a\x04\x2a\x7f\x32\x01\x00",
    "an input that ends within its fields": b"\x2a\x02\x0a\x7f",
    "hundreds of fields in an input": b"\x2a\x80\x04" + b"\x0a\x00" * 256,
}


@pytest.mark.parametrize("case", STRANGE_TYPED)
def test_whatever_differs_of_typed_floats_is_not_known(case):
    loaded = made(FLOATS)
    assert found(learnt(loaded, typed(2)), loaded, STRANGE_TYPED[case]) is None


def test_no_raw_question_reads_as_a_typed_one_that_is_known():
    loaded = made(FLOATS)
    known = learnt(loaded, typed(2))
    description, _, places = parts_of(typed(2))
    raw = b"".join(b"\x3a" + bytes([end - start]) + typed(2)[start:end] for start, end in places)
    assert found(known, loaded, description[1:] + raw) is None


def test_an_id_that_is_no_text_and_raw_bytes_too_many_are_left_to_the_parser(loaded):
    known = learnt(loaded, question(2))
    for more in (b"\x1a\x02\xff\xff", b"\x3a\x01a", b"\x1a\x02\xff\xff\x1a\x01a"):
        sent = question(2) + more
        assert found(known, loaded, sent) is None


def test_of_thousands_of_fields_no_more_are_looked_at_than_a_known_question_has():
    assert parts_of(b"\x3a\x00" * 512) is not None
    assert parts_of(b"\x3a\x00" * 513) is None


def test_what_one_model_was_asked_is_not_known_to_another(loaded):
    known = learnt(loaded, question(2))
    other = Loaded(loaded.reader, None, loaded.writer)
    assert found(known, other, question(2)) is None
