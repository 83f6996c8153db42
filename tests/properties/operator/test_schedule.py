"""The work queue keeps what it was asked for, whatever happens in which order."""

from hypothesis import given
from hypothesis import strategies as st

from serin_operator.cluster.store import Key
from serin_operator.runtime.schedule import Schedule

A, B = Key("ns", "a"), Key("ns", "b")


@given(st.lists(st.tuples(st.sampled_from("atdfg"), st.sampled_from([A, B]), st.floats(0, 5)), max_size=60))
def test_nothing_that_was_asked_for_is_ever_lost(steps):
    """After any history, waiting long enough hands out every key that was added after its last look began."""
    schedule = Schedule(slow_at_a_time=1)
    now, running, owed = 0.0, set(), set()
    for what, key, amount in steps:
        now += 2 * amount
        match what:
            case "a":
                schedule.add(key, now + amount)
                owed.add(key)
            case "t" if (taken := schedule.take(now)) is not None:
                assert taken not in running
                running.add(taken)
                owed.discard(taken)
            case "d" if key in running:
                running.discard(key)
                schedule.done(key, None, now)
            case "f" if key in running:
                running.discard(key)
                schedule.failed(key, now, luck=0.5)
                owed.add(key)
            case "g" if key not in running:
                schedule.drop(key)
                owed.discard(key)
    for key in running:
        schedule.done(key, None)
    left = set()
    while (taken := schedule.take(now + 1000.0)) is not None:
        left.add(taken)
        schedule.done(taken, None, now + 1000.0)
    assert left == owed
