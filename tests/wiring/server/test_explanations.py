"""Explanations by a real server: as the model says, beside inference, counted in no rollout, and refused in words."""

import gzip
import json
import threading
import urllib.error
import urllib.request
from itertools import product
from math import factorial

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from tests.support.models import doubling, endless, identity, saved
from tests.support.serving import call, serving, tensor, wait_for

from serin_server import baseline

FEATURES = 8
NAMES = [f"feature {number}" for number in range(FEATURES)]
EXPLAIN = {"explain": "on"}


def told(*rows, name="X", datatype="FP32"):
    array = np.array(rows)
    return tensor(name, datatype, list(array.shape), array.reshape(-1).tolist())


def asked(*rows, **parameters):
    return {"inputs": [told(*rows)], "parameters": parameters}


def background(folder, *inputs):
    (folder / "background.jsonl").write_text("".join(json.dumps({"inputs": each}) + "\n" for each in inputs))


def output(answer, name):
    found = next(each for each in answer["outputs"] if each["name"] == name)
    return np.array(found["data"]).reshape(found["shape"])


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(600, FEATURES)).astype(np.float32)
    labels = np.where(rows[:, 0] * rows[:, 1] + np.sin(2 * rows[:, 2]) + rows[:, 3] > 0, "yes", "no")
    return rows, labels


@pytest.fixture(scope="module")
def folder(tmp_path_factory, data):
    rows, labels = data
    folder = tmp_path_factory.mktemp("explained")
    model = GradientBoostingClassifier(n_estimators=40, random_state=1).fit(rows, labels)
    (folder / "model.onnx").write_bytes(to_onnx(model, rows[:1]).SerializeToString())
    baseline.write(folder / "baseline.json", baseline.of({"X": rows}, names=NAMES))
    background(folder, *[[told(*rows[at : at + 8].tolist())] for at in (0, 8, 16)])
    return folder


@pytest.fixture(scope="module")
def running(tmp_path_factory, folder):
    settings = {"explain_max_evaluations": 64_000, **EXPLAIN}
    with serving(folder, tmp_path_factory.mktemp("server"), model_revision="r1", **settings) as server:
        yield server


def exact(file, row, background, output, column):
    """Shapley values over every coalition, by ONNX Runtime alone."""
    session = onnxruntime.InferenceSession(file)
    masks = np.array(list(product([False, True], repeat=len(row))))
    mixed = np.where(masks[:, None, :], row, background).reshape(-1, len(row)).astype(np.float32)
    scores = session.run([output], {"X": mixed})[0]
    if isinstance(scores, list):
        scores = np.array([[each[key] for key in sorted(each)] for each in scores])
    worth = scores[:, column].reshape(len(masks), -1).mean(axis=1)
    by_mask = {tuple(mask): value for mask, value in zip(masks.tolist(), worth, strict=True)}
    values = []
    for feature in range(len(row)):
        total = 0.0
        for mask in masks[~masks[:, feature]].tolist():
            size = sum(mask)
            joined = tuple(is_in or at == feature for at, is_in in enumerate(mask))
            share = factorial(size) * factorial(len(row) - size - 1) / factorial(len(row))
            total += share * (by_mask[joined] - by_mask[tuple(mask)])
        values.append(total)
    return np.array(values)


@pytest.mark.slow
def test_explanations_agree_with_exact_ones_within_three_standard_errors(running, folder, data):
    rows = data[0][100:108]
    status, answer = running.post("/v2/models/m/explain", asked(*rows.tolist(), seed=1))
    assert status == 200, answer
    found, errors = output(answer, "attributions"), output(answer, "standard_errors")
    labels = output(answer, "class").tolist()
    right = np.array(
        [
            exact(folder / "model.onnx", row, data[0][:24], "output_probability", ["no", "yes"].index(label))
            for row, label in zip(rows, labels, strict=True)
        ]
    )
    # One value in a hundred lies outside.
    assert np.mean(np.abs(found - right) > 3 * errors + 1e-6) <= 2 / 64
    assert (np.abs(found - right).max(axis=1) < 3 * errors.max(axis=1)).all()
    # That is worth something only where errors are small.
    assert (errors.max(axis=1) <= 0.05 * np.abs(found).max(axis=1) + 1e-6).all()
    assert answer["parameters"]["stopped"] == "precise"
    difference = output(answer, "prediction") - output(answer, "base_value")
    assert found.sum(axis=1) == pytest.approx(difference, abs=1e-6)
    assert output(answer, "features").tolist() == NAMES
    assert (answer["model_version"], answer["parameters"]["output"]) == ("r1", "output_probability")
    assert answer["parameters"]["background_rows"] == 24


