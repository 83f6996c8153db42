"""What people do to a ModelDeployment and to its children."""

from collections.abc import Callable
from random import Random
from typing import Any

from tests.support.simulation import ANALYSIS, Simulation, rollout, uri_of
from tests.support.worlds.troubles import VERSIONS

Deed = Callable[[Simulation, Random], None]
STEERING = ("pause", "resume", "resume", "promote", "skip-step", "rollback=v1", "rollback=v2", "rollback=nothing")
CHILDREN = ("Deployment", "Service", "ControllerRevision", "PodDisruptionBudget", "Job", "Pod")


def applies_a_version(simulation: Simulation, random: Random) -> None:
    version = random.choice(VERSIONS)
    simulation.change_spec(model={"version": version, "uri": uri_of(version)})


def scales(simulation: Simulation, random: Random) -> None:
    simulation.kubectl_scale(random.randrange(6))


def edits_the_rollout(simulation: Simulation, random: Random) -> None:
    strategy = random.choice(["Canary", "Canary", "Canary", "BlueGreen", "BlueGreen", "Immediate"])
    hold = random.choice([0, 5, 15])
    if strategy == "BlueGreen":
        simulation.change_spec(rollout=blue_green(hold))
        return
    weights = sorted(random.sample([0, 5, 10, 25, 40, 50, 80], random.randrange(1, 4)))
    scale = random.choice(["Keep", "Shrink"])
    wanted = quick(*weights, strategy=strategy, hold=hold, stableScale=scale)
    for step in wanted["steps"]:
        step.update(random.choice(MORE_OF_A_STEP) if scale == "Keep" else {})
    simulation.change_spec(rollout=wanted)


MORE_OF_A_STEP: tuple[dict[str, Any], ...] = ({}, {}, {"pods": 1}, {"pods": 3}, {"pods": "50%"}, {"minSamples": 150})


def blue_green(hold: int) -> dict[str, Any]:
    """All pods beside stable for a short time."""
    wanted = quick(strategy="BlueGreen", blueGreen={"holdSeconds": hold})
    return {key: value for key, value in wanted.items() if key != "steps"}


def tries_a_version_before_clients_do(simulation: Simulation, random: Random) -> None:
    """Copies, or testers: with a route of ours; elsewhere no API server would take it."""
    traffic = simulation.mdep["spec"].get("traffic") or {}
    if "gateway" not in traffic:
        return
    if "pins" not in traffic:
        header = {"name": "X-Tester", "value": "yes"}
        simulation.change_spec(traffic={**traffic, "pins": [{"header": header, "to": "Canary"}]})
    wanted = quick(25, 60, hold=random.choice([0, 5]))
    aside = random.choice([{"mirrorPercent": 20}, {"mirrorPercent": 100}, {"testers": True}])
    match random.randrange(4):
        case 0:
            wanted["steps"].insert(0, {"weight": 0, "holdSeconds": 10, **aside})
        case 1:
            wanted.update(strategy="Shadow", shadow={"holdSeconds": 10, "mirrorPercent": random.choice([30, 100])})
        case 2:
            wanted.update(strategy="ABTest", abTest={"holdSeconds": 10})
        case _:
            wanted = {**blue_green(10), "blueGreen": {"holdSeconds": 10, **aside}}
    if random.random() < 0.5 and wanted.get("strategy") in {"Shadow", "ABTest"}:
        del wanted["steps"]
    simulation.network.testers_a_second = random.choice([0, 2, 10])
    simulation.change_spec(rollout=wanted)


def lets_a_step_wait_for_a_person(simulation: Simulation, random: Random) -> None:
    wanted = quick(25, 50, hold=5)
    random.choice(wanted["steps"])["pause"] = True
    simulation.change_spec(rollout=wanted)


def quick(*weights: int, **more: Any) -> dict[str, Any]:
    """Steps with deadlines that a short story can wait for."""
    return rollout(*weights, **{"progressDeadlineSeconds": 40, "deadlineSeconds": 60, **more})


def pauses_or_goes_on(simulation: Simulation, random: Random) -> None:
    simulation.change_spec(paused=None if simulation.mdep["spec"].get("paused") else True)


def edits_the_analysis(simulation: Simulation, random: Random) -> None:
    metrics = random.sample(ANALYSIS["metrics"], random.randrange(1, 3))
    interval = random.choice([2, 5, 10])
    wanted = {**ANALYSIS, "metrics": metrics, "intervalSeconds": interval}
    simulation.change_spec(analysis=None if random.random() < 0.3 else wanted)


def annotates(simulation: Simulation, random: Random) -> None:
    verb = random.choice(["retry", "retry", "abort", "dance", *STEERING, *STEERING])
    simulation.annotate(f"{verb}@{simulation.version}" + "x" * random.choice([0, 0, 300]))


def deletes_a_child(simulation: Simulation, random: Random) -> None:
    found = simulation.of_kind(random.choice(CHILDREN))
    if found:
        simulation.remove(random.choice(found))


def edits_a_child(simulation: Simulation, random: Random) -> None:
    found = simulation.of_kind(random.choice(["Deployment", "Service"]))
    if not found:
        return
    obj = random.choice(found)
    if obj["kind"] == "Service":
        simulation.edit(obj, "kubectl-edit", lambda s: s["spec"].update(selector={"app": "mine"}))
    else:
        simulation.edit(obj, "kubectl-edit", lambda d: d["spec"].update(replicas=random.randrange(4)))


def takes_labels_away(simulation: Simulation, random: Random) -> None:
    found = simulation.of_kind(random.choice(["Service", "ControllerRevision", "PodDisruptionBudget"]))
    if found:
        simulation.edit(random.choice(found), "kubectl-label", lambda o: o["metadata"].update(labels={}))


def makes_something_of_their_own(simulation: Simulation, random: Random) -> None:
    deployments = [d for d in simulation.of_kind("Deployment") if d["metadata"].get("ownerReferences")]
    if not deployments:
        return
    revision = random.choice(deployments)["metadata"]["labels"]["serin.dev/revision"]
    name = f"theirs-{simulation.version}"
    match random.randrange(4):
        case 0:
            simulation.expose(revision, name)
        case 1 if simulation.pods_of(revision):
            simulation.debug_pod(revision, name)
        case 2:
            simulation.stuck_pod("gone123456", name)
        case _:
            simulation.copy_deployment(revision, name)


def loses_status(simulation: Simulation, random: Random) -> None:
    if random.random() < 0.5:
        simulation.lose_status()
    else:
        simulation.edit_status(lambda status: status.pop(random.choice(["stable", "versions", "canary"]), None))


def restores_a_back_up(simulation: Simulation, random: Random) -> None:
    simulation.restore(keep_status=random.random() < 0.3)


def goes_to_and_fro(simulation: Simulation, random: Random) -> None:
    stable = simulation.stable or "v1"
    simulation.change_spec(model={"version": stable, "uri": uri_of(stable)})


DEEDS: tuple[Deed, ...] = (
    *(applies_a_version,) * 8,
    *(scales, edits_the_rollout, annotates, deletes_a_child, edits_a_child) * 2,
    pauses_or_goes_on,
    lets_a_step_wait_for_a_person,
    *(tries_a_version_before_clients_do,) * 3,
    edits_the_analysis,
    takes_labels_away,
    makes_something_of_their_own,
    loses_status,
    restores_a_back_up,
    goes_to_and_fro,
)
FORGETS: frozenset[Deed] = frozenset({loses_status, restores_a_back_up})
"""After these nobody can know what was rejected before."""
