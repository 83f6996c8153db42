"""Existing clients work unchanged: tritonclient over HTTP and gRPC, with every datatype; numbers agree with ONNX Runtime."""

from importlib import import_module

import numpy as np
import pytest
from onnx import TensorProto
from tests.support.models import laborious, several_identities
from tests.support.serving import serving, wait_for

pytestmark = pytest.mark.slow

ELEMENTS = {
    "BOOL": (TensorProto.BOOL, np.array([[True, False, True]])),
    "UINT8": (TensorProto.UINT8, np.array([[0, 1, 255]], np.uint8)),
    "INT64": (TensorProto.INT64, np.array([[-(2**63), 0, 2**63 - 1]], np.int64)),
    "FP16": (TensorProto.FLOAT16, np.array([[0.5, -2, 65504]], np.float16)),
    "FP32": (TensorProto.FLOAT, np.array([[0.5, -2, 3e38]], np.float32)),
    "FP64": (TensorProto.DOUBLE, np.array([[0.1, -2, 1e300]], np.float64)),
    "BYTES": (TensorProto.STRING, np.array([["", "grün", 'b\n"c']], dtype=object)),
}


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clients")
    model = several_identities(folder / "m.onnx", {name: element for name, (element, _) in ELEMENTS.items()})
    with serving(model, folder, revision="abcdefghij", version="v1") as server:
        yield server


def text(array):
    return [value.decode() if isinstance(value, bytes) else value for value in array.ravel().tolist()]


@pytest.mark.parametrize("is_binary", [True, False])
@pytest.mark.parametrize("compression", [None, "gzip", "deflate"])
def test_tritonclient_over_http(running, is_binary, compression):
    from tritonclient import http

    client = http.InferenceServerClient(f"127.0.0.1:{running.port('http')}")
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("m")
    assert client.is_model_ready("m", "abcdefghij")
    assert client.get_server_metadata()["name"] == "serin-server"
    described = [{"name": name, "datatype": name, "shape": [-1, 3]} for name in ELEMENTS]
    assert client.get_model_metadata("m")["inputs"] == described
    # The client itself refuses FP16 in JSON, so that one is always binary.
    given = [
        http.InferInput(name, array.shape, name).set_data_from_numpy(array, binary_data=is_binary or name == "FP16")
        for name, (_, array) in ELEMENTS.items()
    ]
    some = [http.InferRequestedOutput("out-INT64", binary_data=is_binary)]
    for outputs in (None, some):
        result = client.infer("m", given, outputs=outputs, request_id="7", request_compression_algorithm=compression)
        for name in ELEMENTS if outputs is None else ["INT64"]:
            assert text(result.as_numpy(f"out-{name}")) == text(ELEMENTS[name][1])
        answer = result.get_response()
        assert (answer["model_version"], answer["id"]) == ("abcdefghij", "7")
        assert len(answer["outputs"]) == (len(ELEMENTS) if outputs is None else 1)
    client.close()


def test_tritonclient_over_grpc(running):
    from tritonclient import grpc

    client = grpc.InferenceServerClient(f"127.0.0.1:{running.port('grpc')}")
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("m")
    assert client.get_server_metadata().name == "serin-server"
    metadata = client.get_model_metadata("m", "v1")
    assert [(tensor.datatype, list(tensor.shape)) for tensor in metadata.inputs] == [(n, [-1, 3]) for n in ELEMENTS]
    given = [grpc.InferInput(n, a.shape, n).set_data_from_numpy(a) for n, (_, a) in ELEMENTS.items()]
    for names in (list(ELEMENTS), ["BYTES", "FP16"]):
        outputs = None if names == list(ELEMENTS) else [grpc.InferRequestedOutput(f"out-{name}") for name in names]
        result = client.infer("m", given, outputs=outputs, request_id="7")
        assert [text(result.as_numpy(f"out-{name}")) for name in names] == [text(ELEMENTS[name][1]) for name in names]
        assert result.get_response().id == "7"
        assert result.get_response().parameters["serin_version"].string_param == "v1"
    with pytest.raises(grpc.InferenceServerException, match="no model 'other'") as error:
        client.infer("other", given)
    assert "NOT_FOUND" in error.value.status()
    before = running.metric("serin_requests_total", code="400", error="true")
    wrong = grpc.InferInput("FP32", [1, 3], "INT8").set_data_from_numpy(np.zeros((1, 3), np.int8))
    with pytest.raises(grpc.InferenceServerException, match="input 'FP32' is FP32, and datatype 'INT8'") as error:
        client.infer("m", [tensor if tensor.name() != "FP32" else wrong for tensor in given])
    assert "INVALID_ARGUMENT" in error.value.status()
    assert running.metric("serin_requests_total", code="400", error="true") == before + 1
    client.close()


