"""The child objects around the pods."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from serin_operator.api import names
from serin_operator.api.status_of_versions import OptimizedStatus, VersionStatus
from serin_operator.decide.manifests import command, preflight
from serin_operator.decide.manifests.pod import JsonObject, template
from serin_operator.decide.manifests.serving import PORT_GRPCS, PORT_HTTPS
from serin_operator.decide.traffic import replica_ratio as traffic
from serin_operator.decide.world import ModelDeployment, OperatorConfig

ANNOTATION_PROMOTED_AT = "serin.dev/promoted-at"
ANNOTATION_OUTCOME = "serin.dev/outcome"

H2C = "kubernetes.io/h2c"

EXIT_PERMANENT = 64
EXIT_KILLED = 137
LONGEST_SOURCE_TIMEOUT_SECONDS = 30


def metadata_of(
    mdep: ModelDeployment, name: str, revision: str | None = None, component: str | None = None
) -> JsonObject:
    """Metadata of a child: labels and owner."""
    return {
        "namespace": mdep.namespace,
        "name": name,
        "labels": names.child_labels(mdep.name, revision, component),
        "ownerReferences": [owner_reference(mdep)],
    }


def owner_reference(mdep: ModelDeployment) -> JsonObject:
    """Makes the ModelDeployment the controller of a child, so that it is collected with it."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "name": mdep.name,
        "uid": mdep.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def deployment(mdep: ModelDeployment, revision: str, born: Mapping[str, Any]) -> JsonObject:
    """The Deployment of a revision, from the pod template that it was born with. Replicas are never part of it."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata_of(mdep, names.revision_object(mdep.name, revision), revision, names.COMPONENT_SERVER),
        "spec": {
            "selector": {"matchLabels": _selector(mdep.name, revision)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}},
            "revisionHistoryLimit": 1,
            "paused": None,  # null, not absent: a Deployment that somebody paused would never be repaired
            "template": born,
        },
    }


def _selector(name: str, revision: str) -> dict[str, str]:
    return {
        names.LABEL_MODEL_DEPLOYMENT: name,
        names.LABEL_REVISION: revision,
        names.LABEL_COMPONENT: names.COMPONENT_SERVER,
    }


def revision_service(mdep: ModelDeployment, revision: str, *, secure: bool = False) -> JsonObject:
    """Reaches the pods of one revision only."""
    name = names.revision_object(mdep.name, revision)
    return _service(mdep, name, traffic.selector(mdep.name, revision), revision, secure=secure)


def client_service(mdep: ModelDeployment, revision: str | None, *, secure: bool = False) -> JsonObject:
    """What clients use, by a name that never changes; pinned to a revision, or (None) open to all."""
    return _service(mdep, mdep.name, traffic.selector(mdep.name, revision), secure=secure)


def preview_service(mdep: ModelDeployment, revision: str, *, secure: bool = False) -> JsonObject:
    """Reaches a version that clients do not reach yet, by a name that does not change from one version to the next."""
    return _service(mdep, names.preview_service(mdep.name), traffic.selector(mdep.name, revision), secure=secure)


def control_service(mdep: ModelDeployment, revision: str, *, secure: bool = False) -> JsonObject:
    """Reaches the version that another is compared with, by a name that every pod can be told at its birth."""
    return _service(mdep, names.control_service(mdep.name), traffic.selector(mdep.name, revision), secure=secure)


def canary_service(mdep: ModelDeployment, revision: str, *, secure: bool = False) -> JsonObject:
    """Reaches the version that a route of people's tries, by a name that never changes."""
    name = names.canary_service(mdep.name)
    return _service(mdep, name, traffic.selector(mdep.name, revision), secure=secure)


def _service(
    mdep: ModelDeployment, name: str, selector: Mapping[str, str], revision: str | None = None, *, secure: bool
) -> JsonObject:
    """A Service whose ports lead only to pods that speak what the port promises.

    Each port asks for a named port of the pods, and plain pods and those with TLS name theirs differently: while a rollout
    switches TLS on or off, no client is sent to a pod that does not understand it. Where the cluster has both families of
    addresses, so has the Service.

    Args:
        mdep: The owner.
        name: Of the Service.
        selector: Of its pods.
        revision: For its label.
        secure: Whether some pods speak TLS, or will; the plain ports stay, and refuse at once when nobody serves them.
    """
    ports = [("http", names.PORT_SERVICE_HTTP), ("grpc", names.PORT_GRPC)]
    if secure:
        ports += [(PORT_HTTPS, names.PORT_SERVICE_HTTPS), (PORT_GRPCS, names.PORT_SERVICE_GRPCS)]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata_of(mdep, name, revision),
        "spec": {
            "type": "ClusterIP",
            "ipFamilyPolicy": "PreferDualStack",
            "selector": dict(selector),
            "ports": [
                {"name": n, "port": port, "targetPort": n, "protocol": "TCP", **_spoken(mdep, n)} for n, port in ports
            ],
        },
    }


def _spoken(mdep: ModelDeployment, port: str) -> JsonObject:
    """What gateways and meshes have to know of a port."""
    return {"appProtocol": H2C} if mdep.spec.traffic and port == "grpc" else {}


