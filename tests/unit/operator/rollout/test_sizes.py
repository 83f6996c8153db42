"""How many pods each version gets."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from serin_operator.api.spec import ModelDeploymentSpec
from serin_operator.decide.memory.memory import Floor, Memory, Stable
from serin_operator.decide.memory.states import Candidate, Clock, Holding, Idle, Kind, Starting
from serin_operator.decide.rollout.sizes import floor_of, size_of
from serin_operator.decide.wanted.settings import Settings, settings_of, shared

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
CANDIDATE = Candidate("rev2", "v2", "http://m/v2", Kind.CANARY, NOW)
HOLDING = Holding(CANDIDATE, Clock(NOW), 0, NOW)
STABLE = Stable("v1", "rev1", "ab")
A_MINUTE_AGO = NOW - timedelta(seconds=60)


def wanting(replicas: int | None) -> Settings:
    model = {"version": "v1", "uri": "http://m/v1"}
    return settings_of(ModelDeploymentSpec.model_validate({"model": model, "replicas": replicas}))


@pytest.mark.parametrize(
    ("replicas", "floor", "size"), [(None, None, 1), (3, None, 3), (3, 5, 5), (7, 5, 7), (0, None, 0), (0, 5, 0)]
)
def test_the_size_is_what_the_spec_says_and_no_less_than_the_floor_and_none_at_zero(
    replicas: int | None, floor: int | None, size: int
) -> None:
    memory = Memory(floor=Floor(floor, NOW) if floor else None)
    assert size_of(memory, wanting(replicas)) == size


@pytest.mark.parametrize(
    ("total", "weight", "stable", "canary"),
    [(1, 50, 1, 1), (2, 10, 1, 1), (4, 25, 3, 1), (8, 75, 2, 6), (10, 100, 1, 9), (10, 1, 9, 1), (10, 25, 7, 3)],
)
def test_pods_are_shared_by_weight_and_each_has_one(total: int, weight: int, stable: int, canary: int) -> None:
    assert shared(total, weight) == (stable, canary)


def test_a_floor_stays_while_a_candidate_has_traffic_however_long() -> None:
    floor = Floor(6, NOW - timedelta(days=1))
    memory = Memory(stable=STABLE, floor=floor, rollout=HOLDING)
    assert floor_of(memory, wanting(2), NOW) == floor


def test_a_candidate_that_has_traffic_and_no_floor_gets_one() -> None:
    assert floor_of(Memory(stable=STABLE, rollout=HOLDING), wanting(3), NOW) == Floor(3, NOW)


@pytest.mark.parametrize("rollout", [Idle(), Starting(CANDIDATE, Clock(NOW))], ids=["no rollout", "before traffic"])
def test_a_floor_comes_down_by_a_tenth_a_minute_and_one_pod_at_least(rollout: Idle | Starting) -> None:
    memory = Memory(floor=Floor(40, A_MINUTE_AGO), rollout=rollout)
    assert floor_of(memory, wanting(2), NOW) == Floor(36, NOW)
    assert floor_of(replace(memory, floor=Floor(5, A_MINUTE_AGO)), wanting(2), NOW) == Floor(4, NOW)
    assert floor_of(replace(memory, floor=Floor(40, NOW)), wanting(2), NOW) == Floor(40, NOW)


def test_an_operator_that_was_away_takes_one_step_and_not_all_that_it_missed() -> None:
    memory = Memory(floor=Floor(10, NOW - timedelta(hours=8)))
    assert floor_of(memory, wanting(2), NOW) == Floor(9, NOW)


@pytest.mark.parametrize("replicas", [10, 12, 0])
def test_a_floor_that_says_nothing_any_more_is_forgotten(replicas: int) -> None:
    assert floor_of(Memory(floor=Floor(10, A_MINUTE_AGO)), wanting(replicas), NOW) is None


def test_a_floor_from_the_future_counts_from_now() -> None:
    memory = Memory(floor=Floor(10, NOW + timedelta(hours=1)))
    assert floor_of(memory, wanting(2), NOW) == Floor(10, NOW)
