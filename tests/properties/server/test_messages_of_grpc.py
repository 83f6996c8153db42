"""Messages of gRPC that are written and read by hand are those of the parser, whatever is in them."""

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


@given(st.binary(max_size=60))
def test_parts_of_any_bytes_are_those_of_the_message_or_none(sent):
    parts = parts_of(sent)
    if parts is None:
        return
    _, identity, raw = parts
    try:
        asked = pb.ModelInferRequest.FromString(sent)
    except Exception:  # noqa: BLE001 (what is no message is never learnt)
        return
    assert [sent[start:end] for start, end in raw] == list(asked.raw_input_contents)
    assert identity.decode() == asked.id
