"""From the API server's JSON to the frozen views that decisions read. Parsed once, here."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from serin_operator.api import names
from serin_operator.api.spec import ModelDeploymentSpec
from serin_operator.decide.children.manifests.children import ANNOTATION_OUTCOME, ANNOTATION_PROMOTED_AT
from serin_operator.decide.memory.parsed import parsed_status
from serin_operator.decide.world import (
    BornRevision,
    ChildMeta,
    Deployment,
    ModelDeployment,
    Pod,
    ResolveJob,
    Revision,
    Service,
)
from serin_operator.observe.children import Children
from serin_operator.observe.mounts import unmounted

JsonObject = Mapping[str, Any]

JOB_NAME_LABEL = "batch.kubernetes.io/job-name"
SERVICE_NAME_LABEL = "kubernetes.io/service-name"
SETTLED_SECONDS = 2.0
"""A kubelet writes the first conditions of a pod within this time of its start."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def model_deployment(obj: JsonObject) -> ModelDeployment:
    """The user's object. Raises ``pydantic.ValidationError`` when the spec is not what the CRD promises."""
    metadata = obj["metadata"]
    status, unreadable = parsed_status(obj.get("status") or {})
    return ModelDeployment(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        generation=metadata.get("generation", 0),
        resource_version=metadata["resourceVersion"],
        annotations=metadata.get("annotations") or {},
        spec=ModelDeploymentSpec.model_validate(obj.get("spec") or {}),
        status=status,
        unreadable=unreadable,
    )


def _moment(text: str | None) -> datetime:
    return datetime.fromisoformat(text) if text else EPOCH


def _controller(obj: JsonObject) -> str | None:
    references = obj["metadata"].get("ownerReferences") or []
    return next((r["uid"] for r in references if r.get("controller")), None)


def _is_ours(obj: JsonObject, uid: str) -> bool:
    """Ours, or nobody's; and not on its way out."""
    return _controller(obj) in {None, uid} and not obj["metadata"].get("deletionTimestamp")


def _meta(obj: JsonObject, api_version: str, kind: str) -> ChildMeta:
    metadata = obj["metadata"]
    return ChildMeta(
        api_version=api_version,
        kind=kind,
        name=metadata["name"],
        uid=metadata["uid"],
        resource_version=metadata["resourceVersion"],
        owned=_controller(obj) is not None,
        created_at=_moment(metadata.get("creationTimestamp")),
        annotations=metadata.get("annotations") or {},
    )


def _revision_label(obj: JsonObject) -> str | None:
    label = (obj["metadata"].get("labels") or {}).get(names.LABEL_REVISION)
    return label if isinstance(label, str) else None


def _condition(obj: JsonObject, kind: str) -> JsonObject:
    conditions = (obj.get("status") or {}).get("conditions") or []
    return next((c for c in conditions if c["type"] == kind and c["status"] == "True"), {})


def deployment(obj: JsonObject) -> Deployment:
    """The Deployment of one revision."""
    status = obj.get("status") or {}
    return Deployment(
        meta=_meta(obj, "apps/v1", "Deployment"),
        replicas=obj["spec"].get("replicas", 1),
        ready=status.get("readyReplicas", 0),
        available=status.get("availableReplicas", 0),
        observed_generation_current=status.get("observedGeneration", 0) >= obj["metadata"].get("generation", 0),
        failure=_condition(obj, "ReplicaFailure").get("message"),
        template=obj["spec"].get("template") or {},
    )


def pod(obj: JsonObject, events: Iterable[JsonObject] = ()) -> Pod:
    """A pod of ours: the state of its one container matters, and of events the volumes that it waits for."""
    labels, status = obj["metadata"].get("labels") or {}, obj.get("status") or {}
    container: JsonObject = next(iter(status.get("containerStatuses") or []), {})
    state, last = container.get("state") or {}, container.get("lastState") or {}
    ended = state.get("terminated") or last.get("terminated") or {}
    waiting = state.get("waiting") or {}
    scheduled: JsonObject = next((c for c in status.get("conditions") or [] if c["type"] == "PodScheduled"), {})
    phase = status.get("phase", "Pending")
    return Pod(
        name=obj["metadata"]["name"],
        revision=labels.get(names.LABEL_REVISION, ""),
        component=labels.get(names.LABEL_COMPONENT, ""),
        phase=phase,
        ready=bool(_condition(obj, "Ready")) and not obj["metadata"].get("deletionTimestamp"),
        # A pod that failed (evicted, its node lost) takes no part any more, as one that is being deleted.
        terminating=bool(obj["metadata"].get("deletionTimestamp"))
        or (phase == "Failed" and "Job" not in _owner_kinds(obj)),
        restarts=container.get("restartCount", 0),
        created_at=_moment(obj["metadata"].get("creationTimestamp")),
        waiting_reason=waiting.get("reason"),
        waiting_message=waiting.get("message"),
        last_exit_code=ended.get("exitCode"),
        last_exit_reason=ended.get("reason"),
        last_words=ended.get("message"),
        unschedulable=scheduled.get("message") if scheduled.get("reason") == "Unschedulable" else None,
        job=labels.get(JOB_NAME_LABEL),
        node=(obj.get("spec") or {}).get("nodeName"),
        was_ready=_was_ready(obj),
        silent=bool(container.get("ready")) and not _condition(obj, "Ready"),
        unmounted=unmounted(obj, events),
    )


