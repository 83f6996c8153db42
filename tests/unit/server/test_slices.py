"""Labels by slice: which values belong to which, where they come from, and that nothing is told that nobody listed."""

import json

import numpy as np
import pytest

from serin_server import baseline
from serin_server.config.settings import InvalidSetting, settings_from
from serin_server.features.sliced import FeatureSlices
from serin_server.feedback.counter import FeedbackCounter, Rules
from serin_server.feedback.tokens import Claim, TokenSigner
from serin_server.keys import Keys
from serin_server.metrics.server import ServerMetrics
from serin_server.model.tensors import Signature, TensorSpec
from serin_server.slicing import MISSING, OTHER, OfRows, Slicing, slicings_in

NOW = 1_795_000_000.0
KEYS = Keys("k1", {"k1": b"0123456789abcdef"})
LABELS = {"model_namespace": "n", "model_name": "m", "model_version": "v", "model_revision": "own", "server_id": "p-1"}
REGION = Slicing("region", ("north", "south"))
AGE = Slicing("age", cuts=(30.0, 60.0))


@pytest.fixture
def metrics():
    return ServerMetrics(LABELS, NOW)


def row(**changes):
    return {"model_version": "own", "predicted_at": NOW - 40, "prediction": 1, "label": 1, **changes}


def take(counter, *rows):
    return counter.take(json.dumps({"rows": rows}).encode(), NOW)


def told(metrics, revision="own"):
    counts = {}
    for key, value in metrics.sliced_feedback[revision].values.items():
        counts[key[:2]] = counts.get(key[:2], 0) + value
    return counts


@pytest.mark.parametrize(
    ("slicing", "value", "expected"),
    [
        pytest.param(REGION, "north", "north", id="a value that is listed"),
        pytest.param(REGION, "east", OTHER, id="one that is not"),
        pytest.param(Slicing("n", ("1", "2")), 1.0, "1", id="a whole number as people list it"),
        pytest.param(Slicing("n", ("true",)), True, "true", id="a flag"),
        pytest.param(AGE, 30, "<=30", id="on a cut lies below it"),
        pytest.param(AGE, 30.5, "30 to 60", id="between two cuts"),
        pytest.param(AGE, 1e9, ">60", id="above the last"),
        pytest.param(AGE, "44", "30 to 60", id="a number as text"),
        pytest.param(AGE, float("nan"), OTHER, id="no number"),
        pytest.param(AGE, "young", OTHER, id="a word"),
        pytest.param(AGE, 10**400, OTHER, id="a number that is too large"),
    ],
)
def test_a_value_belongs_to_one_slice(slicing, value, expected):
    assert slicing.slice_of(value) == expected


def test_a_label_counts_in_each_way_of_slicing_by_its_attributes(metrics):
    counter = FeedbackCounter(metrics, Rules(slicings=(REGION, AGE)))
    take(
        counter,
        row(attributes={"region": "north", "age": 20, "secret": "x"}),
        row(attributes={"region": "east"}, label=0),
        row(attributes={"region": None}),
        row(),
    )
    assert told(metrics) == {
        ("region", "north"): 1,
        ("region", OTHER): 1,
        ("region", MISSING): 2,
        ("age", "<=30"): 1,
        ("age", MISSING): 3,
    }
    text = metrics.exposition().decode()
    assert 'predicted_revision="own",attribute="region",slice="(other)",age_le="60",outcome="wrong"} 1' in text
    assert "secret" not in text
    assert "east" not in text


def test_no_slices_are_told_unless_they_are_asked_for_and_attributes_are_no_error(metrics):
    assert take(FeedbackCounter(metrics), row(attributes={"region": "north"})).accepted == 1
    assert "serin_sliced_feedback_total" not in metrics.exposition().decode()


@pytest.mark.parametrize("attributes", [{"a": [1]}, ["north"], {str(n): n for n in range(65)}])
def test_attributes_that_are_none_refuse_their_row(metrics, attributes):
    answer = take(FeedbackCounter(metrics, Rules(slicings=(REGION,))), row(attributes=attributes), row())
    assert (answer.accepted, answer.rejected[0]["reason"]) == (1, "malformed")


def test_a_label_of_a_regression_counts_in_its_slices_as_far_or_near_by_each_bound_that_is_asked_for(metrics):
    rules = Rules(is_regression=True, slicings=(REGION, AGE), bounds=(0.5, 10.0))
    counter = FeedbackCounter(metrics, rules)
    take(
        counter,
        row(label=11, attributes={"region": "north"}),
        row(label=12, attributes={"region": "north"}),
        row(attributes={"region": "south"}),
    )
    by_region = {key: value for key, value in metrics.sliced_errors["own"].values.items() if key[0] == "region"}
    assert by_region == {
        ("region", "north", "0.5", "60", "far"): 2,
        ("region", "north", "10", "60", "near"): 1,
        ("region", "north", "10", "60", "far"): 1,
        ("region", "south", "0.5", "60", "near"): 1,
        ("region", "south", "10", "60", "near"): 1,
    }
    text = metrics.exposition().decode()
    assert 'slice="north",above="10",age_le="60",outcome="far"} 1' in text


@pytest.mark.parametrize("rules", [Rules(slicings=(REGION,)), Rules(is_regression=True, bounds=(1.0,))])
def test_distances_are_not_told_by_slice_without_slices_or_bounds(metrics, rules):
    take(FeedbackCounter(metrics, rules), row(attributes={"region": "north"}))
    assert "serin_sliced_feedback_errors_total" not in metrics.exposition().decode()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{}", "Expected `array`"),
        ("[0]", "above 0"),
        ("[-1, 2]", "above 0"),
        ('["1"]', "Expected `float`"),
        (json.dumps(list(range(1, 22))), "21 distances are more than"),
    ],
)
def test_bounds_that_cannot_be_counted_are_refused_when_the_server_starts(text, says):
    with pytest.raises(InvalidSetting, match=r"SERIN_FEEDBACK_BOUNDS") as refused:
        settings_from({"SERIN_MODEL_URI": "m.onnx", "SERIN_FEEDBACK_BOUNDS": text})
    assert says in str(refused.value)


