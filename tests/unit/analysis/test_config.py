"""What metrics share, and what makes evidence stale."""

import pytest

from serin_operator.decide.analysis import (
    AnalysisConfig,
    Bound,
    Comparison,
    Drift,
    Evidence,
    MeanDifference,
    Metric,
    OddsRatio,
    Points,
    Role,
    Threshold,
    Words,
    accuracy,
    error_rate,
    latency,
)
from serin_operator.decide.analysis.config import fingerprint

PLAIN = Comparison()


def test_gates_with_a_guarantee_share_the_false_rollback_rate_by_weight_and_slices_their_part():
    config = AnalysisConfig(
        (
            Metric("a", PLAIN, weight=3.0),
            Metric("b", Bound(0.1), slices=("x", "y")),
            Metric("c", MeanDifference()),
            Metric("t", Threshold(1.0)),
            Metric("d", Drift()),
            Metric("w", PLAIN, role=Role.WARNING, slices=("x", "y", "z", "q")),
        ),
        false_rollback_rate=0.04,
    )
    shares = {key: config.false_alarm_share(key) for key in ("a", "b/x", "b/y", "c", "t", "d", "w/x", "w/q")}
    assert shares == pytest.approx(
        {"a": 0.03, "b/x": 0.005, "b/y": 0.005, "c": 0.04, "t": 0.04, "d": 0.04, "w/x": 0.01, "w/q": 0.01}
    )
    promised = sum(config.false_alarm_share(key) for key in ("a", "b/x", "b/y"))
    assert promised == pytest.approx(0.04)


def test_defaults_are_one_in_a_hundred_one_in_twenty_and_a_hundred_samples():
    config = AnalysisConfig((Metric("a", PLAIN), Metric("b", PLAIN, min_samples=7)))
    assert (config.false_rollback_rate, config.false_promotion_rate) == (0.01, 0.05)
    assert [config.samples_needed(metric) for metric in config.metrics] == [100, 7]


def test_keys_are_the_name_or_name_and_slice():
    assert Metric("a", PLAIN).keys == ("a",)
    assert Metric("a", PLAIN, slices=("x", "y")).keys == ("a/x", "a/y")


def test_the_rules_that_people_know_are_comparisons_in_points():
    assert error_rate() == Comparison(Points(0.005), Evidence.NO_FAIL, Words.ERRORS)
    assert accuracy() == Comparison(Points(0.01), Evidence.NO_FAIL, Words.ACCURACY)
    assert latency() == Comparison(Points(0.01), Evidence.NO_FAIL, Words.SLOW)
    assert error_rate(0.1, Evidence.NON_INFERIOR) == Comparison(Points(0.1), Evidence.NON_INFERIOR, Words.ERRORS)
    assert accuracy(0.1, Evidence.NON_INFERIOR) == Comparison(Points(0.1), Evidence.NON_INFERIOR, Words.ACCURACY)
    assert latency(0.1, Evidence.NON_INFERIOR) == Comparison(Points(0.1), Evidence.NON_INFERIOR, Words.SLOW)


def test_a_comparison_allows_nothing_by_default():
    assert Comparison() == Comparison(OddsRatio(1.0), Evidence.NO_FAIL, Words.ERRORS)


def test_other_defaults():
    assert Bound(0.1) == Bound(0.1, Evidence.NO_FAIL, Words.ACCURACY)
    assert MeanDifference() == MeanDifference(0.0, None, 20)
    assert Threshold(1.0) == Threshold(1.0, None, 3)
    assert Drift() == Drift(0.2, of_inputs=False)
    assert Metric("a", PLAIN) == Metric("a", PLAIN, Role.GATE, 1.0, None, ())


def test_a_fingerprint_is_eight_hex_digits_and_changes_with_the_rule():
    marks = [
        fingerprint(rule) for rule in (PLAIN, Comparison(Points(0.01)), Comparison(Points(0.02)), Bound(0.1), Drift())
    ]
    assert len(set(marks)) == 5
    assert all(len(mark) == 8 and int(mark, 16) >= 0 for mark in marks)


def test_a_fingerprint_is_the_same_tomorrow():
    """It stands in status: an operator that hashes otherwise throws away running rollouts' evidence."""
    assert fingerprint(error_rate(0.005)) == "06df57e4"
