"""What ``spec.serving`` means for revisions, Services and the address that people are told."""

from typing import Any

import pytest
from tests.support.simulation import NAMESPACE, Simulation, spec

from serin_operator.api.names import ObjectRef
from serin_operator.api.spec import ModelDeploymentSpec
from serin_operator.decide.wanted.revision import revision_of

TLS = {"tls": {"secretName": "credit-tls"}}
PLAIN_PORTS = {("http", 80), ("grpc", 8081)}
TLS_PORTS = {("https", 443), ("grpcs", 8443)}
SIGNED = {"feedback": {"signing": "Managed"}}
SECRET = ObjectRef("v1", "Secret", NAMESPACE, "credit-risk-feedback")


def revision(**more: Any) -> str:
    return revision_of(ModelDeploymentSpec.model_validate(spec(**more)))


def ports(simulation: Simulation, name: str = "credit-risk") -> set[tuple[str, int]]:
    service = simulation.objects[ObjectRef("v1", "Service", NAMESPACE, name)]
    assert all(port["targetPort"] == port["name"] for port in service["spec"]["ports"])
    return {(port["name"], port["port"]) for port in service["spec"]["ports"]}


async def served(**more: Any) -> Simulation:
    simulation = Simulation()
    simulation.kubectl_apply(spec(**more))
    await simulation.run_until(lambda s: s.stable == "v1")
    return simulation


def test_what_pods_serve_with_is_part_of_the_revision() -> None:
    assert len({revision(), revision(serving=TLS), revision(serving=SIGNED)}) == 3


@pytest.mark.parametrize("nothing", [{}, {"limits": {}}, {"feedback": {}, "prediction": {}}], ids=str)
def test_serving_that_says_nothing_is_no_new_revision(nothing: dict[str, Any]) -> None:
    assert revision(serving=nothing) == revision()


async def test_plain_pods_have_plain_services() -> None:
    simulation = await served()
    assert ports(simulation) == PLAIN_PORTS
    assert simulation.status["url"] == "http://credit-risk.scoring.svc"


async def test_pods_with_tls_are_reached_by_ports_of_their_own_and_plain_ones_refuse() -> None:
    simulation = await served(serving=TLS)
    assert ports(simulation) == PLAIN_PORTS | TLS_PORTS
    assert ports(simulation, f"credit-risk-{simulation.status['stable']['revision']}") == PLAIN_PORTS | TLS_PORTS
    assert simulation.status["url"] == "https://credit-risk.scoring.svc"
    assert "https://credit-risk.scoring.svc" in simulation.condition("Available")["message"]


@pytest.mark.slow
async def test_while_tls_is_switched_on_each_client_reaches_only_pods_that_understand_it() -> None:
    simulation = await served()
    plain = simulation.status["stable"]["revision"]
    simulation.kubectl_apply(spec(serving=TLS))
    await simulation.run_until(lambda s: s.status.get("canary"))
    assert ports(simulation) == PLAIN_PORTS | TLS_PORTS
    assert simulation.status["url"].startswith("http://")
    await simulation.run_until(lambda s: s.stable and s.status["stable"]["revision"] != plain)
    assert simulation.status["url"].startswith("https://")


@pytest.mark.slow
async def test_tls_ports_stay_until_nobody_serves_them_any_more() -> None:
    simulation = await served(serving=TLS)
    secure = simulation.status["stable"]["revision"]
    simulation.kubectl_apply(spec())
    await simulation.run_until(lambda s: s.status.get("canary"))
    assert ports(simulation) == PLAIN_PORTS | TLS_PORTS
    await simulation.run_until(lambda s: s.status["stable"]["revision"] != secure)
    await simulation.run(2)
    assert ports(simulation) == PLAIN_PORTS


async def test_the_secret_of_signed_feedback_is_made_once_and_belongs_to_its_owner() -> None:
    simulation = await served(serving=SIGNED)
    secret = simulation.objects[SECRET]
    key_id, _, key = secret["stringData"]["keys"].strip().partition(":")
    assert len(key) >= 32
    assert key_id.isalnum()
    assert secret["metadata"]["ownerReferences"][0]["uid"] == simulation.mdep["metadata"]["uid"]
    simulation.restart_operator()
    await simulation.run(30)
    assert simulation.objects[SECRET] == secret
    assert sum("create Secret" in line for line in simulation.story) == 1


async def test_two_model_deployments_never_have_the_same_key() -> None:
    first, second = await served(serving=SIGNED), await served(serving=SIGNED)
    assert first.objects[SECRET]["stringData"] != second.objects[SECRET]["stringData"]


async def test_nobody_gets_a_secret_who_did_not_ask_for_signed_feedback() -> None:
    simulation = await served()
    assert SECRET not in simulation.objects


async def test_a_secret_that_is_there_already_is_used_as_it_is() -> None:
    simulation = Simulation()
    theirs = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"namespace": NAMESPACE, "name": SECRET.name, "uid": "x"},
    }
    simulation.objects[SECRET] = theirs
    simulation.kubectl_apply(spec(serving=SIGNED))
    await simulation.run_until(lambda s: s.stable == "v1")
    assert simulation.objects[SECRET] is theirs


async def test_a_secret_that_pods_miss_is_made_again() -> None:
    simulation = await served(serving=SIGNED)
    del simulation.objects[SECRET]
    await simulation.run(5)
    assert SECRET not in simulation.objects  # nobody misses it yet: pods that run have read it
    simulation.lack_volumes('MountVolume.SetUp failed for volume "feedback" : secret "credit-risk-feedback" not found')
    await simulation.run(2)
    assert SECRET in simulation.objects
    assert any("Repaired: Secret credit-risk-feedback was gone" in line for line in simulation.story)


async def test_a_secret_of_ones_own_is_never_made_by_serin() -> None:
    own = {"signing": "FromSecret", "secretKeyRef": {"name": SECRET.name, "key": "mine"}}
    simulation = await served(serving={"feedback": own})
    simulation.lack_volumes(f'MountVolume.SetUp failed for volume "feedback" : secret "{SECRET.name}" not found')
    await simulation.run(2)
    assert SECRET not in simulation.objects
    assert f"Secret {SECRET.name} does not exist" in simulation.condition("Degraded")["message"]


async def test_a_version_that_still_signs_gets_its_secret_back_while_the_spec_moves_on() -> None:
    simulation = await served(serving=SIGNED)
    simulation.behave("http://models/v2.onnx", never_ready=True)
    simulation.kubectl_apply(spec("v2"))
    await simulation.run_until(lambda s: s.status.get("canary", {}).get("phase") == "Starting")
    del simulation.objects[SECRET]
    simulation.lack_volumes(f'MountVolume.SetUp failed for volume "feedback" : secret "{SECRET.name}" not found')
    await simulation.run(2)
    assert SECRET in simulation.objects


async def test_what_keeps_pods_from_starting_is_told_at_once_and_by_name() -> None:
    simulation = Simulation()
    simulation.behave("http://models/v1.onnx", never_ready=True)
    simulation.kubectl_apply(spec(serving=TLS))
    await simulation.run_until(lambda s: s.status.get("canary", {}).get("phase") == "Starting")
    await simulation.run(1)
    simulation.lack_volumes('MountVolume.SetUp failed for volume "tls" : secret "credit-tls" not found')
    await simulation.run(1)
    degraded = simulation.condition("Degraded")
    assert (degraded["status"], degraded["reason"]) == ("True", "MissingReference")
    assert (
        "Secret credit-tls does not exist in namespace scoring: create it, or correct spec.serving.tls"
        in (degraded["message"])
    )
