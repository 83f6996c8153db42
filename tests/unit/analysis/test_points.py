"""A margin in points is kept exactly: by enumeration, whatever the base rate and however wrong the guess of it."""

import itertools
import math

import numpy as np
import pytest

from serin_operator.decide.analysis import Arm, Stratum
from serin_operator.decide.analysis.eprocess import against_steps, for_steps
from serin_operator.decide.analysis.points import guessed_base, log_evidence, nearest_base


def evidence(canary_bad, stable_bad, sizes, delta, base, steps):
    stratum = Stratum(Arm(canary_bad, sizes[0]), Arm(stable_bad, sizes[1]))
    return log_evidence(stratum, delta, base, steps)


def most_expected(sizes, pairs, delta, base, steps):
    """The largest E[e-value] of any alternative under any of the pairs of rates, by enumeration of both arms."""
    outcomes = list(itertools.product(range(sizes[0] + 1), range(sizes[1] + 1)))
    values = np.exp([evidence(bad, other, sizes, delta, base, steps) for bad, other in outcomes])
    chances = [
        [math.prod(chance(*one) for one in zip(outcome, sizes, rates, strict=True)) for outcome in outcomes]
        for rates in pairs
    ]
    return float(np.max(np.array(chances) @ values))


def chance(bad, total, rate):
    return math.comb(total, bad) * rate**bad * (1 - rate) ** (total - bad)


@pytest.mark.parametrize("sizes", [(1, 1), (3, 14), (7, 7), (12, 2)])
@pytest.mark.parametrize("delta", [0.005, 0.05])
@pytest.mark.parametrize("guess", [0.0005, 0.08, 0.6])
def test_no_pair_of_rates_within_the_margin_is_expected_to_gather_evidence(sizes, delta, guess):
    grid = list(itertools.product((0.0, 0.001, 0.05, 0.5, 0.9), (0.0, 0.01, 0.3)))
    kept = [(max(0.0, stable + delta - below), stable) for stable, below in grid]
    assert most_expected(sizes, kept, delta, guess, against_steps()) <= 1 + 1e-9
    broken = [(min(1.0, stable + delta + above), stable) for stable, above in grid]
    assert most_expected(sizes, broken, delta, guess, for_steps()) <= 1 + 1e-9


@pytest.mark.parametrize(("canary", "stable"), [(1, 1), (50, 950), (400, 3), (1_000_000, 10)])
@pytest.mark.parametrize("alternative", [(0.3, 0.01), (0.004, 0.001), (0.9, 0.6), (0.0001, 0.02)])
def test_the_nearest_point_of_the_margin_is_the_nearest(canary, stable, alternative):
    delta = 0.005

    def distance(b):
        def kl(p, q):
            return p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))

        return canary * kl(alternative[0], b + delta) + stable * kl(alternative[1], b)

    found = nearest_base(canary, stable, alternative, delta)
    low, high = 1e-9, 1 - delta - 1e-9
    for _ in range(100):  # both distances are convex in b: a third of the interval goes each time
        left, right = low + (high - low) / 3, high - (high - low) / 3
        low, high = (low, right) if distance(left) <= distance(right) else (left, high)
    best = distance((low + high) / 2)
    assert distance(found) <= best + 1e-9 * abs(best)


def test_one_more_bad_answer_of_the_canary_is_more_evidence_against_it_and_of_stable_less():
    sizes, delta, base = (200, 800), 0.01, 0.08
    one, more, excused = (evidence(*bad, sizes, delta, base, (0.15, 0.3)) for bad in ((20, 64), (21, 64), (20, 65)))
    assert all(a < b for a, b in zip(one, more, strict=True))
    assert all(a > b for a, b in zip(one, excused, strict=True))


def test_an_incident_that_hits_both_takes_nine_tenths_of_the_evidence_at_most():
    hit = evidence(50, 475, (100, 950), 0.005, 0.001, against_steps())
    assert min(hit) >= math.log(0.1) - 1e-12


def test_a_guess_without_any_answer_of_stable_is_a_base_as_large_as_the_margin():
    assert guessed_base(Arm(), 0.005) == 0.005
    assert guessed_base(Arm(9, 99), 0.005) == pytest.approx(0.09005)


def test_nothing_is_said_where_nothing_can_be_that_much_worse_or_an_arm_is_silent():
    assert evidence(1, 1, (2, 2), 0.05, 0.96, against_steps()) == [0.0] * 8
    assert evidence(1, 0, (2, 0), 0.05, 0.1, against_steps()) == [0.0] * 8


def test_a_design_effect_discounts_what_is_staked():
    plain = evidence(30, 10, (100, 900), 0.005, 0.01, (0.8,))
    assert log_evidence(Stratum(Arm(30, 100), Arm(10, 900)), 0.005, 0.01, (0.8,), 4.0)[0] < plain[0] / 2
