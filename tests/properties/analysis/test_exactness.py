"""The conditional probabilities against references that share no code with them."""

import math
from decimal import Decimal, getcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import nchypergeom_fisher

from serin_operator.decide.analysis import Arm, Stratum
from serin_operator.decide.analysis.eprocess import against_steps, for_steps, log_likelihood_ratios
from serin_operator.decide.analysis.hypergeometric import log_probabilities, support

getcontext().prec = 50
ODDS = (-3.2, -0.5, 0.0, 0.1, 0.8, 3.2)


@st.composite
def tables(draw, largest):
    canary, stable = draw(st.integers(1, largest)), draw(st.integers(1, largest))
    k = draw(st.integers(0, canary + stable))
    low, high = support(canary, stable, k)
    return draw(st.integers(low, high)), canary, stable, k


def in_decimal(x, canary, stable, k, log_odds):
    """Fifty digits, every term, Horner's rule: slow and beyond doubt."""
    low, high = support(canary, stable, k)
    terms = [Decimal(math.comb(canary, low) * math.comb(stable, k - low))]
    for u in range(low, high):
        terms.append(terms[-1] * ((canary - u) * (k - u)) / ((u + 1) * (stable - k + u + 1)))
    odds, total = Decimal(log_odds).exp(), Decimal(0)
    for term in reversed(terms):
        total = total * odds + term
    return float((terms[x - low] * odds ** (x - low) / total).ln())


def by_neighbours(x, canary, stable, k, log_odds, reach):
    """Every term within `reach` of x, from the ratios of neighbours."""
    low, high = support(canary, stable, k)
    u = np.arange(max(low, x - reach), min(high, x + reach), dtype=float)
    ratios = log_odds + np.log((canary - u) / (u + 1)) + np.log((k - u) / (stable - k + u + 1))
    logs = np.concatenate([[0.0], np.cumsum(ratios)])
    return float(logs[x - int(u[0])] - logs.max() - np.log(np.exp(logs - logs.max()).sum()))


@settings(max_examples=60, deadline=None)
@given(tables(300))
def test_conditional_probabilities_agree_with_scipy_to_a_billionth(table):
    x, canary, stable, k = table
    for theta, got in zip(ODDS, log_probabilities(x, canary, stable, k, ODDS), strict=True):
        reference = nchypergeom_fisher.pmf(x, canary + stable, canary, k, math.exp(theta))
        assert math.exp(got) == pytest.approx(reference, rel=1e-9, abs=1e-12)


@settings(max_examples=25, deadline=None)
@given(tables(3000))
def test_log_probabilities_agree_with_fifty_digits_to_a_billionth(table):
    x, canary, stable, k = table
    for theta, got in zip(ODDS, log_probabilities(x, canary, stable, k, ODDS), strict=True):
        assert got == pytest.approx(in_decimal(x, canary, stable, k, theta), abs=1e-9)


@pytest.mark.parametrize(
    ("x", "canary", "stable", "k"),
    [
        pytest.param(900, 20_000, 20_000, 1_900, id="just narrow enough for every term"),
        pytest.param(4_000, 20_000, 20_000, 7_600, id="wide enough to be thinned"),
        pytest.param(9_000, 12_000, 30_000, 25_000, id="more bad than good"),
        pytest.param(0, 20_000, 20_000, 12_000, id="thinned, seen from the far end"),
        pytest.param(12_000, 12_000, 30_000, 12_000, id="every bad answer on the canary"),
    ],
)
def test_thinned_sums_agree_with_fifty_digits_too(x, canary, stable, k):
    for theta, got in zip(ODDS, log_probabilities(x, canary, stable, k, ODDS), strict=True):
        assert got == pytest.approx(in_decimal(x, canary, stable, k, theta), rel=1e-12, abs=1e-9)


@pytest.mark.parametrize(
    ("canary", "stable", "k"),
    [
        pytest.param(200_000, 800_000, 80_000, id="a million a look"),
        pytest.param(10**9, 10**9, 10**9, id="a billion in each arm"),
        pytest.param(10**9, 10**9, 900, id="a billion and hardly an error"),
        pytest.param(10**3, 10**9, 10**7, id="a tiny canary beside a billion"),
    ],
)
@pytest.mark.parametrize("deviation", [-3, 0, 2])
def test_large_counts_are_within_a_millionth_of_summing_every_term(canary, stable, k, deviation):
    mean = k * canary / (canary + stable)
    spread = math.sqrt(mean * stable / (canary + stable))
    x = round(mean + deviation * spread)
    thetas = (0.0, 0.5 / (1 + spread), -2 / (1 + spread))
    for theta, got in zip(thetas, log_probabilities(x, canary, stable, k, thetas), strict=True):
        reference = by_neighbours(x, canary, stable, k, theta, reach=int(18 * spread) + 50)
        assert got == pytest.approx(reference, abs=1e-7)


@settings(max_examples=30, deadline=None)
@given(tables(300))
def test_probabilities_of_everything_that_could_happen_add_up_to_one(table):
    _, canary, stable, k = table
    low, high = support(canary, stable, k)
    for theta in (-0.5, 0.8):
        total = math.fsum(math.exp(log_probabilities(x, canary, stable, k, (theta,))[0]) for x in range(low, high + 1))
        assert total == pytest.approx(1.0, abs=1e-10)


@settings(max_examples=20, deadline=None)
@given(tables(100), st.sampled_from([0.0, 0.3, 1.0]))
def test_each_likelihood_ratio_is_an_e_value_at_the_margin_and_below(table, at_margin):
    """Expectation of exp(log-likelihood ratio) is 1 at the margin and at most 1 for any smaller odds ratio."""
    _, canary, stable, k = table
    low, high = support(canary, stable, k)
    for truth in (at_margin, at_margin - 0.4):
        means = [0.0] * len(against_steps())
        for x in range(low, high + 1):
            ratios = log_likelihood_ratios(Stratum(Arm(x, canary), Arm(k - x, stable)), at_margin, against_steps())
            weight = math.exp(log_probabilities(x, canary, stable, k, (truth,))[0])
            means = [mean + weight * math.exp(ratio) for mean, ratio in zip(means, ratios, strict=True)]
        assert all(mean <= 1 + 1e-9 for mean in means)
        if truth == at_margin:
            assert means == pytest.approx([1.0] * len(means), abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(tables(2000))
def test_swapping_equal_arms_mirrors_the_evidence(table):
    """Worse seen from one arm is better seen from the other: the law under equality is symmetric."""
    x, canary, stable, k = table
    one = log_likelihood_ratios(Stratum(Arm(x, canary), Arm(k - x, stable)), 0.0, against_steps())
    other = log_likelihood_ratios(Stratum(Arm(k - x, stable), Arm(x, canary)), 0.0, for_steps())
    assert one == pytest.approx(other, abs=1e-9)
