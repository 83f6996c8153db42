"""What a person reads while predictions are not written down: one row a way of failing, and silence while nothing is wrong."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from serin_operator.api import names
from serin_operator.api.names import ObjectRef
from serin_operator.api.reasons import Reason
from serin_operator.api.spec import ModelDeploymentSpec
from serin_operator.api.status import ModelDeploymentStatus
from serin_operator.decide.collector import Collecting
from serin_operator.decide.health.collecting import not_kept
from serin_operator.decide.health.missing import FIELDS_OF_COLLECTORS
from serin_operator.decide.manifests import collector as make
from serin_operator.decide.world import (
    ChildMeta,
    Deployment,
    ModelDeployment,
    MountProblem,
    Obstacle,
    OperatorConfig,
    Pod,
    World,
)
from serin_operator.observe.children import Children
from serin_operator.observe.collectors import collecting

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LOG = {"sample": 1, "store": "pvc://logs", "spoolClaim": "spool", "credentials": {"secretName": "keys"}}
MODEL = {"model": {"version": "v1", "uri": "http://models/v1.onnx"}}
META = ChildMeta("apps/v1", "Deployment", "m-collector", "u", "1", owned=True, created_at=NOW)
DOWN = Deployment(META, 1, 0, 0, observed_generation_current=True)


def mdep(**spec: Any) -> ModelDeployment:
    parsed = ModelDeploymentSpec.model_validate({**MODEL, **spec})
    return ModelDeployment("here", "m", "uid", 1, "1", {}, parsed, ModelDeploymentStatus())


def pod(**more: Any) -> Pod:
    base: dict[str, Any] = {"phase": "Pending", "ready": False, "terminating": False, "restarts": 0, "created_at": NOW}
    return Pod("m-collector-7d-x", "", **{"component": "collector", "namespace": "here", **base, **more})


@dataclass(frozen=True)
class Row:
    case: str
    words: str = ""
    """Of the message; empty: nothing is told."""
    pods: tuple[Pod, ...] = ()
    deployment: Deployment | None = DOWN
    seconds: float = 10
    """For which it has been down."""
    obstacles: tuple[Obstacle, ...] = ()
    spec: dict[str, Any] = field(default_factory=lambda: {"predictionLog": LOG})


QUOTA = 'pods "m-collector-7d-" is forbidden: exceeded quota: small, requested: pods=1, used: pods=4, limited: pods=4'
LACKS = MountProblem("credentials", "Secret", "keys", 'secret "keys" not found')
TAKEN = Obstacle(
    "NameTaken", "Service m-collector belongs to somebody", ObjectRef("v1", "Service", "here", "m-collector")
)
POLICY = Obstacle(
    "CreationForbidden", "no right", ObjectRef("networking.k8s.io/v1", "NetworkPolicy", "here", "m-collector")
)
OTHER = Obstacle("NameTaken", "Service m belongs to somebody", ObjectRef("v1", "Service", "here", "m"))
ABSENT = '0/1 nodes are available: persistentvolumeclaim "spool" not found'

TABLE = [
    Row("nobody asks for a log", deployment=None, spec={}),
    Row("nobody asks for a log, and the one of before leaves", spec={}, seconds=900),
    Row("it is about to be made", deployment=None),
    Row("it runs", deployment=replace(DOWN, ready=1, available=1), seconds=900),
    Row("it starts", pods=(pod(),)),
    Row("the one before writes what waits", pods=(pod(terminating=True, phase="Running"),), seconds=130),
    Row("another child is refused", obstacles=(OTHER,)),
    Row("its policy is refused, and it collects", deployment=replace(DOWN, ready=1, available=1), obstacles=(POLICY,)),
    Row(
        "its image is not there",
        "pod m-collector-7d-x: ImagePullBackOff: no such image",
        pods=(pod(waiting_reason="ImagePullBackOff", waiting_message="no such image"),),
    ),
    Row(
        "a Secret is not there",
        "Secret keys does not exist in namespace here: create it, or correct spec.predictionLog.credentials",
        pods=(pod(unmounted=(LACKS,)),),
    ),
    Row("a claim is not there", "create it, or correct spec.predictionLog.store or spec.predictionLog.spoolClaim", pods=(pod(unschedulable=ABSENT),)),
    Row("no node has room", "finds no node: Insufficient memory", pods=(pod(unschedulable="Insufficient memory"),)),
    Row(
        "it ends again and again",
        "ended 3 times: exit code 1; its log ends with: serin-collector: the store s3://logs cannot be used",
        pods=(pod(restarts=3, last_exit_code=1, last_words="serin-collector: the store s3://logs cannot be used\n"),),
    ),
    Row(
        "it takes more memory than it may",
        "killed at its memory limit; lower spec.predictionLog.sample",
        pods=(pod(restarts=1, last_exit_code=137, last_exit_reason="OOMKilled"),),
    ),
    Row("a quota lets nobody make its pod", "exceeded quota: small", deployment=replace(DOWN, failure=QUOTA)),
    Row("a person has taken its pod away", "kubectl scale deployment m-collector --replicas=1", deployment=replace(DOWN, replicas=0)),
    Row("nobody says why, for long", "none says why: see kubectl logs deployment/m-collector", pods=(pod(),), seconds=181),
    Row("its Service cannot be made", "Service m-collector belongs to somebody", deployment=None, obstacles=(OTHER, TAKEN)),
]  # fmt: skip


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.case)
def test_it_is_told_by_what_is_in_the_way(row: Row) -> None:
    known = Collecting(row.pods, NOW - timedelta(seconds=row.seconds))
    world = World(
        NOW, OperatorConfig("i"), mdep(**row.spec), collector=row.deployment, collecting=known, obstacles=row.obstacles
    )
    told = not_kept(world)
    if not row.words:
        assert told is None
        return
    assert told is not None
    assert told.reason is Reason.PREDICTIONS_NOT_KEPT
    assert told.message.startswith("predictions are not kept, and what finds no room is dropped: ")
    assert row.words in told.message


def test_every_volume_of_a_collector_is_known_by_the_field_that_puts_it_there() -> None:
    owner = mdep(predictionLog=LOG)
    assert owner.spec.prediction_log is not None
    made = make.deployment(owner, owner.spec.prediction_log, OperatorConfig("i"))
    volumes = {each["name"] for each in made["spec"]["template"]["spec"]["volumes"]}
    assert volumes - {"tmp"} == set(FIELDS_OF_COLLECTORS)


def a_pod(name: str, owner: str) -> dict[str, Any]:
    labels = {names.LABEL_COLLECTOR: "m", names.LABEL_COMPONENT: names.COMPONENT_COLLECTOR}
    by = [{"kind": "ReplicaSet", "name": owner, "uid": "rs", "controller": True}]
    states = [
        {"name": "proxy", "ready": True, "state": {"running": {}}},
        {"name": "collector", "restartCount": 2, "state": {"waiting": {"reason": "CrashLoopBackOff"}}},
    ]
    metadata = {"name": name, "namespace": "here", "uid": name, "labels": labels, "ownerReferences": by}
    return {"metadata": metadata, "spec": {}, "status": {"phase": "Running", "containerStatuses": states}}


def a_deployment(available: int, *conditions: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": "m-collector", "creationTimestamp": "2026-11-20T10:00:00Z"}
    return {"metadata": metadata, "status": {"availableReplicas": available, "conditions": list(conditions)}}


@pytest.mark.parametrize(
    ("conditions", "since"),
    [
        ([], "10:00:00"),
        ([{"type": "Available", "status": "False", "lastTransitionTime": "2026-11-20T11:30:00Z"}], "11:30:00"),
    ],
    ids=["as long as there is none", "as its controller says"],
)
def test_it_is_seen_by_its_own_container_and_pods_of_others_are_not(conditions: Any, since: str) -> None:
    pods = [a_pod("m-collector-7d-x", "m-collector-7d"), a_pod("copy", "somebodys")]
    seen = collecting(Children(deployments=[a_deployment(0, *conditions)], collector_pods=pods), "m")
    assert [(each.name, each.restarts, each.waiting_reason) for each in seen.pods] == [
        ("m-collector-7d-x", 2, "CrashLoopBackOff")
    ]
    assert f"{seen.down_since:%H:%M:%S}" == since


def test_while_it_is_available_nothing_more_is_known_of_it() -> None:
    pods = [a_pod("m-collector-7d-x", "m-collector-7d")]
    assert collecting(Children(deployments=[a_deployment(1)], collector_pods=pods), "m") == Collecting()
