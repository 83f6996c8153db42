"""Scores of predictions: counted by a coin that falls as the score lies in its range, once each, with a label or without."""

import json
from random import Random

import pytest

from serin_server.config.settings import InvalidSetting, settings_from
from serin_server.feedback.counter import FeedbackCounter, Rules
from serin_server.feedback.scored import ScoreCounter
from serin_server.feedback.tokens import Keys, TokenSigner
from serin_server.metrics.server import ServerMetrics
from serin_server.scoring import Of, Score, scores_in
from serin_server.slicing import OTHER, Slicing

NOW = 1_795_000_000.0
KEYS = Keys("k1", {"k1": b"0123456789abcdef"})
LABELS = {"model_namespace": "n", "model_name": "m", "model_version": "v", "model_revision": "own", "server_id": "p-1"}
RATING = Score(Of.LABEL, 1.0, 5.0)
BRIER = Score(Of.SQUARED_ERROR, 0.0, 1.0)
ERROR = Score(Of.ABSOLUTE_ERROR, 0.0, 10.0)
REGION = Slicing("region", ("north", "south"))
LOWEST, HIGHEST = 1, 5
"""For these no coin is needed."""


@pytest.fixture
def metrics():
    return ServerMetrics(LABELS, NOW)


@pytest.fixture
def signer():
    return TokenSigner(KEYS, "own")


def row(**changes):
    return {"model_version": "own", "predicted_at": NOW - 40, "prediction": 1, "label": 1, **changes}


def take(counter, *rows):
    return counter.take(json.dumps({"rows": rows}).encode(), NOW)


def told(metrics, score=RATING, revision="own"):
    counter = metrics.scores.get(revision)
    values = counter.values.items() if counter else ()
    return {key[3]: value for key, value in values if key[:2] == (score.of, score.between)}


@pytest.mark.parametrize(
    ("value", "coin", "outcome"),
    [
        pytest.param(2.0, 0.24, "high", id="the coin falls below its place in the range"),
        pytest.param(2.0, 0.25, "low", id="and not below"),
        pytest.param(1.0, 0.0, "low", id="the lower end is never high"),
        pytest.param(5.0, 0.999999, "high", id="the upper end always is"),
        pytest.param(0.9, 0.0, "below", id="lower than its range"),
        pytest.param(1e300, 0.999999, "above", id="higher than its range"),
    ],
)
def test_a_score_counts_as_high_by_its_place_in_the_range(value, coin, outcome):
    assert RATING.outcome(value, lambda: coin) == outcome


def test_a_range_may_be_as_wide_as_numbers_are():
    assert Score(Of.LABEL, -1.7e308, 1.7e308).outcome(0.0, lambda: 0.49) == "high"


def test_the_share_of_high_is_the_mean_of_the_scores(metrics):
    counter, scores = ScoreCounter(metrics, [RATING], Random(7).random), Random(8)
    given = [scores.choice((1, 2.5, 4, 4.9)) for _ in range(4000)]
    for score in given:
        counter.count("own", "60", told=score, off_by=None, client=0, now=NOW)
    mean = 1 + 4 * told(metrics)["high"] / 4000
    assert mean == pytest.approx(sum(given) / 4000, abs=0.1), "four standard errors are 0.12"


def test_a_score_comes_with_a_label_or_without(metrics):
    counter = FeedbackCounter(metrics, Rules(scores=(RATING,)))
    alone = row(score=LOWEST)
    del alone["label"]
    assert take(counter, row(score=HIGHEST), alone, row()).accepted == 3
    assert told(metrics) == {"high": 1, "low": 1}
    assert sum(metrics.feedback.values.values()) == 2, "only labels are right or wrong"


def test_a_score_without_a_label_needs_a_server_that_counts_scores(metrics):
    alone = row(score=3)
    del alone["label"]
    answer = take(FeedbackCounter(metrics), alone, row(score=3))
    assert [one["error"] for one in answer.rejected] == [
        "a score without a label, and no metric of kind score is asked for here"
    ]
    assert answer.accepted == 1
    assert metrics.scores == {}


@pytest.mark.parametrize("bad", [{"score": "4"}, {"score": None}, {"score": [1]}, {"score": True}], ids=str)
def test_what_is_no_number_is_no_score(metrics, bad):
    answer = take(FeedbackCounter(metrics, Rules(scores=(RATING,))), row(**bad))
    assert answer.rejected[0]["reason"] == "malformed"
    assert "score" in answer.rejected[0]["error"]


def test_a_row_with_neither_is_told_what_a_row_is(metrics):
    nothing = row()
    del nothing["label"]
    (refused,) = take(FeedbackCounter(metrics, Rules(scores=(RATING,))), nothing).rejected
    assert refused["error"].startswith("neither a label nor a score: a row is {token, label}")


def test_of_a_regression_the_errors_are_scores(metrics):
    counter = FeedbackCounter(metrics, Rules(is_regression=True, scores=(BRIER, ERROR)))
    take(counter, row(prediction=0.0, label=1), row(prediction=1.0, label=1), row(prediction=90.0, label=1e200))
    assert told(metrics, BRIER) == {"high": 1, "low": 1, "above": 1}
    assert told(metrics, ERROR)["above"] == 1


