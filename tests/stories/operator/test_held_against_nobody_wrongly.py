"""What is held against a version, what is told of it and how often, and which time counts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.support.simulation import (
    Simulation,
    baking_v2,
    canary,
    deployment_of,
    late_from,
    model_of,
    phase,
    revision_of,
    rollout,
    serving,
    uri_of,
    wanted_pods,
    words,
)

from serin_operator.api import spec as api
from serin_operator.decide.analysis import Arm, Proportions, Stratum, Value
from serin_operator.decide.judging.config import config_of
from serin_operator.decide.judging.judge import judge
from serin_operator.decide.looks import Look, LookResult, Span
from serin_operator.decide.memory.comparison import Comparison

V1, V2, V3 = uri_of("v1"), uri_of("v2"), uri_of("v3")
IMMEDIATE = {"strategy": "Immediate", "bakeSeconds": 10}
NOT_THERE = {"ok": False, "reason": "SourceNotFound", "message": "404"}


async def test_restarts_while_warming_up_are_forgiven_to_every_pod_of_a_large_version() -> None:
    simulation = await serving(replicas=60, requests_a_second=60)
    simulation.behave(V2, fails_warm_up=1)
    simulation.change_spec(model=model_of("v2"), rollout=rollout(50))
    await simulation.live(60)
    assert simulation.outcome("v2") != "RolledBack", words(simulation)


async def test_a_spec_that_names_a_rejected_version_takes_no_traffic_from_one_that_bakes() -> None:
    simulation = await serving()
    simulation.behave(V3, report=NOT_THERE)
    simulation.change_spec(model=model_of("v3"))
    await simulation.live_until(lambda s: s.outcome("v3") == "FailedPreflight", 100)
    await canary(simulation, rollout=rollout(bakeSeconds=120))
    await simulation.live_until(lambda s: phase(s) == "Baking", 200)
    simulation.change_spec(model=model_of("v3"))
    await simulation.live(20)
    assert simulation.moments[-1].endpoints == {"v2": 3}, simulation.story[-5:]


async def test_a_retry_does_not_shrink_the_only_version_that_serves() -> None:
    simulation = await serving()
    simulation.behave(V1, never_ready=True)
    await simulation.live(80)
    simulation.behave(V2, ready_after=late_from(1, 60, first=5))
    simulation.change_spec(model=model_of("v2"))
    await simulation.live_until(lambda s: s.moments[-1].endpoints.get("v2"), 200)
    simulation.annotate("retry@now")
    for _ in range(30):
        await simulation.live(1)
        assert wanted_pods(simulation, "v2") == 3, simulation.story[-4:]


def test_what_a_look_did_not_see_before_a_change_closed_it_is_judged_too() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    wanted = api.Analysis.model_validate({"intervalSeconds": 60, "metrics": [{"name": "errors", "errorRate": {}}]})
    whole = Span(at, at + timedelta(seconds=120))
    comparison = Comparison(since=at, change_from=whole.end, closed=(whole,))
    look = Look("ns", "a", "stable", "canary", at, at + timedelta(seconds=60), canary_since=at)
    seen = Value(Proportions((Stratum(canary=Arm(1, 200), stable=Arm(4, 800)),)))
    after = judge(comparison, LookResult(look, {"errors": seen}), config_of(wanted), whole.end).comparison
    assert after.closed == (replace(whole, start=look.end),)


def writes_counted(simulation: Simulation) -> list[float]:
    """When status is written from now on."""
    writes: list[float] = []
    write = simulation.api.replace_status

    async def counted(obj: Any) -> Any:
        writes.append(simulation.elapsed)
        return await write(obj)

    simulation.api.replace_status = counted  # type: ignore[method-assign]
    return writes


async def test_a_canary_that_gets_no_traffic_is_one_change_of_the_shares_and_no_endless_string_of_them() -> None:
    simulation = await serving()
    await canary(simulation, rollout=rollout(25, hold=600))
    await simulation.live(30)
    simulation.behave(V2, never_ready=True)
    await simulation.live(30)
    before = simulation.status["canary"]["weightChanges"]
    await simulation.live(60)
    assert simulation.status["canary"]["weightChanges"] == before


async def test_status_is_not_written_every_five_seconds_for_as_long_as_stable_is_down() -> None:
    simulation = await serving(analysis=False)
    simulation.behave(V1, never_ready=True)
    await simulation.live(120)
    writes = writes_counted(simulation)
    await simulation.live(300)
    assert len(writes) <= 10, writes


async def test_reconciling_stays_true_until_a_paused_bake_is_over() -> None:
    simulation = await baking_v2()
    simulation.change_spec(paused=True)
    await simulation.live(10)
    assert simulation.outcome("v2") == "InProgress"
    assert simulation.condition("Reconciling")["status"] == "True", words(simulation)


async def test_ready_is_true_from_the_switch_on_also_while_people_pause() -> None:
    simulation = await serving()
    simulation.change_spec(model=model_of("v2"))
    await simulation.live_until(lambda s: phase(s) == "Switching", 200)
    simulation.change_spec(paused=True)
    await simulation.live(20)
    assert simulation.moments[-1].endpoints == {"v2": 3}
    assert simulation.condition("Ready")["status"] == "True", words(simulation)


@pytest.mark.parametrize("calm", [13, 14, 15])
async def test_a_readiness_that_is_gone_for_two_seconds_rolls_no_baking_version_back(calm: float) -> None:
    simulation = await serving(replicas=1, analysis=False)
    await canary(simulation, rollout=rollout(bakeSeconds=120))
    await simulation.live_until(lambda s: phase(s) == "Baking", 200)
    await simulation.live(calm)
    simulation.blip(revision_of(simulation, "v2"), 1.9)
    await simulation.live(5)
    assert simulation.outcome("v2") == "InProgress", simulation.story[-4:]


async def test_one_pod_that_has_long_been_missing_makes_no_deadline_of_anothers_blip() -> None:
    simulation = await serving(replicas=8, analysis=False)
    await canary(simulation, rollout=rollout(50, hold=600, progressDeadlineSeconds=60))
    await simulation.live_until(lambda s: phase(s) == "Holding", 200)
    simulation.blip(revision_of(simulation, "v2"), 1e6, 1)
    await simulation.live(120)
    assert phase(simulation) == "Holding"
    simulation.blip(revision_of(simulation, "v2"), 2, 3)
    await simulation.live(10)
    assert simulation.outcome("v2") == "InProgress", simulation.story[-4:]


async def test_a_stable_version_that_blinks_at_the_switch_is_still_kept_while_the_new_one_bakes() -> None:
    simulation = await serving(analysis=False)
    await canary(simulation, rollout=rollout(25, bakeSeconds=120))
    await simulation.live_until(lambda s: phase(s) == "Switching", 200)
    simulation.blip(revision_of(simulation, "v1"), 2)
    await simulation.live(20)
    assert deployment_of(simulation, "v1") is not None, simulation.story[-5:]
    assert phase(simulation) == "Baking"


async def test_nothing_is_promoted_while_people_pause_though_the_spec_moves_on() -> None:
    simulation = await baking_v2()
    simulation.change_spec(paused=True)
    await simulation.live(5)
    simulation.change_spec(model=model_of("v3"))
    await simulation.live(15)
    assert deployment_of(simulation, "v1") is not None, simulation.story[-5:]
