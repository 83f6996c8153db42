"""A log of predictions: a collector beside the versions, there as long as it is asked for, and no part of any rollout."""

from typing import Any

from tests.support.simulation import Behaviour, Simulation, Waiting, deployment_of, model_of, rollout, serving
from tests.support.simulation.cluster import JsonObject
from tests.support.simulation.faults import webhook

COLLECTOR = "credit-risk-collector"
LOG = {"sample": 0.05, "store": "s3://logs/serin", "credentials": {"secretName": "logs"}, "hide": ["name"]}


def named(simulation: Simulation, kind: str) -> JsonObject | None:
    return next((each for each in simulation.of_kind(kind) if each["metadata"]["name"] == COLLECTOR), None)


def variables(simulation: Simulation) -> dict[str, str]:
    """What the collector is told."""
    found = named(simulation, "Deployment")
    assert found is not None
    (container,) = found["spec"]["template"]["spec"]["containers"]
    return {each["name"]: each["value"] for each in container["env"]}


def told(simulation: Simulation, version: str) -> dict[str, Any]:
    """What the pods of a version are told of it."""
    env = deployment_of(simulation, version)["spec"]["template"]["spec"]["containers"][0]["env"]
    return {each["name"]: each["value"] for each in env if each["name"].startswith("SERIN_PREDICTION_LOG")}


async def test_who_asks_for_a_log_has_a_collector_and_pods_that_know_it_and_what_it_keeps_is_its_own_affair() -> None:
    simulation = await serving(predictionLog={**LOG, "retentionDays": 30})
    deployment, service = named(simulation, "Deployment"), named(simulation, "Service")
    assert deployment is not None
    assert service is not None
    assert named(simulation, "Secret") is not None
    assert deployment["spec"]["replicas"] == 1
    assert service["spec"]["selector"].items() <= deployment["spec"]["template"]["metadata"]["labels"].items()
    assert variables(simulation) == {
        "SERIN_COLLECTOR_STORE": "s3://logs/serin/scoring/credit-risk",
        "SERIN_COLLECTOR_SPOOL": "/var/spool/serin",
        "SERIN_COLLECTOR_KEY_FILE": "/etc/serin/key/keys",
        "SERIN_COLLECTOR_DRAIN_SECONDS": "90",
        "SERIN_COLLECTOR_MODEL_NAME": "credit-risk",
        "SERIN_COLLECTOR_MODEL_NAMESPACE": "scoring",
        "SERIN_COLLECTOR_CREDENTIALS_DIR": "/etc/serin/credentials",
        "SERIN_COLLECTOR_HIDE": "name",
        "SERIN_COLLECTOR_RETENTION_DAYS": "30",
    }
    assert told(simulation, "v1") == {
        "SERIN_PREDICTION_LOG": f"http://{COLLECTOR}:8090",
        "SERIN_PREDICTION_LOG_SAMPLE": "0.05",
        "SERIN_PREDICTION_LOG_HIDE": "name",
        "SERIN_PREDICTION_LOG_KEY_FILE": "/etc/serin/serin-collector/keys",
    }
    before = deployment_of(simulation, "v1")
    simulation.change_spec(predictionLog={**LOG, "retentionDays": 7, "store": "pvc://logs"})
    for gone in (deployment, service):
        simulation.remove(gone)
    await simulation.live(15)
    assert deployment_of(simulation, "v1") == before
    found = variables(simulation)
    assert found["SERIN_COLLECTOR_RETENTION_DAYS"] == "7"
    assert found["SERIN_COLLECTOR_STORE"] == "pvc://logs/scoring/credit-risk"
    assert named(simulation, "Service") is not None
    assert simulation.condition("Ready")["status"] == "True"
    assert simulation.errors == []


async def test_a_log_that_is_asked_for_later_is_rolled_out_and_its_collector_outlives_versions_until_nobody_asks() -> (
    None
):
    simulation = await serving(rollout=rollout(50))
    assert (named(simulation, "Deployment"), named(simulation, "Service"), told(simulation, "v1")) == (None, None, {})
    simulation.change_spec(predictionLog=LOG)
    await simulation.live(15)
    collector = named(simulation, "Deployment")
    assert collector is not None
    assert len(simulation.of_kind("Deployment")) == 3, "of the version before, of the one that logs, and the collector"
    simulation.change_spec(model=model_of("v2"))
    await simulation.live_until(lambda s: s.stable == "v2", 900)
    assert told(simulation, "v2")["SERIN_PREDICTION_LOG_SAMPLE"] == "0.05"
    assert (named(simulation, "Deployment") or {})["metadata"]["uid"] == collector["metadata"]["uid"]
    simulation.change_spec(predictionLog=None)
    await simulation.live(15)
    assert (named(simulation, "Deployment"), named(simulation, "Service")) == (None, None)
    metadata = {name: value for name, value in collector["metadata"].items() if name != "ownerReferences"}
    simulation.put({**collector, "metadata": metadata})
    await simulation.live(15)
    assert named(simulation, "Deployment") is not None, "somebody else's"
    assert simulation.errors == []


