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