@pytest.mark.parametrize("transport", ["http", "grpc"])
@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"sequence_id": 5, "sequence_start": True}, "sequence_id: this server keeps no state"),
        ({"sequence_id": "five", "sequence_end": True}, "sequence_id: this server keeps no state"),
        ({"class_count": 3}, "output 'out-FP32': classification is not served"),
        ({"shared_memory": True}, "output 'out-FP32': shared memory is not served"),
        ({"sequence_id": 0, "priority": 0, "timeout": None}, ""),
        ({"priority": 3, "timeout": 1}, ""),
    ],
)
def test_what_tritonclient_asks_for_beyond_predictions_is_refused_where_the_answer_would_mean_something_else(
    running, transport, asked, words
):
    module = import_module(f"tritonclient.{transport}")
    how = dict(asked)
    output = module.InferRequestedOutput("out-FP32", class_count=how.pop("class_count", 0))
    if how.pop("shared_memory", False):
        output.set_shared_memory("region", 12)
    given = [module.InferInput(name, a.shape, name).set_data_from_numpy(a) for name, (_, a) in ELEMENTS.items()]
    with module.InferenceServerClient(f"127.0.0.1:{running.port(transport)}") as client:
        if not words:
            assert client.infer("m", given, outputs=[output], **how).as_numpy("out-FP32").shape == (1, 3)
            return
        with pytest.raises(module.InferenceServerException, match=words):
            client.infer("m", given, outputs=[output], **how)


def test_typed_grpc_contents_of_every_type_that_has_a_field(running):
    import grpc
    from tritonclient.grpc import service_pb2 as pb
    from tritonclient.grpc import service_pb2_grpc

    fields = {"BOOL": "bool", "UINT8": "uint", "INT64": "int64", "FP32": "fp32", "FP64": "fp64", "BYTES": "bytes"}
    request = pb.ModelInferRequest(model_name="m")
    for name, (_, array) in ELEMENTS.items():
        tensor = request.inputs.add(name=name, datatype=name, shape=array.shape)
        values = [value.encode() if isinstance(value, str) else value for value in array.ravel().tolist()]
        if name in fields:
            getattr(tensor.contents, f"{fields[name]}_contents").extend(values)
            request.outputs.add(name=f"out-{name}")
    with grpc.insecure_channel(f"127.0.0.1:{running.port('grpc')}") as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        with pytest.raises(grpc.RpcError, match="'FP16' is FP16, which has no typed field"):
            stub.ModelInfer(request)


def test_typed_contents_come_back_typed(tmp_path):
    import grpc
    from tritonclient.grpc import service_pb2 as pb
    from tritonclient.grpc import service_pb2_grpc

    fields = {"BOOL": "bool", "UINT8": "uint", "INT64": "int64", "FP32": "fp32", "FP64": "fp64", "BYTES": "bytes"}
    model = several_identities(tmp_path / "m.onnx", {name: ELEMENTS[name][0] for name in fields})
    request = pb.ModelInferRequest(model_name="m")
    for name, field in fields.items():
        array = ELEMENTS[name][1]
        values = [value.encode() if isinstance(value, str) else value for value in array.ravel().tolist()]
        tensor = request.inputs.add(name=name, datatype=name, shape=array.shape)
        getattr(tensor.contents, f"{field}_contents").extend(values)
    with serving(model, tmp_path) as server, grpc.insecure_channel(f"127.0.0.1:{server.port('grpc')}") as channel:
        answer = service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer(request)
    assert not answer.raw_output_contents
    assert [tensor.contents for tensor in answer.outputs] == [tensor.contents for tensor in request.inputs]


