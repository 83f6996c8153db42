"""What opens a look and what closes it, as shares of the traffic are observed: the clock is in seconds."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from serin_operator.decide.judging.shares import MOST_CHANGES, MOST_CLOSED, Pace, observed
from serin_operator.decide.looks import Span
from serin_operator.decide.memory.comparison import Comparison
from serin_operator.decide.traffic.split import Arms

BEGAN = datetime(2026, 11, 20, 12, tzinfo=UTC)
PACE = Pace(interval=30.0, scrape=5.0, watched=15.0)
A_FIFTH = Arms(4, 1)


def at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def span(start: float, end: float) -> Span:
    return Span(at(start), at(end))


OPEN = Comparison(since=at(0), look_from=at(10), share=20)
"""A look of a fifth of the traffic, open for ten seconds."""
CHANGING = Comparison(since=at(0), change_from=at(0), share=20)
SETTLING = replace(CHANGING, steady_from=at(10))


def seen(comparison: Comparison, arms: Arms, before: float, now: float) -> Comparison:
    return observed(comparison, arms, at(before), at(now), PACE)


def test_nothing_is_compared_before_the_canary_has_a_request() -> None:
    assert seen(Comparison(), Arms(4, 0), 0, 2) == Comparison()


@pytest.mark.parametrize(
    ("arms", "share", "mirror", "testers"),
    [
        (A_FIFTH, 20, 0, False),
        (Arms(4, 0, mirror=50), 0, 50, False),
        (Arms(4, 0, testers=True), 0, 0, True),
        (Arms(999, 1), 1, 0, False),  # some is never none
        (Arms(1, 999), 99, 0, False),
        (Arms(0, 1), 100, 0, False),
    ],
    ids=["requests", "copies", "testers", "very few of them", "nearly all of them", "all of them, on one pod"],
)
def test_the_first_request_begins_a_change_which_has_to_settle(
    arms: Arms, share: int, mirror: int, testers: bool
) -> None:
    after = seen(Comparison(), arms, 0, 2)
    assert after == Comparison(
        since=at(0), change_from=at(0), steady_from=at(2), share=share, mirror=mirror, testers=testers
    )


def test_before_the_first_request_no_look_was_open_however_long_nobody_had_looked() -> None:
    after = seen(Comparison(), A_FIFTH, 0, 12)
    assert (after.closed, after.change_from, after.steady_from) == ((), at(0), at(12))


@pytest.mark.parametrize(("now", "is_open"), [(10.5, False), (10.89, False), (10.9, True), (12, True)])
def test_a_look_begins_when_the_shares_have_been_so_for_a_second(now: float, is_open: bool) -> None:
    after = seen(SETTLING, A_FIFTH, 10, now)
    if not is_open:
        assert after == SETTLING
    else:
        assert after == replace(
            SETTLING, change_from=None, steady_from=None, look_from=at(now), changes=(span(0, now),)
        )


@pytest.mark.parametrize(
    "arms",
    [Arms(4, 4), Arms(0, 5), Arms(4, 1, mirror=10), Arms(4, 1, testers=True), Arms(4, 1, is_settled=False)],
    ids=["another share", "no stable", "copies as well", "testers as well", "not settled"],
)
def test_what_is_not_as_it_was_a_second_ago_has_to_settle_anew(arms: Arms) -> None:
    after = seen(SETTLING, arms, 10, 12)
    assert (after.steady_from, after.look_from, after.change_from) == (at(12), None, at(0))
    assert (after.share, after.mirror, after.testers) == (arms.rounded, arms.mirror, arms.testers)


@pytest.mark.parametrize(
    ("share", "arms", "stays"),
    [
        (20, A_FIFTH, True),
        (20, Arms(4, 2), True),  # 33 %, and a pod of six makes 17
        (20, Arms(4, 3), False),
        (20, Arms(8, 2, 1.0), True),
        (20, Arms(79, 21, 1.0), True),
        (20, Arms(78, 22, 1.0), False),
        (1, Arms(4, 0), False),
        (99, Arms(0, 4), False),
        (0, Arms(100, 1), False),
        (100, Arms(1, 100), False),
        (20, Arms(0, 0), False),
        (20, Arms(4, 1, mirror=50), False),
        (20, Arms(4, 1, testers=True), False),
        (20, Arms(4, 1, is_settled=False), False),
    ],
)
def test_a_look_goes_on_while_the_share_stays_give_or_take_what_a_pod_makes(
    share: int, arms: Arms, stays: bool
) -> None:
    comparison = replace(OPEN, share=share)
    assert (seen(comparison, arms, 20, 22) == comparison) == stays


@pytest.mark.parametrize(
    ("before", "now", "end"),
    [
        (20, 20.5, 20),  # what was observed half a second ago was so
        (20, 30, 29),  # watches would have told within a second
        (20, 35, 34),
        (20, 36, 20),  # nobody may have watched
        (40, 36, 36),  # a clock that was set back
    ],
)
def test_a_change_closes_the_look_where_it_may_have_begun(before: float, now: float, end: float) -> None:
    after = seen(OPEN, Arms(4, 4), before, now)
    assert (after.closed, after.look_from, after.change_from) == ((span(10, end),), None, at(end))
    assert (after.steady_from, after.share) == (at(now), 50)


@pytest.mark.parametrize(("now", "is_kept"), [(15, False), (16, True)])
def test_what_is_shorter_than_a_scrape_is_part_of_the_change(now: float, is_kept: bool) -> None:
    before = replace(OPEN, changes=(span(0, 10),))
    after = seen(before, Arms(4, 4), now - 2, now)
    assert (after.closed, after.changes, after.change_from) == (
        ((span(10, now - 1),), (span(0, 10),), at(now - 1)) if is_kept else ((), (), at(0))
    )


def test_a_change_that_is_not_next_to_it_stays_as_it_was() -> None:
    before = replace(OPEN, changes=(span(0, 9),))
    after = seen(before, Arms(4, 4), 11, 13)
    assert (after.changes, after.change_from) == ((span(0, 9),), at(10))
    assert seen(OPEN, Arms(4, 4), 11, 13).change_from == at(10), "there was none before"


@pytest.mark.parametrize(("now", "is_judged"), [(59, False), (60, True)])
def test_a_change_that_lasts_two_intervals_is_judged_as_it_is(now: float, is_judged: bool) -> None:
    after = seen(CHANGING, A_FIFTH, now - 2, now)
    spans = (span(0, now),) if is_judged else ()
    assert (after.closed, after.changes, after.change_from) == (spans, spans, at(now) if is_judged else at(0))
    assert after.steady_from == at(now)


def test_at_zero_nothing_is_judged() -> None:
    after = seen(SETTLING, Arms(0, 0), 98, 100)
    assert after == replace(SETTLING, steady_from=None)


def test_only_so_many_looks_and_changes_are_remembered() -> None:
    closed = tuple(span(n - 100, n - 99.5) for n in range(MOST_CLOSED))
    changes = tuple(span(2 * n - 200, 2 * n - 199) for n in range(MOST_CHANGES))
    full = replace(OPEN, since=at(-500), closed=closed, changes=changes)
    assert seen(full, Arms(4, 4), 20, 22).closed == (*closed[1:], span(10, 21))
    settled = seen(replace(full, look_from=None, change_from=at(10), steady_from=at(20)), A_FIFTH, 20, 22)
    assert settled.changes == (*changes[1:], span(10, 22))
    assert settled.since == changes[0].end, "what came before it is not used any more"
    assert settled.closed == closed
    one_less = replace(full, look_from=None, change_from=at(10), steady_from=at(20), changes=changes[1:])
    assert seen(one_less, A_FIFTH, 20, 22).since == at(-500), "as many as are remembered"
    lasting = seen(replace(full, look_from=None, change_from=at(-100)), A_FIFTH, 20, 22)
    assert lasting.closed == (*closed[1:], span(-100, 22))


LATER = at(100)
FUTURE: dict[str, dict[str, Any]] = {
    "a look": {"look_from": LATER},
    "a look that was taken": {"taken_at": LATER},
    "a failure": {"failed_at": LATER},
    "a stage": {"stage_from": LATER},
    "the first request": {"since": LATER},
    "a look that waits": {"closed": (span(5, 100),)},
    "a change": {"changes": (span(5, 100),)},
    "what was counted": {"evidence": {"takenAt": LATER.timestamp(), "metrics": {}}},
}


@pytest.mark.parametrize("more", FUTURE.values(), ids=FUTURE)
def test_what_is_in_the_future_after_a_clock_was_set_back_begins_now(more: dict[str, Any]) -> None:
    known = replace(OPEN, taken_at=at(15), failed_at=at(16), stage_from=at(3), changes=(span(0, 4),))
    after = seen(replace(known, **more), A_FIFTH, 18, 20)
    assert (after.look_from, after.change_from, after.steady_from) == (None, at(20), at(20))
    assert (after.taken_at, after.failed_at, after.closed) == (None, None, ())
    assert after.changes == (() if "changes" in more else (span(0, 4),))
    assert after.since == (at(20) if "since" in more else at(0))
    assert after.stage_from == (at(20) if "stage_from" in more else at(3))
    assert after.evidence == ({"takenAt": at(20).timestamp(), "metrics": {}} if "evidence" in more else {})


def test_shares_that_settle_in_the_future_settle_anew() -> None:
    assert seen(replace(SETTLING, steady_from=LATER), A_FIFTH, 18, 20).steady_from == at(20)


def test_a_second_is_no_future() -> None:
    before = replace(OPEN, look_from=at(21), taken_at=at(21), evidence={"takenAt": at(21).timestamp()})
    assert seen(before, A_FIFTH, 18, 20) == before
