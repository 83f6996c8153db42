"""Bad input is refused by name: the field, the reason, the way out."""

import math

import pytest

from serin_operator.decide.analysis import (
    AnalysisConfig,
    AnalysisState,
    Arm,
    Bound,
    Comparison,
    Difference,
    Drift,
    Histograms,
    InvalidAnalysis,
    Look,
    LookRecord,
    MeanDifference,
    Measurement,
    Metric,
    MetricState,
    OddsRatio,
    Points,
    Proportions,
    Role,
    Threshold,
    Value,
    expected_labels,
    judge_look,
)

PLAIN = Comparison()
NAN, INF = math.nan, math.inf
WHOLE = "difference raw counters instead of using rate()"
FINITE = "report NoData instead of a value"
BETWEEN = "give a number strictly between"


def config(*metrics, **settings):
    return AnalysisConfig(metrics or (Metric("m", PLAIN),), **settings)


REFUSED = [
    (lambda: Arm(-1, 5), "bad", "-1 is negative", "treat a counter that fell as reset, or report QueryFailed"),
    (lambda: Arm(0, -5), "total", "-5 is negative", "treat a counter that fell as reset, or report QueryFailed"),
    (lambda: Arm(6, 5), "bad", "6 bad answers of only 5", "take both counts from one query at one time"),
    (lambda: Arm(1.0, 5), "bad", "1.0 is not a whole number", WHOLE),
    (lambda: Arm(1, NAN), "total", "nan is not a whole number", WHOLE),
    (lambda: Arm(True, 5), "bad", "True is not a whole number", WHOLE),
    (lambda: Difference(NAN, 1.0), "canary", "nan is not a finite number", FINITE),
    (lambda: Difference(1.0, INF), "stable", "inf is not a finite number", FINITE),
    (lambda: Measurement(-INF), "value", "-inf is not a finite number", FINITE),
    (lambda: Measurement("3"), "value", "'3' is not a finite number", FINITE),
    (lambda: Measurement(True), "value", "True is not a finite number", FINITE),
    (lambda: Histograms((1, 2), (1, 2, 3)), "canary", "2 bins against 3", "give both at least two equal bins"),
    (lambda: Histograms((1,), (1,)), "canary", "1 bins against 1", "give both at least two equal bins"),
    (
        lambda: Histograms((1, -2), (1, 2)),
        "canary[1]",
        "-2 is negative",
        "treat a counter that fell as reset, or report QueryFailed",
    ),
    (lambda: Histograms((1, 2), (0.5, 2)), "reference[0]", "0.5 is not a whole number", WHOLE),
    (
        lambda: Value(Proportions(), 0.9),
        "design_effect",
        "0.9 is below 1",
        "evidence is never worth more than its counts",
    ),
    (lambda: Value(Proportions(), NAN), "design_effect", "nan is not a finite number", FINITE),
    (lambda: Points(0.0), "margin.increase", "0.0 is not between 0 and 1", BETWEEN),
    (lambda: Points(1.0), "margin.increase", "1.0 is not between 0 and 1", BETWEEN),
    (lambda: Points(NAN), "margin.increase", "nan is not between 0 and 1", BETWEEN),
    (lambda: Points(True), "margin.increase", "True is not between 0 and 1", BETWEEN),
    (lambda: Points("x"), "margin.increase", "'x' is not between 0 and 1", BETWEEN),
    (lambda: OddsRatio(0.9), "margin.ratio", "0.9 is not between 1 and 1000", "1 means no worse at all"),
    (lambda: OddsRatio(1001), "margin.ratio", "1001 is not between 1 and 1000", "1 means no worse at all"),
    (lambda: OddsRatio(NAN), "margin.ratio", "nan is not a finite number", FINITE),
    (lambda: Bound(0.0), "max_bad_rate", "0.0 is not between 0 and 1", BETWEEN),
    (lambda: Bound(1), "max_bad_rate", "1 is not between 0 and 1", BETWEEN),
    (lambda: MeanDifference(NAN), "max_increase", "nan is not a finite number", FINITE),
    (lambda: MeanDifference(max_decrease=INF), "max_decrease", "inf is not a finite number", FINITE),
    (
        lambda: MeanDifference(-1.0),
        "max_increase",
        "is negative",
        "give the size of the change that is still acceptable",
    ),
    (
        lambda: MeanDifference(max_decrease=-1.0),
        "max_increase",
        "is negative",
        "give the size of the change that is still acceptable",
    ),
    (lambda: MeanDifference(least_looks=9), "least_looks", "9 is below 10", "the variance has to be learnt first"),
    (Threshold, "maximum", "neither maximum nor minimum is given", "give at least one"),
    (lambda: Threshold(maximum=NAN), "maximum", "nan is not a finite number", FINITE),
    (lambda: Threshold(minimum=NAN), "minimum", "nan is not a finite number", FINITE),
    (
        lambda: Threshold(1.0, consecutive_failures=0),
        "consecutive_failures",
        "0 is below 1",
        "1 means the first bad look fails",
    ),
    (
        lambda: Threshold(1.0, consecutive_failures=1.5),
        "consecutive_failures",
        "1.5 is below 1",
        "1 means the first bad look fails",
    ),
    (lambda: Drift(0.0), "max_psi", "0 is not positive", "0.1 is little, 0.25 is much"),
    (lambda: Drift(NAN), "max_psi", "nan is not a finite number", FINITE),
    (lambda: Metric("", PLAIN), "metrics[].name", "is empty", "name the metric"),
    (
        lambda: Metric("m", PLAIN, weight=0.0),
        "metrics[m].weight",
        "0 is not positive",
        "use role Warning to take no share",
    ),
    (lambda: Metric("m", PLAIN, weight=NAN), "metrics[m].weight", "nan is not a finite number", FINITE),
    (lambda: Metric("m", PLAIN, min_samples=0), "metrics[m].min_samples", "0 is below 1", "give at least 1"),
    (lambda: Metric("m", PLAIN, min_samples=1.5), "metrics[m].min_samples", "1.5 is below 1", "give at least 1"),
    (lambda: Metric("m", PLAIN, slices=("a", "a")), "metrics[m].slices", "names a slice twice", "name each once"),
    (
        lambda: Metric("m", Drift(of_inputs=True)),
        "metrics[m].role",
        "input drift cannot blame the canary: stable sees the same inputs",
        "use role Warning",
    ),
    (lambda: config(false_rollback_rate=0.0), "false_rollback_rate", "0.0 is not between 0 and 0.5", BETWEEN),
    (lambda: config(false_rollback_rate=0.5), "false_rollback_rate", "0.5 is not between 0 and 0.5", BETWEEN),
    (lambda: config(false_promotion_rate=0.5), "false_promotion_rate", "0.5 is not between 0 and 0.5", BETWEEN),
    (lambda: config(false_promotion_rate=0), "false_promotion_rate", "0 is not between 0 and 0.5", BETWEEN),
    (lambda: config(min_samples=0), "min_samples", "0 is below 1", "give at least 1"),
    (lambda: config(min_samples=10.0), "min_samples", "10.0 is below 1", "give at least 1"),
    (
        lambda: config(Metric("m", PLAIN), Metric("m", PLAIN)),
        "metrics[m]",
        "is there twice",
        "give each metric a name of its own",
    ),
    (
        lambda: judge_look(
            config(Metric("m", PLAIN), Metric("n", PLAIN)), AnalysisState(), {"x": Value(Proportions())}
        ),
        "look[x]",
        "is no metric of this analysis",
        "known are m, n",
    ),
    (
        lambda: judge_look(config(), AnalysisState(), {"m": Value(Measurement(1.0))}),
        "look[m]",
        "Measurement cannot be judged by Comparison",
        "send the observation that the rule is about",
    ),
    (lambda: Look(2.0, 2.0), "since", "2.0 is not before until 2.0", "give since < until"),
    (lambda: Look(NAN, 2.0), "since", "nan is not before until 2.0", "give since < until"),
    (
        lambda: MetricState.from_dict({"rule": "x", "zeal": 1}),
        "state.zeal",
        "is not a field of this state",
        "begin with a fresh state",
    ),
    (
        lambda: LookRecord.from_dict({"takenAt": 1.0, "beginsStep": False, "samples": {"m": {"what": 1}}}),
        "samples[m]",
        "{'what': 1} is no recorded sample",
        "replay what was logged",
    ),
    (lambda: expected_labels(0.04, 0.0, 20), "stable_bad_rate", "0.0 is not between 0 and 1", BETWEEN),
    (lambda: expected_labels(0.0, 0.08, 20), "effect", "0.0 is not between 0 and 1", BETWEEN),
    (lambda: expected_labels(1.0, 0.08, 20), "effect", "1.0 is not between 0 and 1", BETWEEN),
    (lambda: expected_labels(0.5, 0.75, 20), "stable_bad_rate + effect", "1.25 is not between 0 and 1", BETWEEN),
    (lambda: expected_labels(0.04, 1.0, 20), "stable_bad_rate", "1.0 is not between 0 and 1", BETWEEN),
    (lambda: expected_labels(0.04, 0.08, 0), "weight_percent", "0 is not between 0 and 100", BETWEEN),
    (lambda: expected_labels(0.04, 0.08, 100), "weight_percent", "100 is not between 0 and 100", BETWEEN),
    (
        lambda: expected_labels(0.04, 0.08, 20, false_rollback_rate=0.5),
        "false_rollback_rate",
        "0.5 is not between 0 and 0.5",
        BETWEEN,
    ),
    (
        lambda: expected_labels(0.04, 0.08, 20, false_rollback_rate=0.0),
        "false_rollback_rate",
        "0.0 is not between 0 and 0.5",
        BETWEEN,
    ),
    (
        lambda: expected_labels(0.04, 0.08, 20, design_effect=0.5),
        "design_effect",
        "0.5 is below 1",
        "evidence is never worth more than its counts",
    ),
]


@pytest.mark.parametrize(("make", "field", "why", "way_out"), REFUSED, ids=[f"{one[1]}: {one[2]}" for one in REFUSED])
def test_it_is_refused_by_name(make, field, why, way_out):
    with pytest.raises(InvalidAnalysis) as refused:
        make()
    assert (refused.value.field, refused.value.why, refused.value.way_out) == (field, why, way_out)
    assert str(refused.value) == f"{field}: {why}; {way_out}"


def test_the_limits_themselves_are_accepted():
    Arm(5, 5)
    Arm(0, 0)
    Histograms((0, 0), (0, 0))
    Value(Proportions(), 1.0)
    OddsRatio(1)
    OddsRatio(1000)
    MeanDifference(0.0, 0.0, least_looks=10)
    Threshold(minimum=0.0, consecutive_failures=1)
    Metric("m", PLAIN, min_samples=1)
    Metric("m", Drift(of_inputs=True), role=Role.WARNING)
    config(min_samples=1)
