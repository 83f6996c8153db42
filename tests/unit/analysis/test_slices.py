"""Slices of the traffic: half of the metric's share is theirs, a rare one keeps what it has seen, and no doubt of the whole is lost."""

from dataclasses import replace

import pytest

from serin_operator.api.spec import Analysis
from serin_operator.decide.analysis import (
    AnalysisState,
    Arm,
    Fail,
    Inconclusive,
    InvalidAnalysis,
    NoData,
    Pass,
    Proportions,
    Reason,
    Stratum,
    Value,
    begin_step,
    judge_look,
)
from serin_operator.decide.judging.config import config_of
from serin_operator.decide.judging.rows import rows_of

NORTH, SOUTH = "accuracy/region=north", "accuracy/region=south"
BY_REGION = {"by": "region", "values": ["north", "south"]}


def analysis(**more):
    slices = {**BY_REGION, **more.pop("slices", {})}
    return Analysis.model_validate({"metrics": [{"name": "accuracy", "accuracy": {}, "slices": slices, **more}]})


def value(canary_bad, canary, stable_bad, stable, **more):
    return Value(Proportions((Stratum(Arm(canary_bad, canary), Arm(stable_bad, stable)),), **more))


GOOD, BAD = value(10, 200, 40, 800), value(100, 200, 40, 800)
NOTHING = NoData("none of its labels came in this look")


def look(whole=GOOD, north=GOOD, south=GOOD):
    return {"accuracy": whole, NORTH: north, SOUTH: south}


def test_the_whole_keeps_half_of_a_metrics_share_and_its_slices_divide_the_rest():
    config = config_of(
        Analysis.model_validate(
            {
                "falseRollbackRate": 0.04,
                "metrics": [
                    {"name": "accuracy", "accuracy": {}, "slices": BY_REGION},
                    {"name": "errors", "errorRate": {}},
                    {"name": "told", "accuracy": {}, "slices": {"by": "age", "cuts": [30]}, "share": 0.02},
                    {"name": "warns", "accuracy": {}, "slices": {"by": "age", "cuts": [30]}, "mode": "Warn"},
                ],
            }
        )
    )
    shares = {key: config.false_alarm_share(key) for metric in config.metrics for key in metric.keys}
    assert shares == pytest.approx(
        {
            "accuracy": 0.005,
            NORTH: 0.0025,
            SOUTH: 0.0025,
            "errors": 0.01,
            "told": 0.01,
            "told/age <=30": 0.005,
            "told/age >30": 0.005,
            "warns": 0.02,
            "warns/age <=30": 0.01,
            "warns/age >30": 0.01,
        }
    )
    assert sum(share for key, share in shares.items() if not key.startswith("warns")) == pytest.approx(0.04)


@pytest.mark.parametrize(
    ("more", "step", "needed"),
    [
        pytest.param({}, None, 100, id="a hundred unless somebody says otherwise"),
        pytest.param({"minSamples": 5000}, 10_000, 100, id="not all that the whole needs"),
        pytest.param({"minSamples": 30}, None, 30, id="no more than the whole needs"),
        pytest.param({"slices": {"minSamples": 700}}, 10, 700, id="what it says itself"),
    ],
)
def test_a_slice_needs_samples_of_its_own(more, step, needed):
    whole, north, south = config_of(analysis(**more), step).metrics
    assert (north.min_samples, south.min_samples) == (needed, needed)
    assert (north.slice_of, whole.slice_of) == ("accuracy", "")


def test_cuts_that_pods_cannot_tell_apart_are_refused_before_a_pod_is_asked():
    with pytest.raises(InvalidAnalysis, match="the same in twelve digits"):
        config_of(analysis(slices={"values": None, "cuts": [0.1, 0.1000000000000001]}))


