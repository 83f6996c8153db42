"""The serving process as a whole: started, asked, stopped."""

import hashlib
import json
import threading
from pathlib import Path

import numpy as np
import pytest
from tests.support.models import doubling, identity, never, picky
from tests.support.serving import serving, tensor, wait_for

ROW = tensor("x", "FP32", [1, 3], [1, 2, 3.5])


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    with serving(doubling(folder / "m.onnx"), folder, version="v1", revision="abcdefghij") as running:
        yield running


def test_a_prediction_carries_the_revision_the_version_and_its_time(server):
    status, answer = server.infer(ROW, id="mine")
    assert status == 200
    assert answer["outputs"] == [tensor("y", "FP32", [1, 3], [2.0, 4.0, 7.0])]
    assert (answer["model_name"], answer["model_version"], answer["id"]) == ("m", "abcdefghij", "mine")
    assert answer["parameters"]["serin_version"] == "v1"
    assert answer["parameters"]["predicted_at"] == pytest.approx(__import__("time").time(), abs=60)


def test_metadata_shows_the_digest_of_what_is_served(server, tmp_path):
    digest = hashlib.sha256(doubling(tmp_path / "same.onnx").read_bytes()).hexdigest()
    status, metadata = server.get("/v2/models/m")
    assert status == 200
    properties = metadata["properties"]
    assert all(isinstance(value, str) for value in properties.values())  # as gRPC's map of strings needs it
    expected = {
        "sha256": digest,
        "version": "v1",
        "revision": "abcdefghij",
        "opset": "17",
        "batching": "proven",
        "warm_up": "made-up",
    }
    assert expected.items() <= properties.items()
    assert metadata["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 3]}]
    assert metadata["versions"] == ["abcdefghij"]


def test_revision_and_version_label_both_address_the_model(server):
    for version in ("abcdefghij", "v1"):
        assert server.get(f"/v2/models/m/versions/{version}/ready")[0] == 200
        assert server.post(f"/v2/models/m/versions/{version}/infer", {"inputs": [ROW]})[0] == 200
    assert server.get("/v2/models/m/versions/v2/ready")[0] == 404


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (tensor("z", "FP32", [1, 3], [1, 2, 3]), ["'z'", "x"]),
        (tensor("x", "INT64", [1, 3], [1, 2, 3]), ["'x'", "FP32", "INT64"]),
        (tensor("x", "FP32", [1, 4], [1, 2, 3, 4]), ["'x'", "[-1, 3]", "[1, 4]"]),
        (tensor("x", "FP32", [1, 3], [1, 2]), ["'x'", "3 elements", "2 came"]),
        (tensor("x", "FP32", [1, 3], [1, "a", 2]), ["'x'", "numbers", "'a'"]),
    ],
)
def test_a_tensor_that_does_not_fit_is_refused_by_name_and_counts_as_an_error(server, bad, words):
    before = server.metric("serin_requests_total", code="400", error="true")
    status, answer = server.infer(bad)
    assert status == 400
    assert all(word in answer["error"] for word in words), answer
    assert server.metric("serin_requests_total", code="400", error="true") == before + 1


def test_every_series_carries_the_constant_labels(server):
    import urllib.request

    text = urllib.request.urlopen(server.url("/metrics", "metrics"), timeout=10).read().decode()
    samples = [line for line in text.splitlines() if not line.startswith("#")]
    for label in ("model_namespace=", "model_name=", "model_version=", "model_revision=", "server_id="):
        assert all(label in line for line in samples)


def test_feedback_is_counted_for_the_revision_that_predicted(server):
    now = __import__("time").time()
    rows = [
        {"model_version": "abcdefghij", "predicted_at": now, "prediction": 1, "label": 1},
        {"model_version": "otherrevis", "predicted_at": now - 100, "prediction": 1, "label": 0},
        {"predicted_at": now},
    ]
    status, answer = server.post("/v2/models/m/feedback", {"rows": rows})
    assert status == 200
    assert answer["accepted"] == 2
    assert [row["row"] for row in answer["rejected"]] == [2]
    name = "serin_feedback_total"
    assert server.metric(name, predicted_revision="abcdefghij", age_le="4", outcome="correct") == 1
    assert server.metric(name, predicted_revision="otherrevis", age_le="120", outcome="wrong") == 1


