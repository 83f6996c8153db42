"""Whatever a client sends and however it is refused: its values go back to it at most, and never into the log."""

import json

import pytest
from onnx import TensorProto
from tests.support.models import picky, several_identities
from tests.support.serving import serving, tensor, wait_for

from serin_server.dataplane.large import LARGE_BYTES

pytestmark = pytest.mark.slow

SECRET = "SSN-078-05-1120"
NUMBER = 780_511_205
NAME = tensor("name", "BYTES", [1, 3], ["a", "b", "c"])
AGE = tensor("age", "FP32", [1, 3], [1, 2, 3])

HTTP = {
    "a string for a number": [NAME, {**AGE, "data": [1, SECRET, 3]}],
    "a number for a string": [{**NAME, "data": ["a", NUMBER, "c"]}, AGE],
    "an object for a string": [{**NAME, "data": [{SECRET: 1}, "b", "c"]}, AGE],
    "a nested string": [{**NAME, "data": [[SECRET], "b"]}, AGE],
    "a name": [{**NAME, "name": SECRET}, AGE],
    "a name given twice": [{**NAME, "name": SECRET}, {**NAME, "name": SECRET}],
    "a datatype": [{**NAME, "datatype": SECRET}, AGE],
    "a shape": [{**NAME, "shape": [1, NUMBER]}, AGE],
    "a shape of text": [{**NAME, "shape": [SECRET]}, AGE],
}
BODIES = {
    "a parameter": {"inputs": [NAME, AGE], "parameters": {"binary_data_output": SECRET}},
    "an output": {"inputs": [NAME, AGE], "outputs": [{"name": SECRET}]},
    "an id of another type": {"inputs": [NAME, AGE], "id": {SECRET: SECRET}},
    "no JSON": f'{{"inputs": [{{"{SECRET}": '.encode(),
    "no object": f'"{SECRET}"'.encode(),
    "a field of another type": {"inputs": SECRET},
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("named")
    model = several_identities(folder / "m.onnx", {"name": TensorProto.STRING, "age": TensorProto.FLOAT})
    with serving(model, folder, access_log_sample=1, log_level="debug", payload_log_hide="name") as running:
        yield running


@pytest.mark.parametrize("padding", [0, LARGE_BYTES], ids=["small", "large"])
@pytest.mark.parametrize("content", [*({"inputs": tensors} for tensors in HTTP.values()), *BODIES.values()],
                         ids=[*HTTP, *BODIES])  # fmt: skip
def test_what_is_refused_over_http_is_told_without_its_values(server, content, padding):
    before = len(server.events())
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    status, _ = server.post("/v2/models/m/infer", b" " * padding + body)
    assert status == 400
    told = wait_for(lambda: server.events()[before:])
    assert [(event["event"], event["status"]) for event in told] == [("request", 400)]
    assert told[0]["error"].split(":")[0] in ("invalid_tensor", "malformed")
    assert SECRET not in str(told)
    assert str(NUMBER) not in str(told)


def test_the_log_names_the_tensor_and_the_element(server):
    server.infer(NAME, {**AGE, "data": [1, SECRET, 3]})
    sentence = "invalid_tensor: element 1 of input 'age', which is FP32"
    assert wait_for(lambda: server.events()[-1].get("error") == sentence)


def test_what_is_refused_over_grpc_is_told_without_its_values(server):
    import grpc
    from tritonclient.grpc import service_pb2 as pb

    with grpc.insecure_channel(f"127.0.0.1:{server.port('grpc')}") as channel:
        infer = channel.unary_unary(
            "/inference.GRPCInferenceService/ModelInfer", pb.ModelInferRequest.SerializeToString
        )
        for changes in ({"name": SECRET}, {"datatype": SECRET}, {"shape": [1, NUMBER]}):
            name = {"name": "name", "datatype": "BYTES", "shape": [1, 3], **changes}
            request = pb.ModelInferRequest(model_name="m")
            request.inputs.add(**name).contents.bytes_contents.extend([SECRET.encode()] * 3)
            request.inputs.add(name="age", datatype="FP32", shape=[1, 3]).contents.fp32_contents.extend([1, 2, 3])
            with pytest.raises(grpc.RpcError):
                infer(request)
            assert wait_for(lambda: server.events()[-1].get("transport") == "grpc")
    assert SECRET not in server.log.read_text()
    assert str(NUMBER) not in server.log.read_text()


def test_feedback_and_addresses_that_are_refused_leave_nothing_in_the_log(server):
    server.post("/v2/models/m/feedback", {"model_version": SECRET, "predicted_at": SECRET, "label": SECRET})
    server.post("/v2/models/m/feedback", {"token": SECRET, "label": 1})
    server.post(f"/v2/models/{SECRET}/infer", {})
    server.get(f"/v2/{SECRET}")
    assert SECRET not in server.log.read_text()


def test_what_a_model_says_when_it_raises_is_told_as_far_as_it_is_the_models(tmp_path):
    with serving(picky(tmp_path / "m.onnx"), tmp_path, access_log_sample=1) as running:
        status, answer = running.infer(tensor("x", "INT64", [1], [NUMBER]))
        assert (status, str(NUMBER) in answer["error"]) == (400, True)
        error = wait_for(lambda: running.events()[-1].get("error"))
        assert str(NUMBER) not in running.log.read_text()
    assert error == "invalid_tensor: the model raised InvalidArgument in the Gather node ''"
