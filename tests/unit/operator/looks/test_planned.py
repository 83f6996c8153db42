"""`minSamples: Auto`: how many samples a step needs to find what it says, and what is said of them."""

from dataclasses import replace

import pytest

from serin_operator.api.spec import Analysis, Rollout
from serin_operator.decide.analysis import (
    AnalysisState,
    Arm,
    InvalidAnalysis,
    Metric,
    NoData,
    Pairs,
    Proportions,
    Stratum,
    Value,
    judge_look,
)
from serin_operator.decide.judging.config import config_of
from serin_operator.decide.judging.planned import planned_for
from serin_operator.decide.wanted.stages import Detect, Stage, stages_of

ACCURACY = {"name": "accuracy", "accuracy": {"maxDecrease": 0.01}}
ERRORS = {"name": "errors", "errorRate": {}}
STAGE = Stage(25, 60, detect=Detect(0.05, 0.8))


def wanted(*metrics):
    return Analysis.model_validate({"metrics": list(metrics or (ACCURACY,))})


def samples(stage=STAGE, *metrics, evidence=None, **more):
    return {name: one.samples for name, one in planned_for(stage, wanted(*metrics), evidence, **more).items()}


def evidence_of(bad, total):
    state, _ = judge_look(config_of(wanted()), AnalysisState(), {"accuracy": Value(Proportions((), Arm(bad, total)))})
    return state.to_dict()


def test_a_step_that_says_what_it_has_to_find_says_so_in_the_spec():
    steps = [{"weight": 5}, {"weight": 10, "minSamples": "Auto", "detect": 0.02}, {"weight": 25, "minSamples": 400}]
    plain, auto, number = stages_of(Rollout.model_validate({"steps": steps}))
    assert (plain.detect, plain.min_samples) == (None, None)
    assert (auto.detect, auto.min_samples) == (Detect(0.02, 0.8), None)
    assert (number.detect, number.min_samples) == (None, 400)


def test_less_takes_more_samples_and_so_does_being_surer():
    (usual,) = samples().values()
    (less,) = samples(replace(STAGE, detect=Detect(0.03, 0.8))).values()
    (surer,) = samples(replace(STAGE, detect=Detect(0.05, 0.95))).values()
    (half,) = samples(replace(STAGE, detect=Detect(0.05, 0.5))).values()
    assert half < usual < surer < less


def test_stables_own_rate_is_planned_with_once_it_is_known_and_the_usual_one_before():
    before = planned_for(STAGE, wanted())["accuracy"]
    rare = planned_for(STAGE, wanted(), evidence_of(20, 1000))["accuracy"]
    assert rare.samples < before.samples
    assert before.because == " (Auto: they find 5.00 % more bad ones than a usual 10.0 % with a probability of 0.8)"
    assert "than stable's 2.0" in rare.because
    assert samples(evidence=evidence_of(1, 20)) == samples(), "twenty answers tell no rate"


def test_the_number_has_two_digits_and_moves_with_no_look():
    assert samples(evidence=evidence_of(801, 10_000)) == samples(evidence=evidence_of(798, 10_000))
    (number,) = samples().values()
    assert number % 10 ** (len(str(number)) - 2) == 0


def test_counts_that_scatter_more_are_worth_less():
    (plain,), (scattered,) = samples().values(), samples(design_effect=3.0).values()
    assert scattered == pytest.approx(3 * plain, rel=0.1)


def test_a_metrics_own_samples_win_and_what_no_plan_is_made_for_goes_by_the_analysis():
    drift = {"name": "drift", "predictionDrift": {}}
    least = {"name": "least", "accuracy": {"minimum": 0.8}}
    assert set(samples(STAGE, {**ACCURACY, "minSamples": 70}, drift, least, ERRORS)) == {"errors"}
    assert samples(Stage(25, 60)) == {}
    assert planned_for(None, wanted()) == {}


def test_what_the_margin_allows_is_found_by_no_number_of_samples():
    stage = replace(STAGE, detect=Detect(0.01, 0.8), said="steps[1]")
    with pytest.raises(InvalidAnalysis, match="within the margin of accuracy") as refused:
        planned_for(stage, wanted())
    assert refused.value.field == "spec.rollout.steps[1].detect"
    assert set(samples(stage, {**ACCURACY, "mode": "Warn"})) == {"accuracy"}, "a warning keeps no step from beginning"


