"""The log of predictions: a sample by token, bounded, never in an answer's way, and sent until the collector has it."""

import json
import threading

import numpy as np
import pytest

from serin_server.dataplane.call import NO_BATCH, Call, Shared
from serin_server.feedback.counter import FeedbackCounter, LabelTaken, Rules
from serin_server.feedback.tokens import ControlPart, TokenSigner
from serin_server.keys import Keys
from serin_server.metrics.server import ServerMetrics, Words
from serin_server.model.predictions import PredictionReader
from serin_server.model.tensors import Signature, TensorSpec
from serin_server.records.predictions import lines
from serin_server.records.predictions.lines import LineWriter
from serin_server.records.predictions.log import BATCH_BYTES, MOST_WAITING, PredictionLog
from serin_server.records.predictions.ring import Ring
from serin_server.records.predictions.wire import MOST_BATCH_ROWS, id_of, place_of
from serin_server.records.sink import NotTaken

SIGNATURE = Signature(
    (TensorSpec("x", "FP32", (-1, 2)), TensorSpec("name", "BYTES", (-1,))),
    (TensorSpec("label", "INT64", (-1,)), TensorSpec("scores", "FP32", (-1, 2))),
)
ABOUT = {"namespace": "ns", "model": "m", "version": "v1", "revision": "abc", "server": "pod-1"}
SIGNER = TokenSigner(Keys("k", {"k": b"0123456789abcdef"}), "abc")


def call(rows=1, request="id-1"):
    made = Call([np.ones((rows, 2), np.float32), np.array(["Ada"] * rows, dtype=object)], rows, None, request)
    made.outputs = [np.full(rows, 7, np.int64), np.ones((rows, 2), np.float32)]
    return made


def log(send, sample=1.0, *, hidden=(), max_bytes=1000, **changes):
    reader = PredictionReader(SIGNATURE)
    writer = LineWriter(ABOUT, SIGNATURE, reader, hidden=hidden, max_bytes=max_bytes)
    made = PredictionLog(writer, send, sample, **changes)
    made.start()
    return made


def token(call, at):
    return SIGNER.sign(at, call.id, [7])


def sent_by(take, **changes):
    """The head and the lines of what a log sent."""
    batches = []
    predictions = log(batches.append, **changes)
    take(predictions)
    predictions.close()
    lines = [json.loads(line) for batch in batches for line in batch.splitlines()]
    return lines[0] if lines else None, lines[1:]


def test_a_record_has_the_predictions_the_tensors_and_the_id_that_its_label_will_find_out():
    made = call(rows=2)
    head, (line,) = sent_by(lambda each: each.watching(token)(made, 1_700_000_000.25))
    assert {name: head[name] for name in ABOUT} == ABOUT
    assert [each["name"] for each in head["inputs"]] == ["x", "name"]
    assert head["prediction_output"] == "label"
    assert line == {
        "kind": "prediction",
        "id": id_of(token(made, 1_700_000_000.25)),
        "at": 1_700_000_000_250,
        "request": "id-1",
        "rows": 2,
        "predictions": [7, 7],
        "inputs": [[1.0, 1.0, 1.0, 1.0], ["Ada", "Ada"]],
        "outputs": [[7, 7], [1.0, 1.0, 1.0, 1.0]],
    }


class Asked:
    """A pair whose control has answered."""

    def control_part(self):
        return ControlPart("other", [3])


def test_what_another_version_made_of_it_stands_beside_it():
    made = call()
    made.pair = Asked()
    _, (line,) = sent_by(lambda each: each.watching(token)(made, 1.0))
    assert line["control"] == ["other", [3]]


def test_what_is_hidden_is_not_told():
    head, (line,) = sent_by(lambda each: each.watching(token)(call(), 1.0), hidden=["name", "label"])
    assert "Ada" not in json.dumps([head, line])
    assert ([each["name"] for each in head["inputs"]], line["inputs"]) == (["x"], [[1.0, 1.0]])
    assert (head["prediction_output"], line["predictions"]) == ("", [])


def test_what_another_version_made_of_a_hidden_prediction_is_hidden_too():
    made = call()
    made.pair = Asked()
    _, (line,) = sent_by(lambda each: each.watching(token)(made, 1.0), hidden=["label"])
    assert "control" not in line


def test_of_a_large_request_the_predictions_alone_are_told():
    _, (line,) = sent_by(lambda each: each.watching(token)(call(rows=200), 1.0))
    assert (line["inputs"], line["outputs"], len(line["predictions"])) == ([None, None], [None, None], 200)


