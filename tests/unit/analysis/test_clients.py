"""A design effect that is measured by client."""

import math

import numpy as np
import pytest

from serin_operator.decide.analysis import Clients, InvalidAnalysis


def clients(counts, stretches=1):
    """Sums over (answers, bad ones) of each client."""
    n, b = np.array(counts).T
    sums = (n.sum(), b.sum(), (n * n).sum(), (b * b).sum(), (n * b).sum())
    return Clients(len(counts), stretches, *(int(one) for one in sums))


def test_one_client_of_twenty_that_sends_only_nonsense_is_a_single_vote():
    seen = clients([(30, 30), *[(30, 0)] * 19])
    assert seen.design_effect(1.0) >= 0.65 * 30


def test_it_is_the_cluster_robust_variance_over_that_of_independent_answers():
    counts = [(40, 2), (60, 9), (10, 0), (90, 20)] * 250
    rate = sum(b for _, b in counts) / sum(n for n, _ in counts)
    expected = sum((b - rate * n) ** 2 for n, b in counts) / (rate * (1 - rate) * sum(n for n, _ in counts))
    assert clients(counts).design_effect(expected) == pytest.approx(expected * (1 + math.sqrt(2 / 1010)))


def test_requests_that_each_come_from_another_client_count_in_full():
    assert clients([(1, 1), *[(1, 0)] * 99]).design_effect(6.0) == 1.0


@pytest.mark.parametrize("bad", [0, 50])
def test_where_nothing_or_everything_is_bad_the_default_stands_up_to_what_alike_answers_would_have(bad):
    assert clients([(50, bad)] * 20).design_effect(6.0) == 6.0
    assert clients([(2, 2 * bad // 50)] * 20).design_effect(6.0) == 2.0


def test_nothing_known_leaves_the_default():
    assert Clients().design_effect(6.0) == 6.0
    assert Clients().at_once == 0.0


def test_stretches_add_up_and_tell_how_many_clients_there_are_at_once():
    both = clients([(10, 1)] * 8) + clients([(10, 2)] * 8)
    assert (both.clients, both.total, both.bad) == (16, 160, 24)
    assert both.at_once == pytest.approx(8.0)


def test_a_fraction_of_a_client_is_refused():
    with pytest.raises(InvalidAnalysis, match=r"clients\.total"):
        Clients(1, 1, 2.5)
