"""What a person reads about pods that are not ready: one row a way of failing."""

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import serin_operator
from serin_operator.api import reasons
from serin_operator.api.reasons import EventReason, Outcome, Reason
from serin_operator.decide.health.diagnosis import hint_of, trouble_of, waits_for_source, words_of
from serin_operator.decide.pod import Beside, Gate, Warned
from serin_operator.decide.world import ChildMeta, Deployment, MountProblem, Pod, Revision
from serin_server.failures import Reason as ServerReason

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
META = ChildMeta("apps/v1", "Deployment", "m-rev1", "u", "1", owned=True, created_at=NOW)


def says(reason: str, message: str = "the sentence") -> str:
    return json.dumps({"ok": False, "reason": reason, "message": message})


def pod(**more: Any) -> Pod:
    """A serving pod that is not ready."""
    base: dict[str, Any] = {"phase": "Running", "ready": False, "terminating": False, "restarts": 0, "created_at": NOW}
    return Pod("m-rev1-abc", "rev1", **{"component": "server", **base, **more})


@dataclass(frozen=True)
class Row:
    case: str
    pod: Pod
    reason: Reason
    words: str
    deployment: Deployment | None = None
    events: tuple[str, ...] = field(default=())


QUOTA = 'pods "m" is forbidden: exceeded quota: small, requested: pods=1, used: pods=4, limited: pods=4'

WEBHOOK_DOWN = (
    'Internal error occurred: failed calling webhook "validate.policy-engine.example": failed to call webhook:'
    ' Post "https://policy-engine.policy-engine.svc:443/validate?timeout=2s": service "policy-engine" not found'
)