def test_what_the_token_says_of_an_input_comes_before_what_the_label_says(metrics):
    signer = TokenSigner(KEYS, "own")
    token = signer.sign(NOW, "r", [1, 0], slices=[OfRows("age", [">60", "<=30"], [1, 0])]).decode()
    counter = FeedbackCounter(metrics, Rules(slicings=(AGE, REGION)), signer)
    take(counter, {"token": token, "label": 1, "row": 1, "attributes": {"age": 1, "region": "south"}})
    assert told(metrics) == {("age", ">60"): 1, ("region", "south"): 1}


def test_a_token_of_a_version_with_other_cuts_counts_in_no_slice_of_these(metrics):
    signer = TokenSigner(KEYS, "own")
    token = signer.sign(NOW, "r", [1], slices=[OfRows("age", ["<=18"], [0])]).decode()
    take(FeedbackCounter(metrics, Rules(slicings=(AGE,)), signer), {"token": token, "label": 1})
    assert told(metrics) == {("age", OTHER): 1}


@pytest.mark.parametrize("control", [None, ("other", [0])])
@pytest.mark.parametrize("client", [0, 7])
def test_slices_stand_behind_everything_else_that_a_token_says(control, client):
    from serin_server.feedback.tokens import ControlPart

    signer = TokenSigner(KEYS, "own")
    part = ControlPart(*control) if control else None
    token = signer.sign(NOW, "r", [1], part, client, [OfRows("age", ["<=30"], [0])]).decode()
    claim = signer.read(token)
    assert (claim.client, claim.control_prediction(0)) == (client, 0 if control else None)
    assert claim.slices[0].name(0) == "<=30"
    assert signer.read(signer.sign(NOW, "r", [1], part, client).decode()) == Claim(
        *(getattr(claim, name) for name in Claim.__struct_fields__[:-1])
    )


SIGNATURE = Signature(
    (TensorSpec("x", "FP32", (-1, 3)), TensorSpec("place", "BYTES", (-1, 1))), (TensorSpec("y", "INT64", (-1,)),)
)
ROWS = [np.array([[1, 20, 0], [2, 70, 0]], np.float32), np.array([[b"north"], [b"west"]], object)]


def test_features_are_found_by_the_names_of_the_baseline_and_of_the_inputs():
    named = baseline.of({"x": np.arange(30.0).reshape(10, 3)}, names=["a", "age", "c"])
    asked = (AGE, Slicing("x[0]", ("1",)), Slicing("place", ("north",)), Slicing("nowhere", ("x",)))
    slices = FeatureSlices(asked, SIGNATURE, named)
    assert slices.names == {"age", "x[0]", "place"}
    assert [(one.by, [one.name(0), one.name(1)]) for one in slices.of(ROWS, 2)] == [
        ("age", ["<=30", ">60"]),
        ("x[0]", ["1", OTHER]),
        ("place", ["north", OTHER]),
    ]


def test_an_input_that_has_not_one_row_for_each_prediction_says_nothing():
    slices = FeatureSlices((Slicing("x[0]", ("1",)),), SIGNATURE, None)
    assert slices.of(ROWS, 3) == []
    assert slices.of([np.zeros(()), ROWS[1]], 2) == []


@pytest.mark.slow
def test_strangers_revisions_do_not_make_slices_grow(metrics):
    counter = FeedbackCounter(metrics, Rules(slicings=(REGION,)))
    for first in range(0, 4000, 1000):
        take(
            counter,
            *[row(model_version=f"r{n}", attributes={"region": f"v{n}"}) for n in range(first, first + 1000)],
        )
    assert len(metrics.sliced_feedback) <= 65
    assert {name for sliced in metrics.sliced_feedback.values() for _, name, *_ in sliced.values} == {OTHER}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "SERIN_FEEDBACK_SLICES"),
        ('[{"by": "", "values": ["a"]}]', "is no name"),
        ('[{"by": "a"}]', "needs either values or cuts"),
        ('[{"by": "a", "values": ["x"], "cuts": [1]}]', "needs either values or cuts"),
        ('[{"by": "a", "values": ["x", "x"]}]', "lists a value twice"),
        ('[{"by": "a", "values": ["(other)"]}]', "taken"),
        ('[{"by": "a", "cuts": [2, 1]}]', "do not ascend"),
        ('[{"by": "a", "cuts": [1.0000000000001, 1.0000000000002]}]', "twelve digits"),
        ('[{"by": "a", "other": 1}]', "unknown field"),
        (json.dumps([{"by": "a", "values": [str(n) for n in range(65)]}]), "65 slices are more than"),
    ],
)
def test_slices_that_cannot_be_counted_are_refused_when_the_server_starts(text, says):
    with pytest.raises(InvalidSetting, match=r"SERIN_FEEDBACK_SLICES") as refused:
        settings_from({"SERIN_MODEL_URI": "m.onnx", "SERIN_FEEDBACK_SLICES": text})
    assert says in str(refused.value)


def test_slices_that_are_asked_for_twice_count_once():
    assert slicings_in('[{"by": "a", "values": ["x"]}, {"by": "a", "values": ["x"]}]') == (Slicing("a", ("x",)),)
