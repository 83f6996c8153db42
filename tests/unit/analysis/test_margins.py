"""From points to odds, with the base rate unknown."""

import math

import pytest

from serin_operator.decide.analysis import Arm, OddsRatio, Points, Stratum
from serin_operator.decide.analysis.margins import log_odds_at_margin, log_odds_of_points, smoothed


def odds(rate):
    return rate / (1 - rate)


def margin_at(rate, delta=0.01):
    return math.log(odds(rate + delta) / odds(rate))


def stratum(canary_bad, canary_total, stable_bad, stable_total):
    return Stratum(Arm(canary_bad, canary_total), Arm(stable_bad, stable_total))


def test_an_odds_ratio_needs_no_base_rate():
    at = log_odds_at_margin(OddsRatio(1.5), Arm(), stratum(1, 2, 3, 4))
    assert at == pytest.approx((math.log(1.5), math.log(1.5)))


def test_points_are_the_ratio_of_odds():
    assert log_odds_of_points(0.08, 0.01) == pytest.approx(margin_at(0.08))


@pytest.mark.parametrize("rate", [0.99, 0.995])
def test_nothing_can_be_a_point_worse_than_99_percent(rate):
    assert log_odds_of_points(rate, 0.01) == math.inf


def test_a_rate_is_smoothed_so_that_it_is_never_nothing_or_everything():
    assert smoothed(Arm(0, 0)) == 0.5
    assert smoothed(Arm(3, 9)) == 0.35


def test_against_the_canary_the_wider_margin_counts_and_for_it_the_narrower():
    base, look = Arm(100, 1000), stratum(4, 200, 36, 799)
    earlier = margin_at(100.5 / 1001)
    now = margin_at(40.5 / 1000 - 0.01 * 200 / 999)
    assert now > earlier
    assert log_odds_at_margin(Points(0.01), base, look) == pytest.approx((now, earlier))
    worse_look = stratum(40, 200, 160, 799)
    now = margin_at(200.5 / 1000 - 0.01 * 200 / 999)
    assert log_odds_at_margin(Points(0.01), base, worse_look) == pytest.approx((earlier, now))


def test_this_looks_rate_is_held_where_the_margin_narrows_with_it():
    base = Arm(500, 1000)
    worst, best = log_odds_at_margin(Points(0.02), base, stratum(190, 200, 700, 799))
    assert worst == pytest.approx(margin_at(500.5 / 1001, 0.02))
    assert best == pytest.approx(margin_at(0.49, 0.02))


def test_a_look_with_fewer_bad_answers_than_the_margin_allows_has_a_very_wide_margin():
    worst, _ = log_odds_at_margin(Points(0.2), Arm(100, 1000), stratum(1, 200, 1, 799))
    assert worst == pytest.approx(margin_at(1e-9, 0.2))