def test_an_answer_whose_inputs_are_gone_by_then_tells_its_outputs():
    made = call()
    made.arrays = []
    _, (line,) = sent_by(lambda each: each.watching(token)(made, 1.0))
    assert (line["inputs"], line["outputs"][0]) == ([None, None], [7])


def test_too_many_rows_are_counted_and_not_told():
    predictions = log(lambda _: None)
    predictions.watching(token)(call(rows=5000), 1.0)
    assert predictions.outcomes["too_large"] == 1
    predictions.close()


def test_of_a_run_that_several_shared_its_own_rows_are_told():
    made = call()
    made.shared, made._outputs, made.first = Shared([np.arange(8), np.arange(16.0).reshape(8, 2)]), None, 3
    _, (line,) = sent_by(lambda each: each.watching(token)(made, 1.0))
    assert line["outputs"] == [[3], [6.0, 7.0]]


def test_texts_count_with_their_length():
    made = call()
    made.arrays[1] = np.array(["x" * 2000], dtype=object)
    _, (line,) = sent_by(lambda each: each.watching(token)(made, 1.0))
    assert line["inputs"] == [None, None]


@pytest.mark.parametrize("texts", [[b"x" * 2000], [b"x"] * 200, ["x" * 2000]], ids=["long", "many", "decoded"])
def test_of_texts_that_are_too_large_none_is_decoded(monkeypatch, texts):
    decoded = []
    monkeypatch.setattr(lines, "_text", lambda value: decoded.append(value) or "")
    made = call()
    made.arrays[1] = np.array(texts, dtype=object)
    _, (line,) = sent_by(lambda each: each.watching(token)(made, 1.0))
    assert (line["inputs"], line["outputs"], decoded) == ([None, None], [None, None], [])


def test_what_waits_has_a_bound_in_bytes_too():
    ring = Ring(10, 100)
    assert [ring.put(b"x" * 40) for _ in range(3)] == [True, True, False]
    assert ring.take(10, 50) == [b"x" * 40]
    assert ring.put(b"y" * 60)
    assert [len(line) for line in ring.take(10, 1000)] == [40, 60]


def test_tensors_without_rows_are_one_row():
    made = call()
    made.rows = NO_BATCH
    _, (line,) = sent_by(lambda each: each.watching(token)(made, 1.0))
    assert line["rows"] == 1


@pytest.mark.parametrize("sample", [0.02, 0.25, 0.9])
def test_as_many_are_taken_as_the_share_says(sample):
    places = [place_of(token(call(request="same"), 1_700_000_000 + each / 1000)) for each in range(4000)]
    taken = sum(place < sample * 2**32 for place in places) / 4000
    assert abs(taken - sample) < 4 * (sample * (1 - sample) / 4000) ** 0.5


def test_labels_are_told_of_what_was_sampled_and_of_nothing_else():
    tokens = [token(call(), 1_700_000_000 + each) for each in range(40)]
    sampled = {id_of(each) for each in tokens if place_of(each) < 2**31}

    def take(predictions):
        for each in tokens:
            predictions.label(LabelTaken(each.decode(), 0, "cat", "abc", 1_700_000_000.0, 1_700_000_060.5))

    _, lines = sent_by(take, sample=0.5)
    assert {line["id"] for line in lines} == sampled
    assert lines[0] | {"id": ""} == {
        "kind": "label",
        "id": "",
        "row": 0,
        "at": 1_700_000_000_000,
        "revision": "abc",
        "labelled_at": 1_700_000_060_500,
        "label": "cat",
    }


def test_without_tokens_a_share_is_taken_by_chance_and_answers_stay_without():
    predictions = log(lambda _: None)
    assert predictions.watching(None)(call(), 1.0) == b""
    predictions.close()
    assert predictions.outcomes["acknowledged"] == 1


def test_a_collector_that_hangs_costs_records_and_no_answer():
    release = threading.Event()

    def hang(_):
        release.wait(20)

    predictions = log(hang)
    make = predictions.watching(token)
    for each in range(MOST_WAITING + 1000):
        make(call(), float(each))
    assert predictions.outcomes["full"] >= 1000 - 512
    release.set()
    predictions.close()
    assert sum(predictions.outcomes.values()) == MOST_WAITING + 1000