def test_what_is_explained_is_what_inference_answers(running, data):
    row = data[0][200].tolist()
    _, predicted = running.infer(told(row))
    _, answer = running.post("/v2/models/m/explain", asked(row))
    scores = output(predicted, "output_probability")[0]
    assert output(answer, "class").tolist() == [["no", "yes"][int(np.argmax(scores))]]
    assert output(answer, "prediction")[0] == pytest.approx(scores.max(), abs=1e-6)
    _, other = running.post("/v2/models/m/explain", asked(row, **{"class": "no", "output": "output_probability"}))
    assert output(other, "class").tolist() == ["no"]
    assert output(other, "prediction")[0] == pytest.approx(scores[0], abs=1e-6)


def test_questions_may_be_packed_and_their_tensors_binary(running, data):
    row = data[0][201]
    plain = running.post("/v2/models/m/explain", asked(row.tolist(), seed=3))[1]
    address = running.url("/v2/models/m/explain")
    packed = urllib.request.Request(
        address, gzip.compress(json.dumps(asked(row.tolist(), seed=3)).encode()), {"Content-Encoding": "gzip"}
    )
    head = {"name": "X", "datatype": "FP32", "shape": [1, FEATURES], "parameters": {"binary_data_size": 4 * FEATURES}}
    text = json.dumps({"inputs": [head], "parameters": {"seed": 3}}).encode()
    binary = urllib.request.Request(address, text + row.tobytes(), {"Inference-Header-Content-Length": str(len(text))})
    for request in (packed, binary):
        with urllib.request.urlopen(request, timeout=20) as answer:
            assert json.loads(answer.read())["outputs"] == plain["outputs"]


def test_explanations_are_no_requests_of_a_rollout(running, data):
    def counted():
        return [
            running.metric(name)
            for name in ("serin_requests_total", "serin_request_duration_seconds_count", "serin_inference_duration_seconds_count",
                         "serin_feature_values_total", "serin_client_sums_total", "serin_requests_rejected_total")
        ]  # fmt: skip

    before, explained = counted(), running.metric("serin_explanations_total", code="200")
    assert running.post("/v2/models/m/explain", asked(data[0][0].tolist()))[0] == 200
    assert running.post("/v2/models/m/explain", asked([1.0, 2.0]))[0] == 400
    assert counted() == before
    assert running.metric("serin_explanations_total", code="200") == explained + 1
    assert running.metric("serin_explanations_total", code="400") >= 1
    assert running.metric("serin_explanation_evaluations_total") > 1000
    assert running.metric("serin_memory_held_bytes") == 0


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (asked([0.0] * 3), 400, "input 'X' has the shape [-1, 8]"),
        (asked([0.0] * FEATURES, output="score"), 400, "there is no output 'score': the model gives output_label, output_probability"),
        (asked([0.0] * FEATURES, output="output_label"), 400, "output 'output_label' holds no numbers"),
        (asked([0.0] * FEATURES, **{"class": "maybe"}), 400, "there is no class 'maybe': output 'output_probability' has no, yes"),
        (asked([0.0] * FEATURES, klass=1), 400, "the parameters of an explanation are output, class"),
        (asked([0.0] * FEATURES, max_evaluations=100), 409, "takes at least"),
        (asked([0.0] * FEATURES, tolerance=-1), 400, "tolerance is a share"),
        (asked([0.0] * FEATURES, seed=-1), 400, "seed is 0 or more"),
        (asked(*[[0.0] * FEATURES] * 33), 400, "33 rows came, and one request explains at most 32"),
        (b"{", 400, "the body is not JSON"),
    ],
)  # fmt: skip
def test_a_question_that_has_no_answer_is_told_why(running, content, status, words):
    assert running.post("/v2/models/m/explain", content)[0] == status
    assert words in running.post("/v2/models/m/explain", content)[1]["error"]


def test_a_question_is_posted(running):
    status, answer = running.get("/v2/models/m/explain")
    assert (status, "POST" in answer["error"]) == (405, True)


def test_nothing_is_explained_unless_it_is_switched_on(folder, tmp_path):
    with serving(folder, tmp_path) as server:
        status, answer = server.post("/v2/models/m/explain", asked([0.0] * FEATURES))
        assert (status, "switched off" in answer["error"]) == (404, True)
        assert "explain" not in server.get("/v2")[1]["extensions"]
        assert server.metric("serin_explanations_total") == 0


