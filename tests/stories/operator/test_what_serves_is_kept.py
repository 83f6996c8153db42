"""What serves is not taken away, and nothing is promoted without what was asked for: bakes, blips, edits, pauses."""

from tests.support.simulation import (
    ANALYSIS,
    Simulation,
    baking_v2,
    canary,
    deployment_of,
    longest_without_endpoints,
    model_of,
    phase,
    revision_of,
    rollout,
    serving,
    spec,
    uri_of,
)
from tests.support.simulation.faults import webhook

V1, V2, V3 = uri_of("v1"), uri_of("v2"), uri_of("v3")
IMMEDIATE = {"strategy": "Immediate", "bakeSeconds": 10}
NOT_THERE = {"ok": False, "reason": "SourceNotFound", "message": "404"}


async def test_a_baking_version_without_a_ready_pod_is_not_promoted_because_the_spec_moves_on() -> None:
    simulation = await baking_v2()
    simulation.behave(V2, never_ready=True)
    simulation.behave(V3, ready_after=60)
    simulation.change_spec(model=model_of("v3"))
    began = simulation.elapsed
    await simulation.live(30)
    assert deployment_of(simulation, "v1") is not None, simulation.story[-8:]
    assert simulation.moments[-1].endpoints == {"v1": 3}
    assert longest_without_endpoints(simulation.since(began), could=True) <= 15


async def test_a_baking_version_with_most_pods_lost_does_not_replace_one_that_has_them_all() -> None:
    simulation = await serving()
    await canary(simulation, rollout=rollout(bakeSeconds=30, progressDeadlineSeconds=60))
    await simulation.live_until(lambda s: phase(s) == "Baking", 200)
    simulation.blip(revision_of(simulation, "v2"), 1e6, 2)
    await simulation.live(50)
    assert deployment_of(simulation, "v1") is not None, simulation.story[-6:]
    await simulation.live_until(lambda s: s.moments[-1].endpoints == {"v1": 3}, 60)
    assert simulation.outcome("v2") == "RolledBack"


async def test_pods_that_are_kept_since_nothing_else_serves_are_kept_through_a_blip() -> None:
    simulation = await serving()
    await canary(simulation, rollout=rollout(25, hold=600))
    await simulation.live(10)
    simulation.behave(V1, never_ready=True)
    await simulation.live(5)
    simulation.annotate("abort@now")
    await simulation.live(10)
    assert simulation.moments[-1].endpoints == {"v2": 1}
    simulation.blip(revision_of(simulation, "v2"), 2)
    await simulation.live(20)
    assert simulation.moments[-1].endpoints == {"v2": 1}, simulation.story[-6:]


async def test_a_first_version_that_serves_a_little_is_kept_though_it_blinks_when_the_spec_moves_on() -> None:
    simulation = Simulation()
    simulation.behave(V1, ready_after=lambda ordinal: 3.0 if ordinal < 2 else 1e9)
    simulation.behave(V2, ready_after=60)
    simulation.kubectl_apply(spec("v1", rollout=rollout(progressDeadlineSeconds=30)))
    await simulation.live(100)
    assert simulation.moments[-1].endpoints == {"v1": 2}
    simulation.blip(revision_of(simulation, "v1"), 2)
    simulation.change_spec(model=model_of("v2"))
    await simulation.live(10)
    assert simulation.moments[-1].endpoints == {"v1": 2}, simulation.story[-6:]


async def test_a_broken_service_is_no_reason_to_skip_a_canary_while_stables_pods_are_ready() -> None:
    simulation = await serving()
    simulation.behave(V2, error_rate=0.5)
    simulation.refuse(webhook(kind="Service", verb="apply", name=simulation.name))
    service = simulation.child("Service", simulation.name)
    service["spec"]["selector"] = {"app": "nobody"}
    simulation.touch(service)
    await simulation.live(30)
    simulation.change_spec(model=model_of("v2"), rollout=rollout(10, 25, hold=60))
    await simulation.live(90)
    simulation.api.faults.declared.clear()
    await simulation.live(120)
    assert simulation.stable == "v1", simulation.story[-10:]
    assert simulation.outcome("v2") != "Promoted"


async def test_a_strategy_that_becomes_canary_before_the_first_traffic_is_a_canary() -> None:
    simulation = await serving(rollout=IMMEDIATE)
    simulation.behave(V2, ready_after=20)
    simulation.change_spec(model=model_of("v2"))
    await simulation.live_until(lambda s: phase(s) == "Starting")
    simulation.change_spec(rollout=rollout(10, hold=60))
    await simulation.live(60)
    assert simulation.moments[-1].endpoints.get("v1") == 3, simulation.story[-6:]


async def test_a_metric_that_is_added_while_people_pause_is_looked_at_before_the_step_ends() -> None:
    simulation = await serving()
    simulation.behave(V2, accuracy=0.2)
    slow = {**ANALYSIS, "intervalSeconds": 30}
    await canary(simulation, rollout=rollout(25, hold=20), analysis={**slow, "metrics": ANALYSIS["metrics"][:1]})
    simulation.change_spec(paused=True)
    await simulation.live_until(lambda s: s.status["canary"].get("lookedAfterHold"), 200)
    await simulation.live(8)
    simulation.change_spec(analysis=slow, paused=None)
    for _ in range(40):
        await simulation.live(1)
        assert phase(simulation) in {"Holding", None}, simulation.story[-5:]
        assert simulation.moments[-1].endpoints.get("v1") == 3


async def test_a_step_whose_weight_is_raised_is_held_for_its_time_at_that_weight() -> None:
    simulation = await serving(replicas=9)
    await canary(simulation, rollout=rollout(10, hold=20))
    simulation.change_spec(paused=True)
    await simulation.live(40)
    simulation.change_spec(rollout=rollout(50, hold=20), paused=None)
    await simulation.live_until(lambda s: s.moments[-1].endpoints.get("v2") == 9, 30)
    began = simulation.elapsed
    await simulation.live_until(lambda s: phase(s) != "Holding" and phase(s) != "Reaching", 100)
    assert simulation.elapsed - began >= 19, simulation.story[-5:]
