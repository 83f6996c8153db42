"""Old versions come back, and so do back-ups: nothing that was good is deleted, nothing that was bad takes over."""

import pytest
from tests.support.simulation import (
    Simulation,
    canary,
    deployment_of,
    longest_without_endpoints,
    rollout,
    serving,
    uri_of,
    words,
)

V1, V2, V3 = uri_of("v1"), uri_of("v2"), uri_of("v3")


async def two_versions() -> Simulation:
    simulation = await serving()
    await canary(simulation)
    await simulation.live_until(lambda s: s.stable == "v2", 200)
    await simulation.live(10)
    return simulation


async def test_a_restore_that_failed_is_a_restore_again_when_it_is_retried() -> None:
    simulation = await two_versions()
    simulation.behave(V1, source_away=True)
    wanted = rollout(progressDeadlineSeconds=30)
    simulation.change_spec(model={"version": "v1", "uri": V1}, rollout=wanted)
    await simulation.live_until(lambda s: s.outcome("v1") == "RolledBack", 200)
    promoted = [v for v in simulation.status["versions"] if v["version"] == "v1" and v.get("promotedAt")]
    assert promoted, simulation.status["versions"]
    simulation.behave(V1)
    began = simulation.elapsed
    simulation.annotate("retry@now")
    await simulation.live_until(lambda s: s.stable == "v1", 60)
    mixed = [m for m in simulation.since(began) if len(m.endpoints) > 1]
    assert not mixed, mixed[:3]
    assert simulation.lost == 0


async def test_a_restore_waits_out_a_source_that_is_away_for_less_than_its_deadline() -> None:
    simulation = await two_versions()
    simulation.behave(V1, source_away=True)
    simulation.change_spec(model={"version": "v1", "uri": V1})
    await simulation.live(200)
    assert "SourceUnreachable" in words(simulation)
    simulation.behave(V1)
    await simulation.live_until(lambda s: s.stable == "v1", 320)


async def test_failures_push_no_version_out_of_the_ledger_that_could_be_restored() -> None:
    simulation = await serving(revisionHistoryLimit=3)
    await canary(simulation)
    await simulation.live_until(lambda s: s.stable == "v2", 200)
    for number in range(3, 10):
        simulation.behave(uri_of(f"bad{number}"), report={"ok": False, "reason": "ModelInvalid", "message": "no ONNX"})
        simulation.change_spec(model={"version": f"bad{number}", "uri": uri_of(f"bad{number}")})
        await simulation.live(12)
    began = simulation.elapsed
    simulation.change_spec(model={"version": "v1", "uri": V1})
    await simulation.live_until(lambda s: s.stable == "v1", 100)
    assert not [m for m in simulation.since(began) if len(m.endpoints) > 1]


async def test_a_retry_asks_anew_and_does_not_answer_from_the_job_before_it() -> None:
    simulation = await serving()
    simulation.behave(V2, report={"ok": False, "reason": "SourceNotFound", "message": "404"})
    simulation.change_spec(model={"version": "v2", "uri": V2})
    await simulation.live_until(lambda s: s.outcome("v2") == "FailedPreflight", 60)
    simulation.behave(V2)
    simulation.annotate("retry@1")
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 120)


async def test_a_retry_in_the_middle_of_resolving_asks_anew() -> None:
    simulation = await serving()
    simulation.behave(V2, source_away=True)
    simulation.change_spec(model={"version": "v2", "uri": V2})
    await simulation.live(20)
    simulation.behave(V2)
    simulation.annotate("retry@1")
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 120)


async def test_a_back_up_without_status_after_a_rollback_deletes_nothing_that_was_good() -> None:
    simulation = await two_versions()
    simulation.behave(V3, accuracy=0.4)
    await canary(simulation, "v3")
    await simulation.live_until(lambda s: s.outcome("v3") == "RolledBack", 200)
    await simulation.live(10)
    for uri in (V1, V2, V3):
        simulation.behave(uri, ready_after=25, accuracy=0.4 if uri == V3 else 0.9)
    simulation.restore()
    began = simulation.elapsed
    await simulation.live(180)
    assert simulation.errors == []
    assert deployment_of(simulation, "v2") is not None, simulation.story[-15:]
    assert simulation.stable == "v2", words(simulation)
    assert simulation.moments[-1].endpoints == {"v2": 3}
    assert longest_without_endpoints(simulation.since(began)) <= 40
    assert "None" not in words(simulation)


async def test_a_back_up_without_status_in_mid_canary_does_not_promote_the_canary() -> None:
    simulation = await two_versions()
    simulation.behave(V3, accuracy=0.4)
    await canary(simulation, "v3", rollout=rollout(25, hold=600), analysis=None)
    await simulation.live(20)
    for uri in (V2, V3):
        simulation.behave(uri, ready_after=25, accuracy=0.4 if uri == V3 else 0.9)
    simulation.restore()
    began = simulation.elapsed
    await simulation.live(180)
    assert simulation.errors == []
    assert simulation.stable == "v2", words(simulation)
    assert not [m for m in simulation.since(began) if m.endpoints and "v2" not in m.endpoints], simulation.story[-15:]


@pytest.mark.parametrize("slow", ["v2", "v3"])
async def test_which_pods_come_first_after_a_restore_decides_nothing(slow: str) -> None:
    simulation = await two_versions()
    await canary(simulation, "v3", rollout=rollout(25, hold=600))
    simulation.behave(V2, ready_after=60 if slow == "v2" else 5)
    simulation.behave(V3, ready_after=60 if slow == "v3" else 5, accuracy=0.4)
    simulation.restore()
    began = simulation.elapsed
    await simulation.live(240)
    assert simulation.stable == "v2", words(simulation)
    assert not [m for m in simulation.since(began) if m.endpoints and "v2" not in m.endpoints], simulation.story[-15:]


async def test_a_back_up_of_a_quiet_version_comes_back_as_it_was() -> None:
    simulation = await two_versions()
    revision = simulation.status["stable"]["revision"]
    simulation.behave(V2, ready_after=25)
    simulation.restore()
    await simulation.live(60)
    assert simulation.stable == "v2"
    assert simulation.condition("Ready")["status"] == "True"
    assert [d["metadata"]["name"] for d in simulation.of_kind("Deployment")] == [f"{simulation.name}-{revision}"]
