"""The Open Inference Protocol's own description of its HTTP interface: each address in it is there, and answers what it says.

Written down by hand from open_inference_rest.yaml of github.com/kserve/open-inference-protocol: its paths, and what its schemas require.
"""

import jsonschema_rs
import pytest
from onnx import TensorProto
from tests.support.models import several_identities
from tests.support.serving import serving, tensor

pytestmark = pytest.mark.slow
ELEMENTS = {"FP32": TensorProto.FLOAT, "INT64": TensorProto.INT64, "BYTES": TensorProto.STRING}


def required(**fields):
    return {"type": "object", "properties": fields, "required": list(fields)}


def listed(item):
    return {"type": "array", "items": item}


TEXT, NUMBER, FLAG = ({"type": each} for each in ("string", "number", "boolean"))
DESCRIBED = {"name": TEXT, "datatype": TEXT, "shape": listed({"type": "integer"})}
DATA = {"$defs": {"data": listed({"anyOf": [{"$ref": "#/$defs/data"}, NUMBER, TEXT, FLAG]})}}
OUTPUT = required(**DESCRIBED, data={"$ref": "#/$defs/data"})
SERVER = required(name=TEXT, version=TEXT, extensions=listed(TEXT))
MODEL = required(name=TEXT, platform=TEXT)
MODEL["properties"] |= {
    "versions": listed(TEXT),
    "inputs": listed(required(**DESCRIBED)),
    "outputs": listed(required(**DESCRIBED)),
}
ANSWER = {**DATA, **required(model_name=TEXT, outputs=listed(OUTPUT))}
ANSWER["properties"] |= {"model_version": TEXT, "id": TEXT, "parameters": {"type": "object"}}
ERROR = required(error=TEXT)
ONE = "/v2/models/m/versions/blue"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("protocol")
    with serving(several_identities(folder / "m.onnx", ELEMENTS), folder, model_revision="blue") as running:
        yield running


def question(shape):
    data = {"FP32": [1.5, -2, 3], "INT64": [1, 2, 3], "BYTES": ["a", "", "é"]}
    inputs = [tensor(name, name, shape, data[name]) for name in ELEMENTS]
    return {"id": "42", "inputs": inputs, "outputs": [{"name": "out-INT64"}, {"name": "out-BYTES"}]}


@pytest.mark.parametrize("path", ["/v2/health/live", "/v2/health/ready", f"{ONE}/ready"])
def test_health_is_told_by_the_status(server, path):
    assert server.get(path)[0] == 200


@pytest.mark.parametrize(("path", "schema"), [("/v2/", SERVER), ("/v2", SERVER), (ONE, MODEL)])
def test_metadata_are_as_the_protocol_describes_them(server, path, schema):
    status, answer = server.get(path)
    assert status == 200
    jsonschema_rs.validate(schema, answer)


def test_an_inference_is_answered_as_the_protocol_describes_it(server):
    status, answer = server.post(f"{ONE}/infer", question([1, 3]))
    assert status == 200
    jsonschema_rs.validate(ANSWER, answer)
    assert (answer["id"], [each["name"] for each in answer["outputs"]]) == ("42", ["out-INT64", "out-BYTES"])


@pytest.mark.parametrize("asked", [question([3]), {"inputs": []}, b"{"], ids=["wrong shape", "no inputs", "no JSON"])
def test_what_is_wrong_is_answered_with_400_and_an_error(server, asked):
    status, answer = server.post(f"{ONE}/infer", asked)
    assert status == 400
    jsonschema_rs.validate(ERROR, answer)
    assert answer["error"]
