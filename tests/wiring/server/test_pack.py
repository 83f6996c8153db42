"""Several models in one process: each with its own digest, limits and metrics, and none that takes the others down."""

import importlib
import json
import shutil
import subprocess
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from tests.support.models import doubling, laborious, saved
from tests.support.serving import serving, tensor, wait_for

X = tensor("x", "FP32", [1, 3], [1, 2, 3])


@contextmanager
def pack(folder, *models, ready=True, **settings):
    """A server of several models, ready unless said otherwise."""
    first, *others = models
    more = [text for each in others for text in ("--model", each)]
    with serving(first, folder, ready=False, name="both", more=more, **settings) as server:
        if ready:
            wait_for(lambda: server.process.poll() is not None or server.get("/v2/health/ready")[0] == 200)
            assert server.process.poll() is None, server.log.read_text()
        yield server


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return doubling(folder / "a.onnx"), doubling(folder / "b.onnx", 3)


@pytest.fixture(scope="module")
def server(tmp_path_factory, files):
    a, b = files
    folder = tmp_path_factory.mktemp("pack")
    with pack(
        folder, f"a={a};revision=r1", f"b={b};max_batch_rows=1", model_control="on", access_log_sample=1
    ) as running:
        yield running


def infer(server, name):
    return server.post(f"/v2/models/{name}/infer", {"inputs": [X]})


def first(answer):
    return answer["outputs"][0]["data"]


def test_each_model_answers_at_its_own_address(server):
    (status, a), (_, b) = infer(server, "a"), infer(server, "b")
    assert (status, a["model_name"], a["model_version"], b["model_name"]) == (200, "a", "r1", "b")
    assert first(a) == [2, 4, 6]
    assert first(b) == [3, 6, 9]
    assert infer(server, "a/versions/r1")[0] == 200
    assert infer(server, "a/versions/r2")[0] == 404


def test_a_stranger_is_told_who_is_here(server):
    status, told = infer(server, "c")
    assert status == 404
    assert "this server has a, b" in told["error"]
    assert server.get("/v2/models/c")[0] == 404


def test_each_has_its_digest_and_its_settings(server):
    a, b = (server.get(f"/v2/models/{name}")[1]["properties"] for name in "ab")
    assert a["sha256"] != b["sha256"]
    assert (a["revision"], a["batching"], b["batching"]) == ("r1", "proven", "off")


