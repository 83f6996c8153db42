"""What people do to a ModelDeployment and to its children."""

from collections.abc import Callable
from random import Random
from typing import Any

from tests.support.simulation import ANALYSIS, Simulation, rollout, uri_of
from tests.support.worlds.troubles import VERSIONS

Deed = Callable[[Simulation, Random], None]
CHILDREN = ("Deployment", "Service", "ControllerRevision", "PodDisruptionBudget", "Job", "Pod")


def applies_a_version(simulation: Simulation, random: Random) -> None:
    version = random.choice(VERSIONS)
    simulation.change_spec(model={"version": version, "uri": uri_of(version)})


def scales(simulation: Simulation, random: Random) -> None:
    simulation.kubectl_scale(random.randrange(6))


def edits_the_rollout(simulation: Simulation, random: Random) -> None:
    weights = sorted(random.sample([5, 10, 25, 40, 50, 80], random.randrange(1, 4)))
    strategy = random.choice(["Canary", "Canary", "Immediate"])
    scale = random.choice(["Keep", "Shrink"])
    simulation.change_spec(
        rollout=quick(*weights, strategy=strategy, hold=random.choice([0, 5, 15]), stableScale=scale)
    )


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
    verb = random.choice(["retry", "retry", "abort", "dance"])
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
    edits_the_analysis,
    takes_labels_away,
    makes_something_of_their_own,
    loses_status,
    restores_a_back_up,
    goes_to_and_fro,
)
FORGETS: frozenset[Deed] = frozenset({loses_status, restores_a_back_up})
"""After these nobody can know what was rejected before."""
