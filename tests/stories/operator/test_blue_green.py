"""BlueGreen: all pods beside stable without a request of clients, a Service to try them, one write to switch, one to go back."""

from typing import Any

import pytest
from tests.support.simulation import (
    Crash,
    Simulation,
    deployment_of,
    longest_without_endpoints,
    model_of,
    phase,
    revision_of,
    rollout,
    serving,
    uri_of,
    words,
)
from tests.support.simulation.cluster import JsonObject
from tests.support.simulation.specs import NAMESPACE

V1, V2, V3 = uri_of("v1"), uri_of("v2"), uri_of("v3")
PREVIEW = "credit-risk-preview"


def blue_green(hold: int = 20, bake: int = 10, **more: Any) -> dict[str, Any]:
    return {
        "strategy": "BlueGreen",
        "blueGreen": {"holdSeconds": hold},
        "bakeSeconds": bake,
        "progressDeadlineSeconds": 30,
        **more,
    }


def preview_of(simulation: Simulation) -> JsonObject | None:
    return next((s for s in simulation.of_kind("Service") if s["metadata"]["name"] == PREVIEW), None)


async def begun(*, analysis: bool = False, calm: float = 5, **more: Any) -> Simulation:
    """v1 serves, and somebody has asked for v2."""
    simulation = await serving(analysis=analysis, calm=calm, **{"rollout": blue_green(), **more})
    simulation.change_spec(model=model_of("v2"))
    return simulation


async def previewed(**more: Any) -> Simulation:
    """v2 has all its pods and no client."""
    simulation = await begun(**more)
    await simulation.live_until(lambda s: phase(s) == "Holding", 60)
    return simulation


def switches(simulation: Simulation) -> list[str]:
    """What the client Service came to select, one after the other."""
    return [line.rpartition(" ")[2] for line in simulation.story if "apply Service credit-risk selecting" in line]


# ---- the way to the end ------------------------------------------------------------------------------------------------


async def test_all_requests_go_to_one_version_and_then_to_the_other() -> None:
    simulation = await begun()
    began = simulation.elapsed
    await simulation.live_until(lambda s: s.stable == "v2", 120)
    shares = [tuple(sorted(m.answered)) for m in simulation.since(began)]
    assert set(shares) == {("v1",), ("v2",)}
    assert shares == sorted(shares)
    assert simulation.lost == 0
    assert switches(simulation) == [revision_of(simulation, "v2")]


async def test_a_new_version_can_be_tried_at_a_service_of_its_own_until_clients_reach_it() -> None:
    simulation = await previewed()
    revision = revision_of(simulation, "v2")
    service = preview_of(simulation)
    assert service is not None
    assert service["spec"]["selector"]["serin.dev/revision"] == revision
    assert simulation.status["canary"]["previewUrl"] == f"http://{PREVIEW}.{NAMESPACE}.svc"
    assert f"try it at Service {PREVIEW}" in simulation.condition("Ready")["message"]
    await simulation.live_until(lambda s: phase(s) == "Baking", 60)
    assert preview_of(simulation) is None
    assert "previewUrl" not in simulation.status["canary"]


async def test_each_event_is_told_once_and_in_order() -> None:
    simulation = await begun()
    told = len(simulation.api.events)
    await simulation.live_until(lambda s: s.stable == "v2" and not s.status.get("outbox"), 120)
    reasons = [reason for _, _, reason, _ in simulation.api.events[told - 1 :]]
    assert reasons[-5:] == ["RolloutStarted", "ModelResolved", "StepStarted", "Switched", "Promoted"]


async def test_the_time_without_clients_is_held() -> None:
    simulation = await previewed()
    began = simulation.elapsed
    await simulation.live_until(lambda s: s.moments[-1].answered.get("v2"), 60)
    assert 19 <= simulation.elapsed - began <= 24


async def test_a_restored_version_needs_no_preview() -> None:
    simulation = await begun()
    await simulation.live_until(lambda s: s.stable == "v2", 120)
    simulation.change_spec(model=model_of("v1"))
    while simulation.stable != "v1":
        await simulation.live(1)
        assert preview_of(simulation) is None


# ---- what goes wrong ---------------------------------------------------------------------------------------------------


async def test_a_version_that_crashes_in_its_preview_never_gets_a_request() -> None:
    simulation = await begun(rollout=blue_green(hold=60))
    simulation.behave(V2, crash=Crash(after=4))
    await simulation.live_until(lambda s: s.outcome("v2") == "RolledBack", 60)
    await simulation.live(5)
    assert "v2" not in simulation.network.answered
    assert "CanaryCrashed" in words(simulation)
    assert preview_of(simulation) is None
    assert deployment_of(simulation, "v2") is None


