"""Batches as tables: the columns that the documentation promises, whatever a model has and whatever a sender sends."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest
from tests.support.predictions import NOON, batch, label, prediction

from serin_server.collector import tables
from serin_server.collector.schema import LABELS_SCHEMA
from serin_server.collector.tables import Malformed, batch_of, day_of
from serin_server.records.predictions.wire import MOST_BATCH_ROWS, MOST_ROWS

DAY_MS = 86_400_000


def rows_of(body, hidden=frozenset()):
    (part,) = batch_of(body, hidden).parts
    return part.table.to_pylist()


def test_a_prediction_is_a_row_with_its_tensors_as_columns():
    (row,) = rows_of(batch(prediction(7)))
    assert row == {
        "prediction_id": f"{7:032x}",
        "row": 0,
        "predicted_at": datetime.fromtimestamp(NOON / 1000, UTC).replace(microsecond=7000),
        "request_id": "request-7",
        "namespace": "scoring",
        "model": "credit-risk",
        "serin_version": "v1",
        "revision": "abcdefghij",
        "server_id": "pod-1",
        "prediction": "1",
        "prediction_number": 1.0,
        "control_revision": None,
        "control_prediction": None,
        "control_prediction_number": None,
        "input_x": [0.5, None],
        "input_age": 41,
        "input_name": "Ada",
        "output_label": 1,
    }


def test_each_row_of_a_request_is_a_row():
    lines = (
        prediction(1, 2, inputs=[[1, 2, 3, 4], [30, 31], ["a", "b"]], predictions=[1, 0], control=["other", [1, 1]]),
        prediction(2),
    )
    rows = rows_of(batch(*lines))
    assert [(each["row"], each["input_x"], each["input_age"], each["prediction"]) for each in rows] == [
        (0, [1.0, 2.0], 30, "1"),
        (1, [3.0, 4.0], 31, "0"),
        (0, [0.5, None], 41, "1"),
    ]
    assert [(each["control_revision"], each["control_prediction_number"]) for each in rows] == [
        ("other", 1.0),
        ("other", 1.0),
        (None, None),
    ]


def test_what_was_not_told_is_null_and_moves_nothing():
    lines = [
        prediction(1, inputs=[None, None, None]),
        prediction(2),
        prediction(3, 2, inputs=[None, [1, 2], ["a", "b"]], outputs=[None]),
        prediction(4, inputs=[[], [5], ["c"]]),
    ]
    rows = rows_of(batch(*lines))
    assert [each["input_x"] for each in rows] == [None, [0.5, None], None, None, []]
    assert [each["input_age"] for each in rows] == [None, 41, 1, 2, 5]
    assert [each["output_label"] for each in rows] == [1, 1, None, None, 1]


def test_lists_of_any_length_stay_lists():
    lines = [prediction(each, inputs=[list(range(each)), [1], ["a"]]) for each in range(1, 4)]
    assert [row["input_x"] for row in rows_of(batch(*lines))] == [[0.0], [0.0, 1.0], [0.0, 1.0, 2.0]]


@pytest.mark.parametrize(
    ("told", "text", "number"),
    [("cat", "cat", None), (True, "true", 1.0), (0.1, "0.1", 0.1), (7, "7", 7.0), (None, None, None)],
)
def test_predictions_and_labels_of_every_kind_are_texts_and_numbers_where_they_are_numbers(told, text, number):
    (row,) = rows_of(batch(prediction(predictions=[told])))
    assert (row["prediction"], row["prediction_number"]) == (text, number)
    if told is not None:
        (row,) = rows_of(batch(label(label=told)))
        assert (row["label"], row["label_number"]) == (text, number)


def test_labels_lie_on_the_day_of_their_prediction_with_what_joins_them():
    (part,) = batch_of(batch(label(3, row=2, labelled_at=NOON + 40 * DAY_MS))).parts
    assert (part.name, part.day, part.table.schema) == ("labels", "2023-11-14", LABELS_SCHEMA)
    (row,) = part.table.to_pylist()
    assert (row["prediction_id"], row["row"], row["labelled_at"].isoformat()) == (
        f"{3:032x}",
        2,
        "2023-12-24T22:13:20+00:00",
    )


def test_a_batch_over_midnight_is_of_two_days():
    parts = batch_of(batch(prediction(), prediction(1, at=NOON + DAY_MS), label())).parts
    assert [(part.name, part.day, part.version) for part in parts] == [
        ("predictions", "2023-11-14", "v1"),
        ("predictions", "2023-11-15", "v1"),
        ("labels", "2023-11-14", ""),
    ]
    assert day_of(0) == "1970-01-01"


def test_what_is_hidden_here_is_no_column_though_servers_tell_it():
    (row,) = rows_of(batch(prediction()), frozenset({"name", "label"}))
    assert not {"input_name", "output_label"} & set(row)
    assert (row["prediction"], row["prediction_number"]) == (None, None)
    assert row["input_age"] == 41


def test_what_another_version_made_of_a_prediction_that_is_hidden_is_null_too():
    lines = [prediction(predictions=[], control=["other", [3]])]
    told_by_servers_of_before = rows_of(batch(*lines, prediction_output=""))
    hidden_here = rows_of(batch(*lines), frozenset({"label"}))
    for (row,) in (told_by_servers_of_before, hidden_here):
        assert (row["prediction"], row["control_prediction"], row["control_prediction_number"]) == (None, None, None)


def test_a_tensor_whose_rows_have_two_open_dimensions_is_a_list():
    series = [{"name": "series", "datatype": "FP32", "shape": [-1, -1, -1]}]
    rows = rows_of(batch(prediction(rows=2, inputs=[[1, 2, 3, 4, 5, 6]]), inputs=series))
    assert [row["input_series"] for row in rows] == [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]


def test_the_schema_says_what_a_list_was_and_its_own_number():
    (part,) = batch_of(batch(prediction())).parts
    schema = part.table.schema
    assert schema.metadata == {b"serin.schema": b"1"}
    assert schema.field("input_x").metadata == {b"serin.datatype": b"FP32", b"serin.shape": b"-1,2"}
    assert (schema.field("input_x").type, schema.field("input_age").type) == (pa.list_(pa.float32()), pa.int64())


def test_a_batch_has_a_bound_in_rows_which_one_request_never_exceeds(monkeypatch):
    monkeypatch.setattr(tables, "_predictions", lambda *_: ())
    lines = [prediction(each, MOST_ROWS, predictions=[], inputs=[None] * 3, outputs=[None]) for each in range(17)]
    most = MOST_BATCH_ROWS // MOST_ROWS
    assert batch_of(batch(*lines[:most])).predictions == most
    with pytest.raises(Malformed, match="65536 rows"):
        batch_of(batch(*lines[:most], label()))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no json",
        batch(prediction(), schema=2),
        batch(prediction(at=-1)),
        batch(prediction(rows=2, inputs=[])),
        batch(prediction(inputs=[["Ada", 1], [1], ["a"]])),
        batch({"kind": "other"}),
        batch(prediction(), inputs=[{"name": "x", "datatype": "FP4", "shape": [-1]}]),
        batch(prediction(predictions=[{"a": 1}])),
        batch(label(label=None)),
        batch(prediction())[:-2],
    ],
)
def test_what_is_no_batch_is_refused_whole_and_without_a_word_of_it(body):
    with pytest.raises(Malformed) as refused:
        batch_of(body)
    assert "Ada" not in str(refused.value)
