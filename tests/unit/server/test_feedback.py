"""Labels that come back: for whom they count, by which age, once each, and what is refused."""

import json
from base64 import b64encode

import numpy as np
import pytest

from serin_server.config.settings import settings_from
from serin_server.feedback.counter import FeedbackCounter, Rules
from serin_server.feedback.seen import Seen, SeenLabels
from serin_server.feedback.tokens import Forged, TokenSigner
from serin_server.keys import Keys, keys_in
from serin_server.metrics.server import AGE_BOUNDS, ServerMetrics
from serin_server.model.predictions import PredictionReader
from serin_server.model.tensors import Signature, TensorSpec
from serin_server.process.assembly import signer_of, watches_of
from serin_server.refusals import Refusal

NOW = 1_795_000_000.0
KEYS = Keys("k1", {"k1": b"0123456789abcdef", "k0": b"an older key of it"})
LABELS = {"model_namespace": "n", "model_name": "m", "model_version": "v", "model_revision": "own", "server_id": "p-1"}


@pytest.fixture
def metrics():
    return ServerMetrics(LABELS, NOW)


def row(**changes):
    return {"model_version": "own", "predicted_at": NOW - 40, "prediction": 1, "label": 1, **changes}


def take(counter, *rows):
    return counter.take(json.dumps({"rows": rows}).encode(), NOW)


def counted(metrics):
    return {key: value for key, value in metrics.feedback.values.items() if value}


def rejected(metrics):
    return {key[0]: value for key, value in metrics.feedback_rejected.values.items() if value}


@pytest.mark.parametrize(
    ("age", "bound"),
    [
        (-4, "4"),
        (0, "4"),
        (4.5, "8"),
        (60, "60"),
        (61, "120"),
        (120, "120"),
        (3600, "3840"),
        (491_520, "491520"),
        (491_521, "+Inf"),
    ],
)
def test_a_label_counts_in_the_bucket_of_its_predictions_age(metrics, age, bound):
    assert take(FeedbackCounter(metrics), row(predicted_at=NOW - age)).accepted == 1
    assert counted(metrics) == {("own", bound, "correct"): 1}
    assert bound in AGE_BOUNDS


@pytest.mark.parametrize(
    ("prediction", "label", "outcome"),
    [
        (1, 1, "correct"),
        (1, 1.0, "correct"),
        (1, 0, "wrong"),
        ("a", "a", "correct"),
        ("1", 1, "correct"),
        (1, "1", "correct"),
        (1, " 1.0", "correct"),
        (10, "1", "wrong"),
        ("-1", 1, "wrong"),
        (2**60, str(2**60 + 1), "wrong"),
        (True, 1, "correct"),
        (True, "true", "correct"),
        (0, "False", "correct"),
        ("true", "1", "wrong"),
    ],
)
def test_a_class_is_right_when_it_is_equal_however_it_is_spelled(metrics, prediction, label, outcome):
    take(FeedbackCounter(metrics), row(prediction=prediction, label=label))
    assert counted(metrics) == {("own", "60", outcome): 1}


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (row(label=None), "malformed"),
        (row(prediction=None), "malformed"),
        (row(model_version=""), "malformed"),
        (row(predicted_at="yesterday"), "malformed"),
        (row(surprise=1), "malformed"),
        (row(model_version="x" * 64), "malformed"),
        ({"label": 1}, "malformed"),
        (5, "malformed"),
        (row(predicted_at=NOW + 60), "future"),
        (row(predicted_at=NOW - 40 * 86400), "stale"),
        ({"token": "k1.e30.AAAA", "label": 1}, "forged"),
        (row(label="yes"), "incomparable"),
        (row(prediction="red", label=1), "incomparable"),
        (row(label="nan"), "incomparable"),
    ],
)
def test_a_bad_row_is_refused_alone_with_a_reason_that_is_counted(metrics, bad, reason):
    answer = take(FeedbackCounter(metrics, signer=TokenSigner(KEYS, "own")), row(), bad, row())
    assert (answer.accepted, [r["row"] for r in answer.rejected]) == (2, [1])
    assert answer.rejected[0]["error"]
    assert rejected(metrics) == {reason: 1}


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff", b"[" * 100_000, b"5", b"null", b'"x"', b'{"rows": 5}', b'{"rows": {}}']
)
def test_a_body_that_is_no_feedback_is_refused(metrics, body):
    with pytest.raises(Refusal):
        FeedbackCounter(metrics).take(body, NOW)