async def test_a_version_that_is_never_ready_is_rolled_back() -> None:
    simulation = await begun()
    simulation.behave(V2, never_ready=True)
    await simulation.live_until(lambda s: s.outcome("v2") == "RolledBack", 60)
    await simulation.live(5)
    assert (switches(simulation), preview_of(simulation)) == ([], None)


async def test_a_version_that_loses_its_pods_in_the_preview_is_rolled_back_in_the_end() -> None:
    simulation = await previewed()
    simulation.blip(revision_of(simulation, "v2"), 1e6, 2)
    await simulation.live(25)
    assert (phase(simulation), simulation.condition("Degraded")["status"]) == ("Holding", "True")
    await simulation.live_until(lambda s: s.outcome("v2") == "RolledBack", 60)
    assert switches(simulation) == []


async def test_a_pod_that_blinks_holds_nothing_up() -> None:
    simulation = await previewed()
    began = simulation.elapsed
    simulation.blip(revision_of(simulation, "v2"), 8, 1)
    await simulation.live_until(lambda s: phase(s) == "Baking", 60)
    assert simulation.elapsed - began <= 25


async def test_a_version_that_fails_while_it_bakes_goes_back_with_one_write() -> None:
    simulation = await begun(rollout=blue_green(bake=60))
    await simulation.live_until(lambda s: phase(s) == "Baking", 120)
    first = revision_of(simulation, "v1")
    simulation.behave(V2, never_ready=True)
    await simulation.live_until(lambda s: s.outcome("v2") == "RolledBack", 60)
    await simulation.live(5)
    assert switches(simulation)[-1] == first
    assert len(switches(simulation)) == 2
    assert simulation.moments[-1].endpoints == {"v1": 3}


async def test_a_version_that_crashes_while_it_bakes_goes_back() -> None:
    simulation = await begun(rollout=blue_green(bake=60))
    await simulation.live_until(lambda s: phase(s) == "Baking", 120)
    simulation.behave(V2, crash=Crash())
    await simulation.live_until(lambda s: s.outcome("v2") == "RolledBack", 60)
    await simulation.live(5)
    assert simulation.moments[-1].endpoints == {"v1": 3}


async def test_stable_that_dies_beside_a_preview_is_replaced_by_it() -> None:
    simulation = await previewed(rollout=blue_green(hold=600))
    simulation.behave(V1, never_ready=True)
    began = simulation.elapsed
    await simulation.live_until(lambda s: s.moments[-1].endpoints == {"v2": 3}, 90)
    assert 55 <= simulation.elapsed - began <= 75
    assert preview_of(simulation) is None


async def test_stable_that_is_away_for_a_moment_is_told_and_waited_for() -> None:
    simulation = await previewed(rollout=blue_green(hold=60))
    simulation.blip(revision_of(simulation, "v1"), 20)
    await simulation.live(10)
    assert simulation.condition("Degraded")["status"] == "True"
    await simulation.live(20)
    assert simulation.moments[-1].endpoints == {"v1": 3}
    await simulation.live_until(lambda s: s.stable == "v2", 120)
    assert longest_without_endpoints(simulation.moments[-30:]) == 0


# ---- what people do ----------------------------------------------------------------------------------------------------


async def test_another_version_takes_over_the_preview() -> None:
    simulation = await previewed()
    simulation.change_spec(model=model_of("v3"))
    await simulation.live_until(lambda s: phase(s) == "Holding" and s.status["canary"]["version"] == "v3", 60)
    service = preview_of(simulation)
    assert service is not None
    assert service["spec"]["selector"]["serin.dev/revision"] == revision_of(simulation, "v3")
    assert simulation.outcome("v2") == "Superseded"
    await simulation.live_until(lambda s: s.stable == "v3", 120)
    assert "v2" not in simulation.network.answered


@pytest.mark.parametrize("how", ["abort", "back"])
async def test_a_preview_that_is_given_up_leaves_nothing(how: str) -> None:
    simulation = await previewed()
    if how == "abort":
        simulation.annotate("abort@now")
    else:
        simulation.change_spec(model=model_of("v1"))
    await simulation.live(5)
    assert (phase(simulation), preview_of(simulation), deployment_of(simulation, "v2")) == (None, None, None)
    assert switches(simulation) == []


