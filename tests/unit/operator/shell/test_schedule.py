"""The work queue's rules, with time as an argument."""

from serin_operator.cluster.store import Key
from serin_operator.runtime.schedule import Backoff, Schedule

A, B = Key("ns", "a"), Key("ns", "b")


def test_a_key_that_is_added_twice_is_handed_out_once():
    schedule = Schedule()
    schedule.add(A, 0.0)
    schedule.add(A, 0.0)
    assert schedule.take(0.0) == A
    schedule.done(A, None)
    assert schedule.take(100.0) is None


def test_the_earliest_wish_wins():
    schedule = Schedule()
    schedule.add(A, 30.0)
    schedule.add(A, 1.0)
    schedule.add(A, 60.0)
    assert schedule.take(0.9) is None
    assert schedule.take(1.0) == A


def test_a_key_is_never_worked_on_twice_at_once_and_what_was_asked_meanwhile_is_not_lost():
    schedule = Schedule()
    schedule.add(A, 0.0)
    assert schedule.take(0.0) == A
    schedule.add(A, 0.0)
    assert schedule.take(5.0) is None
    schedule.done(A, again_at=60.0)
    assert schedule.take(5.0) == A


def test_a_key_comes_back_when_the_reconciler_wants_it_and_not_before():
    schedule = Schedule()
    schedule.add(A, 0.0)
    schedule.take(0.0)
    schedule.done(A, again_at=10.0)
    assert schedule.next_at() == 10.0
    assert schedule.take(9.9) is None
    assert schedule.take(10.0) == A


def test_a_newer_wish_of_the_reconciler_replaces_the_older_one():
    schedule = Schedule()
    schedule.add(A, 0.0)
    schedule.take(0.0)
    schedule.done(A, again_at=10.0)
    schedule.add(A, 1.0)
    schedule.take(1.0)
    schedule.done(A, again_at=50.0)
    assert schedule.take(49.0) is None


def test_the_key_that_has_waited_longest_is_next():
    schedule = Schedule()
    schedule.add(B, 2.0)
    schedule.add(A, 1.0)
    assert [schedule.take(3.0), schedule.take(3.0)] == [A, B]


def test_failures_in_a_row_are_met_with_growing_patience_up_to_a_limit():
    schedule = Schedule(Backoff(first_seconds=1.0, longest_seconds=8.0))
    now, delays = 0.0, []
    schedule.add(A, now)
    for _ in range(6):
        assert schedule.take(now) == A
        delays.append(schedule.failed(A, now, luck=1.0))
        now += delays[-1]
    assert delays == [1.0, 2.0, 4.0, 8.0, 8.0, 8.0]


def test_luck_spreads_keys_that_fail_together_over_half_the_delay():
    backoff = Backoff(first_seconds=4.0)
    assert backoff.delay(1, luck=0.0) == 2.0
    assert backoff.delay(1, luck=1.0) == 4.0


def test_success_forgets_the_failures():
    schedule = Schedule(Backoff(first_seconds=1.0))
    schedule.add(A, 0.0)
    schedule.take(0.0)
    schedule.failed(A, 0.0, luck=1.0)
    schedule.take(1.0)
    schedule.done(A, None)
    schedule.add(A, 2.0)
    schedule.take(2.0)
    assert schedule.failed(A, 2.0, luck=1.0) == 1.0


def test_an_event_shortens_the_wait_after_a_failure_but_cannot_make_a_hot_loop():
    schedule = Schedule(Backoff(first_seconds=30.0, floor_seconds=1.0))
    schedule.add(A, 0.0)
    schedule.take(0.0)
    schedule.failed(A, 0.0, luck=1.0)
    schedule.add(A, 0.0)
    assert schedule.take(0.99) is None
    assert schedule.take(1.0) == A


def test_a_key_that_is_gone_is_not_handed_out_any_more():
    schedule = Schedule()
    schedule.add(A, 0.0)
    schedule.drop(A)
    assert schedule.take(1.0) is None
    assert schedule.next_at() is None


def test_a_key_that_goes_while_it_is_worked_on_can_still_be_finished():
    schedule = Schedule()
    schedule.add(A, 0.0)
    schedule.take(0.0)
    schedule.drop(A)
    schedule.done(A, None)
    assert A not in schedule


def test_waiting_and_running_times_are_told():
    schedule = Schedule()
    schedule.add(A, 0.0)
    schedule.add(B, 4.0)
    assert (schedule.depth(3.0), schedule.oldest_wait(3.0)) == (1, 3.0)
    schedule.take(5.0)
    assert (schedule.depth(5.0), schedule.longest_run(7.0)) == (1, 2.0)


def slow_ones(count, **more):
    """A schedule in which so many keys have just taken long, and are due again."""
    schedule = Schedule(Backoff(first_seconds=1.0, longest_seconds=1.0), **more)
    keys = [Key("ns", f"slow{number}") for number in range(count)]
    for key in keys:
        schedule.add(key, 0.0)
        assert schedule.take(0.0) == key
    for key in keys:
        schedule.failed(key, 10.0, luck=1.0)
    return schedule


def test_keys_that_take_long_never_take_all_workers():
    schedule = slow_ones(10, slow_at_a_time=2)
    assert [schedule.take(20.0) is not None for _ in range(3)] == [True, True, False]
    assert schedule.next_at() is None
    assert schedule.oldest_wait(20.0) == 9.0
    schedule.add(A, 20.0)
    assert schedule.take(20.0) == A
    schedule.failed(Key("ns", "slow0"), 30.0, luck=1.0)
    assert schedule.take(30.0) == Key("ns", "slow2")


def test_a_key_that_is_quick_again_is_one_of_the_others():
    schedule = slow_ones(2, slow_at_a_time=1)
    assert schedule.take(20.0) == Key("ns", "slow0")
    schedule.done(Key("ns", "slow0"), 21.0, 20.1)
    assert [schedule.take(22.0), schedule.take(22.0)] == [Key("ns", "slow1"), Key("ns", "slow0")]


def test_nothing_is_kept_of_slow_keys_that_are_gone():
    schedule = slow_ones(2, slow_at_a_time=1)
    schedule.drop(Key("ns", "slow1"))
    schedule.take(20.0)
    schedule.done(Key("ns", "slow0"), None, 30.0)
    assert schedule._slow == set()


def test_a_key_to_which_something_happens_all_the_time_is_looked_at_once_a_second_in_the_long_run() -> None:
    schedule, looks = Schedule(), 0
    for tick in range(6000):
        now = tick / 100
        schedule.add(A, now)
        if schedule.take(now) is not None:
            looks += 1
            schedule.done(A, None)
    assert 60 <= looks <= 60 + 16


def test_a_handful_of_looks_in_a_row_are_not_put_off() -> None:
    schedule = Schedule()
    for tick in range(10):
        schedule.add(A, tick / 100)
        assert schedule.take(tick / 100) == A
        schedule.done(A, None)
