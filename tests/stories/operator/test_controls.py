"""The Service <name>-control: in front of what a version is compared with, for as long as it is, and never a way for clients."""

from typing import Any

from tests.support.simulation import (
    Crash,
    Simulation,
    deployment_of,
    model_of,
    phase,
    revision_of,
    rollout,
    serving,
    uri_of,
)
from tests.support.simulation.cluster import JsonObject
from tests.support.simulation.specs import ANALYSIS, NAMESPACE

CONTROL = "credit-risk-control"
PAIRED = {**ANALYSIS, "pairing": {"sample": 0.1}}
SIGNED = {"feedback": {"signing": "Managed"}}


def control_of(simulation: Simulation) -> JsonObject | None:
    return next((s for s in simulation.of_kind("Service") if s["metadata"]["name"] == CONTROL), None)


def leads_to(simulation: Simulation) -> str | None:
    control = control_of(simulation)
    return control["spec"]["selector"].get("serin.dev/revision") if control else None


def told(simulation: Simulation, version: str) -> dict[str, str]:
    """What the pods of a version are told of pairs."""
    env = deployment_of(simulation, version)["spec"]["template"]["spec"]["containers"][0]["env"]
    return {e["name"]: e["value"] for e in env if e["name"].startswith("SERIN_PAIRING_")}


async def begun(**more: Any) -> Simulation:
    """v1 serves, and v2 is asked for."""
    simulation = await serving(**{"analysis": False, "serving": SIGNED, "rollout": rollout(25, 50), **more})
    simulation.change_spec(analysis=PAIRED)
    await simulation.live(5)
    assert control_of(simulation) is None, "nothing is compared"
    simulation.change_spec(model=model_of("v2"))
    return simulation


async def test_it_leads_to_stable_while_a_version_is_tried_and_goes_with_the_pods_of_the_one_before() -> None:
    simulation = await begun()
    stable = revision_of(simulation, "v1")
    seen = set()
    for _ in range(120):
        await simulation.live(1)
        if phase(simulation):
            seen.add((phase(simulation), leads_to(simulation)))
    assert simulation.stable == "v2"
    assert {("Holding", stable), ("Baking", stable)} <= seen
    assert {leads for _, leads in seen} <= {stable, None}
    assert control_of(simulation) is None
    assert simulation.lost == 0


async def test_every_version_is_told_the_same_address_and_no_template_changes_with_a_role() -> None:
    simulation = await begun()
    await simulation.live_until(lambda s: phase(s) == "Holding", 60)
    wanted = {"SERIN_PAIRING_CONTROL": f"http://{CONTROL}", "SERIN_PAIRING_SAMPLE": "0.1"}
    assert told(simulation, "v2") == wanted
    assert told(simulation, "v1") == {}, "it was born before anybody asked for pairs"
    born = deployment_of(simulation, "v2")["spec"]["template"]
    await simulation.live_until(lambda s: s.stable == "v2", 200)
    assert deployment_of(simulation, "v2")["spec"]["template"] == born


async def test_it_goes_when_the_version_is_rolled_back() -> None:
    simulation = await begun()
    await simulation.live_until(lambda s: phase(s) == "Holding", 60)
    assert leads_to(simulation) == revision_of(simulation, "v1")
    simulation.behave(uri_of("v2"), crash=Crash())
    await simulation.live_until(lambda s: not phase(s), 300)
    await simulation.live(5)
    assert (simulation.stable, control_of(simulation)) == ("v1", None)


async def test_without_pairing_there_is_none() -> None:
    simulation = await serving(rollout=rollout(25, 50))
    simulation.change_spec(model=model_of("v2"))
    await simulation.live_until(lambda s: phase(s) == "Holding", 60)
    assert control_of(simulation) is None
    assert told(simulation, "v2") == {}


async def test_a_strangers_service_of_that_name_is_left_alone_and_named() -> None:
    simulation = await begun()
    metadata = {"namespace": NAMESPACE, "name": CONTROL, "labels": {}}
    spec = {"selector": {"app": "theirs"}}
    theirs = simulation.put({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})
    await simulation.live(60)
    assert control_of(simulation) is not None
    assert theirs["spec"]["selector"] == {"app": "theirs"}
    assert simulation.condition("Stalled")["reason"] == "NameTaken"
    assert CONTROL in simulation.condition("Stalled")["message"]