def test_slices_are_not_judged_in_pairs_and_a_bound_is_a_bound_in_each():
    pairs = Analysis.model_validate(
        {"pairing": {"sample": 0.1}, "metrics": [{"name": "accuracy", "accuracy": {}, "slices": BY_REGION}]}
    )
    assert [one.rule.paired for one in config_of(pairs).metrics] == ["Auto", "Off", "Off"]
    bound = analysis(accuracy={"minimum": 0.9})
    assert [one.rule.max_bad_rate for one in config_of(bound).metrics] == [0.1, 0.1, 0.1]


def judged(*looks, config=None, state=None, begins_step=()):
    config, state = config or config_of(analysis()), state or AnalysisState()
    for number, one in enumerate(looks):
        state = begin_step(state) if number in begins_step else state
        state, verdicts = judge_look(config, state, one)
    (row,) = rows_of(config, state, verdicts)
    return row, verdicts


def test_the_worst_slice_decides_and_is_named():
    row, verdicts = judged(look(whole=value(10, 200, 48, 800), north=BAD))
    assert isinstance(verdicts["accuracy"], Pass)
    assert isinstance(verdicts[NORTH], Fail)
    assert (row.metric, row.verdict, row.reason) == ("accuracy", "Fail", "WorseThanStable")
    assert row.message.startswith("slice region=north: canary 50.0 % right of 200 labels")
    assert row.evidence_percent == 100
    assert [(one.slice, one.verdict, one.canary) for one in row.slices] == [
        ("region=north", "Fail", "100 bad of 200"),
        ("region=south", "Pass", "10 bad of 200"),
    ]


def test_a_metric_whose_slices_all_pass_says_so():
    row, _ = judged(look())
    assert row.verdict == "Pass"
    assert row.message.endswith("; so are all 2 slices")


def test_a_slice_without_labels_is_named_and_passes_nothing():
    row, _ = judged(look(south=NOTHING))
    assert (row.verdict, row.reason) == ("Inconclusive", "NoData")
    assert row.message == "slice region=south: none of its labels came in this look"


def test_of_slices_that_wait_the_one_that_lacks_most_is_told_and_the_others_are_named():
    row, _ = judged(look(north=value(1, 20, 4, 80), south=value(1, 50, 4, 80)))
    assert row.message.startswith("slice region=north: 20 of 100 labels in this step; canary")
    assert row.message.endswith("; Inconclusive too: region=south")


def test_a_rare_slice_passes_by_what_it_has_seen_in_the_step_though_this_look_brought_it_nothing():
    row, _ = judged(look(), look(north=NOTHING), look(north=Value(Proportions())))
    assert row.verdict == "Pass"
    row, _ = judged(look(), look(north=NOTHING), begins_step=(1,))
    assert (row.verdict, row.message) == ("Inconclusive", f"slice region=north: {NOTHING.why}")


def test_slices_do_not_pass_while_nothing_is_seen_of_the_whole():
    row, _ = judged(look(), look(NOTHING, NOTHING, NOTHING))
    assert (row.verdict, row.reason) == ("Inconclusive", "NoData")


def test_a_slice_that_failed_stays_failed():
    row, _ = judged(look(north=BAD), look(north=NOTHING))
    assert row.verdict == "Fail"


def test_where_labels_are_missing_by_choice_no_slice_blames_the_version():
    selective = replace(GOOD.observed, unlabelled=(Stratum(Arm(0, 200), Arm(600, 1400)),))
    row, verdicts = judged(look(whole=replace(GOOD, observed=selective), north=BAD))
    assert isinstance(verdicts[NORTH], Inconclusive)
    assert (row.verdict, row.reason) == ("Inconclusive", Reason.SELECTIVE_LABELS)


def test_evidence_of_the_whole_goes_on_when_slices_are_added():
    plain = config_of(Analysis.model_validate({"metrics": [{"name": "accuracy", "accuracy": {}}]}))
    state, _ = judge_look(plain, AnalysisState(), {"accuracy": GOOD})
    config = config_of(analysis())
    after, _ = judge_look(config, state, look())
    assert after.metrics["accuracy"].looks == 2
    assert after.metrics[NORTH].looks == 1
