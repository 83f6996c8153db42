"""How many labels a decision takes, said beforehand; the benchmark measures the same."""

import math

import pytest

from serin_operator.decide.analysis import (
    InPairs,
    OddsRatio,
    Points,
    expected_labels,
    expected_samples,
    labels_for,
    samples_for,
)
from serin_operator.decide.analysis.planning_in_pairs import expected_pairs, pairs_for


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


@pytest.mark.parametrize(
    ("effect", "differing", "margin", "simulated"),
    [
        (0.01, 0.02, 0.0, 2212),
        (0.02, 0.02, 0.0, 575),
        (0.02, 0.06, 0.0, 1688),
        (0.02, 0.06, 0.005, 2875),
        (0.04, 0.12, 0.0, 850),
        (0.1, 0.2, 0.0, 250),
    ],
)
def test_of_pairs_it_says_what_simulation_measures(effect, differing, margin, simulated):
    only_control = (differing - effect) / 2
    assert expected_pairs(effect, only_control, margin=margin) == pytest.approx(simulated, rel=0.2)


def test_pairs_that_differ_on_more_rows_tell_less():
    few, many = (expected_pairs(0.02, only, margin=0.01) for only in (0.005, 0.05))
    assert many > 3 * few


def test_as_many_pairs_as_find_it_in_half_of_the_rollouts_are_those_expected():
    assert pairs_for(0.05, 0.02, power=0.5, margin=0.01) == pytest.approx(
        expected_pairs(0.05, 0.02, margin=0.01), rel=0.011
    )


def test_no_number_of_pairs_finds_what_the_margin_allows():
    assert expected_pairs(0.01, 0.02, margin=0.01) == math.inf
    assert pairs_for(0.01, 0.02, power=0.8, margin=0.02) == math.inf


def test_all_that_can_be_worse_is_found_in_pairs():
    assert 1 <= pairs_for(0.99, 0.01, power=0.99) < 20


def test_the_sooner_of_pairs_and_labels_is_planned_with_and_each_pays_for_its_weight():
    def planned(in_pairs):
        return samples_for(0.02, 0.08, 25, power=0.8, in_pairs=in_pairs, margin=Points(0.01))

    apart, alone = planned(None), planned(InPairs(1.0, 0.01, are_alone=True))
    assert apart == labels_for(0.02, 0.08, 25, power=0.8, margin=Points(0.01))
    assert alone < planned(InPairs(1.0, 0.01)) < apart
    assert planned(InPairs(0.5, 0.01)) == pytest.approx(2 * planned(InPairs(1.0, 0.01)))
    assert apart < planned(InPairs(0.001, 0.01)) == planned(InPairs(0.0, 0.01)) < 1.4 * apart
    half = expected_samples(0.02, 0.08, 25, in_pairs=InPairs(1.0, 0.01), margin=Points(0.01))
    assert half < planned(InPairs(1.0, 0.01))
