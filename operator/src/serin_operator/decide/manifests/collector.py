"""Who writes predictions down: one pod with a spool, beside the versions and none of them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from serin_operator.api import names
from serin_operator.api.prediction_log import PredictionLog
from serin_operator.decide.manifests import overlay
from serin_operator.decide.manifests.children import metadata_of
from serin_operator.decide.manifests.models import CLAIMS, claim_of
from serin_operator.decide.manifests.pod import SCRATCH, USER
from serin_operator.decide.world import ModelDeployment, OperatorConfig

JsonObject = dict[str, Any]

SPOOL: Final = "/var/spool/serin"
_FOLDER: Final = "/etc/serin"
_GRACE_SECONDS: Final = 120
"""What waits is written before the pod goes; a node's disk goes with it."""
_DRAIN_SECONDS: Final = 90
_RESOURCES: Final = {"requests": {"cpu": "50m", "memory": "192Mi"}, "limits": {"memory": "512Mi"}}
_SPOOL_LIMIT: Final = "2Gi"
"""Twice what a collector lets wait, for what it is writing."""


def secret(mdep: ModelDeployment) -> JsonObject:
    """The Secret with the key that servers show, without its data: what is random is made where it is written."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": metadata_of(mdep, names.collector(mdep.name)),
    }


def service(mdep: ModelDeployment) -> JsonObject:
    """By which servers find it."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata_of(mdep, names.collector(mdep.name), component=names.COMPONENT_COLLECTOR),
        "spec": {
            "type": "ClusterIP",
            "ipFamilyPolicy": "PreferDualStack",
            "selector": _selector(mdep),
            "ports": [{"name": "http", "port": names.PORT_COLLECTOR, "targetPort": "http", "protocol": "TCP"}],
        },
    }


def network_policy(mdep: ModelDeployment, peers: Sequence[Mapping[str, Any]]) -> JsonObject:
    """Who reaches it: the servers of its own model, and who reads its metrics; where nothing enforces it, it says so to nobody."""
    servers = {names.LABEL_MODEL_DEPLOYMENT: mdep.name, names.LABEL_COMPONENT: names.COMPONENT_SERVER}
    admitted = [{"podSelector": {"matchLabels": servers}}, *map(dict, peers)]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata_of(mdep, names.collector(mdep.name), component=names.COMPONENT_COLLECTOR),
        "spec": {
            "podSelector": {"matchLabels": _selector(mdep)},
            "policyTypes": ["Ingress"],
            "ingress": [{"ports": [{"port": names.PORT_COLLECTOR, "protocol": "TCP"}], "from": admitted}],
        },
    }