def _was_ready(obj: JsonObject) -> bool:
    """Whether a pod is or has been ready: one that never was keeps the transition time of its start."""
    if _condition(obj, "Ready"):
        return True
    status = obj.get("status") or {}
    ready: JsonObject = next((c for c in status.get("conditions") or [] if c["type"] == "Ready"), {})
    changed, started = ready.get("lastTransitionTime"), status.get("startTime")
    return bool(changed and started) and (_moment(changed) - _moment(started)).total_seconds() > SETTLED_SECONDS


def _owner_kinds(obj: JsonObject) -> set[str]:
    return {r["kind"] for r in obj["metadata"].get("ownerReferences") or []}


def job(obj: JsonObject) -> ResolveJob:
    """A resolve Job."""
    failed = _condition(obj, "Failed")
    return ResolveJob(
        meta=_meta(obj, "batch/v1", "Job"),
        complete=bool(_condition(obj, "Complete")),
        failed=bool(failed),
        failed_message=failed.get("message"),
        active=(obj.get("status") or {}).get("active", 0),
    )


def born(obj: JsonObject) -> BornRevision:
    """What a ControllerRevision remembers."""
    meta, data = _meta(obj, "apps/v1", "ControllerRevision"), obj["data"]
    return BornRevision(
        meta=meta,
        ordinal=obj.get("revision", 0),
        version=data["version"],
        uri=data["uri"],
        sha256=data["sha256"],
        template=data["template"],
        promoted_at=meta.annotations.get(ANNOTATION_PROMOTED_AT),
        outcome=meta.annotations.get(ANNOTATION_OUTCOME),
    )


def service(obj: JsonObject) -> Service:
    """A Service and what it selects."""
    return Service(_meta(obj, "v1", "Service"), obj["spec"].get("selector") or {})


def client_service(children: Children, name: str, uid: str) -> Service | None:
    """The Service that clients use, if it is there and ours."""
    found = (s for s in children.services if s["metadata"]["name"] == name and _is_ours(s, uid))
    return next((service(s) for s in found), None)


def endpoints(children: Children, name: str) -> frozenset[str]:
    """Names of the pods that the client Service sends requests to; IPv4 and IPv6 have slices of their own."""
    slices = (
        s for s in children.endpoint_slices if (s["metadata"].get("labels") or {}).get(SERVICE_NAME_LABEL) == name
    )
    found = (endpoint for s in slices for endpoint in s.get("endpoints") or [])
    # The API promises that an unknown readiness means ready.
    ready = (e for e in found if (e.get("conditions") or {}).get("ready") is not False)
    return frozenset(e["targetRef"]["name"] for e in ready if e.get("targetRef"))


def disruption_budget(children: Children, name: str, uid: str) -> ChildMeta | None:
    """The PodDisruptionBudget, if it is there and ours."""
    found = (b for b in children.pod_disruption_budgets if b["metadata"]["name"] == name and _is_ours(b, uid))
    return next((_meta(b, "policy/v1", "PodDisruptionBudget") for b in found), None)


def revisions(children: Children, name: str, uid: str) -> dict[str, Revision]:
    """Everything that exists, by revision. What belongs to somebody else, or is on its way out, is left out."""

    def mine(objects: Iterable[JsonObject], revision: str) -> list[JsonObject]:
        return [o for o in objects if _revision_label(o) == revision and _is_ours(o, uid)]

    kinds = (children.deployments, children.services, children.jobs, children.controller_revisions, children.pods)
    labels = {label for kind in kinds for o in kind if (label := _revision_label(o)) is not None}
    return {
        label: Revision(
            revision=label,
            born=next(map(born, mine(children.controller_revisions, label)), None),
            deployment=next(map(deployment, mine(children.deployments, label)), None),
            service=next(
                (service(s) for s in mine(children.services, label) if s["metadata"]["name"] != name),
                None,
            ),
            jobs=tuple(map(job, mine(children.jobs, label))),
            pods=tuple(pod(p, children.events_about_pods) for p in children.pods if _revision_label(p) == label),
        )
        for label in sorted(labels)
    }
