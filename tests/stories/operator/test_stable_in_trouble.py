"""What serves is in trouble: it is told, it is kept as long as it serves, and what mends it goes out."""

import pytest
from tests.support.simulation import (
    Crash,
    canary,
    deployment_of,
    longest_without_endpoints,
    one_by_one,
    rollout,
    serving,
    spec,
    uri_of,
    wanted_pods,
    words,
)

V1, V2 = uri_of("v1"), uri_of("v2")
NOT_ONNX = {"ok": False, "reason": "SourceNotFound", "message": "http://models/v2.onnx: 404"}


async def test_one_crash_looping_stable_pod_is_told_and_does_not_hold_the_canary() -> None:
    simulation = await serving()
    simulation.behave(V1, crash=Crash(pods=frozenset({0}), exit_code=1, reason="Error", message="segfault"))
    await canary(simulation)
    await simulation.live(15)
    assert simulation.condition("Degraded")["status"] == "True", words(simulation)
    assert simulation.condition("Degraded")["reason"] == "CrashLoop"
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 900)


@pytest.mark.parametrize("analysis", [True, False])
async def test_a_fix_goes_out_directly_where_stable_serves_nothing(analysis: bool) -> None:
    simulation = await serving(analysis=analysis)
    simulation.behave(V1, crash=Crash(exit_code=1, reason="Error", message="segfault"))
    await simulation.live(120)
    simulation.change_spec(model={"version": "v2", "uri": V2})
    began = simulation.elapsed
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 240)
    assert simulation.stable == "v2"
    await simulation.live(10)
    assert simulation.moments[-1].endpoints == {"v2": 3}
    assert longest_without_endpoints(simulation.since(began), could=True) <= 15


async def test_a_canary_under_way_becomes_the_fix_when_stable_goes_down() -> None:
    simulation = await serving()
    await canary(simulation, rollout=rollout(25, hold=1800))
    simulation.behave(V1, never_ready=True)
    await simulation.live_until(lambda s: s.moments[-1].endpoints == {"v2": 3}, 300)
    assert "v1 answers requests" not in words(simulation)


async def test_a_fix_bakes_where_what_it_replaces_serves_again_by_then_and_can_be_gone_back_to() -> None:
    simulation = await serving()
    simulation.behave(V1, never_ready=True)
    await simulation.live(90)
    simulation.behave(V2, ready_after=one_by_one(10))
    simulation.change_spec(model={"version": "v2", "uri": V2}, rollout=rollout(bakeSeconds=120))
    await simulation.live_until(lambda s: s.phase == "Switching", 60)
    simulation.behave(V1)
    await simulation.live_until(lambda s: s.phase == "Baking", 90)
    assert wanted_pods(simulation, "v1") == 3
    simulation.behave(V2, never_ready=True)
    await simulation.live_until(lambda s: s.outcome("v2") == "RolledBack", 30)
    await simulation.live(5)
    assert simulation.moments[-1].endpoints == {"v1": 3}


async def test_a_fix_does_not_bake_beside_pods_that_serve_nothing() -> None:
    simulation = await serving()
    simulation.behave(V1, never_ready=True)
    await simulation.live(90)
    simulation.change_spec(model={"version": "v2", "uri": V2}, rollout=rollout(bakeSeconds=120))
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 60)
    await simulation.live(10)
    assert deployment_of(simulation, "v1") is None


async def test_nobody_is_said_to_answer_who_does_not() -> None:
    simulation = await serving()
    simulation.behave(V1, never_ready=True)
    await simulation.live(30)
    assert simulation.condition("Available")["status"] == "False"
    assert "v1 answers requests" not in words(simulation)
    simulation.change_spec(model={"version": "v2", "uri": V2})
    for _ in range(180):
        await simulation.live(1)
        if simulation.moments[-1].endpoints.get("v2") and not simulation.moments[-5].endpoints.get("v1"):
            assert "v1 answers requests" not in words(simulation)