def test_a_server_that_explains_says_so(running):
    assert "explain" in running.get("/v2")[1]["extensions"]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (None, "there is no background.jsonl beside the model"),
        ([], "background.jsonl holds no rows"),
        ([[told([1.0, 2.0])]], "line 1 of background.jsonl does not fit the model: input 'X'"),
        (
            [[told([1.0] * FEATURES)], [told([1.0] * FEATURES, name="Y")]],
            "line 2 of background.jsonl does not fit the model",
        ),
        ([[told(*[[1.0] * FEATURES] * 257)]], "holds more than 256 rows"),
    ],
)
def test_a_model_without_a_background_that_fits_is_served_and_says_why_it_is_not_explained(
    folder, tmp_path, lines, words
):
    (tmp_path / "model.onnx").write_bytes((folder / "model.onnx").read_bytes())
    if lines is not None:
        background(tmp_path, *lines)
    with serving(tmp_path / "model.onnx", tmp_path, **EXPLAIN) as server:
        status, answer = server.post("/v2/models/m/explain", asked([0.0] * FEATURES))
        assert (status, words in answer["error"]) == (409, True), answer
        assert server.infer(told([0.0] * FEATURES))[0] == 200
        assert any(event["event"] == "predictions are not explained" for event in server.events())


def test_text_is_a_feature_as_numbers_are(tmp_path):
    rng = np.random.default_rng(2)
    numbers = rng.normal(size=(300, 2)).astype(np.float32)
    towns = rng.choice(["Bern", "Kiel", "Rom"], size=(300, 1))
    wins = numbers[:, 0] + 3 * (towns[:, 0] == "Rom") > 1
    table = np.concatenate([numbers.astype(object), towns], axis=1)
    chooses = ColumnTransformer([("town", OneHotEncoder(), [2])], remainder="passthrough")
    model = make_pipeline(chooses, LogisticRegression()).fit(table, wins)
    types = [
        ("age", FloatTensorType([None, 1])),
        ("sum", FloatTensorType([None, 1])),
        ("town", StringTensorType([None, 1])),
    ]
    (tmp_path / "m.onnx").write_bytes(
        to_onnx(model, initial_types=types, options={"zipmap": False}).SerializeToString()
    )

    def row(at):
        return [
            tensor("age", "FP32", [1, 1], [float(numbers[at, 0])]),
            tensor("sum", "FP32", [1, 1], [float(numbers[at, 1])]),
            tensor("town", "BYTES", [1, 1], [str(towns[at, 0])]),
        ]

    background(tmp_path, *map(row, range(20)))
    with serving(tmp_path / "m.onnx", tmp_path, **EXPLAIN) as server:
        rome = next(at for at in range(20, 300) if towns[at, 0] == "Rom")
        status, answer = server.post("/v2/models/m/explain", {"inputs": row(rome), "parameters": {"class": 1}})
        assert status == 200, answer
        assert output(answer, "features").tolist() == ["age", "sum", "town"]
        values = output(answer, "attributions")[0]
        assert values.sum() == pytest.approx(
            output(answer, "prediction")[0] - output(answer, "base_value")[0], abs=1e-6
        )
        assert abs(values[2]) > 5 * abs(values[1])


def test_rows_that_influence_one_another_are_explained_each_for_itself(tmp_path):
    model = saved(
        tmp_path / "m.onnx",
        [helper.make_node("ReduceMean", ["X"], ["mean"], axes=[0]), helper.make_node("Sub", ["X", "mean"], ["y"])],
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, [None, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 3])],
    )
    background(tmp_path, [told([1.0, 2.0, 3.0], [4.0, 5.0, 6.0])])
    with serving(model, tmp_path, **EXPLAIN) as server:
        _, answer = server.post("/v2/models/m/explain", asked([7.0, 8.0, 9.0]))
        assert output(answer, "attributions").tolist() == [[0.0, 0.0, 0.0]]


def test_a_model_that_gives_labels_alone_is_not_explained(tmp_path):
    background(tmp_path, [told([1, 2, 3], name="x", datatype="INT64")])
    with serving(identity(tmp_path / "m.onnx", TensorProto.INT64), tmp_path, **EXPLAIN) as server:
        question = {"inputs": [told([1, 2, 3], name="x", datatype="INT64")]}
        status, answer = server.post("/v2/models/m/explain", question)
        assert (status, "none of which holds scores or amounts" in answer["error"]) == (409, True)
        # Who knows that its numbers are amounts can say so.
        status, answer = server.post("/v2/models/m/explain", {**question, "parameters": {"output": "y", "class": 2}})
        assert output(answer, "attributions").tolist() == [[0.0, 0.0, 0.0]]


