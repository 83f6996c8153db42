"""Other controllers have ideas of their own about our children: no endless fight, and it is said with whom and about what."""

import pytest
from tests.support.simulation import (
    Simulation,
    busiest_minute,
    canary,
    deployment_of,
    revision_of,
    rollout,
    serving,
    uri_of,
    wanted_pods,
    words,
)
from tests.support.simulation.cluster import JsonObject
from tests.support.simulation.simulation import Rival

HPA = "horizontal-pod-autoscaler"
FIVE_MINUTES = 300


def rival_scales(simulation: Simulation) -> None:
    """An HPA on the child Deployment."""
    deployment = deployment_of(simulation, "v1")
    if deployment is not None:
        simulation.edit(deployment, HPA, lambda d: d["spec"].update(replicas=5))


def rival_labels(simulation: Simulation) -> None:
    """A controller that takes our selector for its own."""
    service = simulation.child("Service", simulation.name)
    simulation.edit(service, "mesh-controller", lambda s: s["spec"].update(selector={"mesh": "all"}))


def rival_edits(simulation: Simulation) -> None:
    """A controller that sets another image in the template."""
    deployment = deployment_of(simulation, "v1")
    if deployment is not None:

        def change(obj: JsonObject) -> None:
            obj["spec"]["template"]["spec"]["containers"][0]["image"] = "mirror.example.com/serin-server:test"

        simulation.edit(deployment, "image-mirror", change)


FIGHTS = {
    "replicas": (rival_scales, HPA, "replicas"),
    "selector": (rival_labels, "mesh-controller", "selector"),
    "image": (rival_edits, "image-mirror", "image"),
}


@pytest.mark.parametrize("about", FIGHTS)
async def test_a_fight_is_left_with_patience_and_named(about: str) -> None:
    rival, manager, field = FIGHTS[about]
    simulation = await serving()
    simulation.rivals.append(rival)
    before = len(simulation.api.writes)
    await simulation.live(FIVE_MINUTES)
    writes = [w for w in simulation.api.writes[before:] if w[1] in {"scale", "apply"}]
    assert len(writes) <= 15, len(writes)
    assert busiest_minute(at for at in simulation.reconciles if at > simulation.elapsed - 200) <= 80
    assert manager in words(simulation), words(simulation)
    assert field in words(simulation), words(simulation)
    simulation.rivals.clear()
    await simulation.live(320)
    assert manager not in words(simulation)
    assert simulation.condition("Ready")["status"] == "True"


def rival_deletes(kind: str, name: str = "") -> Rival:
    """Somebody who cleans up what he does not know."""

    def rival(simulation: Simulation) -> None:
        for obj in simulation.of_kind(kind):
            if obj["metadata"]["name"].startswith(name or simulation.name) and obj["metadata"].get("ownerReferences"):
                simulation.remove(obj)

    return rival


def rival_disowns(simulation: Simulation) -> None:
    """A tool that takes foreign owners off."""
    deployment = simulation.of_kind("Deployment")[0]
    simulation.edit(deployment, "cleaner", lambda d: d["metadata"].update(ownerReferences=[]))


def rival_hides(simulation: Simulation) -> None:
    """A tool that takes foreign labels off."""
    service = simulation.child("Service", simulation.name)
    simulation.edit(service, "cleaner", lambda s: s["metadata"].update(labels={}))


TAKEN_AWAY = {
    "a Deployment": (rival_deletes("Deployment"), "Deployment credit-risk-", "is deleted again and again"),
    "a budget": (
        rival_deletes("PodDisruptionBudget"),
        "PodDisruptionBudget credit-risk ",
        "is deleted again and again",
    ),
    "the Service of clients": (rival_deletes("Service", "credit-risk"), "Service credit-risk", "is deleted again"),
    "a birth": (rival_deletes("ControllerRevision"), "ControllerRevision credit-risk-", "is deleted again and again"),
    "its owner": (rival_disowns, "Deployment credit-risk-", "loses its owner"),
    "its labels": (rival_hides, "Service credit-risk ", "loses the labels"),
}


@pytest.mark.parametrize("what", TAKEN_AWAY)
async def test_what_is_taken_away_again_and_again_is_put_right_with_patience_and_named(what: str) -> None:
    rival, child, how = TAKEN_AWAY[what]
    simulation = await serving()
    simulation.rivals.append(rival)
    before, told = len(simulation.api.writes), len(simulation.api.events)
    await simulation.live(FIVE_MINUTES)
    writes = [w for w in simulation.api.writes[before:] if w[1] in {"create", "patch"} and w[2].kind in child]
    assert len(writes) <= 24, len(writes)
    assert len(simulation.api.events) - told <= 20, simulation.api.events[told:]
    assert simulation.condition("Degraded")["reason"] == "FoughtOver", words(simulation)
    assert child in words(simulation)
    assert how in words(simulation)
    assert "audit log" in words(simulation)
    simulation.rivals.clear()
    await simulation.live(320)
    assert "FoughtOver" not in words(simulation)
    assert simulation.condition("Ready")["status"] == "True", words(simulation)
    assert simulation.errors == []