@pytest.mark.parametrize("strategy", ["Canary", "Immediate"])
async def test_pods_that_die_of_the_whole_traffic_lose_it_again(strategy: str) -> None:
    simulation = await serving(analysis=strategy == "Canary")
    simulation.behave(V2, crash=Crash(above=10.0))
    wanted = rollout(strategy=strategy, bakeSeconds=120)
    simulation.change_spec(model={"version": "v2", "uri": V2}, rollout=wanted)
    await simulation.live(400)
    assert simulation.outcome("v2") == "RolledBack", words(simulation)
    assert simulation.stable == "v1"
    assert simulation.moments[-1].endpoints == {"v1": 3}
    assert longest_without_endpoints(simulation.moments[60:]) <= 15


async def test_the_old_version_stays_for_a_while_after_the_switch() -> None:
    simulation = await serving()
    await canary(simulation, rollout=rollout(bakeSeconds=30))
    await simulation.live_until(lambda s: s.moments[-1].endpoints == {"v2": 3}, 120)
    await simulation.live(5)
    assert wanted_pods(simulation, "v1") == 3
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 60)
    await simulation.live(10)
    assert deployment_of(simulation, "v1") is None
    assert simulation.lost == 0


@pytest.mark.parametrize("trouble", ["never ready", "crashes"])
async def test_a_version_that_falls_down_while_the_old_one_is_kept_goes_back(trouble: str) -> None:
    simulation = await serving()
    await canary(simulation, rollout=rollout(bakeSeconds=120, progressDeadlineSeconds=60))
    await simulation.live_until(lambda s: s.moments[-1].endpoints == {"v2": 3}, 120)
    await simulation.live(5)
    if trouble == "crashes":
        simulation.behave(V2, crash=Crash())
    else:
        simulation.behave(V2, never_ready=True)
    began = simulation.elapsed
    await simulation.live_until(lambda s: s.moments[-1].endpoints == {"v1": 3}, 90)
    assert simulation.outcome("v2") == "RolledBack"
    assert longest_without_endpoints(simulation.since(began), could=True) <= 15


async def test_what_serves_a_little_is_kept_until_its_successor_serves() -> None:
    simulation = await first_version_with_two_of_three_pods()
    simulation.behave(V2, report=NOT_ONNX)
    simulation.change_spec(model={"version": "v2", "uri": V2})
    began = simulation.elapsed
    await simulation.live(120)
    assert all(moment.endpoints == {"v1": 2} for moment in simulation.since(began)), simulation.story[-12:]
    assert deployment_of(simulation, "v1") is not None


async def test_what_serves_a_little_gives_way_to_a_successor_that_serves() -> None:
    simulation = await first_version_with_two_of_three_pods()
    simulation.change_spec(model={"version": "v2", "uri": V2})
    began = simulation.elapsed
    await simulation.live_until(lambda s: s.moments[-1].endpoints == {"v2": 3}, 180)
    assert longest_without_endpoints(simulation.since(began)) <= 1
    await simulation.live_until(lambda s: s.stable == "v2", 60)


async def first_version_with_two_of_three_pods():
    from tests.support.simulation import Simulation

    simulation = Simulation()
    simulation.behave(V1, ready_after=lambda ordinal: 3.0 if ordinal < 2 else 1e9)
    simulation.kubectl_apply(spec("v1", rollout=rollout(progressDeadlineSeconds=30)))
    await simulation.live(100)
    assert simulation.moments[-1].endpoints == {"v1": 2}
    return simulation


async def test_stables_own_trouble_is_told_though_a_version_was_rejected_before() -> None:
    simulation = await serving()
    simulation.behave(V2, report=NOT_ONNX)
    simulation.change_spec(model={"version": "v2", "uri": V2})
    await simulation.live_until(lambda s: s.outcome("v2") == "FailedPreflight", 60)
    simulation.behave(V1, crash=Crash())
    await simulation.live(60)
    assert simulation.condition("Available")["status"] == "False", words(simulation)
    degraded = simulation.condition("Degraded")
    assert (degraded["status"], degraded["reason"]) == ("True", "OutOfMemory"), words(simulation)
    assert "v1 serves on" not in words(simulation)


async def test_stables_own_trouble_is_told_while_a_canary_warms_up() -> None:
    simulation = await serving()
    simulation.behave(V2, ready_after=500)
    simulation.change_spec(model={"version": "v2", "uri": V2})
    await simulation.live(20)
    simulation.behave(V1, crash=Crash(pods=frozenset({0, 1})))
    await simulation.live(30)
    assert simulation.condition("Degraded")["reason"] == "OutOfMemory", words(simulation)