def test_metrics_are_told_by_model_and_those_of_the_process_once(server):
    infer(server, "a")
    infer(server, "c")
    text = urllib.request.urlopen(server.url("/metrics", "metrics"), timeout=10).read().decode()
    assert server.metric("serin_requests_total", model_name="a", code="200") >= 1
    assert server.metric("serin_model_info", model_name="b") == 1
    told = [line for line in text.splitlines() if not line.startswith("#")]
    for name in ("serin_process_resident_memory_bytes", "serin_memory_budget_bytes", "serin_process_open_connections"):
        assert [line for line in told if line.startswith(name)] == [
            line for line in told if line.startswith(name) and 'model_name="both"' in line
        ]
        assert sum(line.startswith(name) for line in told) == 1
    heads = [line for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(heads) == len(set(heads))
    assert len(told) == len({line.rsplit(" ", 1)[0] for line in told})


def test_statistics_are_those_of_all_models(server):
    infer(server, "a")
    infer(server, "b")
    told = {each["name"]: each for each in server.get("/v2/models/stats")[1]["model_stats"]}
    assert set(told) == {"a", "b"}
    assert told["a"]["inference_count"] == server.metric("serin_requests_total", model_name="a", code="200")


def test_errors_and_clients_are_counted_of_the_model_that_was_asked(server):
    before = server.metric("serin_requests_total", model_name="b", error="true")
    of_a = server.metric("serin_requests_total", model_name="a", error="true")
    assert server.post("/v2/models/b/infer", {"inputs": []})[0] == 400
    assert server.metric("serin_requests_total", model_name="b", error="true") == before + 1
    assert server.metric("serin_requests_total", model_name="a", error="true") == of_a
    for name in "ab":
        counted = server.metric("serin_client_sums_total", model_name=name, sum="all")
        assert counted == server.metric("serin_requests_total", model_name=name)


def test_logs_name_the_model(server):
    before = len(server.events())
    infer(server, "b")
    line = wait_for(lambda: [e for e in server.events()[before:] if e["event"] == "request"])[-1]
    assert line["model"] == "b"


@pytest.fixture(params=["http", "grpc"])
def client(request, server):
    if request.param == "http":
        from tritonclient import http as module
    else:
        from tritonclient import grpc as module
    client = module.InferenceServerClient(f"127.0.0.1:{server.port(request.param)}")
    client.module = module
    yield client
    client.close()


def states(client):
    told = client.get_model_repository_index()
    if not isinstance(told, list):
        told = [{"name": each.name, "state": each.state, "version": each.version} for each in told.models]
    return {each["name"]: each["state"] for each in told}


def asked(client, name):
    given = [client.module.InferInput("x", [1, 3], "FP32")]
    given[0].set_data_from_numpy(np.array([[1, 2, 3]], np.float32))
    return client.infer(name, given).as_numpy("y").ravel().tolist()


def test_tritonclient_loads_and_unloads(client):
    assert states(client) == {"a": "READY", "b": "READY"}
    client.unload_model("b")
    assert states(client) == {"a": "READY", "b": "UNAVAILABLE"}
    assert not client.is_model_ready("b")
    assert client.is_model_ready("a")
    assert client.is_server_ready()
    with pytest.raises(client.module.InferenceServerException, match="not ready"):
        asked(client, "b")
    assert asked(client, "a") == [2, 4, 6]
    client.load_model("b")
    assert asked(client, "b") == [3, 6, 9]
    assert states(client) == {"a": "READY", "b": "READY"}
    with pytest.raises(client.module.InferenceServerException, match="no model 'c'"):
        client.load_model("c")
    with pytest.raises(client.module.InferenceServerException, match="SERIN_MODELS"):
        client.load_model("b", config="{}")


def test_tritonclient_sees_each_model(client):
    assert client.is_server_live()
    assert "model_repository" in str(client.get_server_metadata())
    for name in "ab":
        assert name in str(client.get_model_metadata(name))
        assert name in str(client.get_model_config(name))
    assert "b" in str(client.get_inference_statistics("b"))
    with pytest.raises(client.module.InferenceServerException, match="no model 'c'"):
        client.get_model_metadata("c")
    assert not is_ready(client, "c")


def is_ready(client, name):
    try:
        return client.is_model_ready(name)
    except client.module.InferenceServerException:
        return False


def test_the_health_service_of_grpc_tells_of_each_model(server):
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    server.post("/v2/repository/models/b/unload", {})
    with grpc.insecure_channel(f"127.0.0.1:{server.port('grpc')}") as channel:
        health = health_pb2_grpc.HealthStub(channel)
        told = {name: health.Check(health_pb2.HealthCheckRequest(service=name)).status for name in ("", "a", "b")}
    assert server.post("/v2/repository/models/b/load", {})[0] == 200
    assert told == {"": 1, "a": 1, "b": 2}


def test_readiness_of_a_model_says_that_it_was_unloaded(server):
    server.post("/v2/repository/models/a/unload", {})
    status, told = server.get("/v2/models/a/ready")
    assert (status, told["reason"]) == (503, "Unloaded")
    assert server.get("/v2/models/a/ready", "metrics")[0] == 503
    assert server.post("/v2/repository/models/a/load", {})[0] == 200
    assert server.get("/v2/models/a/ready")[0] == 200


def test_a_model_that_is_loaded_anew_is_replaced_and_one_that_cannot_be_leaves_what_was(tmp_path, files):
    changing = tmp_path / "changing.onnx"
    shutil.copy(files[0], changing)
    with pack(tmp_path, f"a={changing}", f"b={files[1]}", model_control="on") as server:
        assert first(infer(server, "a")[1]) == [2, 4, 6]
        shutil.copy(files[1], changing)
        assert server.post("/v2/repository/models/a/load", {})[0] == 200
        assert first(infer(server, "a")[1]) == [3, 6, 9]
        changing.write_bytes(b"no model")
        status, told = server.post("/v2/repository/models/a/load", {})
        assert status == 400
        assert "ModelInvalid" in told["error"]
        assert first(infer(server, "a")[1]) == [3, 6, 9]
        assert server.get("/v2/models/a/ready")[0] == 200


def test_a_model_that_fails_takes_nothing_else_down(tmp_path, files):
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    models = (
        f"a={files[0]}",
        f"broken={broken}",
        "away=http://127.0.0.1:9/m.onnx",
        f"other={files[1]};sha256={'0' * 64}",
    )
    with pack(tmp_path, *models) as server:
        assert infer(server, "a")[0] == 200
        states = {each["name"]: each for each in server.post("/v2/repository/index", {})[1]}
        assert {name: each["state"] for name, each in states.items()} == {
            "a": "READY", "broken": "UNAVAILABLE", "away": "UNAVAILABLE", "other": "UNAVAILABLE",
        }  # fmt: skip
        assert states["broken"]["reason"].startswith("ModelInvalid")
        assert states["other"]["reason"].startswith(("DigestMismatch", "SourceChanged"))
        assert [each["name"] for each in server.post("/v2/repository/index", {"ready": True})[1]] == ["a"]
        assert infer(server, "broken")[0] == 503
        assert server.process.poll() is None
        status, told = server.post("/v2/repository/models/a/unload", {})
        assert status == 404
        assert "SERIN_MODEL_CONTROL" in told["error"]


def test_a_pack_of_which_nothing_can_be_served_ends_and_says_so(tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.onnx").write_bytes(b"no model")
    (tmp_path / "termination").touch()
    with pack(tmp_path, f"a={tmp_path / 'a.onnx'}", f"b={tmp_path / 'b.onnx'}", ready=False) as server:
        assert server.process.wait(30) == 64
    told = json.loads((tmp_path / "termination").read_text())
    assert told["reason"] == "ModelInvalid"
    assert told["message"].startswith("none of 2 models can be served")


def wide(file, columns=4_000_000):
    """A model whose weights take sixteen bytes a column."""
    return saved(
        file,
        [helper.make_node("MatMul", ["x", "w"], ["z"]), helper.make_node("ReduceSum", ["z", "axes"], ["y"])],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])],
        [
            numpy_helper.from_array(np.ones((4, columns), np.float32), "w"),
            helper.make_tensor("axes", TensorProto.INT64, [1], [1]),
        ],
    )


