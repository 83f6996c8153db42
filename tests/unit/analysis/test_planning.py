"""How many labels a decision takes, said beforehand; the benchmark measures the same."""

import math

import pytest

from serin_operator.decide.analysis import OddsRatio, Points, expected_labels, labels_for


@pytest.mark.parametrize(
    ("effect", "rate", "weight", "measured"),
    [
        pytest.param(0.02, 0.08, 20, 3100, id="2 points"),
        pytest.param(0.04, 0.08, 20, 850, id="4 points"),
        pytest.param(0.10, 0.08, 20, 160, id="10 points"),
        pytest.param(0.004, 0.001, 5, 1550, id="rare errors"),
    ],
)
def test_it_says_what_simulation_measures(effect, rate, weight, measured):
    assert expected_labels(effect, rate, weight) == pytest.approx(measured, rel=0.12)


def test_a_margin_makes_a_decision_take_longer_and_points_are_about_the_ratio_at_that_rate():
    ratio = OddsRatio((0.09 / 0.91) / (0.08 / 0.92))
    in_points = expected_labels(0.04, 0.08, 20, margin=Points(0.01))
    assert in_points == pytest.approx(expected_labels(0.04, 0.08, 20, margin=ratio), rel=0.06)
    assert in_points == pytest.approx(1600, rel=0.05)


def test_an_effect_within_the_margin_is_never_found():
    assert expected_labels(0.01, 0.08, 20, margin=Points(0.02)) == math.inf


def test_an_effect_too_close_to_the_margin_for_any_alternative_is_never_found():
    assert expected_labels(0.0101, 0.08, 20, margin=Points(0.01)) == math.inf


def test_a_design_effect_multiplies_the_labels():
    plain = expected_labels(0.04, 0.08, 20)
    assert expected_labels(0.04, 0.08, 20, design_effect=6.0) == pytest.approx(6 * plain, rel=1e-9)


def test_a_smaller_share_of_the_error_rate_takes_longer():
    assert expected_labels(0.04, 0.08, 20, false_rollback_rate=0.001) > 1.3 * expected_labels(0.04, 0.08, 20)


def test_a_canary_that_fails_everything_is_found_in_a_handful():
    assert 1 < expected_labels(0.999, 0.001, 5) < 5


def test_the_answer_solves_its_equation():
    """At the answer the mixture of mean evidence is exactly what is needed: more asked, more labels, in proportion."""
    ten, thousand = (expected_labels(0.3, 0.3, 50, false_rollback_rate=rate) for rate in (0.1, 0.001))
    assert thousand / ten == pytest.approx(2.35, abs=0.3)


def test_it_is_said_the_same_tomorrow():
    assert expected_labels(0.04, 0.08, 20) == pytest.approx(801.461978, rel=1e-7)


def test_as_many_labels_as_find_it_in_half_of_the_rollouts_are_those_expected():
    half = labels_for(0.04, 0.08, 20, power=0.5, margin=Points(0.01))
    assert half == pytest.approx(expected_labels(0.04, 0.08, 20, margin=Points(0.01)), rel=0.011)


def test_nothing_within_the_margin_is_found_by_any_number_of_labels():
    assert labels_for(0.01, 0.08, 20, power=0.8, margin=Points(0.02)) == math.inf


def test_all_that_can_be_worse_is_found():
    assert 1 <= labels_for(0.92, 0.08, 20, power=0.99) < 20