async def test_paused_keeps_a_preview_for_as_long_as_a_person_wants() -> None:
    simulation = await previewed()
    simulation.change_spec(paused=True)
    await simulation.live(120)
    assert (phase(simulation), simulation.condition("Ready")["reason"]) == ("Holding", "Paused")
    assert preview_of(simulation) is not None
    simulation.change_spec(paused=None)
    await simulation.live_until(lambda s: phase(s) == "Baking", 5)


async def test_a_preview_with_a_pause_waits_for_a_person_after_its_time() -> None:
    simulation = await previewed(rollout=blue_green(blueGreen={"holdSeconds": 20, "pause": True}))
    assert "until a person lets it go" in simulation.condition("Ready")["message"]
    await simulation.live(300)
    ready = simulation.condition("Ready")
    assert (phase(simulation), ready["reason"]) == ("Holding", "StepPaused"), ready
    assert "serin.dev/action" in ready["message"]
    assert simulation.condition("Stalled")["status"] == "False"
    simulation.annotate("resume@tried-it")
    await simulation.live_until(lambda s: phase(s) == "Baking", 5)


async def test_stable_keeps_its_pods_while_all_requests_are_its_own() -> None:
    """The API server refuses such a spec; one that was stored without that rule must not cost stable its pods."""
    simulation = await previewed(rollout=blue_green(stableScale="Shrink"))
    sizes = {simulation.moments[-1].ready["v1"]}
    while phase(simulation) != "Baking":
        await simulation.live(1)
        sizes.add(simulation.moments[-1].ready["v1"])
    assert sizes == {3}


async def test_a_preview_follows_the_size_of_stable() -> None:
    simulation = await previewed(rollout=blue_green(hold=60))
    simulation.kubectl_scale(5)
    await simulation.live(15)
    assert simulation.condition("Ready")["message"].startswith("v2 is ready on 5 of 5 pods")


async def test_a_rollout_that_becomes_a_canary_in_its_preview_begins_with_the_first_step() -> None:
    simulation = await previewed(rollout=blue_green(hold=600))
    simulation.change_spec(rollout=rollout(25, hold=20))
    await simulation.live_until(lambda s: phase(s) == "Holding" and s.status["canary"]["weight"] == 25, 30)
    assert simulation.moments[-1].endpoints == {"v1": 3, "v2": 1}
    assert preview_of(simulation) is None


async def test_a_canary_that_becomes_blue_green_keeps_the_weight_that_it_has() -> None:
    simulation = await serving(analysis=False, calm=5, rollout=rollout(25, hold=600))
    simulation.change_spec(model=model_of("v2"))
    await simulation.live_until(lambda s: phase(s) == "Holding", 60)
    simulation.change_spec(rollout=blue_green(hold=30))
    await simulation.live(10)
    assert simulation.moments[-1].endpoints == {"v1": 3, "v2": 1}
    await simulation.live_until(lambda s: s.stable == "v2", 120)


async def test_a_preview_whose_strategy_becomes_immediate_gets_all_requests_at_once() -> None:
    simulation = await previewed(rollout=blue_green(hold=600))
    simulation.change_spec(rollout={"strategy": "Immediate", "bakeSeconds": 10})
    began = simulation.elapsed
    await simulation.live_until(lambda s: s.stable == "v2", 60)
    assert {tuple(m.answered) for m in simulation.since(began)} == {("v1",), ("v2",)}


# ---- evidence ----------------------------------------------------------------------------------------------------------


async def test_without_clients_no_evidence_is_waited_for_and_none_is_claimed() -> None:
    simulation = await previewed(analysis=True, calm=45)
    while simulation.stable != "v2":
        await simulation.live(1)
        canary = simulation.status.get("canary") or {}
        assert canary.get("verdict") in {None, "Inconclusive"}
        if canary.get("phase") in {"Holding", "Baking"}:
            assert "spec.analysis compares nothing" in simulation.condition("Ready")["message"]
    assert simulation.errors == []


async def test_without_prometheus_a_preview_goes_its_way() -> None:
    simulation = await begun(analysis=True, prometheus=False)
    await simulation.live_until(lambda s: s.stable == "v2", 120)


async def test_the_deadline_of_the_analysis_does_not_count_without_clients() -> None:
    simulation = await previewed(analysis=True, rollout=blue_green(hold=60, deadlineSeconds=10, onDeadline="Rollback"))
    await simulation.live_until(lambda s: s.stable == "v2", 120)


# ---- the Service's name ------------------------------------------------------------------------------------------------


