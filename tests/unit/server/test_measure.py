"""Times and ratios on a machine that is busy with something else: what is clear, what is near, and when to look again."""

import random

import pytest

from serin_server.commands.measure import FAIL, NEAR, PASS, Ratio, Timed, compared, interval, timed, typical


class Machine:
    """A clock, and runs that take their time by it."""

    def __init__(self, seed=0):
        self.now = 0.0
        self.runs = 0
        self.random = random.Random(seed)

    def clock(self):
        return self.now

    def run(self, seconds, noise=0.0, burst=0.0):
        def one():
            self.runs += 1
            late = 0.05 if self.random.random() < burst else 0.0
            self.now += seconds * (1 + noise * self.random.random()) + late

        return one


@pytest.mark.parametrize(
    ("seconds", "verdict", "rounds"),
    [(0.001, PASS, 3), (0.0021, FAIL, 7), (0.004, FAIL, 3)],
    ids=["far below", "just above", "far above"],
)
def test_a_p99_near_its_limit_is_measured_again_and_again(seconds, verdict, rounds):
    machine = Machine()
    found = timed(machine.run(seconds), 0.002, clock=machine.clock)
    assert (found.within(0.002), len(found.rounds)) == (verdict, rounds)
    assert found.runs >= 200 * rounds


def test_a_burst_in_one_round_refuses_nobody():
    quiet, busy = tuple([0.001] * 200), tuple([0.001] * 190 + [0.1] * 10)
    assert Timed((quiet, quiet, quiet, busy)).within(0.002) == PASS
    assert Timed((quiet, busy, busy)).within(0.002) == NEAR
    assert Timed((busy, busy, busy)).within(0.002) == FAIL


def test_slow_runs_are_few_and_their_time_is_bounded():
    machine = Machine()
    found = timed(machine.run(4.0), 1.0, seconds=10.0, clock=machine.clock)
    assert found.within(1.0) == FAIL
    assert machine.now <= 4.0 + 10.0 + 4.0


@pytest.mark.parametrize(
    ("factor", "verdict"), [(1.0, PASS), (1.2, PASS), (2.0, FAIL)], ids=["equal", "a little slower", "twice as slow"]
)
def test_a_hundred_comparisons_on_a_busy_machine_say_the_same(factor, verdict):
    said = set()
    for seed in range(100):
        machine = Machine(seed)
        old = machine.run(0.001, noise=0.5, burst=0.05)
        new = machine.run(0.001 * factor, noise=0.5, burst=0.05)
        said.add(compared(new, old, (1.5,), clock=machine.clock, now=machine.clock).within(1.5))
    assert said == {verdict}


def test_at_the_limit_it_is_a_warning_and_more_pairs_are_taken():
    machine = Machine(3)
    found = compared(
        machine.run(0.0015, noise=0.6), machine.run(0.001, noise=0.6), (1.5,), clock=machine.clock, now=machine.clock
    )
    assert (found.within(1.5), found.pairs) == (NEAR, 63)


def test_an_interval_is_of_the_order_and_of_few_pairs_their_range():
    assert interval([1.0, 2.0, 3.0]) == Ratio(1.0, 2.0, 3.0, 3)
    assert interval([float(n) for n in range(1, 16)]) == Ratio(2.0, 8.0, 14.0, 15)


def test_of_too_few_pairs_none_refuses_a_version():
    assert Ratio(2.0, 2.1, 2.2, 10).within(1.5) == NEAR
    assert Ratio(2.0, 2.1, 2.2, 11).within(1.5) == FAIL


def test_what_is_usual_is_not_moved_by_bursts():
    machine = Machine(1)
    assert typical(machine.run(0.001, burst=0.1), machine.clock, now=machine.clock) == pytest.approx(0.001)
