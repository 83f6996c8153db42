"""The parts of the sum, one by one; the whole is compared with references in the properties."""

import math

import pytest

from serin_operator.decide.analysis import hypergeometric
from serin_operator.decide.analysis.hypergeometric import _bent, _stirling_rest, _Terms, log_probabilities, support


@pytest.mark.parametrize(
    ("canary", "stable", "k", "expected"), [(5, 7, 3, (0, 3)), (5, 7, 9, (2, 5)), (5, 7, 12, (5, 5)), (5, 7, 0, (0, 0))]
)
def test_the_support(canary, stable, k, expected):
    assert support(canary, stable, k) == expected


@pytest.mark.parametrize("x", [-1, 1, 6])
def test_what_cannot_happen_has_no_probability(x):
    with pytest.raises(ValueError, match=rf"^x = {x} lies outside 2\.\.5$"):
        log_probabilities(x, 5, 7, 9, (0.0,))


def test_a_single_point_is_certain():
    assert log_probabilities(5, 5, 7, 12, (0.0, 1.0)) == [0.0, 0.0]


def test_odds_beyond_reason_are_held_to_where_one_point_is_certain():
    assert log_probabilities(3, 5, 7, 3, (1e9, 60.0)) == pytest.approx([0.0, 0.0], abs=1e-20)
    assert log_probabilities(0, 5, 7, 3, (-1e9, -60.0)) == pytest.approx([0.0, 0.0], abs=1e-20)
    high = log_probabilities(0, 5, 7, 3, (60.0, 61.0, -61.0))
    assert high[0] == high[1]
    assert high[2] == pytest.approx(0.0, abs=1e-20)


@pytest.mark.parametrize("theta", [-3.0, -0.4, 0.0, 0.4, 3.0])
@pytest.mark.parametrize(("canary", "stable", "k"), [(200, 800, 80), (50, 950, 10), (30, 40, 60), (5, 5, 5)])
def test_the_mode_is_where_the_terms_are_largest(canary, stable, k, theta):
    terms = _Terms(canary, stable, k)
    low, high = support(canary, stable, k)
    logs = {u: math.log(math.comb(canary, u) * math.comb(stable, k - u)) + u * theta for u in range(low, high + 1)}
    assert logs[terms.mode(theta)] == pytest.approx(max(logs.values()), abs=1e-9)


def test_the_spread_is_the_standard_deviation():
    terms = _Terms(2000, 8000, 800)
    mean = 160
    exact = math.sqrt(800 * 0.2 * 0.8 * (10_000 - 800) / 9_999)
    assert terms.spread(mean) == pytest.approx(exact, rel=0.01)


@pytest.mark.parametrize("at", [0, 3, 80, 998, 999, 1000, 1001, 5000, 10**6])
@pytest.mark.parametrize("step", [-900, -40, -3, -1, 1, 3, 40, 900, 5000])
def test_log_factorials_differ_as_they_should(at, step):
    if at + step < 0:
        return
    plain = math.lgamma(at + step + 1) - math.lgamma(at + 1) - step * math.log(at or 0.5)
    assert _bent(at, step) == pytest.approx(plain, rel=1e-9, abs=1e-8)


def test_stirlings_rest_is_what_is_left_of_the_log_factorial():
    for count in (20, 50, 100):
        head = (count + 0.5) * math.log(count) - count + 0.5 * math.log(2 * math.pi)
        assert _stirling_rest(count) == pytest.approx(math.lgamma(count + 1) - head, abs=1e-12)


def test_the_step_from_term_to_term():
    terms = _Terms(2000, 8000, 800)
    exact = math.log(math.comb(2000, 170) * math.comb(8000, 630) / (math.comb(2000, 160) * math.comb(8000, 640)))
    assert terms.log_ratio(160, 10, 0.3) == pytest.approx(exact + 3.0, abs=1e-10)
    assert terms.log_ratio(160, 0, 0.3) == 0.0


@pytest.mark.parametrize(("canary", "stable", "k"), [(20_000, 30_000, 9_000), (40_000, 20_000, 30_000)])
def test_the_thinned_sum_is_the_whole_sum(canary, stable, k):
    """At every width down to where it would be used, and narrower."""
    terms = _Terms(canary, stable, k)
    for theta in (-1.0, 0.0, 1.0):
        mode = terms.mode(theta)
        spread = terms.spread(mode)
        whole = terms._sum_every(mode, math.exp(theta), int(8 * spread))
        thinned = terms._sum_thinned(mode, theta, int(spread / 2.5))
        assert thinned == pytest.approx(whole, rel=1e-12)
        assert whole == pytest.approx(spread * math.sqrt(2 * math.pi), rel=1e-3)


def test_a_reach_that_is_too_short_is_doubled():
    terms = _Terms(2000, 8000, 800)
    assert terms._sum_every(160, 1.0, 3) == pytest.approx(terms._sum_every(160, 1.0, 160), rel=1e-14)


def test_wide_sums_are_thinned_so_that_time_does_not_grow(monkeypatch):
    monkeypatch.setattr(hypergeometric._Terms, "_sum_every", None)
    assert log_probabilities(10**8, 5 * 10**8, 10**9, 3 * 10**8, (0.0,))[0] == pytest.approx(-9.0, abs=1.0)


def test_narrow_sums_are_whole(monkeypatch):
    monkeypatch.setattr(hypergeometric._Terms, "_sum_thinned", None)
    assert log_probabilities(160, 2000, 8000, 800, (0.0,))[0] == pytest.approx(-3.3038, abs=1e-3)


@pytest.mark.parametrize(("canary", "stable"), [(2000, 8000), (8000, 2000)])
def test_a_reach_that_is_too_short_on_one_side_only_is_doubled(canary, stable):
    """The mode lies near one end of 0..50, so that side is whole at once and the other is not."""
    terms = _Terms(canary, stable, 50)
    mode = terms.mode(0.0)
    assert terms._sum_every(mode, 1.0, 12) == pytest.approx(terms._sum_every(mode, 1.0, 60), rel=1e-12)


def test_thinned_and_whole_sums_give_the_same_probabilities(monkeypatch):
    odds = (-2.0, 0.0, 0.15, 3.2)
    thinned = log_probabilities(9_000, 20_000, 30_000, 25_000, odds)
    monkeypatch.setattr(hypergeometric, "_NARROW", 1e9)
    assert thinned == pytest.approx(log_probabilities(9_000, 20_000, 30_000, 25_000, odds), rel=1e-12)
