"""Things that happen to a cluster and pass: each begins with a function, and ends with the one that it returns."""

from collections.abc import Callable
from random import Random

from tests.support.simulation import (
    Autoscaler,
    Behaviour,
    Crash,
    Flap,
    Sidecar,
    Simulation,
    Trouble,
    Waiting,
    late_from,
    one_by_one,
    uri_of,
)
from tests.support.simulation.faults import conflict, invalid, quota, unavailable, webhook

End = Callable[[], None]
Begin = Callable[[Simulation, Random], End]
VERSIONS = ("v1", "v2", "v3", "v4", "bad", "broken")


def _nothing() -> None:
    pass


def model_misbehaves(simulation: Simulation, random: Random) -> End:
    """The pods of one version do something that pods do."""
    concerned = [simulation.stable or "v1", simulation.mdep["spec"]["model"]["version"], random.choice(VERSIONS[:4])]
    version = random.choice([v for v in concerned if v not in {"bad", "broken"}])
    behaviour = simulation.behaviour(uri_of(version))
    some = frozenset({random.randrange(3)}) if random.random() < 0.5 else None
    field, value = random.choice(
        [
            ("flap", Flap(random.uniform(5, 60), random.uniform(2, 10), some)),
            ("flap", Flap(random.uniform(5, 20), random.uniform(1, 5), some, together=False)),
            ("crash", Crash(random.uniform(0, 30), pods=some)),
            ("crash", Crash(above=random.uniform(5, 15))),
            ("crash", Crash(times=1, exit_code=1, reason="Error", message="segmentation fault")),
            ("never_ready", True),
            ("ready_after", late_from(1, random.uniform(10, 80))),
            ("ready_after", one_by_one(random.uniform(2, 15))),
            ("fails_warm_up", random.randrange(1, 3)),
            ("source_away", True),
            ("waiting", Waiting("ImagePullBackOff", "no such image")),
            ("unschedulable", "0/3 nodes are available"),
            ("gate", "target-health.example.com/lb"),
            ("error_rate", random.choice([0.02, 0.3, 1.0])),
            ("accuracy", random.choice([0.0, 0.7])),
            ("terminates_after", random.uniform(1, 40)),
            ("resolve_after", random.uniform(5, 50)),
        ]
    )
    setattr(behaviour, field, value)
    simulation.tell(f"---- {version}: {field} = {'by the pod' if callable(value) else value}")
    # Not what was before: that may have been another trouble, which has ended meanwhile.
    return lambda: setattr(behaviour, field, getattr(Behaviour(), field))


def what_serves_decays(simulation: Simulation, random: Random) -> End:
    """The world moves on, and the version that serves is wrong more often than it was."""
    del random
    version = simulation.stable or "v1"
    behaviour = simulation.behaviour(uri_of(version))
    behaviour.accuracy, behaviour.differs = 0.4, 0.6
    simulation.tell(f"---- {version} decays")

    def end() -> None:
        behaviour.accuracy, behaviour.differs = Behaviour().accuracy, Behaviour().differs

    return end


def pods_blip(simulation: Simulation, random: Random) -> End:
    """Some pods do not answer for a moment."""
    for revision in sorted({p["metadata"]["labels"].get("serin.dev/revision", "") for p in simulation.of_kind("Pod")}):
        if random.random() < 0.6:
            simulation.blip(revision, random.uniform(1, 8), random.choice([1, 2, None]))
    return _nothing


def node_dies(simulation: Simulation, random: Random) -> End:
    """One of three, and it comes back without its pods."""
    node = random.choice(["node1", "node2"])
    simulation.kubelet.kill_node(node)

    def end() -> None:
        simulation.kubelet.dead_nodes.pop(node, None)

    return end


def prometheus_has_trouble(simulation: Simulation, random: Random) -> End:
    """It lies, hangs or is away."""
    trouble = random.choice(list(Trouble))
    simulation.prometheus_trouble(trouble)
    simulation.tell(f"---- Prometheus: {trouble}")
    return lambda: simulation.prometheus_trouble(None)


def endpoints_lag(simulation: Simulation, random: Random) -> End:
    """kube-controller-manager is slow."""
    del random
    simulation.endpoints_are_late = True

    def end() -> None:
        simulation.endpoints_are_late = False

    return end


def writes_are_refused(simulation: Simulation, random: Random) -> End:
    """Once, or for a while."""
    make = random.choice([conflict, unavailable, webhook, quota, invalid])
    verb = random.choice(["create", "apply", "scale", "delete", "patch", "status", None])
    times = random.choice([1, 2, 5, None])
    if make in {webhook, quota, invalid} and verb in {"status", None}:
        verb = "create"
    fault = simulation.refuse(make(verb=verb, times=times, nth=random.randrange(1, 4)))
    simulation.tell(f"---- {make.__name__} for {verb or 'any write'}, {times or 'all'} times")

    def end() -> None:
        if fault in simulation.api.faults.declared:
            simulation.api.faults.declared.remove(fault)

    return end


def pods_are_forbidden(simulation: Simulation, random: Random) -> End:
    """A webhook lets nobody make pods."""
    del random
    simulation.workloads.pods_forbidden = 'failed calling webhook "pods.policy.example.com"'

    def end() -> None:
        simulation.workloads.pods_forbidden = None

    return end


def rival_scales(simulation: Simulation, random: Random) -> End:
    """An HPA on a child Deployment."""
    replicas = random.randrange(1, 6)

    def rival(one: Simulation) -> None:
        for deployment in one.of_kind("Deployment")[:1]:
            one.edit(deployment, "horizontal-pod-autoscaler", lambda d: d["spec"].update(replicas=replicas))

    simulation.rivals.append(rival)
    return lambda: simulation.rivals.remove(rival)


def autoscaler_comes(simulation: Simulation, random: Random) -> End:
    """An HPA on the ModelDeployment, while the load changes."""
    scaler = Autoscaler(random.choice([5.0, 10.0, 20.0]), most=8, is_external=random.random() < 0.5)
    before = simulation.requests_a_second
    simulation.rivals.append(scaler)
    simulation.requests_a_second = random.choice([0, 20, 40, 80])

    def end() -> None:
        simulation.rivals.remove(scaler)
        simulation.requests_a_second = before

    return end


def sidecars_are_injected(simulation: Simulation, random: Random) -> End:
    """A mesh comes, and goes."""
    simulation.inject(Sidecar(restarts=random.randrange(5), exit_reason=random.choice([None, "OOMKilled"])))

    def end() -> None:
        simulation.kubelet.sidecar = None

    return end


def clock_is_wrong(simulation: Simulation, random: Random) -> End:
    """A new leader on a machine with another time."""
    simulation.restart_operator(clock_offset=random.choice([-3600.0, -20.0, 20.0, 3600.0]))
    return lambda: simulation.restart_operator(clock_offset=0.0)


def operator_dies(simulation: Simulation, random: Random) -> End:
    """After a few writes more."""
    simulation.writes_until_death = random.randrange(12)
    return _nothing


TROUBLES: tuple[Begin, ...] = (
    model_misbehaves,
    model_misbehaves,
    model_misbehaves,
    model_misbehaves,
    pods_blip,
    node_dies,
    prometheus_has_trouble,
    prometheus_has_trouble,
    endpoints_lag,
    writes_are_refused,
    writes_are_refused,
    pods_are_forbidden,
    rival_scales,
    autoscaler_comes,
    autoscaler_comes,
    sidecars_are_injected,
    clock_is_wrong,
    operator_dies,
    operator_dies,
)
