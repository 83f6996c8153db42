"""Plain thresholds, as Argo Rollouts and Flagger judge."""

import pytest

from serin_operator.decide.analysis import (
    AnalysisConfig,
    AnalysisState,
    Fail,
    Inconclusive,
    Measurement,
    Metric,
    MetricState,
    NoData,
    Pass,
    Reason,
    Threshold,
    Value,
    judge_look,
    thresholds,
)


def run(rule, *values):
    config = AnalysisConfig((Metric("m", rule),))
    state = AnalysisState()
    for value in values:
        sample = NoData("none") if value is None else Value(Measurement(value))
        state, verdicts = judge_look(config, state, {"m": sample})
    return verdicts["m"]


@pytest.mark.parametrize(
    ("rule", "value", "said"),
    [
        (Threshold(maximum=2.0), 2.0, "2, wanted at most 2"),
        (Threshold(minimum=2.0), 2.0, "2, wanted at least 2"),
        (Threshold(maximum=2.0, minimum=1.0), 1.5, "1.5, wanted at least 1 and at most 2"),
    ],
)
def test_on_the_bound_is_within(rule, value, said):
    assert run(rule, value) == Pass(Reason.WITHIN_BOUND, said)


@pytest.mark.parametrize("value", [0.5, 2.5])
def test_one_bad_look_of_three_is_not_yet_a_fail(value):
    assert run(Threshold(maximum=2.0, minimum=1.0), value) == Inconclusive(
        Reason.ABOVE_THRESHOLD, f"{value}, wanted at least 1 and at most 2; 1 of 3 looks in a row"
    )


def test_three_in_a_row_fail_and_promise_nothing():
    assert run(Threshold(maximum=2.0), 3, 4, 5) == Fail(
        Reason.THRESHOLD_CROSSED, "5, wanted at most 2; 3 looks in a row (no error rate is promised)"
    )


def test_a_good_look_begins_the_count_anew_and_a_missing_one_does_not():
    assert isinstance(run(Threshold(maximum=2.0), 3, 3, 1, 3, 3), Inconclusive)
    assert isinstance(run(Threshold(maximum=2.0), 3, 3, None, 3), Fail)


def test_a_fail_stays_and_shows_the_value_that_made_it():
    assert run(Threshold(maximum=2.0, consecutive_failures=1), 3, 1, 1).message.startswith("3, wanted")


def test_no_value_yet_is_no_pass():
    assert run(Threshold(maximum=2.0), None) == Inconclusive(Reason.NO_DATA, "none")


def test_without_any_value_the_rule_alone_has_no_data():
    assert thresholds.verdict(Threshold(1.0), MetricState()) == Inconclusive(Reason.NO_DATA, "no value yet")


def test_looks_are_counted():
    state = MetricState()
    for value in (1.0, 2.0, 3.0):
        state = thresholds.observe(Threshold(5.0), state, Measurement(value))
    assert (state.looks, state.numbers) == (3, (0.0, 3.0))
