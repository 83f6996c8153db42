"""gRPC as its own clients see it: packed and large messages, time limits, health that is watched, reflection."""

import threading

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from tests.support.models import identity
from tests.support.serving import serving, wait_for
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc import service_pb2_grpc

COLUMNS = 1024
OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("grpc")
    with serving(identity(folder / "m.onnx", shape=(None, COLUMNS)), folder) as running:
        yield running


@pytest.fixture
def channel(server):
    with grpc.insecure_channel(f"127.0.0.1:{server.port('grpc')}", options=OPTIONS) as channel:
        yield channel


def question(rows: np.ndarray, *, is_typed: bool = False) -> pb.ModelInferRequest:
    asked = pb.ModelInferRequest(model_name="m", id="7")
    tensor = asked.inputs.add(name="x", datatype="FP32", shape=rows.shape)
    if is_typed:
        tensor.contents.fp32_contents.extend(rows.ravel().tolist())
    else:
        asked.raw_input_contents.append(rows.tobytes())
    return asked


def answered(answer: pb.ModelInferResponse) -> np.ndarray:
    shape = tuple(answer.outputs[0].shape)
    if answer.raw_output_contents:
        return np.frombuffer(answer.raw_output_contents[0], np.float32).reshape(shape)
    return np.array(answer.outputs[0].contents.fp32_contents, np.float32).reshape(shape)


@pytest.mark.parametrize("rows", [1, 3, 20, 300, 1500], ids=lambda rows: f"{rows * COLUMNS * 4:,} bytes")
@pytest.mark.parametrize("packed", [grpc.Compression.NoCompression, grpc.Compression.Gzip, grpc.Compression.Deflate])
def test_messages_of_every_size_come_back(channel, rows, packed):
    if packed != grpc.Compression.NoCompression and rows > 300:
        return
    rng = np.random.default_rng(rows)
    infer = service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer
    for is_typed in (False, False, True):
        data = rng.random((rows, COLUMNS), np.float32)
        answer = infer(question(data, is_typed=is_typed), compression=packed)
        assert np.array_equal(answered(answer), data)
        assert (answer.id, answer.model_name) == ("7", "m")
        assert bool(answer.raw_output_contents) is not is_typed


def test_many_calls_at_once_get_their_own_answers(channel):
    infer = service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer
    given = [np.full((1 + number % 3, COLUMNS), number, np.float32) for number in range(200)]
    calls = [infer.future(question(data)) for data in given]
    for data, call in zip(given, calls, strict=True):
        assert np.array_equal(answered(call.result()), data)


def test_a_question_that_is_known_is_still_checked(channel):
    infer = service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer
    good = question(np.zeros((1, COLUMNS), np.float32))
    assert infer(good).id == "7"
    good.raw_input_contents[0] = good.raw_input_contents[0][:-4]
    with pytest.raises(grpc.RpcError, match="4096 bytes, and 4092 came"):
        infer(good)
    del good.raw_input_contents[0]
    good.raw_input_contents.extend([b"", b""])
    with pytest.raises(grpc.RpcError, match="1 inputs and 2 raw_input_contents"):
        infer(good)


def test_a_message_larger_than_the_limit_is_refused_before_it_has_come(channel):
    infer = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
    with pytest.raises(grpc.RpcError) as refused:
        infer(bytes(70 << 20))
    assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "larger than max" in refused.value.details()


def test_an_address_that_nobody_has_is_unimplemented(channel):
    with pytest.raises(grpc.RpcError) as refused:
        channel.unary_unary("/inference.GRPCInferenceService/ModelTrain")(b"")
    assert refused.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_health_is_told_and_watched_until_the_server_leaves(tmp_path):
    watched = []
    with (
        serving(identity(tmp_path / "m.onnx"), tmp_path) as running,
        grpc.insecure_channel(f"127.0.0.1:{running.port('grpc')}") as channel,
    ):
        health = health_pb2_grpc.HealthStub(channel)
        with pytest.raises(grpc.RpcError) as unknown:
            health.Check(health_pb2.HealthCheckRequest(service="nobody"))
        assert unknown.value.code() == grpc.StatusCode.NOT_FOUND
        watching = health.Watch(health_pb2.HealthCheckRequest(service="m"))
        strange = health.Watch(health_pb2.HealthCheckRequest(service="nobody"))
        assert next(strange).status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
        strange.cancel()

        def watch() -> None:
            try:
                watched.extend(each.status for each in watching)
            except grpc.RpcError as error:
                watched.append(error.code())

        thread = threading.Thread(target=watch)
        thread.start()
        wait_for(lambda: watched)
        running.stop()
        thread.join(10)
    serving_now, leaving = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
    assert watched == [serving_now, leaving, grpc.StatusCode.UNAVAILABLE]


def test_reflection_describes_every_service_with_all_that_its_messages_need(channel):
    from google.protobuf.descriptor_pool import DescriptorPool

    described = ProtoReflectionDescriptorDatabase(channel)
    services = described.get_services()
    assert set(services) == {
        "inference.GRPCInferenceService", "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection",
    }  # fmt: skip
    pool = DescriptorPool(described)
    for name in services:
        methods = pool.FindServiceByName(name).methods
        assert all(method.input_type.fields_by_name is not None for method in methods)
    assert pool.FindMessageTypeByName("grpc.health.v1.HealthCheckResponse").fields_by_name["status"].enum_type
    with pytest.raises(KeyError):
        pool.FindServiceByName("nobody.Service")


def test_what_is_described_is_what_grpcs_own_packages_say():
    from google.protobuf.descriptor_pb2 import FileDescriptorProto
    from grpc_reflection.v1alpha import reflection_pb2

    from serin_server.rpc.descriptors import described

    files, _ = described()
    for name, module in (("grpc/health/v1/health.proto", health_pb2),
                         ("grpc/reflection/v1alpha/reflection.proto", reflection_pb2)):  # fmt: skip
        ours, theirs = FileDescriptorProto.FromString(files[name]), FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(theirs)
        assert list(ours.message_type) == list(theirs.message_type)
        assert list(ours.service) == list(theirs.service)
