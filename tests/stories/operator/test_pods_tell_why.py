"""What keeps pods from serving is told by name, within seconds, and is the version's fault only where it is."""

import pytest
from tests.support.simulation import Simulation, Waiting, canary, rollout, serving, spec, uri_of, words

V2 = uri_of("v2")
NO_SECRET = 'secret "credentials" not found'


async def starting(**behaviour: object) -> Simulation:
    simulation = await serving(analysis=False)
    simulation.behave(V2, **behaviour)
    simulation.change_spec(model={"version": "v2", "uri": V2}, rollout=rollout(progressDeadlineSeconds=120))
    await simulation.live(20)
    return simulation


async def test_a_readiness_gate_is_named() -> None:
    simulation = await starting(gate="target-health.elbv2.k8s.aws/credit")
    assert "target-health.elbv2.k8s.aws/credit" in words(simulation), words(simulation)
    assert "nothing is heard of node" not in words(simulation)
    assert simulation.condition("Degraded")["status"] == "True"


async def test_an_init_container_that_fails_is_told_with_its_words() -> None:
    simulation = await starting(init_fails="cannot reach vault.example.com")
    assert "vault.example.com" in words(simulation), words(simulation)
    assert "prepare" in words(simulation)
    assert simulation.condition("Degraded")["status"] == "True"


async def test_a_missing_secret_is_told_already_by_the_job() -> None:
    simulation = await starting(waiting=Waiting("CreateContainerConfigError", NO_SECRET))
    assert "credentials" in words(simulation)
    assert simulation.condition("Degraded")["reason"] == "MissingReference"


async def test_no_node_is_told() -> None:
    simulation = await starting(unschedulable="0/3 nodes are available: 3 Insufficient cpu.")
    assert "Insufficient cpu" in words(simulation)
    assert simulation.condition("Degraded")["reason"] == "PodUnschedulable"


@pytest.mark.parametrize("when", ["before", "in the canary"])
async def test_a_webhook_that_lets_nobody_make_pods_is_named_and_never_held_against_the_version(when: str) -> None:
    simulation = await serving(analysis=False)
    said = 'failed calling webhook "pods.policy.example.com": connection refused'
    deadline = rollout(25, 50, hold=10, progressDeadlineSeconds=30)
    if when == "in the canary":
        await canary(simulation, rollout=deadline)
    simulation.workloads.pods_forbidden = said
    simulation.change_spec(model={"version": "v2", "uri": V2}, rollout=deadline)
    await simulation.live(20)
    assert "pods.policy.example.com" in words(simulation), words(simulation)
    assert simulation.condition("Degraded")["status"] == "True"
    await simulation.live(100)
    assert simulation.outcome("v2") == "InProgress", words(simulation)
    simulation.workloads.pods_forbidden = None
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 200)


async def test_a_first_version_whose_pods_never_get_ready_stalls_with_the_reason() -> None:
    simulation = Simulation()
    simulation.behave(uri_of("v1"), waiting=Waiting("ImagePullBackOff", "no such image"), resolve_after=0)
    simulation.kubectl_apply(spec("v1", rollout=rollout(progressDeadlineSeconds=30)))
    await simulation.live(120)
    assert "no such image" in words(simulation)
    assert simulation.condition("Degraded")["status"] == "True"
    assert simulation.errors == []
