"""Baselines from training data, and what the server counts in their bins."""

import asyncio
import json

import numpy as np
import pytest

from serin_server import baseline
from serin_server.features.capture import FeatureCapture
from serin_server.model.predictions import PredictionReader
from serin_server.model.tensors import Signature, TensorSpec

SIGNATURE = Signature(
    (TensorSpec("X", "FP32", (-1, 2)), TensorSpec("city", "BYTES", (-1, 1))), (TensorSpec("label", "INT64", (-1,)),)
)


@pytest.fixture
def trained():
    rng = np.random.default_rng(5)
    x = np.column_stack([rng.normal(size=1000), rng.exponential(size=1000)])
    return {"X": x, "city": rng.choice(["Bern", "Oslo"], 1000, p=[0.8, 0.2])}, rng.integers(0, 2, 1000)


def capture_of(made, loop=None):
    return FeatureCapture(made, SIGNATURE, PredictionReader(SIGNATURE), loop or asyncio.new_event_loop())


def run(x, cities, labels):
    """Inputs and outputs of one run of the model."""
    return [np.array(x, np.float32), np.array(cities, dtype=object).reshape(-1, 1)], [np.array(labels)]


def counts(capture, name):
    return next(feature for _, feature in capture.features if feature.distribution.name == name)


def test_training_data_seen_again_fall_in_the_bins_they_came_from(trained, tmp_path):
    inputs, labels = trained
    baseline.write(tmp_path / "baseline.json", baseline.of(inputs, labels, names={"X": ["age", "income"]}))
    made = baseline.read(tmp_path / "baseline.json")
    assert [about.name for about in made.features] == ["age", "income", "city"]
    assert all(sum(about.counts) == 1000 for about in (*made.features, made.prediction))
    assert max(made.features[0].counts) - min(made.features[0].counts) <= 2  # cut at quantiles
    capture = capture_of(made)
    for first in range(0, 1000, 7):
        rows = slice(first, first + 7)
        capture.observe(*run(inputs["X"][rows], inputs["city"][rows], labels[rows]))
    capture.aggregate()
    for feature in [feature for _, feature in capture.features] + [capture.prediction]:
        assert tuple(feature.counts) == feature.distribution.counts
        assert not any(feature.invalid.values())


def test_what_is_no_number_out_of_range_or_unknown_is_counted_by_feature(trained):
    inputs, labels = trained
    capture = capture_of(baseline.of(inputs, labels))
    capture.observe(*run([[np.nan, 1], [1e9, np.inf]], ["Paris", "Bern"], [0, 7]))
    capture.aggregate()
    assert counts(capture, "X[0]").invalid == {"nan": 1, "out_of_range": 1, "unknown": 0}
    assert counts(capture, "X[1]").invalid == {"nan": 1, "out_of_range": 0, "unknown": 0}
    assert counts(capture, "city").invalid == {"nan": 0, "out_of_range": 0, "unknown": 1}
    assert counts(capture, "city").counts.tolist() == [1, 0, 1]
    assert capture.prediction.invalid["unknown"] == 1


def test_what_waits_is_bounded_and_what_is_dropped_is_counted(trained):
    inputs, labels = trained
    capture = capture_of(baseline.of(inputs, labels))
    big = run(np.zeros((200_000, 2)), ["Bern"] * 200_000, np.zeros(200_000, int))
    capture.observe(*big)
    assert (capture.dropped, len(capture._waiting)) == (1, 0)
    small = run(np.zeros((50_000, 2)), ["Bern"] * 50_000, np.zeros(50_000, int))
    for _ in range(100):
        capture.observe(*small)
    assert capture.dropped > 80
    capture.aggregate()
    assert capture._bytes == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "not a baseline"), ("{}", "format"), ('{"format": "x"}', "'x' is not serin.baseline/1"),
     ('{"format": "serin.baseline/1", "rows": 1, "features": [{"name": "a", "tensor": "X", "column": 0, "counts": [1], "edges": [1, 2]}]}', "counts"),
     ('{"format": "serin.baseline/1", "rows": 1, "features": [{"name": "a", "tensor": "X", "column": 0, "counts": [1, 2, 3], "edges": [2, 1]}]}', "ascend")],
)  # fmt: skip
def test_a_file_that_is_no_baseline_says_why(tmp_path, text, words):
    (tmp_path / "baseline.json").write_text(text)
    with pytest.raises(baseline.InvalidBaseline, match=words):
        baseline.read(tmp_path / "baseline.json")


def test_a_baseline_is_small_whatever_the_training_data(tmp_path):
    rng = np.random.default_rng(0)
    made = baseline.of({"X": rng.normal(size=(100, 1000)), "s": rng.integers(0, 10**9, 100).astype(str)})
    assert len(made.features) == baseline.MAX_FEATURES
    baseline.write(tmp_path / "b.json", made)
    assert len((tmp_path / "b.json").read_text()) < 200_000
    assert json.loads((tmp_path / "b.json").read_text())["rows"] == 100