def somebodys_service(simulation: Simulation, owner: str | None = None) -> JsonObject:
    labels = {"serin.dev/model-deployment": PREVIEW} if owner else {}
    metadata: JsonObject = {"namespace": NAMESPACE, "name": PREVIEW, "labels": labels}
    if owner:
        other = {"apiVersion": "serin.dev/v1alpha1", "kind": "ModelDeployment"}
        uid = simulation.put({**other, "metadata": {"namespace": NAMESPACE, "name": owner}})["metadata"]["uid"]
        metadata["ownerReferences"] = [{**other, "name": owner, "uid": uid, "controller": True}]
    service = {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"selector": {"app": "theirs"}}}
    return simulation.put(service)


@pytest.mark.parametrize("owner", [None, PREVIEW])
async def test_a_name_that_is_taken_holds_the_preview_and_is_told(owner: str | None) -> None:
    simulation = await serving(analysis=False, calm=5, rollout=blue_green(hold=5))
    theirs = somebodys_service(simulation, owner)
    simulation.change_spec(model=model_of("v2"))
    await simulation.live(60)
    assert (simulation.stable, switches(simulation)) == ("v1", [])
    assert simulation.condition("Stalled")["reason"] == "NameTaken"
    assert PREVIEW in simulation.condition("Stalled")["message"]
    assert theirs["spec"]["selector"] == {"app": "theirs"}
    simulation.remove(theirs)
    await simulation.live_until(lambda s: s.stable == "v2", 120)


async def test_a_preview_that_is_taken_away_or_edited_is_put_right() -> None:
    simulation = await previewed(rollout=blue_green(hold=60))
    revision = revision_of(simulation, "v2")
    service = preview_of(simulation)
    assert service is not None
    simulation.remove(service)
    await simulation.live(5)
    service = preview_of(simulation)
    assert service is not None
    simulation.edit(service, "kubectl-edit", lambda s: s["spec"].update(selector={"app": "mine"}))
    await simulation.live(5)
    assert service["spec"]["selector"]["serin.dev/revision"] == revision
    assert len(simulation.told("Repaired")) == 2


# ---- what is lost ------------------------------------------------------------------------------------------------------


async def test_status_that_is_lost_in_a_preview_leaves_no_service_behind() -> None:
    simulation = await previewed(rollout=blue_green(hold=600))
    simulation.lose_status()
    await simulation.live(200)
    assert simulation.stable == "v1"
    simulation.change_spec(model=model_of("v1"))
    await simulation.live(150)
    assert (preview_of(simulation), simulation.moments[-1].endpoints) == (None, {"v1": 3})


async def test_a_back_up_of_a_preview_comes_back() -> None:
    simulation = await previewed(rollout=blue_green(hold=20))
    simulation.restore(keep_status=True)
    await simulation.live_until(lambda s: s.stable == "v2", 300)
    await simulation.live(20)
    assert preview_of(simulation) is None


MOST_CALLS = 44
"""More than a whole rollout needs, Events and status included."""


async def test_a_whole_rollout_needs_fewer_calls_than_the_operator_is_killed_at() -> None:
    simulation = await serving(analysis=False, calm=5, rollout=blue_green(hold=4, bake=4))
    simulation.change_spec(model=model_of("v2"))
    simulation.writes_until_death = MOST_CALLS
    await simulation.live_until(lambda s: s.stable == "v2", 60)
    await simulation.live(5)
    assert simulation.writes_until_death is not None


@pytest.mark.parametrize("call", range(MOST_CALLS))
async def test_an_operator_that_is_killed_before_or_after_any_write_comes_to_the_same_end(call: int) -> None:
    simulation = await serving(analysis=False, calm=5, rollout=blue_green(hold=4, bake=4))
    told, began = len(simulation.api.events), simulation.elapsed
    simulation.change_spec(model=model_of("v2"))
    simulation.writes_until_death = call
    await simulation.live_until(lambda s: s.stable == "v2", 60)
    await simulation.live(5)
    reasons = [reason for _, _, reason, _ in simulation.api.events[told:]]
    assert reasons == ["RolloutStarted", "ModelResolved", "StepStarted", "Switched", "Promoted"]
    assert switches(simulation) == [revision_of(simulation, "v2")]
    assert simulation.moments[-1].endpoints == {"v2": 3}
    assert (preview_of(simulation), deployment_of(simulation, "v1")) == (None, None)
    answered = [tuple(sorted(m.answered)) for m in simulation.since(began)]
    assert set(answered) == {("v1",), ("v2",)}
    assert answered == sorted(answered)
    assert (simulation.lost, simulation.errors) == (0, [])
