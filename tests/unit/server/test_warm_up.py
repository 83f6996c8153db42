"""A first inference: with real samples it is a verdict, with made-up ones it is none."""

import json
from itertools import pairwise

import numpy as np
import pytest
from onnx import TensorProto, helper
from tests.support.models import doubling, endless, never, picky, saved

from serin_server import baseline
from serin_server.config.settings import Settings
from serin_server.failures import LoadFailure
from serin_server.model.load import report
from serin_server.model.warmup import WarmUp
from serin_server.process.model import load_as_set


def loaded(model, **settings):
    return load_as_set(Settings(model_uri=str(model), model_name="m", **settings))


def line(data, name="x", datatype="INT64", shape=None, **more):
    tensor = {"name": name, "datatype": datatype, "shape": shape or [len(data)], "data": data}
    return json.dumps({"inputs": [tensor], **more}) + "\n"


def folder_of(folder, model, **files):
    model(folder / "model.onnx")
    for name, text in files.items():
        (folder / f"{name}.jsonl").write_text(text)
    return folder


def halving(file):
    """Halves an image five times: sizes below 32 cannot be taken, as with many detectors."""
    names = ["x", *(f"h{number}" for number in range(1, 5)), "pooled"]
    nodes = [
        helper.make_node("MaxPool", [one], [other], kernel_shape=[2, 2], strides=[2, 2])
        for one, other in pairwise(names)
    ]
    nodes.append(helper.make_node("Reshape", ["pooled", "shape"], ["y"]))
    free = [None, 3, None, None]
    return saved(
        file,
        nodes,
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, free)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [helper.make_tensor("shape", TensorProto.INT64, [2], [-1, 3])],
    )


def test_a_model_that_takes_no_made_up_input_is_served_and_says_so(tmp_path):
    model = loaded(never(tmp_path / "m.onnx"))
    assert model.warmed.kind is WarmUp.NONE
    assert "not warmed up: no sample fits" in model.warmed.message
    assert "warmup.jsonl" in model.warmed.message
    assert report(model)["warmUp"] == "none"


def test_a_model_that_loops_for_ever_on_zeros_is_warmed_up_with_ones(tmp_path):
    model = loaded(endless(tmp_path / "m.onnx"), warmup_seconds=0.5)
    assert model.warmed.kind is WarmUp.MADE_UP
    assert model.warmed.feeds[0]["x"].tolist() == [1.0]


def test_sizes_that_halve_a_few_times_are_made_up_too(tmp_path):
    assert loaded(halving(tmp_path / "m.onnx")).warmed.kind is WarmUp.MADE_UP


def test_a_recorded_request_is_what_a_model_is_warmed_up_with(tmp_path):
    model = loaded(folder_of(tmp_path, picky, warmup=line([3, 1]) + "\n" + line([2])))
    assert model.warmed.kind is WarmUp.SAMPLES
    assert [feed["x"].tolist() for feed in model.warmed.feeds] == [[3, 1], [2]]


def test_golden_samples_serve_when_there_is_no_file_to_warm_up_with(tmp_path):
    output = {"name": "y", "datatype": "FP32", "shape": [1], "data": [3.0]}
    assert loaded(folder_of(tmp_path, picky, golden=line([3], outputs=[output]))).warmed.kind is WarmUp.SAMPLES


def test_a_file_beside_a_single_model_file_is_found(tmp_path):
    (tmp_path / "warmup.jsonl").write_text(line([1]))
    assert loaded(picky(tmp_path / "m.onnx")).warmed.kind is WarmUp.SAMPLES


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (line([1]) + line([7]), "fails on sample 2 of warmup.jsonl: .*indices"),
        (line([1], name="z"), "fails on sample 1 of warmup.jsonl: there is no input 'z'"),
        (line([0.5]), "fails on sample 1 of warmup.jsonl: input 'x' is INT64"),
    ],
)
def test_a_model_that_fails_on_a_recorded_request_is_refused_with_its_line(tmp_path, text, words):
    with pytest.raises(LoadFailure, match=f"ModelFailedWarmup: the model loads, but {words}"):
        loaded(folder_of(tmp_path, picky, warmup=text))


def test_a_recorded_request_that_takes_too_long_is_a_failure(tmp_path):
    sample = line([0.0], datatype="FP32")
    with pytest.raises(LoadFailure, match=r"no answer within 0\.3 s: .*SERIN_WARMUP_SECONDS"):
        loaded(folder_of(tmp_path, endless, warmup=sample), warmup_seconds=0.3)


@pytest.mark.parametrize("text", ["no json\n", '{"rows": 3}\n', "\xff\n"])
def test_samples_that_nobody_can_read_are_no_reason_to_refuse_a_model(tmp_path, text):
    assert loaded(folder_of(tmp_path, doubling, golden=text)).warmed.kind is WarmUp.MADE_UP
    (tmp_path / "named.jsonl").write_text(text)
    with pytest.raises(LoadFailure, match=r"ModelFailedWarmup: SERIN_WARMUP: .*a line is no sample"):
        loaded(tmp_path, warmup=tmp_path / "named.jsonl")


def test_a_baseline_makes_a_row_from_the_middle_of_training(tmp_path):
    doubling(tmp_path / "model.onnx")
    rows = np.array([[1, 10, 5], [2, 20, 6], [3, 30, 7]] * 20, np.float32)
    baseline.write(tmp_path / "baseline.json", baseline.of({"x": rows}))
    model = loaded(tmp_path)
    assert model.warmed.kind is WarmUp.MADE_UP
    assert model.warmed.feeds[0]["x"].tolist() == [[2.0, 20.0, 6.0]]
