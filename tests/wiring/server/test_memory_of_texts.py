"""What a megabyte of the smallest texts, or of the smallest parts of a message, makes the server hold."""

import grpc
import pytest
from onnx import TensorProto
from tests.support.models import identity
from tests.support.resident import peak, watched_health
from tests.support.serving import serving
from tests.support.wire import Wire
from tritonclient.grpc import service_pb2 as pb

pytestmark = pytest.mark.slow
INFER = "/v2/models/m/infer"
METHOD = "/inference.GRPCInferenceService/ModelInfer"
MEBIBYTE = 1 << 20
BINARY_ANSWER = b',"parameters":{"binary_data_output":true}'


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return identity(tmp_path_factory.mktemp("texts") / "m.onnx", TensorProto.STRING, (None, None))


@pytest.fixture(scope="module")
def server(file):
    with serving(file, file.parent, memory_budget_bytes=256 * MEBIBYTE) as running:
        assert running.infer({"name": "x", "shape": [1, 1], "datatype": "BYTES", "data": ["a"]})[0] == 200
        assert asked(running, message(inputs=[told(1, contents={"bytes_contents": [b"a"]})])) == "OK"
        yield running


def in_json(text):
    count = MEBIBYTE // (len(text) + 1)
    data = (text + b",") * (count - 1) + text
    return b'{"inputs":[{"name":"x","shape":[%d,1],"datatype":"BYTES","data":[%b]}]}' % (count, data), ()


def in_binary(text, more=b""):
    one = len(text).to_bytes(4, "little") + text
    raw = one * (MEBIBYTE // len(one))
    head = b'{"inputs":[{"name":"x","shape":[%d,1],"datatype":"BYTES","parameters":{"binary_data_size":%d}}]%b}'
    head %= (len(raw) // len(one), len(raw), more)
    return head + raw, (f"inference-header-content-length: {len(head)}",)


def message(**fields):
    return pb.ModelInferRequest(model_name="m", **fields).SerializeToString()


def told(rows, **more):
    return {"name": "x", "datatype": "BYTES", "shape": [rows, 1], **more}


def typed(text, count):
    return message(inputs=[told(count, contents={"bytes_contents": [text] * count})])


def raw(text):
    one = len(text).to_bytes(4, "little") + text
    count = MEBIBYTE // len(one)
    return message(inputs=[told(count)], raw_input_contents=[one * count])


def asked(server, sent):
    limits = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(f"127.0.0.1:{server.port('grpc')}", options=limits) as channel:
        try:
            channel.unary_unary(METHOD)(sent, timeout=60)
        except grpc.RpcError as error:
            return error.code().name
        return "OK"


WORST = {
    "empty": in_json(b'""'),
    "two letters": in_json(b'"ab"'),
    "two letters that take more": in_json('"žñ"'.encode()),
    "empty, in binary": in_binary(b""),
    "two letters, in binary, answered so": in_binary(b"ab", BINARY_ANSWER),
    "empty, in binary, answered so": in_binary(b"", BINARY_ANSWER),
}


@pytest.mark.parametrize(("sent", "head"), WORST.values(), ids=WORST)
def test_a_megabyte_of_texts_is_answered_in_bounded_memory(server, sent, head):
    with peak(server) as risen, Wire(server.port("http"), 60) as wire:
        assert wire.post(INFER, sent, *head).answer().status == 200
    assert risen[0] <= 64 * MEBIBYTE


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (typed(b"ab", 200_000), "OK"),
        (typed(b"", 400_000), "RESOURCE_EXHAUSTED"),
        (raw(b""), "OK"),
        (raw(b"ab"), "OK"),
    ],
    ids=["typed", "too many typed", "empty, raw", "two letters, raw"],
)
def test_a_megabyte_of_texts_over_grpc_is_answered_in_bounded_memory(server, sent, code):
    with peak(server) as risen:
        assert asked(server, sent) == code
    assert risen[0] <= 64 * MEBIBYTE


CROWDS = {
    "tensors": message(inputs=[{}] * (MEBIBYTE // 2)),
    "outputs": message(outputs=[{}] * (MEBIBYTE // 2)),
    "pieces of raw contents": message(raw_input_contents=[b""] * (MEBIBYTE // 2)),
    "parameters": message(parameters={f"{number:x}": {} for number in range(MEBIBYTE // 10)}),
}


@pytest.mark.parametrize("sent", CROWDS.values(), ids=CROWDS)
def test_a_message_of_half_a_million_parts_is_refused_before_anything_is_made_of_them(server, sent):
    with peak(server) as risen, watched_health(server) as longest:
        assert asked(server, sent) == "RESOURCE_EXHAUSTED"
    assert risen[0] <= 16 * MEBIBYTE
    assert longest[0] < 0.1


@pytest.mark.parametrize(
    "sent",
    [
        message(inputs=[{}] * 8000),
        message(inputs=[{**told(1), "shape": [1] * MEBIBYTE}]),
        message(inputs=[told(1)], outputs=[{"name": "y", "parameters": {f"{n:x}": {} for n in range(90_000)}}]),
        message(inputs=[told(1)], parameters={f"{number:x}": {} for number in range(1000)}),
    ],
    ids=["tensors", "sizes", "parameters of an output", "parameters"],
)
def test_parts_within_a_message_that_nothing_asks_for_are_refused_at_once(server, sent):
    with watched_health(server) as longest:
        assert asked(server, sent) == "INVALID_ARGUMENT"
    assert longest[0] < 0.1
    assert server.metric("serin_memory_held_bytes") == 0


def test_texts_are_counted_at_what_they_take_on_their_way_through(file, tmp_path):
    with serving(file, tmp_path, memory_budget_bytes=32 * MEBIBYTE) as small:
        body, _ = in_json(b'"ab"')
        with Wire(small.port("http"), 60) as wire:
            assert wire.post(INFER, body).answer().status == 413
        assert asked(small, raw(b"ab")) == "RESOURCE_EXHAUSTED"
        assert small.metric("serin_memory_held_bytes") == 0