def test_health_and_reflection_of_grpc(running):
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc
    from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

    with grpc.insecure_channel(f"127.0.0.1:{running.port('grpc')}") as channel:
        health = health_pb2_grpc.HealthStub(channel)
        for name in ("", "inference.GRPCInferenceService", "m"):
            status = health.Check(health_pb2.HealthCheckRequest(service=name)).status
            assert status == health_pb2.HealthCheckResponse.SERVING
        described = ProtoReflectionDescriptorDatabase(channel)
        assert "inference.GRPCInferenceService" in described.get_services()
        file = described.FindFileContainingSymbol("inference.GRPCInferenceService")
    assert "ModelInfer" in [method.name for method in file.service[0].method]


def test_the_messages_are_the_protocols_own_field_by_field():
    """Our own .proto against that of a client: whatever both know has the same number and type."""
    import re
    from pathlib import Path

    from google.protobuf import descriptor_pb2
    from tritonclient.grpc import model_config_pb2, service_pb2

    theirs_by_name = {
        name: message
        for module in (service_pb2, model_config_pb2)
        for name, message in module.DESCRIPTOR.message_types_by_name.items()
    }
    source = Path("serving-image/src/serin_server/rpc/open_inference_pb2.py").read_text()
    serialized = re.search(r"AddSerializedFile\((b'.*')\)", source)[1]
    file = descriptor_pb2.FileDescriptorProto.FromString(eval(serialized))
    compared = 0
    for message in file.message_type:
        theirs = theirs_by_name[message.name]
        for field in message.field:
            if field.name in theirs.fields_by_name:
                assert theirs.fields_by_name[field.name].number == field.number, (message.name, field.name)
                assert theirs.fields_by_name[field.name].type == field.type, (message.name, field.name)
                compared += 1
    assert compared > 30


def test_clients_that_hang_up_in_the_middle_leave_nothing_under_way(tmp_path):
    from tritonclient import grpc
    from tritonclient.utils import InferenceServerException

    with serving(laborious(tmp_path / "m.onnx"), tmp_path) as running:
        client = grpc.InferenceServerClient(f"127.0.0.1:{running.port('grpc')}")
        data = np.ones((200, 1000), np.float32)
        given = [grpc.InferInput("x", data.shape, "FP32").set_data_from_numpy(data)]
        for _ in range(3):
            with pytest.raises(InferenceServerException):
                client.infer("m", given, client_timeout=0.05)
        client.infer("m", given)
        assert wait_for(lambda: running.metric("serin_requests_in_flight") == 0)
        assert running.metric("serin_requests_total") >= 2  # who hung up before its call was read was never under way


def test_what_a_refused_message_held_is_free_when_it_is_answered(tmp_path):
    from tritonclient import grpc
    from tritonclient.utils import InferenceServerException

    with serving(laborious(tmp_path / "m.onnx"), tmp_path) as running:
        client = grpc.InferenceServerClient(f"127.0.0.1:{running.port('grpc')}")
        data = np.ones((1_000_000, 4), np.float32)  # 16 MB, of a shape that the model does not take
        given = [grpc.InferInput("x", data.shape, "FP32").set_data_from_numpy(data)]
        before = running.resident_bytes()
        for _ in range(30):
            with pytest.raises(InferenceServerException, match="shape"):
                client.infer("m", given)
        assert running.resident_bytes() - before < 15 * data.nbytes
