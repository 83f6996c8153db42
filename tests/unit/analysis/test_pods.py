"""Pods that differ by chance widen the margin, and nobody is blamed for what one more of stable's pods might do."""

from dataclasses import replace

import numpy as np
import pytest

from serin_operator.decide.analysis import (
    AnalysisConfig,
    AnalysisState,
    Arm,
    Fail,
    Inconclusive,
    Metric,
    Pass,
    PodScatter,
    Proportions,
    Reason,
    Stratum,
    Value,
    error_rate,
    judge_look,
)
from serin_operator.decide.analysis.pods import MOST_TOLD

CONFIG = AnalysisConfig((Metric("m", error_rate()),))


def scatter(rng, deviation, looks=120, pods=3, each=300, rate=0.01):
    seen = PodScatter()
    rates = 1 / (1 + np.exp(-np.log(rate / (1 - rate)) - rng.normal(0, deviation, pods)))
    for _ in range(looks):
        seen = seen.after([Arm(int(rng.binomial(each, one)), each) for one in rates])
    return seen


def after(looks, apart):
    """The state and the verdict after looks of (canary bad, all, stable bad, all)."""
    state, verdicts = AnalysisState(), {}
    for a, b, c, d in looks:
        seen = Value(Proportions((Stratum(Arm(a, b), Arm(c, d)),)), apart=apart)
        state, verdicts = judge_look(CONFIG, state, {"m": seen})
    return state, verdicts["m"]


def test_pods_that_are_alike_hardly_ever_move_the_margin():
    rng = np.random.default_rng(1)
    assert sum(scatter(rng, 0.0).log_odds() > 0.5 for _ in range(30)) <= 3


def test_pods_that_differ_move_it_by_what_another_pod_may_do():
    rng = np.random.default_rng(2)
    moved = [scatter(rng, 0.5).log_odds() for _ in range(30)]
    assert sorted(moved)[15] > 1.0


def test_more_pods_of_the_canary_move_it_less():
    seen = PodScatter(excess=400.0, worth=1000.0, pods=6)
    assert seen.log_odds(4) < seen.log_odds(1)


def test_the_scatter_is_what_pods_differ_by_beyond_chance():
    seen = PodScatter().after([Arm(4, 100), Arm(10, 100), Arm(16, 200), Arm(0, 0)])
    rate, chance = 30 / 400, 30 / 400 * 370 / 400
    beyond = sum((bad - rate * n) ** 2 - chance * n * (1 - n / 400) for bad, n in ((4, 100), (10, 100), (16, 200)))
    worth = (100**2 + 100**2 + 200**2) * chance**2
    assert (seen.excess, seen.worth, seen.pods) == (pytest.approx(beyond), pytest.approx(worth), 3)
    again = seen.after([Arm(4, 100), Arm(10, 100), Arm(16, 200)])
    assert (again.excess, again.worth, again.pods) == (pytest.approx(2 * beyond), pytest.approx(2 * worth), 3)


@pytest.mark.parametrize(("pods", "t"), [(3, 6.965), (4, 4.541), (10, 2.821), (11, 2.764), (12, 2.764), (100, 2.764)])
def test_few_pods_tell_little_about_pods(pods, t):
    one, two = (PodScatter(400.0, 1000.0, pods).log_odds(canary) for canary in (1, 2))
    squared = (400 - 2000**0.5) / 1000
    assert one == pytest.approx(t * (squared * (1 + 1 / pods)) ** 0.5)
    assert two == pytest.approx(t * (squared * (1 / 2 + 1 / pods)) ** 0.5)
    assert PodScatter(400.0, 1000.0, pods).log_odds(0) == one


def test_what_scatters_less_than_luck_is_alike():
    assert PodScatter(2000**0.5, 1000.0, 5).log_odds() == 0.0
    assert PodScatter(-5.0, 1000.0, 5).log_odds() == 0.0


@pytest.mark.parametrize("pods", [[Arm(1, 9)] * 2, [Arm(0, 9)] * 3, [Arm(9, 9)] * 3, []])
def test_what_tells_nothing_moves_no_margin(pods):
    seen = PodScatter().after(pods)
    assert replace(seen, each=()) == PodScatter()
    assert seen.log_odds() == 0.0