def test_a_row_with_as_many_features_as_an_image_has_is_refused_with_the_number(tmp_path):
    size = 64 * 64 * 3
    background(tmp_path, [told([0.0] * size, name="x")])
    with serving(identity(tmp_path / "m.onnx", shape=(None, size)), tmp_path, **EXPLAIN) as server:
        status, answer = server.post("/v2/models/m/explain", {"inputs": [told([0.0] * size, name="x")]})
        assert (status, "a row has 12288 features" in answer["error"]) == (409, True)


def test_outputs_that_are_no_numbers_cannot_be_added_up(tmp_path):
    background(tmp_path, [told([0.0, 1.0, 2.0], name="x")])
    with serving(doubling(tmp_path / "m.onnx"), tmp_path, **EXPLAIN) as server:
        question = {"inputs": [tensor("x", "FP32", [1, 3], [None, 1.0, 2.0])], "parameters": {"class": 0}}
        status, answer = server.post("/v2/models/m/explain", question)
        assert (status, "output 'y' is no finite number" in answer["error"]) == (409, True)
        status, answer = server.post("/v2/models/m/explain", {**question, "parameters": {"class": 7}})
        assert (status, "class 7: output 'y' has 3 columns" in answer["error"]) == (400, True)


def test_rows_without_a_column_have_nothing_to_explain(tmp_path):
    empty = tensor("x", "FP32", [1, 0], [])
    background(tmp_path, [empty])
    with serving(identity(tmp_path / "m.onnx", shape=(None, None)), tmp_path, **EXPLAIN) as server:
        status, answer = server.post("/v2/models/m/explain", {"inputs": [empty]})
        assert (status, "rows of background.jsonl have no columns" in answer["error"]) == (409, True)


def test_effects_that_no_number_holds_are_refused_and_not_answered_as_null(tmp_path):
    most = 1.7e308
    background(tmp_path, [told([-most, 0.0, 1.0], name="x", datatype="FP64")])
    with serving(identity(tmp_path / "m.onnx", TensorProto.DOUBLE), tmp_path, **EXPLAIN) as server:
        question = {"inputs": [told([most, 0.0, 1.0], name="x", datatype="FP64")], "parameters": {"class": 0}}
        status, answer = server.post("/v2/models/m/explain", question)
        assert (status, "differ by more than a number can hold" in answer["error"]) == (409, True)
        assert "Warning" not in server.log.read_text()


def test_inference_goes_on_while_explanations_are_made_and_too_many_of_them_are_told_to_come_again(
    folder, tmp_path, data
):
    row = data[0][0].tolist()
    settings = {"explain_max_evaluations": 10**9, "explain_seconds": 2, "explain_max_waiting": 0, **EXPLAIN}
    with serving(folder, tmp_path, **settings) as server:
        answers = []
        explaining = threading.Thread(
            target=lambda: answers.append(server.post("/v2/models/m/explain", asked(row, tolerance=0)))
        )
        explaining.start()
        # Memory is held from the moment it began.
        wait_for(lambda: server.metric("serin_memory_held_bytes") > 0)
        assert [server.infer(told(row))[0] for _ in range(20)] == [200] * 20
        assert not answers
        request = urllib.request.Request(server.url("/v2/models/m/explain"), json.dumps(asked(row)).encode())
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=20)
        assert (refused.value.code, refused.value.headers["retry-after"]) == (503, "1")
        explaining.join(20)
        assert answers[0][0] == 200
        assert answers[0][1]["parameters"]["stopped"] == "time"
        assert server.stop() == 0


def test_a_run_that_never_ends_is_ended_and_the_next_question_is_answered(tmp_path):
    background(tmp_path, [told(1.0, name="x")])
    (tmp_path / "warmup.jsonl").write_text((tmp_path / "background.jsonl").read_text())
    settings = {"explain_seconds": 0.5, "batching": "off", **EXPLAIN}
    with serving(endless(tmp_path / "m.onnx"), tmp_path, **settings) as server:
        status, answer = server.post("/v2/models/m/explain", {"inputs": [told(0.0, name="x")]})
        assert (status, "0.5 s (explain_seconds) were not enough" in answer["error"]) == (504, True)
        assert server.post("/v2/models/m/explain", {"inputs": [told(2.0, name="x")]})[0] == 200


def test_who_needs_a_key_to_infer_needs_it_to_have_that_explained(folder, tmp_path):
    keys = tmp_path / "keys"
    keys.write_text("me:0123456789abcdef")
    with serving(folder, tmp_path, api_keys_file=keys, **EXPLAIN) as server:
        assert call(server.url("/v2/models/m/explain"), asked([0.0] * FEATURES))[0] == 401
