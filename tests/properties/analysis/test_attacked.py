"""Worlds in which equal canaries used to be rolled back: a few rollouts of each, the many are in benchmarks/analysis."""

import numpy as np
import pytest
from benchmarks.analysis.attacked import clients, lasting_pods, pairs, selective_labels

from serin_operator.decide.analysis import Evidence, Fail, Inconclusive, Paired, Reason, accuracy


@pytest.mark.parametrize(
    "world",
    [
        pytest.param(clients(20, nonsense=1, looks=20), id="one of twenty clients sends only nonsense"),
        pytest.param(clients(10, correlation=0.2, looks=20), id="ten clients that differ much"),
        pytest.param(clients(5, correlation=0.02, answers=1500, looks=20), id="five clients with one channel each"),
        pytest.param(lasting_pods(deviation=0.5, looks=60), id="pods that differ for good"),
    ],
)
def test_an_equal_canary_is_not_rolled_back(world):
    rng = np.random.default_rng(11)
    assert not any(isinstance(world(rng), Fail) for _ in range(8))


def test_labels_for_one_class_only_are_seen_as_selective_and_not_as_worse():
    rng = np.random.default_rng(12)
    seen = [selective_labels(grants=1.1, looks=40)(rng) for _ in range(4)]
    assert not any(isinstance(one, Fail) for one in seen)
    assert all(isinstance(one, Inconclusive) and one.reason is Reason.SELECTIVE_LABELS for one in seen)


def test_two_points_are_found_in_pairs_with_few_labels():
    rng = np.random.default_rng(13)
    found = [pairs(accuracy(1e-9, paired=Paired.AUTO), 0.02, 0.06, looks=250)(rng) for _ in range(5)]
    assert all(isinstance(one, Fail) for one in found)


def test_equal_pairs_do_not_fail_and_a_version_that_hardly_differs_is_proven():
    rng = np.random.default_rng(14)
    assert not any(
        isinstance(pairs(accuracy(0.01, paired=Paired.AUTO), 0.0, 0.06, looks=60)(rng), Fail) for _ in range(5)
    )
    rule = accuracy(0.01, Evidence.NON_INFERIOR, Paired.AUTO)
    proven = [pairs(rule, 0.0, 0.003, looks=100, labels=False)(rng) for _ in range(3)]
    assert all(one.reason is Reason.NON_INFERIOR for one in proven)


def test_a_canary_far_worse_is_found_although_clients_are_few():
    rng = np.random.default_rng(15)
    assert isinstance(clients(40, correlation=0.05, increase=0.3, looks=40)(rng), Fail)