def feedback_secret(mdep: ModelDeployment) -> JsonObject:
    """The Secret for signed feedback, without its data: what is random is made where it is written."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": metadata_of(mdep, names.feedback_secret(mdep.name)),
    }


@dataclass(frozen=True)
class BornModel:
    """The model that a revision is born with: where it was found, by a name that does not move, and its digest."""

    uri: str
    sha256: str
    optimized: OptimizedStatus | None = None
    """What it is a variant of."""


def controller_revision(
    mdep: ModelDeployment, config: OperatorConfig, revision: str, model: BornModel, ordinal: int
) -> JsonObject:
    """The memory of a revision's birth: its pod template and its model. Immutable but for annotations."""
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": metadata_of(mdep, names.revision_object(mdep.name, revision), revision),
        "revision": ordinal,
        "data": {
            "version": mdep.spec.model.version,
            "uri": model.uri,
            "sha256": model.sha256,
            **_told(model.optimized),
            "template": template(
                mdep,
                config,
                revision,
                model.sha256,
                uri=model.uri,
                variant=model.optimized.variant if model.optimized else None,
            ),
        },
    }


def controller_revision_again(
    mdep: ModelDeployment, version: VersionStatus, live: Mapping[str, Any], ordinal: int
) -> JsonObject:
    """The memory of a birth, written down again from the pod template of the Deployment that still runs."""
    metadata = {key: live["metadata"][key] for key in ("labels", "annotations") if key in live.get("metadata", {})}
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": metadata_of(mdep, names.revision_object(mdep.name, version.revision), version.revision),
        "revision": ordinal,
        "data": {
            "version": version.version,
            "uri": version.uri,
            "sha256": version.sha256,
            **_told(version.optimized),
            "template": {"metadata": metadata, "spec": live["spec"]},
        },
    }


def _told(optimized: OptimizedStatus | None) -> JsonObject:
    return {"optimized": optimized.model_dump(by_alias=True)} if optimized else {}


def notes_of(outcome: str | None, promoted_at: str | None) -> dict[str, str]:
    """Annotations of a ControllerRevision: what is learnt of a revision after its birth, and survives the loss of status."""
    notes = {ANNOTATION_OUTCOME: outcome, ANNOTATION_PROMOTED_AT: promoted_at}
    return {key: value for key, value in notes.items() if value}


def resolve_job(
    mdep: ModelDeployment,
    config: OperatorConfig,
    revision: str,
    attempt: int,
    deadline_seconds: int,
    *,
    stable: VersionStatus | None = None,
) -> JsonObject:
    """Fetches, verifies and loads the model once, and compares it with ``stable``; its termination message says what it found.

    A source that does not answer must be reported before ``deadline_seconds`` are over, so the Job waits a third of
    them at most for it. Whether the deadline has passed is the operator's to say, by the time that it observed; the
    Job's own deadline is a leash for the case that no operator is there, and longer: a Job that reaches it deletes its
    pods, and with them the reason why.
    """
    pod = template(mdep, config, revision, None, resolve=True)
    patience = max(1, min(LONGEST_SOURCE_TIMEOUT_SECONDS, deadline_seconds // 3))
    ours = next(each for each in pod["spec"]["containers"] if each["name"] == names.CONTAINER)
    more = {
        "SERIN_SOURCE_TIMEOUT_SECONDS": str(patience),
        **preflight.comparison(mdep.spec.preflight, stable),
        **preflight.before(mdep.spec.preflight, stable),
    }
    if mdep.spec.model.optimize:
        more["SERIN_OPTIMIZE_SECONDS"] = str(max(1, deadline_seconds // 3))
    if config.store_of(mdep):  # what is not kept in time is a warning; a deadline that has passed would end the version
        more["SERIN_STORE_UNTIL_SECONDS"] = str(max(1, deadline_seconds * 3 // 4))
    ours["env"] += [{"name": name, "value": value} for name, value in more.items()]
    longest = deadline_seconds + command.seconds_of(mdep.spec)
    more_rules = command.rules() if command.command_of(mdep.spec) else []
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata_of(
            mdep, names.resolve_job(mdep.name, revision, attempt), revision, names.COMPONENT_RESOLVE
        ),
        "spec": {
            "backoffLimit": 6,
            "activeDeadlineSeconds": 2 * longest + 60,
            "podFailurePolicy": {
                "rules": [
                    {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
                    {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [EXIT_PERMANENT, EXIT_KILLED]}},
                    *more_rules,
                ]
            },
            "template": {**pod, "spec": command.with_command(pod["spec"], mdep, config)},
        },
    }


def disruption_budget(mdep: ModelDeployment) -> JsonObject:
    """Keeps voluntary disruptions (drains) from taking more than one serving pod at a time."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata_of(mdep, mdep.name),
        "spec": {
            "maxUnavailable": 1,
            "minAvailable": None,  # null, not absent: whoever sets it by hand would make ours impossible
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": {"matchLabels": traffic.selector(mdep.name, None)},
        },
    }