TABLE = [
    Row("no node has room", pod(unschedulable="0/2 nodes are available"), Reason.POD_UNSCHEDULABLE, "0/2 nodes"),
    Row("its node is gone", pod(silent=True, node="node2"), Reason.NODE_UNREACHABLE, "node2"),
    Row(
        "the image is not there",
        pod(waiting_reason="ImagePullBackOff", waiting_message="not found"),
        Reason.IMAGE_PULL_FAILED,
        "not found",
    ),
    Row(
        "a secret of a variable is missing",
        pod(waiting_reason="CreateContainerConfigError", waiting_message='secret "s" not found'),
        Reason.MISSING_REFERENCE,
        "Secret s does not exist in this namespace: create it, or correct spec.runtime.env",
    ),
    Row(
        "a key of a variable is missing",
        pod(waiting_reason="CreateContainerConfigError", waiting_message="couldn't find key k in Secret scoring/s"),
        Reason.MISSING_REFERENCE,
        "Secret s in namespace scoring has no key k: add it, or correct spec.runtime.env",
    ),
    Row(
        "a container cannot be made for another reason",
        pod(waiting_reason="CreateContainerError", waiting_message="no room on the disk"),
        Reason.CREATION_FORBIDDEN,
        "no room on the disk",
    ),
    Row(
        "a Secret that is mounted is missing",
        pod(unmounted=(MountProblem("tls", "Secret", "credit-tls", 'secret "credit-tls" not found'),)),
        Reason.MISSING_REFERENCE,
        "Secret credit-tls does not exist in this namespace: create it, or correct spec.serving.tls.secretName",
    ),
    Row(
        "a key of a ConfigMap that is mounted is missing",
        pod(unmounted=(MountProblem("source-ca", "ConfigMap", "ca", "references non-existent config key: ca.crt"),)),
        Reason.MISSING_REFERENCE,
        "ConfigMap ca in this namespace has no key ca.crt: add it, or correct spec.model.caConfigMap",
    ),
    Row(
        "the Secret of the source's credentials is missing",
        pod(unmounted=(MountProblem("source-credentials", "Secret", "store", 'secret "store" not found'),)),
        Reason.MISSING_REFERENCE,
        "Secret store does not exist in this namespace: create it, or correct spec.model.credentials",
    ),
    Row(
        "a Secret that is mounted is missing, and the namespace is named",
        pod(namespace="scoring", unmounted=(MountProblem("source", "Secret", "s", 'secret "s" not found'),)),
        Reason.MISSING_REFERENCE,
        "Secret s does not exist in namespace scoring: create it, or correct spec.model.headerSecret",
    ),
    Row(
        "a ConfigMap of a volume that was injected is missing",
        pod(unmounted=(MountProblem("istiod-ca-cert", "ConfigMap", "istio-ca", 'configmap "istio-ca" not found'),)),
        Reason.MISSING_REFERENCE,
        "ConfigMap istio-ca does not exist in this namespace: create it, or correct what puts volume istiod-ca-cert",
    ),
    Row(
        "a claim is missing, which the scheduler tells",
        pod(namespace="scoring", unschedulable='0/2 nodes are available: persistentvolumeclaim "c" not found.'),
        Reason.MISSING_REFERENCE,
        "PersistentVolumeClaim c does not exist in namespace scoring: create it, or correct spec.model.uri",
    ),
    Row(
        "the Secret that lets nodes pull the image is missing",
        pod(
            waiting_reason="ImagePullBackOff",
            waiting_message="unauthorized",
            warnings=(
                Warned(
                    "FailedToRetrieveImagePullSecret",
                    "Unable to retrieve some image pull secrets (s); attempting to pull the image may not succeed.",
                ),
            ),
        ),
        Reason.IMAGE_PULL_FAILED,
        "Secret s does not exist in this namespace: create it, or correct spec.runtime.imagePullSecrets",
    ),
    Row(
        "an init container that was injected fails",
        pod(
            waiting_reason="PodInitializing",
            beside=(
                Beside("vault-agent-init", init=True, exit_code=1, restarts=4, last_words="vault: permission denied"),
            ),
        ),
        Reason.SIDECAR_NOT_READY,
        "init container vault-agent-init, which is not Serin's: it ended 4 times with exit code 1; vault: permission denied",
    ),
    Row(
        "a sidecar crashes without a word",
        pod(container_ready=True, beside=(Beside("istio-proxy", exit_code=137, exit_reason="OOMKilled"),)),
        Reason.SIDECAR_NOT_READY,
        "container istio-proxy, which is not Serin's: it ended once at its memory limit; see kubectl logs m-rev1-abc -c",
    ),
    Row(
        "the image of a sidecar is not there",
        pod(beside=(Beside("istio-proxy", waiting_reason="ImagePullBackOff", waiting_message="not found"),)),
        Reason.SIDECAR_NOT_READY,
        "container istio-proxy, which is not Serin's: ImagePullBackOff: not found",
    ),
    Row(
        "a sidecar is not ready, and ours is",
        pod(container_ready=True, beside=(Beside("istio-proxy"),)),
        Reason.SIDECAR_NOT_READY,
        "container istio-proxy, which is not Serin's: it is not ready; see kubectl logs",
    ),
    Row(
        "what ails ours goes before what ails a sidecar",
        pod(restarts=2, last_exit_code=1, beside=(Beside("istio-proxy", exit_code=1, restarts=2),)),
        Reason.CRASH_LOOP,
        "ended 2 times: exit code 1",
    ),
    Row(
        "a readiness gate is not met",
        pod(container_ready=True, restarts=1, gates=(Gate("target-health.elbv2.k8s.aws/m", "Target is unhealthy"),)),
        Reason.READINESS_GATE,
        "readiness gate target-health.elbv2.k8s.aws/m (Target is unhealthy) is not met",
    ),
    Row(
        "the network of a pod cannot be made, which only its events tell",
        pod(waiting_reason="ContainerCreating", warnings=(Warned("FailedCreatePodSandBox", "no free address"),)),
        Reason.POD_NOT_STARTED,
        "FailedCreatePodSandBox: no free address",
    ),
    Row(
        "its probe has failed for long, which only its events tell",
        pod(
            warnings=(
                Warned("BackOff", "Back-off restarting"),
                Warned("Unhealthy", "Readiness probe failed: 503", "server", 31.0),
            )
        ),
        Reason.PODS_NOT_READY,
        "BackOff: Back-off restarting",
    ),
    Row(
        "a probe of a sidecar fails",
        pod(warnings=(Warned("Unhealthy", "Readiness probe failed: 500", "istio-proxy", 31.0),)),
        Reason.PODS_NOT_READY,
        "pod m-rev1-abc (container istio-proxy): Unhealthy: Readiness probe failed: 500",
    ),
    Row(
        "an admission webhook is down",
        pod(ready=True),
        Reason.WEBHOOK_UNAVAILABLE,
        "validate.policy-engine.example",
        Deployment(META, 4, 3, 3, observed_generation_current=True, failure=WEBHOOK_DOWN),
    ),
    Row(
        "a volume cannot be mounted, whatever it is",
        pod(unmounted=(MountProblem("mesh", "", "", "the driver is not there"),)),
        Reason.VOLUME_NOT_MOUNTED,
        "volume mesh: the driver is not there",
    ),
    Row(
        "killed at its memory limit while it loads",
        pod(restarts=2, last_exit_code=137, last_exit_reason="OOMKilled"),
        Reason.OUT_OF_MEMORY,
        "raise runtime.resources.limits.memory",
    ),
    Row(
        "the source has other bytes than at birth",
        pod(restarts=1, last_exit_code=64, last_words=says("DigestMismatch")),
        Reason.SOURCE_CHANGED,
        "put the recorded bytes back",
    ),
    Row(
        "the source is away",
        pod(restarts=1, last_exit_code=75, last_words=says("SourceUnreachable")),
        Reason.SOURCE_UNREACHABLE,
        "goes on trying",
    ),
    Row(
        "the source has lost the file",
        pod(restarts=1, last_exit_code=64, last_words=says("SourceNotFound")),
        Reason.SOURCE_NOT_FOUND,
        "goes on trying",
    ),
    Row(
        "while it is resolved, a wrong digest is the spec's",
        pod(component="resolve", last_exit_code=64, last_words=says("DigestMismatch")),
        Reason.DIGEST_MISMATCH,
        "the sentence",
    ),
    Row(
        "it crashes without a word",
        pod(restarts=3, last_exit_code=139),
        Reason.CRASH_LOOP,
        "ended 3 times: exit code 139",
    ),
    Row(
        "it crashes, and its log is all there is",
        pod(restarts=1, last_exit_code=1, last_words="line one\nTraceback: boom\n"),
        Reason.CRASH_LOOP,
        "ended once: exit code 1; its log ends with: Traceback: boom",
    ),
    Row(
        "a quota keeps the Deployment from its pods",
        pod(ready=True),
        Reason.QUOTA_EXCEEDED,
        "limited: pods=4",
        Deployment(META, 4, 3, 3, observed_generation_current=True, failure=QUOTA),
    ),
    Row(
        "a quota keeps the resolve Job from its pod",
        pod(component="resolve", ready=True),
        Reason.QUOTA_EXCEEDED,
        "limited: pods=4",
        events=(QUOTA,),
    ),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.case)
