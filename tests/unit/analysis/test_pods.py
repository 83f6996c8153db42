"""Pods that differ by chance widen the margin: what one pod does, the version need not have done."""

import numpy as np
import pytest

from serin_operator.decide.analysis import Arm, PodScatter


def scatter(rng, deviation, looks=120, pods=3, each=300, rate=0.01):
    seen = PodScatter()
    rates = 1 / (1 + np.exp(-np.log(rate / (1 - rate)) - rng.normal(0, deviation, pods)))
    for _ in range(looks):
        seen = seen.after([Arm(int(rng.binomial(each, one)), each) for one in rates])
    return seen


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


@pytest.mark.parametrize("pods", [[Arm(1, 9)] * 2, [Arm(0, 9)] * 3, [Arm(9, 9)] * 3, []])
def test_what_tells_nothing_changes_nothing(pods):
    assert PodScatter().after(pods) == PodScatter()
    assert PodScatter().log_odds() == 0.0


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
