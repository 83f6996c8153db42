"""Each key has a bucket of its own: a burst, then so many a second, and a refusal says when the next will do."""

import pytest

from serin_server.refusals import Kind, Refusal
from serin_server.security.rates import Rates


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def let_in(rates, caller, asked):
    """How many of so many requests are let in."""
    count = 0
    for _ in range(asked):
        try:
            rates.check(caller)
        except Refusal:
            continue
        count += 1
    return count


def test_a_key_has_its_burst_and_then_its_rate():
    clock = Clock()
    rates = Rates(2.0, 5, clock)
    assert let_in(rates, b"a", 9) == 5
    clock.now = 1.0
    assert let_in(rates, b"a", 9) == 2
    clock.now = 100.0
    assert let_in(rates, b"a", 9) == 5


def test_keys_do_not_take_from_one_another():
    rates = Rates(1.0, 3, Clock())
    assert let_in(rates, b"a", 5) == 3
    assert let_in(rates, b"b", 5) == 3


def test_without_a_burst_it_is_that_of_a_second_and_at_least_one():
    assert let_in(Rates(4.0, 0, Clock()), b"a", 9) == 4
    assert let_in(Rates(0.1, 0, Clock()), b"a", 9) == 1


@pytest.mark.parametrize(("per_second", "wait"), [(2.0, 1), (0.1, 10), (0.3, 4)])
def test_a_refusal_says_after_how_many_seconds_the_next_will_do(per_second, wait):
    clock = Clock()
    rates = Rates(per_second, 1, clock)
    rates.check(b"a")
    with pytest.raises(Refusal, match=f"try again in {wait} s") as refused:
        rates.check(b"a")
    assert (refused.value.kind, refused.value.retry_seconds) == (Kind.TOO_OFTEN, wait)
    clock.now = float(wait)
    rates.check(b"a")


def test_what_is_remembered_has_a_bound_and_who_is_limited_stays_limited():
    clock = Clock()
    rates = Rates(0.001, 2, clock)
    assert let_in(rates, b"greedy", 3) == 2
    for number in range(4095):
        rates.check(b"%d" % number)
    clock.now = 1001.0  # those who asked once are full again
    rates.check(b"one more")
    assert let_in(rates, b"greedy", 3) == 1