@pytest.mark.slow
def test_a_model_that_raises_on_one_request_answers_that_request_alone(tmp_path):
    with serving(picky(tmp_path / "m.onnx"), tmp_path) as running:
        answers = {}

        def ask(index):
            answers[index] = running.infer(tensor("x", "INT64", [1], [index]))

        threads = [threading.Thread(target=ask, args=(index,)) for index in (1, 99, 2, 3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers[99][0] == 400
        assert [answers[index][1]["outputs"][0]["data"] for index in (1, 2, 3)] == [[1.0], [2.0], [3.0]]


def test_a_model_that_fails_on_a_recorded_request_ends_the_process_with_its_reason(tmp_path):
    tensor = {"name": "x", "datatype": "INT64", "shape": [1], "data": [0]}
    (tmp_path / "warmup.jsonl").write_text(json.dumps({"inputs": [tensor]}))
    with serving(never(tmp_path / "m.onnx"), tmp_path, ready=False) as running:
        assert running.process.wait(timeout=20) == 64
        told = json.loads((tmp_path / "termination").read_text())
        assert (told["ok"], told["reason"]) == (False, "ModelFailedWarmup")


@pytest.mark.slow
def test_other_bytes_at_serve_time_keep_the_process_alive_and_not_ready_until_they_are_right(tmp_path):
    model = doubling(tmp_path / "m.onnx")
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    right = model.read_bytes()
    model.write_bytes(b"something else")
    with serving(model, tmp_path, ready=False, sha256=digest) as running:
        wait_for(lambda: running.metric("serin_model_load_failures_total", reason="DigestMismatch"))
        status, state = running.get("/v2/models/m/ready")
        assert (status, state["ready"], state["reason"]) == (503, False, "DigestMismatch")
        assert running.get("/v2/health/live")[0] == 200
        model.write_bytes(right)
        running.wait_ready()


@pytest.mark.slow
def test_sigterm_makes_it_not_ready_while_it_goes_on_answering_and_ends_with_0(tmp_path):
    with serving(doubling(tmp_path / "m.onnx"), tmp_path, drain_seconds=1) as running:
        running.process.terminate()
        wait_for(lambda: running.get("/v2/models/m/ready")[0] == 503)
        assert running.infer(ROW)[0] == 200
        assert running.process.wait(timeout=20) == 0


def test_the_telemetry_of_onnx_runtime_leaves_no_trace(tmp_path):
    with serving(doubling(tmp_path / "m.onnx"), tmp_path, env={"ORT_DISABLE_TELEMETRY": ""}) as running:
        assert running.infer(ROW)[0] == 200
        environment = Path(f"/proc/{running.process.pid}/maps").read_text()
        assert "onnxruntime" in environment
        assert not list(tmp_path.rglob("*elemetry*"))
        assert not (tmp_path / ".cache").exists()
        opened = [str(fd.readlink()) for fd in Path(f"/proc/{running.process.pid}/fd").iterdir() if fd.is_symlink()]
        assert not [name for name in opened if "DeveloperTools" in name]


@pytest.mark.slow
def test_a_signed_response_is_judged_once_by_whichever_pod_hears_the_label(tmp_path):
    model = doubling(tmp_path / "m.onnx")
    (tmp_path / "key").write_text("k1:0123456789abcdef0123\n")
    with (
        serving(model, tmp_path, revision="aaaaaaaaaa", feedback_key_file=tmp_path / "key") as one,
        serving(model, tmp_path, revision="bbbbbbbbbb", feedback_key_file=tmp_path / "key") as other,
    ):
        token = one.infer(ROW)[1]["parameters"]["feedback_token"]
        assert one.metric("serin_signed_predictions_total") == 1
        for expected in (1, 0):
            assert other.post("/v2/models/m/feedback", {"token": token, "label": 2})[1]["accepted"] == expected
        name = "serin_feedback_total"
        assert other.metric(name, predicted_revision="aaaaaaaaaa") == 1
        assert other.metric("serin_feedback_rejected_total", reason="duplicate") == 1


@pytest.mark.slow
def test_labels_count_in_slices_by_inputs_that_the_token_says_or_that_come_with_them_and_scores_beside(tmp_path):
    (tmp_path / "key").write_text("k1:0123456789abcdef0123\n")
    slices = '[{"by": "x[1]", "cuts": [10]}, {"by": "region", "values": ["north"]}]'
    scores = '[{"between": [1, 5]}]'
    shared = {"feedback_key_file": tmp_path / "key", "feedback_slices": slices, "feedback_scores": scores}
    model = doubling(tmp_path / "m.onnx")
    with (
        serving(model, tmp_path, revision="aaaaaaaaaa", **shared) as one,
        serving(model, tmp_path, revision="bbbbbbbbbb", **shared) as other,
    ):
        token = one.infer(tensor("x", "FP32", [2, 3], [1, 2, 3, 4, 50, 6]))[1]["parameters"]["feedback_token"]
        for row, attributes in ((0, {"region": "north"}), (1, {})):
            answer = other.post(
                "/v2/models/m/feedback", {"token": token, "row": row, "label": 2, "attributes": attributes}
            )
            assert answer[1]["accepted"] == 1
        for attribute, name in (("x[1]", "<=10"), ("x[1]", ">10"), ("region", "north"), ("region", "(missing)")):
            told = {"predicted_revision": "aaaaaaaaaa", "attribute": attribute, "slice": name}
            assert other.metric("serin_sliced_feedback_total", **told) == 1, told
        for row, score in ((0, 5), (1, 0.5)):
            assert other.post("/v2/models/m/feedback", {"token": token, "row": row, "score": score})[1]["accepted"] == 1
        for outcome in ("high", "below"):
            told = {"predicted_revision": "aaaaaaaaaa", "of": "label", "between": "1 to 5", "outcome": outcome}
            assert other.metric("serin_feedback_scores_total", **told) == 1, told


@pytest.mark.slow
def test_features_and_predictions_are_counted_in_the_bins_of_the_baseline_in_the_models_folder(tmp_path):
    from serin_server import baseline

    folder = tmp_path / "model"
    folder.mkdir()
    doubling(folder / "model.onnx")
    baseline.write(folder / "baseline.json", baseline.of({"x": np.arange(30.0).reshape(10, 3)}, names=["a", "b", "c"]))
    with serving(folder, tmp_path) as running:
        for _ in range(5):
            running.infer(tensor("x", "FP32", [2, 3], [1, 2, 3, 4, 5, 999]))
        assert running.metric("serin_feature_values_total", feature="a") == 10
        assert running.metric("serin_feature_invalid_total", feature="c", kind="out_of_range") == 5
        assert running.metric("serin_baseline_feature_rows", feature="b") == 10


def test_a_baseline_that_does_not_fit_ends_the_process_with_its_reason_and_resolve_finds_it_too(tmp_path):
    from onnx import TensorProto

    from serin_server import baseline
    from serin_server.cli import main

    folder = tmp_path / "model"
    folder.mkdir()
    identity(folder / "model.onnx", TensorProto.STRING, (None, 1))
    baseline.write(folder / "baseline.json", baseline.of({"x": np.arange(30.0)}))
    with serving(folder, tmp_path, ready=False) as running:
        assert running.process.wait(timeout=20) == 64
    told = json.loads((tmp_path / "termination").read_text())
    assert told["reason"] == "ModelInvalid"
    assert "feature 'x'" in told["message"]
    flags = ["--cache-dir", str(tmp_path / "cache"), "--termination-log", str(tmp_path / "resolved")]
    assert main(["resolve", "--model", str(folder), *flags]) == 64
