"""Pods whose container does not even exist: no node, no image, and what the spec names and nobody made."""

import re
from typing import Final

from serin_operator.api.names import COMPONENT_COLLECTOR
from serin_operator.api.reasons import Reason
from serin_operator.decide.memory.states import Refusal
from serin_operator.decide.pod import MountProblem, Pod

CONFIG_PROBLEMS: Final = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
FIELDS_OF_VOLUMES: Final = {
    "source": "spec.model.headerSecret",
    "source-ca": "spec.model.caConfigMap",
    "source-credentials": "spec.model.credentials",
    "golden": "spec.preflight.goldenSamples.configMapKeyRef",
    "serin-verify": "spec.model.verify",
    "serin-store": "spec.model.store.uri",
    "serin-store-credentials": "spec.model.store.credentials",
    "serin-store-ca": "spec.model.store.caConfigMap",
    "model": "spec.model.uri",
    "tls": "spec.serving.tls.secretName",
    "client-ca": "spec.serving.tls.clientCA",
    "api-keys": "spec.serving.apiKeys",
    "jwks": "spec.serving.jwt.jwks",
    "feedback": "spec.serving.feedback",
}
"""Which field had a volume mounted."""
FIELDS_OF_COLLECTORS: Final = {
    "spool": "spec.predictionLog.spoolClaim",
    "store": "spec.predictionLog.store",
    "credentials": "spec.predictionLog.credentials",
    "key": "spec.predictionLog",
}
"""The same in pods that write predictions down."""
KINDS: Final = {
    "secret": "Secret",
    "configmap": "ConfigMap",
    "config": "ConfigMap",
    "persistentvolumeclaim": "PersistentVolumeClaim",
}
_NOT_FOUND: Final = re.compile(r'\b(secret|configmap|persistentvolumeclaim) "([^"]+)" not found', re.IGNORECASE)
_NO_KEY_IN: Final = re.compile(r"couldn.t find key (\S+) in (Secret|ConfigMap) ([^/\s]*)/(\S+)")
_NO_KEY: Final = re.compile(r"references non-existent (?:secret|config) key: (\S+)")
_PULL_SECRETS: Final = "FailedToRetrieveImagePullSecret"
_NAMED: Final = re.compile(r"\(([^)]+)\)")


def no_node(pod: Pod, where: str) -> Refusal:
    """No node takes the pod, or a claim that it mounts is not there."""
    said = pod.unschedulable or ""
    if lacking := _NOT_FOUND.search(said):
        fields = "spec.model.uri, spec.model.store or spec.runtime.pod.volumes"
        if pod.component == COMPONENT_COLLECTOR:
            fields = "spec.predictionLog.store or spec.predictionLog.spoolClaim"
        return _absent(pod, where, KINDS[lacking[1].lower()], lacking[2], fields)
    return Refusal(Reason.POD_UNSCHEDULABLE, f"{where} finds no node: {said}")


def no_image(pod: Pod, where: str) -> Refusal:
    """The image cannot be pulled, perhaps for want of a Secret that would let the node in."""
    said = f"{where}: {pod.waiting_reason}: {pod.waiting_message or 'no message'}"
    told = next((w.message for w in pod.warnings if w.reason == _PULL_SECRETS), "")
    if named := _NAMED.search(told):
        lacks = f"Secret {named[1]} does not exist in {_namespace(pod)}"
        return Refusal(
            Reason.IMAGE_PULL_FAILED, f"{said}; {lacks}: create it, or correct spec.runtime.imagePullSecrets"
        )
    return Refusal(Reason.IMAGE_PULL_FAILED, said)


def not_started(pod: Pod, where: str) -> Refusal | None:
    """Why the container does not even exist, though the pod has a node and its image."""
    if pod.unmounted:
        return _unmounted(pod, where, pod.unmounted[0])
    if pod.waiting_reason not in CONFIG_PROBLEMS:
        return None
    said = pod.waiting_message or "no message"
    if lacking := _NOT_FOUND.search(said):
        return _absent(pod, where, KINDS[lacking[1].lower()], lacking[2], "spec.runtime.env")
    if lacking := _NO_KEY_IN.search(said):
        key, kind, namespace, name = lacking.groups()
        has_none = f"{kind} {name} in namespace {namespace} has no key {key}"
        advice = "add it, or correct spec.runtime.env"
        return Refusal(Reason.MISSING_REFERENCE, f"{where} cannot start: {has_none}: {advice}")
    return Refusal(Reason.CREATION_FORBIDDEN, f"{where}: {pod.waiting_reason}: {said}")


def _unmounted(pod: Pod, where: str, problem: MountProblem) -> Refusal:
    """Which object or key is missing, by name, and what to do."""
    field = (FIELDS_OF_COLLECTORS if pod.component == COMPONENT_COLLECTOR else FIELDS_OF_VOLUMES).get(
        problem.volume,
        f"what puts volume {problem.volume} into the pod: spec.runtime.pod.volumes, or an injector of others",
    )
    known = f"{problem.kind} {problem.name}" if problem.name else f"volume {problem.volume}"
    if lacking := _NO_KEY.search(problem.message):
        said = f"{known} in {_namespace(pod)} has no key {lacking[1]}: add it, or correct {field}"
        return Refusal(Reason.MISSING_REFERENCE, f"{where} cannot start: {said}")
    if problem.name and "not found" in problem.message:
        return _absent(pod, where, problem.kind, problem.name, field)
    return Refusal(Reason.VOLUME_NOT_MOUNTED, f"{where} cannot start: {known}: {problem.message}")


def _absent(pod: Pod, where: str, kind: str, name: str, field: str) -> Refusal:
    said = f"{kind} {name} does not exist in {_namespace(pod)}: create it, or correct {field}"
    return Refusal(Reason.MISSING_REFERENCE, f"{where} cannot start: {said}")


def _namespace(pod: Pod) -> str:
    return f"namespace {pod.namespace}" if pod.namespace else "this namespace"
