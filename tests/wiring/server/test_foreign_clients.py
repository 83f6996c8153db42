"""Clients in Go and in JavaScript, with the messages that Triton's own client defines: every step as they see it."""

from pathlib import Path

import pytest
from onnx import TensorProto
from tests.support.foreign_clients import CLIENTS, told_by
from tests.support.models import several_identities
from tests.support.serving import serving

pytestmark = pytest.mark.slow

ROWS = 3000
ELEMENTS = {"x": TensorProto.FLOAT, "s": TensorProto.STRING, "n": TensorProto.INT64}
NUMBERS = [1, 2**63 - 1, -(2**63)]
TEXTS = ["a", "é", ""]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("foreign")
    with serving(several_identities(folder / "m.onnx", ELEMENTS), folder, model_revision="r7") as running:
        yield running


@pytest.fixture(scope="module")
def descriptors(tmp_path_factory):
    """The protocol as Triton's client has it, for everybody who makes messages of it."""
    from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
    from tritonclient.grpc import model_config_pb2, service_pb2

    files = FileDescriptorSet()
    for module in (model_config_pb2, service_pb2):
        described = FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(described)
        files.file.append(described)
    path = tmp_path_factory.mktemp("protocol") / "descriptors.bin"
    path.write_bytes(files.SerializeToString())
    return path


@pytest.fixture(scope="module", params=CLIENTS)
def told(request, server, descriptors: Path):
    here = {kind: f"127.0.0.1:{server.port(kind)}" for kind in ("http", "grpc")}
    return told_by(CLIENTS[request.param](), {**here, "descriptors": str(descriptors), "rows": ROWS})


def test_they_find_the_model_ready_and_read_what_it_takes(told):
    assert told["http ready"]["status"] == 200
    assert told["grpc ready"] == {"ready": True}
    inputs = {each["name"]: (each["datatype"], each["shape"]) for each in told["http metadata"]["answer"]["inputs"]}
    assert inputs == {"x": ("FP32", [-1, 3]), "s": ("BYTES", [-1, 3]), "n": ("INT64", [-1, 3])}
    over_grpc = {
        each["name"]: (each["datatype"], [int(size) for size in each["shape"]])
        for each in told["grpc metadata"]["inputs"]
    }
    assert over_grpc == inputs


@pytest.mark.parametrize("step", ["http json", "http gzip"])
def test_json_is_answered_packed_or_not(told, step):
    assert told[step]["status"] == 200
    answer = told[step]["answer"]
    assert answer["model_version"] == "r7"
    data = {each["name"]: each["data"] for each in answer["outputs"]}
    assert data["out-x"] == [1, -2.5, 3]
    assert data["out-s"] == TEXTS
    assert [float(each) for each in data["out-n"]] == [
        float(each) for each in NUMBERS
    ]  # doubles, once they have read it


def test_thousands_of_rows_in_binary_come_back_byte_for_byte(told):
    assert told["http binary"] == {"status": 200, "same": True}
    assert told["grpc raw"] == {"same": True}


def test_typed_contents_are_answered_exactly(told):
    data = {"out-x": [1, -2.5, 3], "out-s": TEXTS, "out-n": [str(each) for each in NUMBERS]}
    assert told["grpc contents"] == {"version": "r7", "data": data}


def test_what_is_wrong_is_told_with_its_code_and_by_name(told):
    assert told["http unknown model"]["status"] == 404
    assert "nobody" in told["http unknown model"]["answer"]["error"]
    assert told["grpc unknown model"]["code"].replace("_", "").upper() == "NOTFOUND"
    assert told["http wrong shape"]["status"] == 400
    assert "'x'" in told["http wrong shape"]["answer"]["error"]
    assert told["grpc wrong inputs"]["code"].replace("_", "").upper() == "INVALIDARGUMENT"
