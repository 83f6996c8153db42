"""Trials find what differs between alone and together, take little time, and invent rows that models take."""

from types import SimpleNamespace

import numpy as np
import pytest

from serin_server.model.rows import probe as probing
from serin_server.model.rows.feeds import rows_of
from serin_server.model.rows.probe import LAST_DIGITS, is_same, probe
from serin_server.model.rows.states import NotProven, Reason
from serin_server.model.tensors import Signature, TensorSpec

FLOATS = Signature((TensorSpec("x", "FP32", (-1, 4)),), (TensorSpec("y", "FP32", (-1, 4)),))


class Model:
    """A function of feeds with a signature; counts its runs."""

    def __init__(self, what, signature=FLOATS):
        self.what, self.signature, self.runs = what, signature, 0

    def run(self, feed):
        self.runs += 1
        made = self.what(**feed)
        return list(made) if isinstance(made, tuple) else [made]


def found(model, **more):
    with pytest.raises(NotProven) as caught:
        probe(model, **more)
    return caught.value.reason, caught.value.message


def test_rows_that_are_alike_alone_and_together_pass():
    model = Model(lambda x: 2 * x)
    probe(model)
    assert model.runs < 60


@pytest.mark.parametrize(
    "mixing",
    [
        lambda x: x - x.mean(axis=0),
        lambda x: x + np.float32(len(x) > 2),
        lambda x: x * (1 + 1e-3 * (np.arange(len(x), dtype=np.float32)[:, None] > 40)),
        lambda x: np.where(np.isnan(x).any(), 0, x),
        lambda x: np.where((np.abs(x) > 1e20).any(), 0, x),
        lambda x: np.where(np.isneginf(x).any(), 0, x),
        lambda x: np.where(np.isnan(x[:1]).any(), 0, x),
        lambda x: np.where(np.isnan(x[-1:]).any(), 0, x),
        lambda x: x[::-1].copy(),
        lambda x: np.cumsum(x, axis=0),
    ],
    ids=[
        "a mean over rows", "the number of rows", "the place in a large batch", "any NaN", "any huge number", "any infinity",
        "a NaN in the first row", "a NaN in the last row", "rows turned round", "a running total",
    ],
)  # fmt: skip
def test_what_differs_is_found(mixing):
    assert found(Model(mixing))[0] is Reason.PROBE_DIFFERS


def test_a_number_of_rows_that_comes_out_otherwise_is_found():
    reason, message = found(Model(lambda x: x[x[:, 0] > 0]))
    assert reason is Reason.PROBE_DIFFERS
    assert "rows of input" in message


def test_integers_and_text_must_agree_exactly():
    numbers = Signature((TensorSpec("x", "FP32", (-1, 4)),), (TensorSpec("y", "INT64", (-1,)),))
    assert found(Model(lambda x: np.arange(len(x)), numbers))[0] is Reason.PROBE_DIFFERS
    texts = Signature((TensorSpec("x", "BYTES", (-1,)),), (TensorSpec("y", "BYTES", (-1,)),))
    assert found(Model(lambda x: np.array([f"{x[0]}{len(x)}"] * len(x), object), texts))[0] is Reason.PROBE_DIFFERS
    probe(Model(lambda x: np.array([each.upper() for each in x], object), texts))


def test_a_table_gets_ids_as_large_as_it_takes():
    signature = Signature((TensorSpec("x", "INT64", (-1, 2)),), (TensorSpec("y", "INT64", (-1, 2)),))
    largest = 0

    def table(x):
        nonlocal largest
        if x.max() >= 300 or x.min() < 0:
            raise ValueError("outside the table")
        largest = max(largest, int(x.max()))
        return x

    probe(Model(table, signature))
    assert 50 < largest < 300


def test_free_sizes_are_tried_until_the_model_takes_them():
    signature = Signature((TensorSpec("x", "FP32", (-1, 3, -1, -1)),), (TensorSpec("y", "FP32", (-1, 3)),))

    def picky(x):
        if x.shape[2] % 32:
            raise ValueError("multiples of 32 only")
        return x.mean(axis=(2, 3))

    probe(Model(picky, signature))


