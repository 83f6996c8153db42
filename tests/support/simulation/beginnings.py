"""Where stories begin: a version that serves, and a canary that has its first requests."""

from typing import Any

from tests.support.simulation.api import JsonObject
from tests.support.simulation.simulation import Simulation
from tests.support.simulation.specs import GATEWAY, rollout, spec, uri_of, with_analysis

SIMULATION = (
    *("scrape_seconds", "scrapes_every", "prometheus", "requests_a_second", "tells_all", "tells_pairs"),
    *("receivers", "notify"),
)


async def serving(version: str = "v1", *, analysis: bool = True, calm: float = 45, **more: Any) -> Simulation:
    """A first version that has been serving for ``calm`` seconds; ``more`` is of the simulation or of the spec."""
    simulation = Simulation(**{key: value for key, value in more.items() if key in SIMULATION})
    fields = {key: value for key, value in more.items() if key not in SIMULATION}
    simulation.kubectl_apply(with_analysis(version, **fields) if analysis else spec(version, **fields))
    await simulation.live_until(lambda s: s.stable == version)
    await simulation.live(calm)
    assert simulation.errors == []
    return simulation


async def behind_gateway(version: str = "v1", *, analysis: bool = True, calm: float = 30, **fields: Any) -> Simulation:
    """A first version that serves behind a Gateway, by a route of ours."""
    simulation = Simulation()
    simulation.gateways.install()
    fields = {"traffic": GATEWAY, **fields}
    simulation.kubectl_apply(with_analysis(version, **fields) if analysis else spec(version, **fields))
    await simulation.live_until(lambda s: s.stable == version)
    await simulation.live(calm)
    assert simulation.errors == []
    return simulation


async def behind_route(*rules: JsonObject, analysis: bool = True, **fields: Any) -> Simulation:
    """A first version that serves behind a Gateway, by a route of somebody's own, called mine."""
    simulation = Simulation()
    simulation.gateways.install()
    ours = {"backendRefs": [backend(simulation.name, 100), backend(f"{simulation.name}-canary", 0)]}
    for other in ("shop", "legacy"):
        simulation.gateways.other_service(other)
    simulation.gateways.people_write("mine", [*(rules or (ours,))])
    fields = {"traffic": {"routeRef": {"name": "mine"}}, **fields}
    simulation.kubectl_apply(with_analysis("v1", **fields) if analysis else spec("v1", **fields))
    await simulation.live_until(lambda s: s.stable == "v1")
    await simulation.live(40)
    assert simulation.errors == []
    return simulation


def backend(service: str, weight: int) -> JsonObject:
    """A backendRef."""
    return {"group": "", "kind": "Service", "name": service, "port": 80, "weight": weight}


async def canary(simulation: Simulation, version: str = "v2", **fields: Any) -> None:
    """Apply another version, and wait until it answers its first requests."""
    name = {"version": version, "uri": f"http://models/{version}.onnx"}
    simulation.change_spec(**{"model": name, **fields})
    await simulation.live_until(lambda s: s.network.answered.get(version), 1200)


def deployment_of(simulation: Simulation, version: str) -> JsonObject | None:
    """The Deployment of a version, if it is there."""
    for deployment in simulation.of_kind("Deployment"):
        env = deployment["spec"]["template"]["spec"]["containers"][0]["env"]
        if {"name": "SERIN_MODEL_VERSION", "value": version} in env and deployment["metadata"].get("ownerReferences"):
            return deployment
    return None


def wanted_pods(simulation: Simulation, version: str) -> int:
    """Replicas of a version's Deployment."""
    deployment = deployment_of(simulation, version)
    return deployment["spec"]["replicas"] if deployment else 0


def revision_of(simulation: Simulation, version: str) -> str:
    """The revision of a version that has a Deployment."""
    deployment = deployment_of(simulation, version)
    assert deployment is not None, version
    return str(deployment["metadata"]["labels"]["serin.dev/revision"])


def words(simulation: Simulation) -> str:
    """Everything that the conditions say."""
    return "\n".join(
        f"{c['type']}={c['status']} {c['reason']}: {c['message']}" for c in simulation.status["conditions"]
    )


def phase(simulation: Simulation) -> str | None:
    """Where the rollout is; None where there is none."""
    return (simulation.status.get("canary") or {}).get("phase")


async def baking_v2(**more: Any) -> Simulation:
    """v2 has all traffic, and v1 is kept for two minutes."""
    simulation = await serving()
    await canary(simulation, rollout=rollout(bakeSeconds=120, **more))
    await simulation.live_until(lambda s: phase(s) == "Baking", 200)
    await simulation.live(5)
    return simulation


def model_of(version: str) -> dict[str, str]:
    """``spec.model`` of a version."""
    return {"version": version, "uri": uri_of(version)}