def test_large_lines_are_sent_as_soon_as_they_fill_a_batch():
    sizes = []
    came = threading.Event()

    def send(body):
        sizes.append(len(body))
        if len(sizes) == 3:
            came.set()

    predictions = log(send, max_bytes=100_000, pause_seconds=60)
    large = call()
    large.arrays[1] = np.array(["x" * 50_000], dtype=object)
    make = predictions.watching(token)
    for each in range(33):
        make(large, float(each))
    assert came.wait(10)
    predictions.close()
    assert max(sizes) <= BATCH_BYTES + 1000


def test_a_batch_of_small_lines_with_many_rows_has_a_bound_in_rows():
    rows = []

    def send(body):
        rows.append(sum(json.loads(line)["rows"] for line in body.splitlines()[1:]))

    predictions = log(send, max_bytes=0)
    make = predictions.watching(token)
    for each in range(40):
        make(call(rows=4096), float(each))
    predictions.close()
    assert sum(rows) == 40 * 4096
    assert max(rows) <= 32_768 <= MOST_BATCH_ROWS


def test_a_batch_is_sent_again_by_its_name_until_it_is_taken():
    came = []

    def send(body):
        came.append(json.loads(body.splitlines()[0])["batch"])
        if len(came) < 3:
            raise NotTaken("it answered 503", 503)

    predictions = log(send, again_seconds=0.001, pause_seconds=0.001)
    predictions.watching(token)(call(), 1.0)
    deadline = threading.Event()
    while predictions.outcomes["acknowledged"] == 0 and not deadline.wait(0.005):
        pass
    predictions.close()
    assert len(set(came)) == 1
    assert len(came) == 3


@pytest.mark.parametrize(
    ("status", "outcome"), [(400, "refused"), (413, "refused"), (401, "lost"), (404, "lost"), (503, "lost")]
)
def test_what_would_be_refused_again_is_given_up_at_once_and_the_rest_when_the_server_ends(status, outcome):
    def send(_):
        raise NotTaken(f"it answered {status}", status)

    predictions = log(send)
    predictions.watching(token)(call(), 1.0)
    predictions.close(0.1)
    assert predictions.outcomes[outcome] == 1


def test_a_record_that_cannot_be_written_costs_itself_alone_and_is_told_without_data():
    told = []
    batches = []
    predictions = log(batches.append, tell=lambda *each: told.append(each))
    broken = call()
    broken.outputs = [np.array([7 + 7j]), np.ones((1, 2), np.float32)]
    predictions.watching(token)(broken, 1.0)
    predictions.watching(token)(call(), 1.0)
    predictions.close()
    assert (predictions.outcomes["refused"], predictions.outcomes["acknowledged"]) == (1, 1)
    assert "Ada" not in str(told)


def test_a_scrape_says_what_became_of_each():
    predictions = log(lambda _: None)
    words = Words('model_name="m"')
    predictions.tell(words)
    predictions.close()
    told = words.bytes().decode()
    for outcome in ("acknowledged", "full", "too_large", "refused", "lost"):
        assert f'serin_prediction_log_records_total{{model_name="m",outcome="{outcome}"}} 0' in told


def feedback():
    labels = {
        "model_namespace": "ns",
        "model_name": "m",
        "model_version": "v",
        "model_revision": "abc",
        "server_id": "s",
    }
    counter = FeedbackCounter(ServerMetrics(labels, 0.0), Rules(takes_unsigned=True), SIGNER)
    told = []
    counter.on_label = told.append
    return counter, told


def test_of_feedback_every_new_label_and_every_correction_is_told_and_no_repetition():
    counter, told = feedback()
    made = SIGNER.sign(1_700_000_000.0, "id-1", ["cat", "dog"]).decode()
    for row, label in ((0, "cat"), (0, "cat"), (1, "dog"), (1, "cat")):
        counter.take(json.dumps({"token": made, "row": row, "label": label}).encode(), 1_700_000_100.0)
    assert [(each.row, each.label) for each in told] == [(0, "cat"), (1, "dog"), (1, "cat")]
    assert told[0] == LabelTaken(made, 0, "cat", "abc", 1_700_000_000.0, 1_700_000_100.0)


def test_labels_without_a_token_belong_to_no_record():
    counter, told = feedback()
    row = {"model_version": "abc", "predicted_at": 1_700_000_000.0, "prediction": 1, "label": 1, "id": "a"}
    counter.take(json.dumps(row).encode(), 1_700_000_100.0)
    assert told == []