def test_of_a_score_what_the_margin_allows_is_told_in_its_own_unit():
    stage = replace(STAGE, detect=Detect(0.02, 0.8))
    with pytest.raises(InvalidAnalysis, match=r"0.02 of its range \(0.08\) is within the margin of rated \(0.1\)"):
        planned_for(stage, wanted({"name": "rated", "score": {"between": [1, 5], "maxDecrease": 0.1}}))


def test_a_metric_that_lacks_samples_says_what_they_are_for():
    planned = planned_for(STAGE, wanted())
    config = config_of(wanted(), 100, planned)
    (metric,) = config.metrics
    assert isinstance(metric, Metric)
    assert config.samples_needed(metric) == planned["accuracy"].samples
    look = Value(Proportions((Stratum(Arm(10, 100), Arm(30, 300)),)))
    state, _ = judge_look(config, AnalysisState(), {"accuracy": NoData()})
    _, verdicts = judge_look(config, state, {"accuracy": look})
    assert f"100 of {metric.min_samples:,} labels in this step (Auto: they find 5" in verdicts["accuracy"].message


def test_slices_need_what_slices_need():
    sliced = {**ACCURACY, "slices": {"by": "region", "values": ["north"]}}
    whole, north = config_of(wanted(sliced), None, planned_for(STAGE, wanted(sliced))).metrics
    assert whole.min_samples > 500
    assert (north.min_samples, north.because) == (100, "")


def test_of_a_score_the_mean_is_told_in_its_own_unit():
    (planned,) = planned_for(
        STAGE, wanted({"name": "rated", "score": {"between": [1, 5], "maxDecrease": 0.1}})
    ).values()
    assert planned.because == " (Auto: they find a mean that is worse by 0.2 than a usual 3 with a probability of 0.8)"


def paired(how="Auto", sample=0.5, evidence=None):
    said = {"metrics": [{**ACCURACY, "accuracy": {"maxDecrease": 0.01, "paired": how}}], "pairing": {"sample": sample}}
    return planned_for(STAGE, Analysis.model_validate(said), evidence)["accuracy"]


def evidence_of_pairs(only_canary, only_control, total, canary):
    look = Proportions(
        (Stratum(Arm(canary // 10, canary), Arm(canary // 10, canary)),), pairs=Pairs(only_canary, only_control, total)
    )
    said = Analysis.model_validate({"metrics": [ACCURACY], "pairing": {"sample": 0.5}})
    state, _ = judge_look(config_of(said), AnalysisState(), {"accuracy": Value(look)})
    return state.to_dict()


def test_where_pairs_decide_it_is_planned_with_them():
    (apart,) = samples().values()
    assert paired("Off").samples == apart
    alike = evidence_of_pairs(10, 10, 1000, 1000)
    assert paired("Require", evidence=alike).samples < paired("Auto", evidence=alike).samples < apart
    assert paired("Require").because.endswith("with a probability of 0.8, in pairs)")
    assert paired("Auto").because.endswith("with a probability of 0.8, 50.0 % of them in pairs)")


def test_how_often_versions_differ_and_how_many_pairs_there_are_is_planned_with_once_it_is_known():
    before = paired("Require")
    alike, unlike = (paired("Require", evidence=evidence_of_pairs(only, only, 1000, 1000)) for only in (2, 100))
    assert alike.samples < before.samples < unlike.samples
    rare = paired("Auto", evidence=evidence_of_pairs(1, 1, 120, 2000))
    assert "6.00 % of them in pairs" in rare.because
    assert paired("Require", evidence=evidence_of_pairs(9, 9, 20, 1000)) == paired(
        "Require", evidence=evidence_of_pairs(0, 0, 20, 1000)
    ), "twenty pairs tell nothing"


def test_hardly_any_pairs_leave_the_labels_less_of_the_rate():
    (apart,) = samples().values()
    assert apart < paired("Auto", 0.001).samples < 1.5 * apart


def test_a_control_that_is_wrong_on_all_of_them_still_leaves_a_plan():
    for how in ("Require", "Auto"):
        assert paired(how, evidence=evidence_of_pairs(0, 1000, 1000, 1000)).samples > 0
