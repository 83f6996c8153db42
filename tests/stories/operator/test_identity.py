"""Ours is what belongs to us and has the expected name; everything else with our labels is other people's."""

from typing import Any

import pytest
from tests.support.simulation import (
    Crash,
    Sidecar,
    Simulation,
    busiest_minute,
    canary,
    revision_of,
    serving,
    uri_of,
    words,
)
from tests.support.simulation.cluster import copied

V2 = uri_of("v2")


def unchanged(simulation: Simulation, before: dict[str, Any]) -> bool:
    kind, name = before["kind"], before["metadata"]["name"]
    found = [o for o in simulation.of_kind(kind) if o["metadata"]["name"] == name]
    return (
        bool(found) and found[0]["metadata"]["uid"] == before["metadata"]["uid"] and found[0]["spec"] == before["spec"]
    )


async def promoted(simulation: Simulation, limit: float = 600) -> None:
    simulation.change_spec(model={"version": "v2", "uri": V2})
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", limit)
    await simulation.live(30)
    assert simulation.errors == []


@pytest.mark.parametrize("kind", ["Service", "Deployment"])
async def test_what_a_person_made_with_our_labels_is_neither_adopted_nor_deleted(kind: str) -> None:
    simulation = await serving()
    revision = revision_of(simulation, "v1")
    make = simulation.expose if kind == "Service" else simulation.copy_deployment
    theirs = copied(make(revision))
    await simulation.live(30)
    await promoted(simulation)
    assert unchanged(simulation, theirs)
    assert not simulation.child(kind, "theirs")["metadata"].get("ownerReferences")
    assert busiest_minute(simulation.reconciles) <= 90


async def test_a_service_exposed_from_the_canary_is_left_alone_when_it_is_rolled_back() -> None:
    simulation = await serving()
    simulation.behave(V2, accuracy=0.5)
    await canary(simulation)
    theirs = copied(simulation.expose(revision_of(simulation, "v2")))
    await simulation.live_until(lambda s: s.outcome("v2") == "RolledBack", 200)
    await simulation.live(30)
    assert unchanged(simulation, theirs)


async def test_a_person_s_service_that_sorts_before_ours_takes_the_place_of_nothing() -> None:
    simulation = await serving()
    theirs = copied(simulation.expose(revision_of(simulation, "v1"), name="a-service-of-mine"))
    writes = len(simulation.api.writes)
    await simulation.live(60)
    assert len(simulation.api.writes) - writes <= 3, simulation.api.writes[writes:]
    assert unchanged(simulation, theirs)


async def test_an_orphan_with_our_labels_and_the_expected_name_is_adopted() -> None:
    simulation = await serving()
    name = f"{simulation.name}-{revision_of(simulation, 'v1')}"
    for kind in ("Deployment", "Service", "ControllerRevision"):
        simulation.child(kind, name)["metadata"].pop("ownerReferences")
        simulation.touch(simulation.child(kind, name))
    await simulation.live(10)
    for kind in ("Deployment", "Service", "ControllerRevision"):
        assert simulation.child(kind, name)["metadata"]["ownerReferences"], kind


async def test_a_pod_of_a_third_revision_that_never_goes_away_holds_nothing() -> None:
    simulation = await serving()
    simulation.stuck_pod("gone123456")
    await promoted(simulation)


async def test_pods_on_a_dead_node_hold_no_later_rollout() -> None:
    simulation = await serving()
    simulation.kubelet.kill_node("node2")
    await simulation.live(90)
    assert simulation.moments[-1].endpoints == {"v1": 3}
    await promoted(simulation)


async def test_a_debug_pod_with_stables_labels_holds_no_rollout() -> None:
    simulation = await serving()
    simulation.debug_pod(revision_of(simulation, "v1"))
    await promoted(simulation)


async def test_a_sidecar_that_restarts_is_not_our_container() -> None:
    simulation = await serving()
    words_of_proxy = "proxy: upstream went away"
    simulation.inject(Sidecar(restarts=5, exit_reason="OOMKilled", last_words=words_of_proxy))
    # The Job has the sidecar too, and would never be over.
    simulation.change_spec(model={"version": "v2", "uri": V2})
    await simulation.live_until(lambda s: s.outcome("v2") in {"Promoted", "FailedPreflight", "RolledBack"}, 900)
    assert simulation.outcome("v2") == "Promoted", words(simulation)
    assert not any(words_of_proxy in line for line in simulation.story)


async def test_the_resolve_job_is_over_when_our_container_is() -> None:
    simulation = await serving()
    simulation.inject(Sidecar())
    await canary(simulation)
    assert simulation.elapsed < 120


async def test_a_model_that_does_not_load_is_refused_though_a_sidecar_runs_on() -> None:
    simulation = await serving()
    simulation.inject(Sidecar())
    simulation.behave(V2, report={"ok": False, "reason": "ModelInvalid", "message": "it is truncated"})
    simulation.change_spec(model={"version": "v2", "uri": V2})
    await simulation.live(30)
    assert simulation.outcome("v2") == "FailedPreflight"
    assert "it is truncated" in words(simulation)


async def test_a_canary_that_crashes_beside_a_sidecar_is_rolled_back_with_its_own_words() -> None:
    simulation = await serving()
    simulation.inject(Sidecar(last_words="proxy: all is well"))
    simulation.behave(V2, crash=Crash(after=2, exit_code=139, reason="Error", message="segmentation fault"))
    simulation.change_spec(model={"version": "v2", "uri": V2})
    await simulation.live_until(lambda s: s.outcome("v2") == "RolledBack", 300)
    assert "segmentation fault" in words(simulation)


async def test_deleting_and_creating_a_model_deployment_again_is_no_taken_name() -> None:
    simulation = await serving()
    simulation.delete_and_recreate()
    await simulation.reconcile()  # the watch has told of the new one; the garbage collector has not come yet
    await simulation.live_until(lambda s: s.stable == "v1", 120)
    assert not any("NameTaken" in line for line in simulation.story)


async def test_a_child_that_is_being_deleted_is_told_at_most_once() -> None:
    simulation = await serving()
    service = simulation.child("Service", f"{simulation.name}-{revision_of(simulation, 'v1')}")
    service["metadata"].update(deletionTimestamp=simulation.now.isoformat(), finalizers=["foregroundDeletion"])
    simulation.touch(service)
    for _ in range(60):
        await simulation.run(1)
    assert len(simulation.told("Repaired")) <= 1, simulation.told("Repaired")
    simulation.remove(service)
    await simulation.live(10)
    assert simulation.child("Service", service["metadata"]["name"])
