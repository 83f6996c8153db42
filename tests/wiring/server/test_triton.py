"""What tritonclient asks of a model beside predictions: its configuration and its statistics, over HTTP and gRPC."""

from functools import reduce
from importlib import import_module

import numpy as np
import pytest
from tests.support.models import doubling
from tests.support.serving import call, serving, tensor, wait_for

X = np.array([[1, 2, 3]], np.float32)
KEY = "0123456789abcdef"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("triton")
    with serving(doubling(folder / "m.onnx"), folder, model_revision="r1", batch_window_seconds=0.002) as running:
        yield running


def client_of(server, transport):
    return import_module(f"tritonclient.{transport}").InferenceServerClient(f"127.0.0.1:{server.port(transport)}")


def asked(client, transport, what, *names):
    """An answer as a dictionary, numbers as numbers."""
    more = {"as_json": True} if transport == "grpc" else {}
    return getattr(client, what)(*names, **more)


@pytest.mark.parametrize("transport", ["http", "grpc"])
@pytest.mark.parametrize("names", [("m",), ("m", "r1")])
def test_tritonclient_reads_the_configuration(server, transport, names):
    with client_of(server, transport) as client:
        told = asked(client, transport, "get_model_config", *names)
        config = told["config"] if transport == "grpc" else told
    assert (config["name"], config["platform"], config["backend"]) == ("m", "onnxruntime_onnx", "onnxruntime")
    assert config["max_batch_size"] == 256
    [x], [y] = config["input"], config["output"]
    assert (x["name"], x["data_type"], [int(size) for size in x["dims"]]) == ("x", "TYPE_FP32", [3])
    assert (y["name"], y["data_type"], [int(size) for size in y["dims"]]) == ("y", "TYPE_FP32", [3])
    assert [(each["kind"], each["count"]) for each in config["instance_group"]] == [("KIND_CPU", 1)]
    assert int(config["dynamic_batching"]["max_queue_delay_microseconds"]) == 2000
    assert len(config["parameters"]["sha256"]["string_value"]) == 64


def test_where_requests_do_not_share_runs_rows_are_part_of_the_dimensions(tmp_path):
    with serving(doubling(tmp_path / "m.onnx"), tmp_path, batching="off", grpc="off") as server:
        config = server.get("/v2/models/m/config")[1]
        assert (config["max_batch_size"], config["input"][0]["dims"]) == (0, [-1, 3])
        assert "dynamic_batching" not in config


@pytest.mark.parametrize("transport", ["http", "grpc"])
@pytest.mark.parametrize("names", [(), ("m",), ("m", "r1")])
def test_tritonclient_reads_what_was_asked_so_far(server, transport, names):
    module = import_module(f"tritonclient.{transport}")
    given = [module.InferInput("x", [1, 3], "FP32").set_data_from_numpy(X)]
    with client_of(server, transport) as client:
        [before] = asked(client, transport, "get_inference_statistics", *names)["model_stats"]
        for _ in range(3):
            client.infer("m", given)
        with pytest.raises(module.InferenceServerException):
            client.infer("m", [])
        [after] = asked(client, transport, "get_inference_statistics", *names)["model_stats"]
        [later] = wait_for(
            lambda: (
                (found := asked(client, transport, "get_inference_statistics", *names)["model_stats"])
                and int(found[0].get("last_inference", 0)) > 1_700_000_000_000
                and found
            )
        )
    assert (after["name"], after["version"]) == ("m", "r1")

    def grown(*path):
        def value(told):
            *outer, last = path
            return int(reduce(lambda inner, step: inner.get(step, {}), outer, told).get(last, 0))

        return value(after) - value(before)

    assert grown("inference_count") == grown("inference_stats", "success", "count") == 3
    assert 1 <= grown("execution_count") <= 3
    assert grown("inference_stats", "fail", "count") == 1
    assert grown("inference_stats", "success", "ns") > grown("inference_stats", "compute_infer", "ns") > 0
    assert grown("inference_stats", "fail", "ns") > 0
    assert later["name"] == "m"


def test_a_model_may_be_called_stats(tmp_path):
    with serving(doubling(tmp_path / "m.onnx"), tmp_path, name="stats", grpc="off") as server:
        assert server.get("/v2/models/stats")[1]["platform"] == "onnxruntime_onnx"
        assert server.get("/v2/models/stats/stats")[1]["model_stats"][0]["name"] == "stats"


def test_who_has_no_key_reads_no_statistics(tmp_path):
    from tritonclient import grpc

    (tmp_path / "keys").write_text(f"me:{KEY}")
    with serving(doubling(tmp_path / "m.onnx"), tmp_path, api_keys_file=tmp_path / "keys") as server:
        assert call(server.url("/v2/models/stats"))[0] == 401
        with grpc.InferenceServerClient(f"127.0.0.1:{server.port('grpc')}") as client:
            with pytest.raises(grpc.InferenceServerException, match="send a key"):
                client.get_inference_statistics("m")
            told = client.get_inference_statistics("m", headers={"x-api-key": KEY})
            assert told.model_stats[0].name == "m"


def test_other_models_and_versions_are_not_known(server):
    assert server.get("/v2/models/other/stats")[0] == 404
    assert server.get("/v2/models/m/versions/other/config")[0] == 404
    assert server.post("/v2/models/m/config", {})[0] == 405
    assert server.infer(tensor("x", "FP32", [1, 3], [1, 2, 3]))[0] == 200
