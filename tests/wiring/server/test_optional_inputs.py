"""Initialisers that are inputs too: they may be sent or left out, and who sends one shares with nobody."""

import json
import re
import threading
import urllib.request
from importlib import import_module

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from tests.support.serving import serving, tensor

from serin_server.commands.golden import judged
from serin_server.config.settings import Settings
from serin_server.dataplane.large import LARGE_BYTES
from serin_server.dataplane.samples import samples_in
from serin_server.model.warmup import WarmUp
from serin_server.process.model import load_as_set

ROW = tensor("x", "FP32", [1, 3], [1, 2, 3])
FACTOR = tensor("factor", "FP32", [1], [10])
SHIFT = tensor("shift", "FP32", [1], [0.5])


def scaling(file):
    """`y = factor * x + shift`, with a factor of 2 and a shift of 0 unless others are sent."""
    floats = {"x": [None, 3], "factor": [1], "shift": [1]}
    graph = helper.make_graph(
        [helper.make_node("Mul", ["x", "factor"], ["m"]), helper.make_node("Add", ["m", "shift"], ["y"])],
        "test",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in floats.items()],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 3])],
        [
            helper.make_tensor("factor", TensorProto.FLOAT, [1], [2]),
            helper.make_tensor("shift", TensorProto.FLOAT, [1], [0]),
        ],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), file)
    return file


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("optional")
    with serving(scaling(folder / "m.onnx"), folder) as running:
        yield running


def outputs(answer):
    status, told = answer
    assert status == 200, told
    return told["outputs"][0]["data"]


def test_they_are_offered_as_optional(server):
    _, told = server.get("/v2/models/m")
    optional = [each["name"] for each in told["inputs"] if each.get("parameters", {}).get("optional")]
    assert (told["inputs"][0], optional) == ({"name": "x", "datatype": "FP32", "shape": [-1, 3]}, ["factor", "shift"])


def test_left_out_they_have_the_graphs_value_and_sent_their_own(server):
    assert outputs(server.infer(ROW)) == [2, 4, 6]
    assert outputs(server.infer(ROW, FACTOR)) == [10, 20, 30]
    assert outputs(server.infer(SHIFT, ROW)) == [2.5, 4.5, 6.5]
    assert outputs(server.infer(SHIFT, FACTOR, ROW)) == [10.5, 20.5, 30.5]
    assert outputs(server.infer(ROW)) == [2, 4, 6]


@pytest.mark.parametrize("given", [[ROW], [ROW, FACTOR], [FACTOR, ROW, SHIFT], [SHIFT, ROW]])
def test_large_bodies_may_have_them_too(server, given):
    body = json.dumps({"inputs": given}).encode() + b" " * LARGE_BYTES
    assert outputs(server.post("/v2/models/m/infer", body)) == outputs(server.infer(*given))


@pytest.mark.parametrize("padding", [0, LARGE_BYTES])
def test_they_may_come_in_binary_too(server, padding):
    def raw(tensor):
        bare = {name: value for name, value in tensor.items() if name != "data"}
        return {**bare, "parameters": {"binary_data_size": 4 * len(tensor["data"])}}

    head = json.dumps({"inputs": [raw(FACTOR), raw(ROW), SHIFT]}).encode() + b" " * padding
    body = head + np.array([10, 1, 2, 3], np.float32).tobytes()
    headers = {"Inference-Header-Content-Length": str(len(head))}
    request = urllib.request.Request(server.url("/v2/models/m/infer"), data=body, headers=headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert json.load(answer)["outputs"][0]["data"] == [10.5, 20.5, 30.5]


def test_requests_without_them_share_runs(server):
    assert server.get("/v2/models/m")[1]["properties"]["batching"] == "proven"


@pytest.mark.parametrize("name", ["golden", "warmup"])
def test_samples_may_hold_them(tmp_path, name):
    model = load_as_set(Settings(model_uri=str(scaling(tmp_path / "model.onnx")), model_name="m"))
    sample = {"inputs": [ROW, FACTOR], "outputs": [tensor("y", "FP32", [1, 3], [10, 20, 30])]}
    (tmp_path / f"{name}.jsonl").write_text(json.dumps(sample))
    assert judged(model, samples_in(tmp_path / f"{name}.jsonl")).failures == ()
    again = load_as_set(Settings(model_uri=str(tmp_path), model_name="m", preferred_batch_rows="1,4"))
    assert (again.warmed.kind, again.batching.mode) == (WarmUp.SAMPLES, "proven")
    assert [list(feed) for feed in again.warmed.feeds] == [["x"]]


@pytest.mark.parametrize("padding", [0, LARGE_BYTES])
@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([FACTOR], "input 'x' is missing"),
        ([ROW, FACTOR, FACTOR], "input 'factor' is given twice"),
        ([ROW, {**FACTOR, "shape": [2], "data": [1, 2]}], "input 'factor' has the shape"),
        ([ROW, {**FACTOR, "datatype": "INT64"}], "input 'factor' is FP32"),
        ([ROW, {**FACTOR, "name": "other"}], "there is no input 'other'"),
        (
            [ROW, FACTOR, SHIFT, FACTOR],
            "given twice|the model takes 1 inputs, each once: x; factor, shift may be left out",
        ),
    ],
)
def test_what_does_not_fit_is_refused_by_name(server, given, words, padding):
    status, told = server.post("/v2/models/m/infer", json.dumps({"inputs": given}).encode() + b" " * padding)
    assert (status, bool(re.search(words, told["error"]))) == (400, True), told


@pytest.mark.parametrize("transport", ["http", "grpc"])
def test_tritonclient_may_send_them(server, transport):
    module = import_module(f"tritonclient.{transport}")
    with module.InferenceServerClient(f"127.0.0.1:{server.port(transport)}") as client:
        given = {"factor": np.array([3], np.float32), "x": np.array([[1, 2, 3]], np.float32)}
        inputs = [module.InferInput(n, a.shape, "FP32").set_data_from_numpy(a) for n, a in given.items()]
        assert client.infer("m", inputs).as_numpy("y").tolist() == [[3, 6, 9]]
        assert client.infer("m", inputs[1:]).as_numpy("y").tolist() == [[2, 4, 6]]


def test_requests_that_come_together_each_get_the_answer_to_their_own(server):
    wrong = []

    def ask(number):
        factor = {**FACTOR, "data": [number]}
        for _ in range(20):
            given = outputs(server.infer(ROW, *([factor] if number % 2 else [])))
            if given[0] != (number if number % 2 else 2):
                wrong.append((number, given))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