def test_a_model_that_is_unloaded_gives_its_memory_back_again_and_again(tmp_path, files):
    with pack(
        tmp_path, f"a={files[0]}", f"wide={wide(tmp_path / 'w.onnx')};batching=off", model_control="on"
    ) as server:
        held = server.resident_bytes()
        for _ in range(3):
            server.post("/v2/repository/models/wide/unload", {})
            wait_for(lambda: server.resident_bytes() < held - (40 << 20))
            assert server.post("/v2/repository/models/wide/load", {})[0] == 200
        assert server.resident_bytes() < held + (40 << 20)


@pytest.mark.parametrize("transport", ["http", "grpc"])
def test_what_is_in_flight_when_its_model_is_unloaded_is_answered(tmp_path, files, transport):
    slow = laborious(tmp_path / "slow.onnx")
    with pack(tmp_path, f"a={files[0]}", f"slow={slow};batching=off", model_control="on") as server:
        module = importlib.import_module(f"tritonclient.{transport}")
        inputs = server.get("/v2/models/slow")[1]["inputs"][0]
        shape = [300 if size < 0 else size for size in inputs["shape"]]
        given = module.InferInput(inputs["name"], shape, inputs["datatype"])
        given.set_data_from_numpy(np.zeros(shape, np.float32))
        address = f"127.0.0.1:{server.port(transport)}"
        with ThreadPoolExecutor(1) as threads, module.InferenceServerClient(address) as client:
            answer = threads.submit(client.infer, "slow", [given])
            wait_for(lambda: server.metric("serin_requests_in_flight", model_name="slow") or answer.done())
            assert server.post("/v2/repository/models/slow/unload", {})[0] == 200
            assert answer.result(60).get_response()
        assert server.metric("serin_requests_total", model_name="slow", code="200") == 1


def test_with_keys_whoever_has_none_neither_loads_nor_unloads(tmp_path, files):
    (tmp_path / "keys").write_text("me:0123456789abcdef\n")
    with pack(
        tmp_path, f"a={files[0]}", f"b={files[1]}", model_control="on", api_keys_file=tmp_path / "keys"
    ) as server:
        assert server.post("/v2/repository/models/a/unload", {})[0] == 401
        assert server.get("/v2/models/a/ready")[0] == 200
        from tritonclient import grpc

        with grpc.InferenceServerClient(f"127.0.0.1:{server.port('grpc')}") as client:
            with pytest.raises(grpc.InferenceServerException, match="key"):
                client.unload_model("a")
            client.unload_model("a", headers={"x-api-key": "0123456789abcdef"})
        assert server.get("/v2/models/a/ready")[0] == 503


def test_models_can_be_named_by_a_variable(tmp_path, files):
    given = f"a={files[0]}\n  b={files[1]}"
    with serving("", tmp_path, name="a", env={"SERIN_MODELS": given}) as server:
        wait_for(lambda: server.get("/v2/health/ready")[0] == 200)
        assert infer(server, "b")[0] == 200


@pytest.mark.parametrize(
    ("models", "says"),
    [
        (("a=x.onnx", "a=y.onnx"), "two models are called 'a'"),
        (("a=x.onnx", "y.onnx"), "write NAME=URI"),
        (("stats=x.onnx", "b=y.onnx"), "is no model"),
        (("a=x.onnx;colour=red", "b=y.onnx"), "cannot have 'colour' of its own"),
        (("a=x.onnx;max_batch_rows=many", "b=y.onnx"), "max_batch_rows of model 'a'"),
        (("a=x.onnx;batching=perhaps", "b=y.onnx"), "model 'a': SERIN_BATCHING"),
    ],
)
def test_what_is_no_pack_is_refused_by_name(tmp_path, models, says):
    with pack(tmp_path, *models, ready=False) as server:
        assert server.process.wait(20) == 2
        assert says in server.log.read_text()


def test_other_commands_are_for_one_model(tmp_path):
    run = subprocess.run(
        [sys.executable, "-m", "serin_server", "resolve", "--models", "a=x.onnx"], check=False, capture_output=True, text=True
    )  # fmt: skip
    assert run.returncode == 2
    assert "resolve is for one model" in run.stderr


def test_several_processes_are_refused(tmp_path, files):
    ports = {"http_port": 1, "grpc_port": 2, "metrics_port": 3}
    with pack(tmp_path, f"a={files[0]}", f"b={files[1]}", ready=False, processes=2, **ports) as server:
        assert server.process.wait(20) == 2
        assert "several models share one process" in server.log.read_text()