def test_classes_have_no_error(metrics):
    take(FeedbackCounter(metrics, Rules(scores=(BRIER,))), row(), row(label=0))
    assert metrics.scores == {}


ONCE = {
    "a score of its own counts once": ([{"score": 5}, {"score": 5}], {"high": 1}, ["duplicate"]),
    "another score is refused": ([{"score": 5}, {"score": 1}], {"high": 1}, ["corrected"]),
    "the label may come first": ([{"label": 1}, {"score": 5}], {"high": 1}, []),
    "the score may come first": ([{"score": 5}, {"label": 1}], {"high": 1}, []),
    "a score that comes again with the label": ([{"score": 5}, {"label": 1, "score": 5}], {"high": 1}, []),
    "both twice": ([{"label": 1, "score": 5}, {"label": 1, "score": 5}], {"high": 1}, ["duplicate"]),
    "both and then the score": ([{"label": 1, "score": 5}, {"score": 5}], {"high": 1}, ["duplicate"]),
    "the label again, with the score": ([{"label": 1}, {"label": 1, "score": 5}], {"high": 1}, []),
    "another label, with the score": ([{"label": 1}, {"label": 0, "score": 5}], {}, ["corrected"]),
    "of each row of a prediction": ([{"score": 5}, {"score": 1, "row": 1}], {"high": 1, "low": 1}, []),
}


@pytest.mark.parametrize(("rows", "expected", "refused"), ONCE.values(), ids=ONCE)
def test_a_label_and_a_score_of_a_prediction_count_once_each(metrics, signer, rows, expected, refused):
    token = signer.sign(NOW - 40, "q", [1, 0]).decode()
    answer = take(
        FeedbackCounter(metrics, Rules(scores=(RATING,)), signer), *({"token": token, **each} for each in rows)
    )
    assert told(metrics) == expected
    assert [one["reason"] for one in answer.rejected] == refused


def test_scores_of_clients_that_tokens_know_are_summed_for_their_design_effect(metrics, signer):
    tokens = [signer.sign(NOW - 40, f"q{n}", [1], client=7).decode() for n in range(3)]
    counter = FeedbackCounter(metrics, Rules(scores=(RATING,)), signer)
    take(counter, *({"token": each, "score": score} for each, score in zip(tokens, (5, 9, 1), strict=True)))
    text = metrics.exposition().decode()
    same = 'predicted_revision="own",of="label",between="1 to 5"'
    for name, value in (("all", 3), ("bad", 2), ("bad_squared", 4)):
        assert f'{same},sum="{name}"}} {value}' in text


def test_series_carry_what_is_scored_its_range_and_the_age(metrics):
    take(FeedbackCounter(metrics, Rules(scores=(RATING,))), row(score=5))
    sample = 'predicted_revision="own",of="label",between="1 to 5",age_le="60",outcome="high"} 1'
    assert sample in metrics.exposition().decode()


def test_scores_of_made_up_revisions_lose_their_place_and_go_on_when_they_come_back(metrics):
    counter = FeedbackCounter(metrics, Rules(scores=(RATING,)))
    take(counter, row(model_version="first", score=5))
    for number in range(64):
        take(counter, row(model_version=f"r{number}", score=1))
    assert "first" not in metrics.scores
    assert len(metrics.scores) <= 65
    take(counter, *[row(model_version="first", score=5)] * 2)
    assert told(metrics, revision="first") == {"high": 3}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "SERIN_FEEDBACK_SCORES"),
        ('[{"between": [1]}]', "SERIN_FEEDBACK_SCORES"),
        ('[{"between": [1, 1]}]', "is no range"),
        ('[{"between": [2, 1]}]', "is no range"),
        ('[{"of": "luck", "between": [0, 1]}]', "luck"),
        ('[{"between": [0, 1], "more": 1}]', "more"),
        (json.dumps([{"between": [0, n + 1]} for n in range(21)]), "21 scores are more than the 20"),
    ],
)
def test_scores_that_cannot_be_counted_are_refused_at_the_start(text, words):
    with pytest.raises(InvalidSetting, match=r"SERIN_FEEDBACK_SCORES") as refused:
        settings_from({"SERIN_MODEL_URI": "m.onnx", "SERIN_FEEDBACK_SCORES": text})
    assert words in str(refused.value)


def test_a_score_that_is_asked_for_twice_is_counted_once():
    assert scores_in('[{"between": [0, 1]}, {"of": "label", "between": [0.0, 1.0]}]') == (Score(Of.LABEL, 0.0, 1.0),)


def test_a_score_counts_in_the_slices_of_its_row_as_it_counts_in_the_whole(metrics):
    counter = FeedbackCounter(metrics, Rules(scores=(RATING,), slicings=(REGION,)))
    take(
        counter,
        row(score=HIGHEST, attributes={"region": "north"}),
        row(score=LOWEST, attributes={"region": "east"}),
        row(score=9, attributes={"region": "north"}),
    )
    assert metrics.sliced_scores["own"].values == {
        ("label", "1 to 5", "region", "north", "60", "high"): 1,
        ("label", "1 to 5", "region", OTHER, "60", "low"): 1,
        ("label", "1 to 5", "region", "north", "60", "above"): 1,
    }
    assert told(metrics) == {"high": 1, "low": 1, "above": 1}