@pytest.mark.slow
def test_revisions_that_strangers_invent_do_not_make_the_metrics_grow(metrics):
    counter = FeedbackCounter(metrics)
    for first in range(0, 10_000, 1000):
        take(counter, *[row(model_version=f"r{number}") for number in range(first, first + 1000)])
    assert len({key[0] for key in metrics.feedback.values}) <= 65
    assert len(counter._told._aside) <= 1024


MADE_UP = [row(model_version=f"made-up-{number}") for number in range(80)]


def heard(counter, now, *rows):
    return counter.take(json.dumps({"rows": rows}).encode(), now)


def labels_of(metrics, revision):
    return sum(value for key, value in metrics.feedback.values.items() if key[0] == revision)


@pytest.mark.parametrize("labels", [1, pytest.param(1000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", ["class", "regression"])
def test_the_next_revision_is_counted_after_strangers_have_made_up_many(metrics, labels, kind):
    counter = FeedbackCounter(metrics, Rules(is_regression=kind == "regression"))
    for second in range(60):
        heard(counter, NOW + second, *(MADE_UP * (labels // 100 or 1)))
    assert heard(counter, NOW + 60, row(model_version="next")).accepted == 1
    assert labels_of(metrics, "next") == 1
    assert 'predicted_revision="next"' in metrics.exposition().decode()


@pytest.mark.slow
def test_a_revision_that_goes_on_being_heard_of_keeps_its_place_beside_made_up_ones(metrics):
    counter = FeedbackCounter(metrics)
    for second in range(300):
        heard(
            counter, NOW + second, row(model_version="real"), *[row(model_version=f"{second}-{n}") for n in range(20)]
        )
        assert labels_of(metrics, "real") == second + 1


@pytest.mark.slow
def test_a_revision_that_lost_its_place_goes_on_where_it_was_when_it_comes_back(metrics):
    counter = FeedbackCounter(metrics, Rules(is_regression=True))
    heard(counter, NOW, *[row(model_version="real")] * 7)
    for second in range(1, 30):
        heard(counter, NOW + second, *[row(model_version=f"{second}-{n}") for n in range(200)])
    assert labels_of(metrics, "real") == 0
    heard(counter, NOW + 60, row(model_version="real"))
    assert labels_of(metrics, "real") == 8
    assert "serin_feedback_absolute_error_count{" in metrics.exposition().decode()
    assert sum(sum(errors.counts) for key, errors in metrics.feedback_errors.items() if key[0] == "real") == 8


@pytest.mark.slow
def test_the_own_revision_and_those_that_tokens_prove_are_never_crowded_out(metrics):
    signer = TokenSigner(KEYS, "other")
    counter = FeedbackCounter(metrics, Rules(takes_unsigned=True), TokenSigner(KEYS, "own"))
    heard(counter, NOW, row(), row(model_version="other"))
    for second in range(1, 100):
        heard(counter, NOW + second, *MADE_UP)
    token = signer.sign(NOW, "id", [1]).decode()
    heard(counter, NOW + 100, {"token": token, "label": 1})
    for second in range(101, 200):
        heard(counter, NOW + second, *MADE_UP)
    assert (labels_of(metrics, "own"), labels_of(metrics, "other")) == (1, 2)


@pytest.mark.slow
def test_what_a_flood_once_weighed_is_forgotten_in_time(metrics):
    counter = FeedbackCounter(metrics)
    for second in range(500):
        heard(counter, NOW + second, *MADE_UP[:63])
    for later in range(12):
        heard(counter, NOW + 3600 * (later + 1), row(model_version=f"late-{later}", predicted_at=NOW + 3000 * later))
    assert {f"late-{later}" for later in range(12)} <= {key[0] for key in metrics.feedback.values}


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[31m", "a\u2028b", "\u202e"])
def test_a_revision_that_could_forge_a_line_is_none(metrics, name):
    assert take(FeedbackCounter(metrics), row(model_version=name)).rejected[0]["reason"] == "malformed"


def test_a_token_carries_the_prediction_to_any_pod_of_any_revision_that_has_the_key(metrics):
    token = TokenSigner(KEYS, "other").sign(NOW - 100, "id", [0, 1]).decode()
    counter = FeedbackCounter(metrics, Rules(takes_unsigned=False), TokenSigner(KEYS, "own"))
    answer = take(
        counter,
        {"token": token, "label": 0},
        {"token": token, "label": 0, "row": 1},
        {"token": token, "label": 0, "row": 2},
    )
    assert (answer.accepted, answer.rejected[0]["reason"]) == (2, "malformed")
    assert counted(metrics) == {("other", "120", "correct"): 1, ("other", "120", "wrong"): 1}


def test_a_token_counts_once_a_row_and_an_id_does_too(metrics):
    token = TokenSigner(KEYS, "own").sign(NOW, "id", [1]).decode()
    counter = FeedbackCounter(metrics, signer=TokenSigner(KEYS, "own"))
    answers = [take(counter, {"token": token, "label": 1}, row(id="a"), row(id="a", row=1), row()) for _ in range(2)]
    assert [answer.accepted for answer in answers] == [4, 1]  # without an id nobody can tell
    assert rejected(metrics) == {"duplicate": 3}


def test_a_token_signed_with_an_older_key_is_still_read_and_any_change_to_it_is_not(metrics):
    older = TokenSigner(Keys("k0", KEYS.by_id), "own").sign(NOW, "id", [1]).decode()
    counter = FeedbackCounter(metrics, signer=TokenSigner(KEYS, "own"))
    assert take(counter, {"token": older, "label": 1}).accepted == 1
    for position in range(len(older) - 2):
        changed = older[:position] + ("A" if older[position] != "A" else "B") + older[position + 1 :]
        assert take(counter, {"token": changed, "label": 1}).accepted == 0
    stranger = TokenSigner(Keys("k1", {"k1": b"fedcba9876543210"}), "own").sign(NOW, "id", [1]).decode()
    assert take(counter, {"token": stranger, "label": 1}).rejected[0]["reason"] == "forged"


def test_unsigned_feedback_is_refused_where_signatures_are_asked_for(metrics):
    counter = FeedbackCounter(metrics, Rules(takes_unsigned=False), TokenSigner(KEYS, "own"))
    assert take(counter, row()).rejected[0]["reason"] == "unsigned"


def test_a_regression_is_right_within_its_tolerance_and_its_errors_are_counted(metrics):
    counter = FeedbackCounter(metrics, Rules(is_regression=True, tolerance=0.5))
    answer = take(counter, row(prediction=2.0, label=2.4), row(prediction=2.0, label=3), row(prediction="a", label=3))
    assert (answer.accepted, answer.rejected[0]["reason"]) == (2, "malformed")
    assert counted(metrics) == {("own", "60", "correct"): 1, ("own", "60", "wrong"): 1}
    text = metrics.exposition().decode()
    assert "serin_feedback_absolute_error_bucket{" in text
    assert 'predicted_revision="own",age_le="60",le="0.5"} 1\n' in text
    assert 'predicted_revision="own",age_le="60",le="1"} 2\n' in text


@pytest.mark.parametrize(("prediction", "label"), [(1.5, 10**400), (1e308, -1e308)])
def test_an_error_too_large_for_a_number_is_refused_and_not_summed(metrics, prediction, label):
    counter = FeedbackCounter(metrics, Rules(is_regression=True))
    answer = take(counter, row(prediction=prediction, label=label), row())
    assert (answer.accepted, answer.rejected[0]["reason"]) == (1, "malformed")
    assert "inf" not in "".join(
        line
        for line in metrics.exposition().decode().splitlines()
        if line.startswith("serin_feedback_absolute_error_sum")
    )


def test_a_label_that_is_corrected_is_refused_by_name_and_changes_no_count(metrics):
    token = TokenSigner(KEYS, "own").sign(NOW, "id", [1]).decode()
    counter = FeedbackCounter(metrics, Rules(takes_unsigned=True), TokenSigner(KEYS, "own"))
    take(counter, {"token": token, "label": 1}, row(id="a"))
    before = counted(metrics)
    answer = take(counter, {"token": token, "label": 0}, row(id="a", label=0), {"token": token, "label": 1.0})
    assert [each["reason"] for each in answer.rejected] == ["corrected", "corrected", "duplicate"]
    assert "final" in answer.rejected[0]["error"]
    assert counted(metrics) == before


def event(**changes):
    return {"specversion": "1.0", "type": "label", "source": "/crm", "id": "17", **changes}


@pytest.mark.parametrize(
    "told",
    [
        event(data=row()),
        event(data={"rows": [row()]}),
        event(data=[row()]),
        event(data_base64=b64encode(json.dumps(row()).encode()).decode()),
        [event(data=row())],
        [event(data=row()), event(id="18", data={"rows": []})],
    ],
    ids=str,
)
def test_labels_come_as_cloud_events_too(metrics, told):
    assert FeedbackCounter(metrics).take(json.dumps(told).encode(), NOW).accepted == 1
    assert counted(metrics) == {("own", "60", "correct"): 1}


def test_an_event_that_is_delivered_twice_counts_once(metrics):
    counter = FeedbackCounter(metrics)
    body = json.dumps([event(data=row()), event(id="18", data=row()), event(data=row())]).encode()
    assert [each["reason"] for each in counter.take(body, NOW).rejected] == ["duplicate"]
    assert counter.take(json.dumps(event(source="/web", data=row())).encode(), NOW).accepted == 1


@pytest.mark.parametrize("told", [event(), event(data=5), [event(), 5]], ids=str)
def test_an_event_without_labels_has_rows_that_are_none(metrics, told):
    answer = FeedbackCounter(metrics).take(json.dumps(told).encode(), NOW)
    assert (answer.accepted, {each["reason"] for each in answer.rejected}) == (0, {"malformed"})


@pytest.mark.parametrize("packed", ["{", "e30x", "e30=="])
def test_an_event_whose_packed_data_cannot_be_read_is_refused(metrics, packed):
    with pytest.raises(Refusal, match=r"base64|JSON"):
        FeedbackCounter(metrics).take(json.dumps(event(data_base64=packed)).encode(), NOW)


def test_a_batch_of_ten_thousand_labels_is_taken_and_one_more_is_not(metrics):
    signer = TokenSigner(KEYS, "own")
    rows = [{"token": signer.sign(NOW, f"{number}", [1]).decode(), "label": 1} for number in range(10_000)]
    assert take(FeedbackCounter(metrics, signer=signer), *rows).accepted == 10_000
    with pytest.raises(Refusal, match="at most 10000"):
        take(FeedbackCounter(metrics, signer=signer), *rows, rows[0])


def test_a_large_batch_is_counted_in_turns_between_which_others_are_answered(metrics):
    body = json.dumps([row()] * 1000).encode()
    turns = list(FeedbackCounter(metrics).take_in_turns(body, NOW))
    assert [turn is None for turn in turns] == [True] * 9 + [False]
    assert turns[-1].accepted == 1000


@pytest.mark.parametrize(("first", "then"), [(-1, -2), (-1.0, -2.0), (0, 2**61 - 1), ("1", 1), (1.5, 1.25)])
def test_another_label_is_never_taken_for_the_same(first, then):
    seen = SeenLabels()
    assert [seen.add("key", label) for label in (first, then)] == [Seen.NEVER, Seen.OTHER]


@pytest.mark.parametrize(("first", "then"), [(1, 1.0), (True, 1), ("cat", "cat"), (-2, -2.0), (float("inf"),) * 2])
def test_a_label_in_other_words_is_the_same(first, then):
    seen = SeenLabels()
    assert [seen.add("key", label) for label in (first, then)] == [Seen.NEVER, Seen.SAME]


def test_what_was_counted_is_remembered_in_bounded_memory():
    seen = SeenLabels(size=100)
    assert all(seen.add(number, 1) is Seen.NEVER for number in range(10_000))
    assert seen.add(9_999, 1) is Seen.SAME
    assert len(seen._new) + len(seen._old) <= 200


@pytest.mark.parametrize(
    ("text", "words"), [("", "no key"), ("k1", "<id>:<secret>"), ("k1:short", "16"), ("k.1:0123456789abcdef", "dots")]
)
def test_a_key_file_that_cannot_be_used_says_why(tmp_path, text, words):
    (tmp_path / "keys").write_text(text)
    with pytest.raises(ValueError, match=words):
        keys_in(tmp_path / "keys")


@pytest.mark.parametrize(
    ("shapes", "output", "values", "expected"),
    [
        ({"label": (-1,), "scores": (-1, 2)}, "", [np.array([1, 0]), np.eye(2)], [1, 0]),
        ({"scores": (-1, 3)}, "", [np.array([[0.1, 0.7, 0.2], [0.9, 0, 0.1]])], [1, 0]),
        ({"y": (-1, 1)}, "", [np.array([[0.5], [2.5]])], [0.5, 2.5]),
        ({"label": (-1,), "scores": (-1, 2)}, "scores", [np.array([1]), np.array([[0.9, 0.1]])], [0]),
        ({"image": (-1, 3, 8, 8)}, "", [np.zeros((1, 3, 8, 8))], []),
    ],
)
def test_the_prediction_is_the_label_or_the_best_class_or_the_output_that_is_named(shapes, output, values, expected):
    outputs = tuple(TensorSpec(name, "FP64", shape) for name, shape in shapes.items())
    assert PredictionReader(Signature((), outputs), output).read(values) == expected


def test_scores_of_no_class_predict_nothing():
    reader = PredictionReader(Signature((), (TensorSpec("scores", "FP32", (-1, -1)),)))
    assert reader.read([np.zeros((2, 0), np.float32)]) == []


@pytest.mark.parametrize("key", [b"0123456789abcdef", b"k" * 64, b"k" * 65, b"k" * 200])
def test_tokens_are_signed_with_hmac_sha_256(key):
    import hmac
    from base64 import urlsafe_b64decode

    token = TokenSigner(Keys("k1", {"k1": key}), "own").sign(NOW, "id", [1])
    decoded = urlsafe_b64decode(token.removeprefix(b"k1."))
    assert json.loads(decoded[:-16]) == ["own", NOW * 1000, "id", [1]]
    assert decoded[-16:] == hmac.digest(key, b"k1." + decoded[:-16], "sha256")[:16]


def test_keys_can_be_rotated_while_tokens_of_the_old_one_are_on_their_way():
    signer = TokenSigner(Keys("old", {"old": b"the old key of it"}), "own")
    before = signer.sign(NOW, "id", [1]).decode()
    signer.use(Keys("new", {"new": b"the new key of it", "old": b"the old key of it"}))
    assert signer.sign(NOW, "id", [1]).startswith(b"new.")
    assert signer.read(before).request_id == "id"
    signer.use(Keys("new", {"new": b"the new key of it"}))
    with pytest.raises(Forged):
        signer.read(before)


def test_new_keys_are_noticed_and_a_file_without_any_changes_nothing(tmp_path):
    file = tmp_path / "keys"
    file.write_text("old:the old key of it")
    settings = settings_from({"SERIN_MODEL_URI": "m.onnx", "SERIN_FEEDBACK_KEY_FILE": str(file)})
    signer = signer_of(settings)
    (watch,) = watches_of(settings, None, None, signer)
    file.write_text("new:the new key of it\nold:the old key of it")
    assert watch.look() == ""
    assert signer.sign(NOW, "id", [1]).startswith(b"new.")
    file.write_text("")
    assert "cannot be used" in watch.look()
    assert signer.sign(NOW, "id", [1]).startswith(b"new.")
