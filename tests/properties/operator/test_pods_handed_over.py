"""While pods are handed from one version to another: how few the giver may have, whatever the share of requests it still gets."""

from math import ceil

from hypothesis import given, settings
from hypothesis import strategies as st

from serin_operator.decide.traffic.beside import GRAIN, bearable
from serin_operator.decide.traffic.split import Split, share_of
from serin_operator.decide.wanted.settings import enough_of, fewest_for, fewest_of

TOTALS = st.integers(min_value=1, max_value=100)


@settings(deadline=None)
@given(TOTALS, st.data())
def test_of_weights_that_follow_the_pods_the_giver_always_has_one_to_give(total: int, data: st.DataObject) -> None:
    """Else both would wait for each other: weights are whole percent, and pods are not."""
    gives = data.draw(st.integers(min_value=2, max_value=max(2, total)))
    takes = max(0, total - gives)
    for weight in {round(share_of(takes, gives)), 100 - ceil(share_of(gives, takes))}:
        assert fewest_for(total, weight, GRAIN) < gives


@settings(deadline=None)
@given(TOTALS, st.floats(min_value=0, max_value=100))
def test_a_quarter_is_missing_at_most_or_one_pod_where_there_are_few(total: int, share: float) -> None:
    needed = ceil(total * max(0.0, share - GRAIN) / 100)
    kept = fewest_for(total, share, GRAIN)
    assert kept >= 1
    assert kept >= min(needed - 1, enough_of(needed))


@settings(deadline=None)
@given(TOTALS)
def test_all_requests_take_as_many_as_of_any_hand_over(total: int) -> None:
    assert fewest_for(total, 100) == fewest_of(total)


@settings(deadline=None)
@given(
    full=st.integers(min_value=2, max_value=40),
    wanted=st.integers(min_value=1, max_value=100),
    now=st.integers(min_value=0, max_value=100),
    shares=st.booleans(),
    data=st.data(),
)
def test_no_weight_is_moved_onto_pods_that_cannot_bear_it(
    full: int, wanted: int, now: int, shares: bool, data: st.DataObject
) -> None:
    stable = data.draw(st.integers(min_value=1, max_value=full))
    canary = data.draw(st.integers(min_value=1, max_value=full))
    split = Split("a", "b", wanted, full=full if shares else 0)
    weight = bearable(split, {"a": full, "b": full}, now, stable, canary)
    by_pods = share_of(stable, canary)
    if weight < now:  # stable gets more: its pods are there for that, or it has no fewer than its due
        assert stable >= fewest_for(full, 100 - weight) or weight >= min(now, by_pods) - 1
    if weight > now:
        assert weight <= max(wanted, now)
    assert 0 < weight <= 100 or not now
