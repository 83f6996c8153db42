"""Baselines from training data, and what the server counts in their bins."""

import asyncio
import json

import numpy as np
import pytest

from serin_server import baseline
from serin_server.failures import LoadFailure
from serin_server.features.capture import FeatureCapture
from serin_server.features.fit import checked_fit
from serin_server.metrics.merge import merged
from serin_server.metrics.server import ServerMetrics
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


@pytest.mark.slow
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


def distribution(**changes):
    made = {"name": "a", "tensor": "X", "column": 0, "counts": [1, 2], "edges": [0.5], "least": 0.0, "most": 1.0}
    return {**made, **changes}


def written(tmp_path, *features, prediction=None):
    told = {"format": baseline.FORMAT, "rows": 3, "features": features, "prediction": prediction}
    (tmp_path / "baseline.json").write_text(json.dumps(told))
    return tmp_path / "baseline.json"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"edges": [float("inf")]}, "finite"), ({"edges": [float("nan")]}, "finite"), ({"least": float("-inf")}, "finite"),
        ({"counts": [1, -2]}, "negative"), ({"column": -1}, "negative"), ({"counts": [1, 2.5]}, "int"),
        ({"counts": [1, None]}, "int"), ({"counts": ["1", 2]}, "int"), ({"edges": ["a"]}, "float"),
        ({"name": ["a"]}, "str"), ({"name": 5}, "str"), ({"column": "a"}, "int"), ({"categories": [[1]]}, "categories"),
        ({"edges": [], "counts": [1, 2], "categories": [baseline.OTHER]}, "called"),
        ({"edges": [], "counts": [1, 2, 3], "categories": [1, "1"]}, "called"), ({"surprise": 1}, "surprise"),
        ({"edges": [10**400]}, "not a baseline"),
    ],
)  # fmt: skip
def test_a_distribution_that_cannot_be_counted_in_is_refused_when_it_is_read(tmp_path, changes, words):
    with pytest.raises(baseline.InvalidBaseline, match=words):
        baseline.read(written(tmp_path, distribution(**changes)))


def test_two_features_of_one_name_are_refused_because_they_would_be_one_series(tmp_path):
    with pytest.raises(baseline.InvalidBaseline, match="two features are called 'a'"):
        baseline.read(written(tmp_path, distribution(), distribution(column=1)))


def test_edges_that_are_close_together_have_names_of_their_own():
    made = baseline.of({"t": np.linspace(1_700_000_000, 1_700_001_000, 500)})
    names = made.features[0].bin_names()
    assert len(set(names)) == len(names) > 5


def test_a_category_that_is_called_as_the_rest_belongs_to_the_rest(tmp_path):
    made = baseline.of({"s": np.array(["a", "a", baseline.OTHER, "b"])})
    assert (made.features[0].categories, made.features[0].counts) == (("a", "b"), (2, 1, 1))
    baseline.write(tmp_path / "baseline.json", made)
    assert baseline.read(tmp_path / "baseline.json") == made


NUMBERS = {"counts": (1, 2), "edges": (0.5,)}


def made_of(prediction=None, **about):
    features = (baseline.Distribution(**{"name": "f", "tensor": "X", "column": 0, **about}),) if about else ()
    return baseline.Baseline(3, features, prediction)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (made_of(tensor="city", column=None, **NUMBERS), "'f'.*numbers in bins.*'city' is BYTES"),
        (made_of(tensor="city", column=None, counts=(1, 1), categories=(5,)), "'f'.*like 5.*'city' is BYTES"),
        (made_of(counts=(1, 1), categories=("Bern",)), "'f'.*like 'Bern'.*'X' is FP32"),
        (made_of(column=2, **NUMBERS), "'f'.*column 2 of input 'X', which has 2"),
        (made_of(column=None, **NUMBERS), "'f'.*only column of input 'X', which has 2"),
        (made_of(tensor="Z", **NUMBERS), "'f' is of input 'Z', and the model takes X, city"),
        (made_of(baseline.Distribution("prediction", "", None, (1, 1), categories=("yes",))), "'yes'.*prediction is INT64"),
    ],
)  # fmt: skip
def test_a_baseline_of_another_model_is_refused_at_load_naming_the_feature(made, words):
    with pytest.raises(LoadFailure, match=words) as failure:
        checked_fit(made, SIGNATURE, PredictionReader(SIGNATURE))
    assert "make the baseline anew" in failure.value.message


def test_a_prediction_of_text_is_not_counted_in_bins_of_numbers():
    signature = Signature(SIGNATURE.inputs, (TensorSpec("label", "BYTES", (-1,)),))
    made = made_of(baseline.Distribution("prediction", "", None, **NUMBERS))
    with pytest.raises(LoadFailure, match="prediction is BYTES"):
        checked_fit(made, signature, PredictionReader(signature))


def test_what_fits_is_counted_and_what_the_model_has_not_is_told():
    good = baseline.Distribution("good", "X", 1, **NUMBERS)
    flags = baseline.Distribution("flag", "X", 0, (1, 2, 0), categories=(True, False))
    other = baseline.Distribution("gone", "Z", 0, **NUMBERS)
    made = baseline.Baseline(3, (good, flags, other), None)
    assert [("gone" in sentence) for sentence in checked_fit(made, SIGNATURE, PredictionReader(SIGNATURE))] == [True]


def test_a_model_without_one_prediction_a_row_says_that_it_is_not_counted():
    signature = Signature(SIGNATURE.inputs, (TensorSpec("image", "FP32", (-1, 3, 8, 8)),))
    made = made_of(baseline.Distribution("prediction", "", None, **NUMBERS), **NUMBERS)
    assert "SERIN_PREDICTION_OUTPUT" in checked_fit(made, signature, PredictionReader(signature))[0]


def test_a_part_of_the_metrics_that_fails_is_left_out_told_once_and_counted():
    class Broken:
        part = "broken"

        def tell(self, words):
            words.gauge("serin_payload_log_events_total", 1)
            raise ZeroDivisionError

    labels = dict.fromkeys(["model_namespace", "model_name", "model_version", "model_revision", "server_id"], "x")
    metrics, told = ServerMetrics(labels, 0.0), []
    metrics.more.append(Broken())
    metrics.on_failure = lambda *each: told.append(each)
    metrics.request_duration.sum = float("inf")
    metrics.in_flight = float("nan")
    text = [metrics.exposition().decode() for _ in range(2)][1]
    assert "serin_payload_log_events_total" not in text
    assert 'part="broken"} 2\n' in text
    assert "serin_process_open_connections" in text
    assert [(part, type(error)) for part, error in told] == [("broken", ZeroDivisionError)]


def test_processes_whose_labels_hold_odd_ends_of_lines_are_merged():
    one = '# HELP m x\n# TYPE m counter\nm{a="b\u2028c\\x0bd"} 1\n'
    assert 'd"} 2' in merged([one, one])


@pytest.mark.slow
def test_a_baseline_is_small_whatever_the_training_data(tmp_path):
    rng = np.random.default_rng(0)
    made = baseline.of({"X": rng.normal(size=(100, 1000)), "s": rng.integers(0, 10**9, 100).astype(str)})
    assert len(made.features) == baseline.MAX_FEATURES
    baseline.write(tmp_path / "b.json", made)
    assert len((tmp_path / "b.json").read_text()) < 200_000
    assert json.loads((tmp_path / "b.json").read_text())["rows"] == 100
