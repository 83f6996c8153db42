"""The gate `baseline`: what baseline.json says of the training, alone and beside that of the version that serves."""

import json

import numpy as np
import pytest
from tests.support.models import doubling

from serin_server import baseline
from serin_server.cli import main
from serin_server.commands.trained import drifts
from serin_server.model.digest import model_digest

RANDOM = np.random.default_rng(0)


def of(shift=0.0, **scores):
    rows = RANDOM.normal(size=(4000, 3)) + np.array([0.0, 0.0, shift])
    return baseline.of({"x": rows.astype(np.float32)}, names=["age", "income", "debt"], **scores)


def model_in(folder, training=None):
    folder.mkdir()
    doubling(folder / "model.onnx")
    if training:
        baseline.write(folder / "baseline.json", training)
    return folder


@pytest.fixture
def resolved(tmp_path, capsys):
    def run(training, *flags):
        log = tmp_path / "log"
        folder = model_in(tmp_path / "model", training)
        cache = ["--cache-dir", str(tmp_path / "cache"), "--termination-log", str(log)]
        code = main(["resolve", "--model", str(folder), *cache, "--preflight-baseline", "fail", *flags])
        capsys.readouterr()
        told = json.loads(log.read_text())
        return code, told.get("reason"), told["preflight"][0]

    return run


MUST = ("--preflight-baseline-must-beat", "on")
FREE = ("--preflight-baseline-required", "off")


@pytest.mark.parametrize(
    ("training", "flags", "code", "reason", "verdict", "words"),
    [
        (of(), (), 0, None, "Pass", "4000 rows and 3 features"),
        (None, (), 64, "BaselineMissing", "Fail", "make it with serin_server.baseline"),
        (None, FREE, 0, None, "Unknown", "no baseline.json"),
        (of(accuracy=0.93, simple_accuracy=0.63), MUST, 0, None, "Pass", "0.93 in training, 0.63 by the simple"),
        (of(accuracy=0.61, simple_accuracy=0.63), MUST, 64, "BaselineNotBeaten", "Fail", "not above the simple baseline's 0.63"),
        (of(accuracy=0.63, simple_accuracy=0.63), MUST, 64, "BaselineNotBeaten", "Fail", "not above"),
        (of(), MUST, 64, "BaselineMissing", "Fail", "no accuracy and simpleBaseline"),
        (of(), (*MUST, *FREE), 0, None, "Unknown", "no accuracy"),
        (of(accuracy=0.6, simple_accuracy=0.9), (*MUST, "--preflight-baseline", "warn"), 0, None, "Warn", "not above"),
    ],
    ids=["there is one", "there is none", "none is needed", "better", "worse", "no better", "no scores", "no scores are needed", "only a warning"],
)  # fmt: skip
def test_a_model_must_be_better_than_the_simple_baseline(resolved, training, flags, code, reason, verdict, words):
    given, told, row = resolved(training, *flags)
    assert (given, told, row["name"], row["verdict"]) == (code, reason, "baseline", verdict)
    assert words in row["message"]


@pytest.mark.parametrize(
    ("before", "verdict", "words"),
    [
        (of(), "Pass", "near that of v1"),
        (of(shift=1.0), "Warn", "unlike the training data of v1: debt (PSI"),
        (None, "Unknown", "v1 has no baseline.json"),
        ("gone", "Unknown", "the model of v1 cannot be had (SourceNotFound)"),
    ],
    ids=["the same world", "another world", "stable has none", "stable's model is gone"],
)
def test_training_data_is_compared_with_that_of_stable_and_only_warns(resolved, tmp_path, before, verdict, words):
    stable = model_in(tmp_path / "stable", None if before == "gone" else before)
    told = {
        "version": "v1",
        "uri": str(stable if before != "gone" else tmp_path / "gone"),
        "sha256": model_digest(stable),
    }
    flags = ("--preflight-baseline-max-drift", "0.2", "--preflight-before", json.dumps(told))
    code, _, row = resolved(of(), *flags)
    assert (code, row["verdict"]) == (0, verdict)
    assert words in row["message"]


def test_other_bins_of_the_same_world_are_no_drift_and_a_moved_feature_is():
    coarse = baseline.of({"x": RANDOM.normal(size=(4000, 1))}, bins=7)
    fine = baseline.of({"x": RANDOM.normal(size=(4000, 1))}, bins=20)
    assert drifts(coarse, fine)[0][1] < 0.1
    assert drifts(fine, coarse)[0][1] < 0.1
    moved = baseline.of({"x": RANDOM.normal(size=(4000, 1)) + 0.8})
    assert drifts(moved, fine)[0][1] > 0.3
    places = baseline.of({"x": np.array(["a", "b"] * 500)}), baseline.of({"x": np.array(["a"] * 900 + ["b"] * 100)})
    assert drifts(places[0], places[1])[0][1] > 0.5
    assert drifts(places[0], fine) == []


def test_scores_are_kept_in_the_file_and_files_without_them_are_read_as_before(tmp_path):
    file = tmp_path / "baseline.json"
    baseline.write(file, of(accuracy=0.9, simple_accuracy=baseline.most_frequent(["a", "a", "a", "b"])))
    told = json.loads(file.read_text())
    assert (told["accuracy"], told["simpleBaseline"]) == (0.9, {"accuracy": 0.75})
    assert (baseline.read(file).accuracy, baseline.read(file).simple_accuracy) == (0.9, 0.75)
    baseline.write(file, of())
    assert "accuracy" not in file.read_text()
    assert baseline.read(file).accuracy is None
    for nonsense in ({"accuracy": "good"}, {"simpleBaseline": 7}, {"accuracy": float("nan")}):
        file.write_text(json.dumps({**told, **nonsense}))
        with pytest.raises(baseline.InvalidBaseline):
            baseline.read(file)


@pytest.mark.parametrize(
    ("training", "flags", "measured"),
    [
        (of(accuracy=0.93, simple_accuracy=0.63), MUST, {"simpleAccuracy": 0.63}),
        (of(accuracy=0.93, simple_accuracy=0.63), (), {"simpleAccuracy": 0.63}),
        (of(accuracy=0.6, simple_accuracy=0.9), (*MUST, "--preflight-baseline", "warn"), {"simpleAccuracy": 0.9}),
        (of(), (), None),
    ],
    ids=["beaten", "nobody asks here", "warned of", "not said"],
)
def test_the_simple_baseline_is_told_to_whoever_watches_the_version_later(tmp_path, capsys, training, flags, measured):
    folder, log = model_in(tmp_path / "model", training), tmp_path / "log"
    cache = ["--cache-dir", str(tmp_path / "cache"), "--termination-log", str(log)]
    main(["resolve", "--model", str(folder), *cache, "--preflight-baseline", "fail", *flags])
    capsys.readouterr()
    assert json.loads(log.read_text()).get("measured") == measured
