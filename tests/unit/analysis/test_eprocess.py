"""Evidence, added up in whole micronats and rounded down."""

import math

import pytest

from serin_operator.decide.analysis import Arm, Stratum
from serin_operator.decide.analysis.eprocess import (
    STEPS,
    add,
    against_steps,
    for_steps,
    log_likelihood_ratios,
    log_likelihood_ratios_of_one_sample,
    log_mixture,
    needed,
)


def test_steps_for_the_canary_mirror_those_against_it():
    assert against_steps() == STEPS == (0.15, 0.3, 0.45, 0.6, 0.8, 1.5, 2.2, 3.2)
    assert for_steps() == tuple(-one for one in STEPS)


@pytest.mark.parametrize(
    ("stratum", "at_margin"),
    [
        pytest.param(Stratum(Arm(0, 10), Arm(0, 10)), 0.0, id="nothing bad"),
        pytest.param(Stratum(Arm(10, 10), Arm(10, 10)), 0.0, id="everything bad"),
        pytest.param(Stratum(Arm(0, 0), Arm(5, 10)), 0.0, id="no canary"),
        pytest.param(Stratum(Arm(5, 10), Arm(0, 0)), 0.0, id="no stable"),
        pytest.param(Stratum(Arm(5, 10), Arm(1, 10)), math.inf, id="a margin that nothing can exceed"),
    ],
)
def test_what_cannot_tell_the_arms_apart_is_no_evidence(stratum, at_margin):
    assert log_likelihood_ratios(stratum, at_margin, against_steps()) == [0.0] * len(STEPS)


def test_one_bad_answer_of_two_is_a_coin_with_odds():
    """One bad answer, one answer each arm: P(canary) = ψ/(1 + ψ)."""
    got = log_likelihood_ratios(Stratum(Arm(1, 1), Arm(0, 1)), 0.2, (0.5,))
    expected = math.log(math.exp(0.7) / (1 + math.exp(0.7))) - math.log(math.exp(0.2) / (1 + math.exp(0.2)))
    assert got == pytest.approx([expected], abs=1e-14)


def test_one_sample_is_the_binomials_likelihood_ratio():
    got = log_likelihood_ratios_of_one_sample(Arm(7, 20), 0.1, (0.5, -0.5))
    for step, ratio in zip((0.5, -0.5), got, strict=True):
        odds = 0.1 / 0.9 * math.exp(step)
        p = odds / (1 + odds)
        expected = 7 * math.log(p / 0.1) + 13 * math.log((1 - p) / 0.9)
        assert ratio == pytest.approx(expected, abs=1e-12)


def test_evidence_is_added_and_rounded_down():
    assert add((), [([0.5, -0.5], 1.0)], (1.0, 2.0)) == (499_999, -500_001)
    assert add((10, 20), [([1e-7, -1e-7], 1.0)], (1.0, 2.0)) == (10, 19)


def test_rounding_takes_off_more_than_floats_can_lose():
    big = 3.0e9
    assert add((0,), [([big], 1.0)], (1.0,))[0] == pytest.approx((big - 0.03) * 1e6, abs=1000)
    assert add((0,), [([big], 1.0), ([-big], 1.0)], (1.0,))[0] == pytest.approx(-0.06e6, abs=1000)


def test_strata_add_up_each_over_its_design_effect():
    assert add((0,), [([1.0], 2.0), ([3.0], 4.0)], (1.0,)) == (1_249_999,)


def test_no_evidence_is_odds_of_one():
    assert log_mixture(()) == 0
    assert log_mixture((0, 0, 0)) == 0


def test_the_mixture_is_the_mean_of_e_values_rounded_down():
    logs = (1_000_000, -2_000_000, 3_500_000)
    mean = sum(math.exp(one / 1e6) for one in logs) / 3
    assert log_mixture(logs) == math.floor(1e6 * math.log(mean))


def test_a_mixture_of_enormous_evidence_is_the_largest_less_its_weight():
    assert log_mixture((10**15, 0)) == 10**15 + math.floor(1e6 * math.log(0.5))
    assert log_mixture((-(10**15), -(10**15))) == -(10**15)


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.0001, 1 / 3])
def test_what_is_needed_is_rounded_up(rate):
    assert math.exp(needed(rate) / 1e6) >= 1 / rate
    assert math.exp((needed(rate) - 1) / 1e6) < 1 / rate