async def test_what_is_deleted_once_or_twice_is_made_again_at_once() -> None:
    simulation = await serving()
    for _ in range(2):
        rival_deletes("Deployment")(simulation)
        await simulation.live(2)
        assert deployment_of(simulation, "v1") is not None
    assert simulation.condition("Degraded")["reason"] != "FoughtOver", words(simulation)


async def test_an_autoscaler_that_aims_at_a_child_is_named_and_never_written_against() -> None:
    simulation = await serving()
    ours = simulation.child("Deployment", f"{simulation.name}-{revision_of(simulation, 'v1')}")
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": ours["metadata"]["name"]}
    metadata = {"namespace": ours["metadata"]["namespace"], "name": "theirs"}
    kind = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler"}
    theirs = simulation.put({**kind, "metadata": metadata, "spec": {"scaleTargetRef": target}})
    simulation.rivals.append(rival_scales)
    await simulation.live(60)
    assert simulation.written("scale") == 0
    assert simulation.moments[-1].endpoints == {"v1": 5}
    degraded = simulation.condition("Degraded")
    assert degraded["reason"] == "ScaledElsewhere"
    assert "aim its scaleTargetRef at kind ModelDeployment, name credit-risk" in degraded["message"]
    assert simulation.condition("Ready")["status"] == "True"
    await canary(simulation, rollout=rollout(50, hold=5))
    assert wanted_pods(simulation, "v2") == 5, "the canary is sized from what stable has"
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 200)
    simulation.remove(theirs)
    simulation.rivals.clear()
    await simulation.live(140)
    assert wanted_pods(simulation, "v2") == 3, "step by step"
    assert simulation.condition("Degraded")["status"] == "False", words(simulation)


async def test_a_fight_about_one_child_does_not_hold_a_rollout() -> None:
    simulation = await serving()

    def rival(one: Simulation) -> None:
        budget = one.child("PodDisruptionBudget", one.name)
        one.edit(budget, "policy-controller", lambda b: b["spec"].update(maxUnavailable=2))

    simulation.rivals.append(rival)
    await canary(simulation)
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 300)


async def test_a_single_edit_is_put_right_at_once() -> None:
    simulation = await serving()
    rival_scales(simulation)
    await simulation.live(10)
    deployment = deployment_of(simulation, "v1")
    assert deployment is not None
    assert deployment["spec"]["replicas"] == 3


async def test_nothing_is_applied_that_would_change_nothing_so_a_new_policy_restarts_no_pod() -> None:
    simulation = await serving()

    def policy(obj: JsonObject) -> None:
        if obj["kind"] == "Deployment":
            annotations = obj["spec"]["template"]["metadata"].setdefault("annotations", {})
            annotations["policy.example.com/seen"] = "yes"

    simulation.api.mutators.append(policy)
    before = {p["metadata"]["uid"] for p in simulation.pods_of(revision_of(simulation, "v1"))}
    simulation.restart_operator()
    await simulation.live(60)
    assert {p["metadata"]["uid"] for p in simulation.pods_of(revision_of(simulation, "v1"))} == before
    assert simulation.told("Repaired") == []


async def test_a_restart_in_a_quiet_cluster_writes_nothing() -> None:
    simulation = await serving()
    await canary(simulation, rollout=rollout())
    await simulation.live_until(lambda s: s.stable == "v2", 200)
    await simulation.live(30)
    writes = len(simulation.api.writes)
    simulation.restart_operator()
    await simulation.live(60)
    assert simulation.api.writes[writes:] == []


async def test_a_mutating_policy_on_births_is_no_reason_to_fight() -> None:
    simulation = Simulation()

    def policy(obj: JsonObject) -> None:
        if obj["kind"] == "Deployment":
            obj["spec"]["template"]["metadata"]["labels"]["team"] = "risk"
            obj["metadata"]["labels"]["team"] = "risk"

    simulation.api.mutators.append(policy)
    from tests.support.simulation import with_analysis

    simulation.kubectl_apply(with_analysis("v1"))
    await simulation.live_until(lambda s: s.stable == "v1", 60)
    simulation.change_spec(model={"version": "v2", "uri": uri_of("v2")})
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 200)
    assert simulation.told("Repaired") == []