def test_of_pods_that_have_hardly_failed_the_most_that_is_plausible_is_allowed_and_less_when_they_prove_to_be_alike():
    seen = PodScatter().after([Arm(1, 100)] * 3)
    at_first = seen.apart()
    assert 1.6 < at_first < 1.8
    for _ in range(500):
        seen = seen.after([Arm(1, 100)] * 3)
    assert 0.3 < seen.apart() < at_first / 2


def test_of_more_pods_that_are_as_alike_less_is_allowed():
    few, many = (PodScatter().after([Arm(60, 6000)] * number).apart() for number in (3, 10))
    assert many < few / 2


def test_pods_that_differ_are_allowed_the_most_however_long_one_looks():
    assert PodScatter().after([Arm(500, 100_000), Arm(1000, 100_000), Arm(2000, 100_000)]).apart() > 1.3


def test_with_fewer_than_three_pods_nothing_is_allowed():
    assert PodScatter().after([Arm(1, 100)] * 2).apart() == 0.0


def test_sums_of_pods_add_up_and_begin_anew_where_it_is_another_number_of_them():
    seen = PodScatter().after([Arm(1, 100)] * 3).after([Arm(2, 100)] * 3)
    assert seen.each == (3, 200) * 3
    assert seen.after(()).each == seen.each
    assert seen.after([Arm(2, 100)] * 4).each == (2, 100) * 4
    assert len(PodScatter().after([Arm(2, 100)] * 50).each) == 2 * MOST_TOLD


@pytest.mark.parametrize("few", [[Arm(1, 100)] * 2, [Arm(1, 100), Arm(), Arm(1, 100)], [Arm()] * 5])
def test_what_is_known_of_pods_is_not_forgotten_in_a_look_that_counts_fewer(few):
    seen = PodScatter().after([Arm(10, 1000), Arm(20, 1000), Arm(30, 1000)])
    assert seen.after(few).each == seen.each
    assert PodScatter().after(few).apart() == 0.0


def test_a_pod_without_answers_says_nothing_of_how_alike_they_are():
    three, idle = (PodScatter().after([Arm(60, 6000)] * 3 + [Arm()] * more) for more in (0, 2))
    assert idle.apart() == three.apart()


WORSE = (60, 2000, 60, 6000)  # 3 % against 1 %


def test_a_canary_no_worse_than_another_pod_may_be_is_held_and_the_reason_says_so():
    state, held = after([WORSE], apart=1.35)
    assert isinstance(held, Inconclusive)
    assert held.reason is Reason.PODS_MAY_DIFFER
    assert "3.00 % errors of 2,000 requests" in held.message
    assert not state.metrics["m"].failed


def test_it_is_blamed_as_soon_as_pods_are_known_to_be_alike():
    assert isinstance(after([WORSE], apart=0.5)[1], Fail)
    assert isinstance(after([WORSE], apart=0.0)[1], Fail)
    assert isinstance(after([WORSE, WORSE], apart=1.35)[1], Inconclusive)
    state, _ = after([WORSE, WORSE], apart=1.35)
    seen = Value(Proportions((Stratum(Arm(*WORSE[:2]), Arm(*WORSE[2:])),)), apart=0.5)
    assert isinstance(judge_look(CONFIG, state, {"m": seen})[1]["m"], Fail)


@pytest.mark.parametrize(
    "looks",
    [
        pytest.param([(50, 50, 1, 950)], id="that fails everything, in its first look"),
        pytest.param([(50, 50, 0, 950)], id="that fails everything, where stable has never failed"),
        pytest.param([(20, 1000, 3, 3000)], id="that fails on 2 % instead of 0.1 %"),
        pytest.param([(10, 1000, 30, 3000)] * 20 + [(300, 1000, 30, 3000)], id="that begins to fail after a while"),
    ],
)
def test_no_pod_explains_a_canary(looks):
    assert isinstance(after(looks, apart=1.73)[1], Fail)


def test_a_canary_as_good_as_stable_passes_whatever_pods_may_do():
    assert isinstance(after([(20, 2000, 60, 6000)], apart=1.73)[1], Pass)