def told_of_log(simulation: Simulation) -> tuple[str, str]:
    """Whether Degraded is true, and why."""
    condition = simulation.condition("Degraded")
    return condition["status"], condition["reason"]


async def test_a_collector_that_does_not_run_is_told_and_neither_ready_nor_a_rollout_minds_it() -> None:
    simulation = await serving(predictionLog=LOG, rollout=rollout(50))
    await simulation.live(60)
    assert told_of_log(simulation) == ("False", "AsExpected")
    simulation.kubelet.collectors = Behaviour(waiting=Waiting("ImagePullBackOff", "no such image"))
    for pod in simulation.of_kind("Pod"):
        if pod["metadata"]["labels"].get("serin.dev/collector"):
            simulation.remove(pod)
    await simulation.live(60)
    assert told_of_log(simulation) == ("True", "PredictionsNotKept")
    assert "ImagePullBackOff: no such image" in simulation.condition("Degraded")["message"]
    assert simulation.condition("Ready")["status"] == "True"
    simulation.change_spec(model=model_of("v2"))
    await simulation.live_until(lambda s: s.stable == "v2", 900)
    await simulation.live(15)
    assert simulation.condition("Ready")["status"] == "True"
    before = simulation.written("status")
    await simulation.live(300)
    assert simulation.written("status") == before, "what goes on is not written again"
    simulation.kubelet.collectors = Behaviour()
    await simulation.live(60)
    assert told_of_log(simulation) == ("False", "AsExpected")
    assert simulation.errors == []


async def test_a_collector_that_nobody_may_make_stalls_nothing() -> None:
    simulation = await serving(rollout=rollout(50))
    simulation.api.faults.declared.append(webhook(name=COLLECTOR))
    before = simulation.status["stable"]["revision"]
    simulation.change_spec(predictionLog=LOG)
    await simulation.live_until(lambda s: s.status["stable"]["revision"] != before, 900)
    await simulation.live(15)
    assert told_of_log(simulation) == ("True", "PredictionsNotKept")
    assert "policy.example.com" in simulation.condition("Degraded")["message"]
    assert simulation.condition("Stalled")["status"] == "False"
    assert simulation.condition("Ready")["status"] == "True"


MONITORING = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}


async def test_where_the_installation_says_who_reads_metrics_a_collector_admits_them_and_its_own_servers_alone() -> (
    None
):
    simulation = await serving(predictionLog=LOG)
    assert named(simulation, "NetworkPolicy") is None
    simulation.collector_peers = (MONITORING,)
    simulation.restart_operator()
    await simulation.live(15)
    policy, collector = named(simulation, "NetworkPolicy"), named(simulation, "Deployment")
    assert policy is not None
    assert collector is not None
    (rule,) = policy["spec"]["ingress"]
    servers, monitoring = rule["from"]
    assert monitoring == MONITORING
    assert rule["ports"] == [{"port": 8090, "protocol": "TCP"}]
    labels = [each["metadata"]["labels"] for each in simulation.of_kind("Pod")]
    admitted = [each for each in labels if servers["podSelector"]["matchLabels"].items() <= each.items()]
    assert {each["serin.dev/component"] for each in admitted} == {"server"}
    chosen = [each for each in labels if policy["spec"]["podSelector"]["matchLabels"].items() <= each.items()]
    assert [each["serin.dev/component"] for each in chosen] == ["collector"]
    simulation.edit(policy, "somebody", lambda obj: obj["spec"].update(ingress=[{}]))
    await simulation.live(15)
    assert (named(simulation, "NetworkPolicy") or {})["spec"]["ingress"] == [rule], "put right"
    simulation.remove(policy)
    await simulation.live(15)
    assert named(simulation, "NetworkPolicy") is not None
    simulation.change_spec(predictionLog=None)
    await simulation.live(15)
    assert named(simulation, "NetworkPolicy") is None
    assert simulation.errors == []