def test_trouble_has_a_reason_and_words_to_act_on(row: Row) -> None:
    found = trouble_of(Revision("rev1", deployment=row.deployment, pods=(row.pod,)), row.pod.component, row.events)
    assert found is not None
    assert found.reason == row.reason
    assert row.words in found.message


def test_a_ready_pod_is_no_trouble_whatever_it_went_through() -> None:
    revision = Revision("rev1", pods=(pod(ready=True, restarts=1, last_words=says("SourceUnreachable")),))
    assert trouble_of(revision) is None


@pytest.mark.parametrize(
    "waiting",
    [
        pod(warnings=(Warned("Unhealthy", "Startup probe failed", "server", 12.0),)),
        pod(container_ready=True, warnings=(Warned("Unhealthy", "Readiness probe failed", "server", 99.0),)),
        pod(running=True, warnings=(Warned("FailedMount", "it was so once"),)),
        pod(node="node1", warnings=(Warned("FailedScheduling", "it was so once"),)),
        pod(beside=(Beside("istio-proxy"),)),
        pod(warnings=(Warned("SomethingElse", "nobody knows"),)),
    ],
    ids=[
        "a model that loads",
        "it proves itself again",
        "it is mounted since",
        "it has a node since",
        "both start",
        "a reason unknown",
    ],
)
def test_a_pod_that_only_takes_its_time_is_no_trouble(waiting: Pod) -> None:
    assert trouble_of(Revision("rev1", pods=(waiting,))) is None


