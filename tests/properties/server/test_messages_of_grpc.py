"""Messages of gRPC that are written and read by hand are those of the parser, whatever is in them."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from serin_server.rpc import open_inference_pb2 as pb
from serin_server.rpc.known import parts_of

NUMBERS = st.lists(st.binary(max_size=200), min_size=1, max_size=3)


@settings(max_examples=50)
@given(st.text(max_size=9), st.text(max_size=200), NUMBERS, st.lists(st.integers(0, 2**40), max_size=3))
def test_a_question_is_its_description_its_id_and_its_bytes(name, identity, raw, shape):
    asked = pb.ModelInferRequest(model_name=name, id=identity, raw_input_contents=raw)
    asked.inputs.add(name="x", datatype="FP32", shape=shape)
    sent = asked.SerializeToString()
    description, found, places = parts_of(sent)
    asked.ClearField("id")
    del asked.raw_input_contents[:]
    assert description == asked.SerializeToString()
    assert found.decode() == identity
    assert [sent[start:end] for start, end in places] == raw


@given(st.lists(st.lists(st.floats(width=32), max_size=9), min_size=1, max_size=3), st.booleans())
def test_a_typed_question_is_its_description_and_its_floats(tensors, is_double):
    asked = pb.ModelInferRequest(model_name="m")
    for values in tensors:
        given = asked.inputs.add(name="x", datatype="FP32", shape=[len(values)])
        getattr(given.contents, "fp64_contents" if is_double else "fp32_contents").extend(values)
    sent = asked.SerializeToString()
    parts = parts_of(sent)
    if not all(tensors):
        assert parts is None
        return
    elements = [np.frombuffer(sent[start:end], np.float64 if is_double else np.float32) for start, end in parts[2]]
    for got, values in zip(elements, tensors, strict=True):
        assert np.array_equal(got, values, equal_nan=True)
    assert len(parts[0]) == 1 + len(sent) - sum(each.nbytes for each in elements)


@given(st.binary(max_size=60))
def test_parts_of_any_bytes_are_those_of_the_message_or_none(sent):
    parts = parts_of(sent)
    if parts is None:
        return
    description, identity, places = parts
    try:
        asked = pb.ModelInferRequest.FromString(sent)
    except Exception:  # noqa: BLE001 (what is no message is never learnt)
        return
    elements = [sent[start:end] for start, end in places]
    if description.startswith(b"\0"):
        assert not asked.raw_input_contents
        for each, given in zip(elements, asked.inputs, strict=True):
            assert given.contents.SerializeToString().endswith(each)
    else:
        assert elements == list(asked.raw_input_contents)
    assert identity.decode() == asked.id