def deployment(mdep: ModelDeployment, log: PredictionLog, config: OperatorConfig) -> JsonObject:
    """One pod at a time: the spool is one collector's. Replicas are never part of it."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata_of(mdep, names.collector(mdep.name), component=names.COMPONENT_COLLECTOR),
        "spec": {
            "selector": {"matchLabels": _selector(mdep)},
            "strategy": {"type": "Recreate"},
            "revisionHistoryLimit": 1,
            "template": {"metadata": {"labels": _labels(mdep)}, "spec": _pod(mdep, log, config)},
        },
    }


def _selector(mdep: ModelDeployment) -> dict[str, str]:
    return {names.LABEL_COLLECTOR: mdep.name}


def _labels(mdep: ModelDeployment) -> dict[str, str]:
    managed = {names.LABEL_MANAGED_BY: names.MANAGED_BY, names.LABEL_APP_NAME: names.collector(mdep.name)}
    return {**_selector(mdep), **managed, names.LABEL_COMPONENT: names.COMPONENT_COLLECTOR}


def _pod(mdep: ModelDeployment, log: PredictionLog, config: OperatorConfig) -> JsonObject:
    runtime = mdep.spec.runtime
    identity = {"runAsUser": USER, "runAsGroup": USER, "fsGroup": USER} if config.has_fixed_user else {}
    folders = _folders(mdep, log, config)
    pod: JsonObject = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": _GRACE_SECONDS,
        "securityContext": {"runAsNonRoot": True, **identity, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [_container(mdep, log, config, folders)],
        "volumes": [{"name": name, **volume} for name, (_, volume) in folders.items()],
    }
    if runtime and runtime.service_account_name:
        pod["serviceAccountName"] = runtime.service_account_name
    if runtime and runtime.image_pull_secrets:
        pod["imagePullSecrets"] = [{"name": each.name} for each in runtime.image_pull_secrets]
    return pod


def _folders(mdep: ModelDeployment, log: PredictionLog, config: OperatorConfig) -> dict[str, tuple[str, JsonObject]]:
    """Volumes by their names: where each is mounted, and what it is."""
    mode = overlay.file_mode(has_fixed_user=config.has_fixed_user)
    spool: JsonObject = {"emptyDir": {"sizeLimit": _SPOOL_LIMIT}}
    if log.spool_claim:
        spool = {"persistentVolumeClaim": {"claimName": log.spool_claim}}
    folders: dict[str, tuple[str, JsonObject]] = {
        "spool": (SPOOL, spool),
        "tmp": (SCRATCH, {"emptyDir": {}}),
        "key": (f"{_FOLDER}/key", _secret(names.collector(mdep.name), mode, {names.FEEDBACK_KEYS: "keys"})),
    }
    if log.credentials:
        folders["credentials"] = (f"{_FOLDER}/credentials", _secret(log.credentials.secret_name, mode))
    if (claim := claim_of(log.store)) and claim != log.spool_claim:
        folders["store"] = (f"{CLAIMS}/{claim}", {"persistentVolumeClaim": {"claimName": claim}})
    return folders


def _shared(log: PredictionLog) -> list[JsonObject]:
    """Where one claim is both, its volume is mounted twice: two volumes of a claim are more than some drivers bear."""
    claim = claim_of(log.store)
    return [_mount("spool", f"{CLAIMS}/{claim}")] if claim and claim == log.spool_claim else []


def _secret(name: str, mode: int, files: dict[str, str] | None = None) -> JsonObject:
    items = {"items": [{"key": key, "path": path} for key, path in files.items()]} if files else {}
    return {"secret": {"secretName": name, "defaultMode": mode, **items}}


def _container(
    mdep: ModelDeployment, log: PredictionLog, config: OperatorConfig, folders: dict[str, tuple[str, JsonObject]]
) -> JsonObject:
    variables = {
        "SERIN_COLLECTOR_STORE": f"{log.store.rstrip('/')}/{mdep.namespace}/{mdep.name}",
        "SERIN_COLLECTOR_SPOOL": SPOOL,
        "SERIN_COLLECTOR_KEY_FILE": f"{_FOLDER}/key/keys",
        "SERIN_COLLECTOR_DRAIN_SECONDS": str(_DRAIN_SECONDS),
        "SERIN_COLLECTOR_MODEL_NAME": mdep.name,
        "SERIN_COLLECTOR_MODEL_NAMESPACE": mdep.namespace,
        **({"SERIN_COLLECTOR_CREDENTIALS_DIR": f"{_FOLDER}/credentials"} if log.credentials else {}),
        **({"SERIN_COLLECTOR_HIDE": ",".join(log.hide).replace("$(", "$$(")} if log.hide else {}),
        **({"SERIN_COLLECTOR_RETENTION_DAYS": str(log.retention_days)} if log.retention_days else {}),
    }
    policy = config.collector_image_pull_policy
    return {
        "name": names.COMPONENT_COLLECTOR,
        "image": config.collector_image,
        **({"imagePullPolicy": policy} if policy else {}),
        "env": [{"name": name, "value": value} for name, value in variables.items()],
        "ports": [{"name": "http", "containerPort": names.PORT_COLLECTOR, "protocol": "TCP"}],
        "resources": _RESOURCES,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [*(_mount(name, folder) for name, (folder, _) in folders.items()), *_shared(log)],
        # What waits in its spool is read before it listens, and a busy node takes its time: killed for that it would begin again.
        "startupProbe": {**_probe("/healthz", 1), "failureThreshold": 180},
        "readinessProbe": _probe("/readyz", 5),
        "livenessProbe": _probe("/healthz", 10),
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


def _mount(name: str, folder: str) -> JsonObject:
    is_read_only = {"readOnly": True} if folder.startswith(_FOLDER) else {}
    return {"name": name, "mountPath": folder, **is_read_only}


def _probe(path: str, seconds: int) -> JsonObject:
    get = {"path": path, "port": "http", "scheme": "HTTP"}
    return {"httpGet": get, "periodSeconds": seconds, "failureThreshold": 3, "timeoutSeconds": 5}