def test_what_another_pod_says_of_itself_goes_before_what_goes_on_beside_the_first() -> None:
    first = pod(beside=(Beside("istio-proxy", exit_code=1),))
    found = trouble_of(Revision("rev1", pods=(first, pod(restarts=2, last_exit_code=1))))
    assert found is not None
    assert found.reason is Reason.CRASH_LOOP


EVICTED = pod(phase="Failed", terminating=True, given_up="Evicted: The node was low on resource: memory")


@pytest.mark.parametrize(
    ("ready", "told"), [(2, None), (1, "given up by its node: Evicted: The node was low on resource: memory")]
)
def test_a_pod_that_its_node_gave_up_is_told_while_one_is_lacking(ready: int, told: str | None) -> None:
    deployment = Deployment(META, 2, ready, ready, observed_generation_current=True)
    pods = (*(pod(ready=True) for _ in range(ready)), EVICTED)
    found = trouble_of(Revision("rev1", deployment=deployment, pods=pods))
    assert (found is None) if told is None else (found is not None and told in found.message)


@pytest.mark.parametrize(
    ("waiting", "hint"),
    [
        (pod(beside=(Beside("vault-agent-init", init=True),)), "init container vault-agent-init, which is not Serin's"),
        (
            pod(warnings=(Warned("Unhealthy", "Startup probe failed", "server", 2.0),)),
            "Unhealthy: Startup probe failed",
        ),
        (pod(), None),
    ],
    ids=["an init container runs", "a probe fails", "nothing"],
)
def test_what_a_pod_waits_for_is_known_though_nothing_is_wrong(waiting: Pod, hint: str | None) -> None:
    revision = Revision("rev1", pods=(waiting,))
    assert trouble_of(revision) is None
    said = hint_of(revision)
    assert (said is None) if hint is None else hint in (said or "")


def test_ending_to_tell_of_the_source_is_no_crash() -> None:
    assert waits_for_source(pod(restarts=1, last_words=says("DigestMismatch")))
    assert not waits_for_source(pod(restarts=1, last_words=says("ModelInvalid")))
    assert not waits_for_source(pod(restarts=1, last_exit_code=137))


def test_a_container_that_was_killed_is_told_by_its_exit_code() -> None:
    assert words_of(pod(restarts=1, last_exit_code=137)) == "exit code 137"


def test_every_reason_can_happen() -> None:
    """It is written somewhere in the operator's sources, or it is one of the server's."""
    folder = Path(serin_operator.__file__).parent
    sources = "\n".join(f.read_text() for f in folder.rglob("*.py") if f.name != Path(reasons.__file__).name)
    written = set(re.findall(r"(?<!\w)(Reason|Outcome|EventReason)\.(\w+)", sources))
    servers = {reason.value for reason in ServerReason}
    for kind in (Reason, Outcome, EventReason):
        for member in kind:
            assert (kind.__name__, member.name) in written or (kind is Reason and member.value in servers), (
                f"{kind.__name__}.{member.name}"
            )