def test_words_are_taken_from_the_lists_of_the_graph_column_by_column():
    signature = Signature(
        (TensorSpec("city", "BYTES", (-1, 1)), TensorSpec("kind", "BYTES", (-1, 1))),
        (TensorSpec("y", "BYTES", (-1, 1)),),
    )

    def encoder(city, kind):
        if not set(city.ravel()) <= {"Ulm", "Bonn"} or not set(kind.ravel()) <= {"old", "new"}:
            raise ValueError("unknown category")
        return city + kind

    probe(Model(encoder, signature), words=[["Ulm", "Bonn"], ["old", "new"]])
    reason, message = found(Model(encoder, signature), words=[["Ulm", "Bonn"]])
    assert reason is Reason.NOT_PROBED
    assert "give golden samples or a warm-up file" in message
    probe(
        Model(encoder, signature), samples=[{"city": np.array([["Ulm"]], object), "kind": np.array([["new"]], object)}]
    )


def test_samples_that_the_model_takes_are_what_is_tried():
    seen = set()

    def model(x):
        seen.update(x[np.isfinite(x) & (np.abs(x) < 1e3)].ravel().tolist())
        return x

    probe(Model(model), samples=[{"x": np.arange(8, dtype=np.float32).reshape(2, 4)}])
    assert seen == set(range(8))


def test_large_rows_are_tried_few_at_a_time_and_huge_ones_not_at_all():
    assert [rows_of(elements) for elements in (4, 3 * 224 * 224, 3 * 1024 * 1024, 10**9)] == [67, 8, 3, 0]
    seen = []
    signature = Signature((TensorSpec("x", "FP32", (-1, 3, 224, 224)),), (TensorSpec("y", "FP32", (-1, 3)),))

    def model(x):
        seen.append(len(x))
        return x.mean(axis=(2, 3))

    probe(Model(model, signature))
    assert max(seen) == 8
    huge = Signature((TensorSpec("x", "FP32", (-1, 10**9)),), (TensorSpec("y", "FP32", (-1, 3)),))
    assert found(Model(model, huge))[0] is Reason.NOT_PROBED


class Clock:
    """A clock that a run of the model moves."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.mark.parametrize(("seconds_a_row", "is_tried"), [(0.03, True), (0.15, True), (1.5, False)])
def test_trials_end_after_their_time_and_the_run_under_way(seconds_a_row, is_tried, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(probing, "perf_counter", clock)

    def slow(x):
        clock.now += seconds_a_row * len(x)
        return x

    model = Model(slow)
    if is_tried:
        probe(model)
    else:
        reason, message = found(model)
        assert reason is Reason.NOT_PROBED
        assert "too slow" in message
    assert clock.now <= probing.LONGEST_SECONDS + seconds_a_row * 67


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ([1.0, 2.0], [1.0, 2.0 + 2 * LAST_DIGITS * 1e-7 / 2], True),
        ([1.0, 2.0], [1.0, 2.001], False),
        ([np.nan, np.inf, 1.0], [np.nan, np.inf, 1.0], True),
        ([np.nan, 1.0], [0.0, 1.0], False),
        ([np.inf, 1.0], [-np.inf, 1.0], False),
        ([0.0, 0.0], [0.0, 0.0], True),
        ([], [], True),
        ([1.0], [1.0, 2.0], False),
    ],
)
def test_floats_agree_up_to_their_last_digits(one, other, same):
    assert is_same(np.array(one, np.float32), np.array(other, np.float32)) is same


def test_a_model_that_takes_nothing_is_not_probed():
    def refuses(x):
        raise ValueError("no")

    assert found(Model(refuses))[0] is Reason.NOT_PROBED
    assert found(SimpleNamespace(signature=FLOATS, run=lambda feed: 1 / 0))[0] is Reason.NOT_PROBED
