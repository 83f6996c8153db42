"""What a run is expected to take, and when memory is given back: decisions about numbers, without a clock."""

import pytest

from serin_server.dataplane.running.cost import AWAY_SECONDS, BACK_SECONDS, UNKNOWN, Cost
from serin_server.dataplane.running.gathering import Gathering
from serin_server.dataplane.running.memory import HighWater
from serin_server.dataplane.running.sizes import Sizes, on_a_device

CHEAP = 0.00003


def learnt(*runs):
    cost = Cost()
    for size, seconds in runs:
        cost.learn(size, seconds)
    return cost


def test_nothing_is_known_at_first_and_the_unknown_is_dear():
    assert Cost().expected(1) == UNKNOWN
    assert not Cost().is_cheap(1)


def test_a_first_run_is_believed():
    assert learnt((10, CHEAP)).is_cheap(10)
    assert not learnt((10, 0.1)).is_cheap(10)


def test_larger_sizes_are_taken_for_the_square_of_what_is_known_and_smaller_ones_for_no_more():
    cost = learnt((8, 0.001))
    assert cost.expected(1) == cost.expected(15) == 0.001
    assert cost.expected(16) == pytest.approx(0.004)
    assert cost.is_cheap(16)
    assert not cost.is_cheap(32)
    assert cost.expected(10**9) > 1000


def test_what_was_seen_is_not_changed_by_what_its_neighbours_take():
    cost = learnt((64, 0.004), (8, 0.001))
    assert cost.expected(64) == 0.004
    assert cost.expected(32) == 0.004
    assert cost.expected(8) == 0.001


@pytest.mark.parametrize("outlier", [0.01, 0.02, 0.035])
def test_one_run_that_lost_its_core_changes_nothing(outlier):
    assert learnt(*[(1, CHEAP)] * 5, (1, outlier)).is_cheap(1)


def test_one_run_that_took_very_long_is_forgotten_after_a_dozen():
    cost = learnt(*[(1, CHEAP)] * 5, (1, 10.0))
    assert not cost.is_cheap(1)
    for _ in range(12):
        cost.learn(1, CHEAP)
    assert cost.is_cheap(1)


def test_a_model_that_is_slow_again_and_again_leaves_the_loop_soon():
    cost = learnt(*[(1, CHEAP)] * 100)
    runs = 0
    while cost.is_cheap(1):
        cost.learn(1, 0.02)
        runs += 1
    assert runs <= 3


def test_the_way_back_lies_lower_than_the_way_out():
    between = (AWAY_SECONDS + BACK_SECONDS) / 2
    stays = learnt((1, between), *[(1, between)] * 50)
    assert stays.is_cheap(1)
    gone = learnt((1, 1.0), *[(1, between)] * 200)
    assert not gone.is_cheap(1)
    for _ in range(20):
        gone.learn(1, BACK_SECONDS / 2)
    assert gone.is_cheap(1)


# Memory.


def given_back(runs):
    """The positions of the runs that were told to give memory back."""
    water, told = HighWater(), []
    for position, (size, seconds) in enumerate(runs):
        if water.is_past():
            told.append(position)
        water.ran(size, seconds)
    return told


def test_memory_is_given_back_when_a_large_run_is_past_and_not_before():
    (position,) = given_back([(1000, 0.5), *[(10, CHEAP)] * 60])
    assert 5 < position < 20


def test_large_runs_that_go_on_keep_their_memory():
    assert given_back([(1000, 0.5), (600, 0.3), (900, 0.4), (10, CHEAP)] * 50) == []


def test_cheap_runs_never_cost_a_look_at_memory():
    assert given_back([(size, CHEAP) for size in (1, 64, 1, 256)] * 50) == []


# Sizes.


@pytest.mark.parametrize(
    ("rows", "size", "pieces"),
    [
        (1, 1, [(0, 1)]),
        (2, 8, [(0, 8)]),
        (8, 8, [(0, 8)]),
        (9, 32, [(0, 32)]),
        (33, 33, [(0, 32), (32, 33)]),
        (64, 64, [(0, 32), (32, 64)]),
        (0, 0, [(0, 0)]),
    ],
)
def test_rows_are_filled_up_to_the_next_size_and_cut_at_the_largest(rows, size, pieces):
    sizes = Sizes((32, 1, 8))
    assert sizes.holding(rows) == size
    assert sizes.pieces(sizes.holding(rows)) == pieces


def test_without_sizes_every_number_of_rows_is_one():
    assert Sizes().holding(77) == 77
    assert Sizes().pieces(77) == [(0, 77)]
    assert not Sizes()


@pytest.mark.parametrize(("most", "sizes"), [(1, (1,)), (8, (1, 8)), (100, (1, 8, 32))])
def test_the_sizes_for_a_device_are_within_the_bound(most, sizes):
    assert on_a_device(most) == sizes


# Gathering.


@pytest.mark.parametrize(
    ("one", "two", "calls", "pays"),
    [(0.0024, 0.0027, 8, True), (0.0024, 0.0048, 8, False), (0.005, 0.005, 64, False), (0.0001, 0.0001, 8, False)],
    ids=["eight rows cost what four do", "time grows with rows", "answers take too long", "runs are short"],
)
def test_clients_are_waited_for_when_one_run_for_all_is_cheaper_than_two(one, two, calls, pays):
    gathering = Gathering(learnt((4, one), (8, two)))
    assert gathering.pays(4, 4, calls) == pays


def test_clients_are_waited_for_until_all_are_back_or_a_fifth_of_a_run_has_passed():
    gathering = Gathering(learnt((8, 0.01)))
    gathering.begin(8, 8, now=100.0)
    assert gathering.is_on(7, 100.001)
    assert not gathering.is_on(8, 100.001)
    gathering.begin(8, 8, now=100.0)
    assert not gathering.is_on(1, 100.0021)
    assert not Gathering(Cost()).is_on(1, 5.0)
