"""From the API server's JSON to the frozen views that decisions read. Parsed once, here."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from serin_operator.api import names
from serin_operator.api.spec import ModelDeploymentSpec
from serin_operator.decide.children import identity
from serin_operator.decide.manifests.children import ANNOTATION_OUTCOME, ANNOTATION_PROMOTED_AT
from serin_operator.decide.memory.parsed import parsed_status
from serin_operator.decide.world import (
    BornRevision,
    ChildMeta,
    Deployment,
    Foreign,
    ModelDeployment,
    ResolveJob,
    Revision,
    Service,
    Why,
)
from serin_operator.observe.annotators import who_asked
from serin_operator.observe.children import Children
from serin_operator.observe.pods import pod
from serin_operator.observe.warnings import about, moment

JsonObject = Mapping[str, Any]

SERVICE_NAME_LABEL = "kubernetes.io/service-name"
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
        action_by=who_asked(metadata),
    )


def _moment(text: str | None) -> datetime:
    return datetime.fromisoformat(text) if text else EPOCH


def _controller(obj: JsonObject) -> str | None:
    owner = identity.controller(obj)
    return owner["uid"] if owner else None


def meta_of(obj: JsonObject, api_version: str, kind: str) -> ChildMeta:
    """Identity of a child, and whether it is ours."""
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


def _condition(obj: JsonObject, kind: str) -> JsonObject:
    conditions = (obj.get("status") or {}).get("conditions") or []
    return next((c for c in conditions if c["type"] == kind and c["status"] == "True"), {})


def deployment(obj: JsonObject) -> Deployment:
    """The Deployment of one revision."""
    status = obj.get("status") or {}
    return Deployment(
        meta=meta_of(obj, "apps/v1", "Deployment"),
        replicas=obj["spec"].get("replicas", 1),
        ready=status.get("readyReplicas", 0),
        available=status.get("availableReplicas", 0),
        observed_generation_current=status.get("observedGeneration", 0) >= obj["metadata"].get("generation", 0),
        failure=_condition(obj, "ReplicaFailure").get("message"),
        template=obj["spec"].get("template") or {},
    )


def job(obj: JsonObject, events: Iterable[JsonObject] = ()) -> ResolveJob:
    """A resolve Job, and of events those about it."""
    told = sorted(about(obj["metadata"]["uid"], events), key=moment)
    failed = _condition(obj, "Failed")
    return ResolveJob(
        meta=meta_of(obj, "batch/v1", "Job"),
        complete=bool(_condition(obj, "Complete")),
        failed=bool(failed),
        failed_message=failed.get("message"),
        active=(obj.get("status") or {}).get("active", 0),
        refusals=tuple(e.get("message") or "" for e in told),
    )


def born(obj: JsonObject) -> BornRevision:
    """What a ControllerRevision remembers."""
    meta, data = meta_of(obj, "apps/v1", "ControllerRevision"), obj["data"]
    return BornRevision(
        meta=meta,
        ordinal=obj.get("revision", 0),
        version=data["version"],
        uri=data["uri"],
        sha256=data["sha256"],
        template=data["template"],
        promoted_at=meta.annotations.get(ANNOTATION_PROMOTED_AT),
        outcome=meta.annotations.get(ANNOTATION_OUTCOME),
        optimized=data.get("optimized"),
    )


def service(obj: JsonObject) -> Service:
    """A Service and what it selects."""
    return Service(meta_of(obj, "v1", "Service"), obj["spec"].get("selector") or {})


def client_service(children: Children, name: str, uid: str) -> Service | None:
    """The Service that clients use, if it is there and ours."""
    return service_of_the_whole(children, name, name, uid)


def preview_service(children: Children, name: str, uid: str) -> Service | None:
    """The Service that leads to a version under way, if it is there and ours."""
    return service_of_the_whole(children, names.preview_service(name), name, uid)


def control_service(children: Children, name: str, uid: str) -> Service | None:
    """The Service that leads to what a version is compared with, if it is there and ours."""
    return service_of_the_whole(children, names.control_service(name), name, uid)


def service_of_the_whole(children: Children, its_name: str, name: str, uid: str) -> Service | None:
    """A Service that belongs to no revision, if it is there and ours."""
    found = (s for s in children.services if s["metadata"]["name"] == its_name)
    return next((service(s) for s in found if identity.foreign_child("Service", s, name, uid) is None), None)


def endpoints(children: Children, name: str) -> frozenset[str]:
    """Names of the pods that the client Service sends requests to; IPv4 and IPv6 have slices of their own."""
    slices = (
        s for s in children.endpoint_slices if (s["metadata"].get("labels") or {}).get(SERVICE_NAME_LABEL) == name
    )
    found = (endpoint for s in slices for endpoint in s.get("endpoints") or [])
    # The API promises that an unknown readiness means ready.
    ready = (e for e in found if (e.get("conditions") or {}).get("ready") is not False)
    return frozenset(e["targetRef"]["name"] for e in ready if e.get("targetRef"))


def canary_service(children: Children, name: str, uid: str) -> Service | None:
    """The Service by which people's routes reach the canary, if it is there and ours."""
    found = (s for s in children.services if s["metadata"]["name"] == names.canary_service(name))
    return next((service(s) for s in found if identity.foreign_child("Service", s, name, uid) is None), None)


def behind(children: Children) -> dict[str, frozenset[str]]:
    """Names of the pods that each Service sends requests to."""
    labels = ((s["metadata"].get("labels") or {}).get(SERVICE_NAME_LABEL) for s in children.endpoint_slices)
    return {name: endpoints(children, name) for name in sorted(set(filter(None, labels)))}


def disruption_budget(children: Children, name: str, uid: str) -> ChildMeta | None:
    """The PodDisruptionBudget, if it is there and ours."""
    kind = "PodDisruptionBudget"
    found = (b for b in children.pod_disruption_budgets if identity.foreign_child(kind, b, name, uid) is None)
    return next((meta_of(b, "policy/v1", kind) for b in found), None)


def autoscalers(children: Children) -> dict[str, str]:
    """Which HorizontalPodAutoscaler scales which Deployment, by their names."""
    targets = ((a["spec"]["scaleTargetRef"], a["metadata"]["name"]) for a in children.autoscalers)
    return {target["name"]: name for target, name in targets if target.get("kind") == "Deployment"}


def revisions(children: Children, name: str, uid: str) -> dict[str, Revision]:
    """Everything of ours that exists, by revision; what is foreign, or on its way out, is left out."""

    def mine(kind: str, objects: Iterable[JsonObject], revision: str) -> list[JsonObject]:
        named = (o for o in objects if identity.revision_label(o) == revision)
        return [o for o in named if identity.foreign_child(kind, o, name, uid) is None]

    kinds = (children.deployments, children.services, children.jobs, children.controller_revisions, children.pods)
    labels = {label for kind in kinds for o in kind if (label := identity.revision_label(o)) is not None}
    going, taken = _deployments_that_are_not_there(children, name, uid)
    found = {
        label: Revision(
            revision=label,
            born=next(map(born, mine("ControllerRevision", children.controller_revisions, label)), None),
            deployment=next(map(deployment, mine("Deployment", children.deployments, label)), None),
            service=next(
                (
                    service(s)
                    for s in mine("Service", children.services, label)
                    if s["metadata"]["name"] == names.revision_object(name, label)
                ),
                None,
            ),
            jobs=tuple(job(j, children.events_about_jobs) for j in mine("Job", children.jobs, label)),
            pods=tuple(
                pod(p, children.events_about_pods, leaving=label in going)
                for p in children.pods
                if identity.revision_label(p) == label and label not in taken and identity.foreign_pod(p, name) is None
            ),
        )
        for label in sorted(labels)
    }
    return {label: revision for label, revision in found.items() if revision != Revision(label)}


def foreign(children: Children, name: str, uid: str) -> tuple[Foreign, ...]:
    """What has our labels and is not ours: copies, namesakes, what an earlier ModelDeployment left, what is going."""
    kinds = {
        "Deployment": children.deployments,
        "Service": children.services,
        "Job": children.jobs,
        "ControllerRevision": children.controller_revisions,
        "PodDisruptionBudget": children.pod_disruption_budgets,
        "NetworkPolicy": children.network_policies,
        names.HTTP_ROUTE: children.http_routes,
    }
    found = [identity.foreign_child(kind, o, name, uid) for kind, objects in kinds.items() for o in objects]
    found += [identity.foreign_pod(p, name) for p in children.pods]
    return tuple(each for each in found if each is not None)


def _deployments_that_are_not_there(children: Children, name: str, uid: str) -> tuple[set[str | None], set[str | None]]:
    """Revisions whose Deployment goes and takes its pods along, and those whose Deployment is somebody else's."""
    going, taken = set(), set()
    for each in children.deployments:
        stranger = identity.foreign_child("Deployment", each, name, uid)
        revision = identity.revision_label(each)
        if stranger is None or each["metadata"]["name"] != names.revision_object(name, revision or ""):
            continue
        if stranger.why is Why.OTHER_OWNER:
            taken.add(revision)
        elif "orphan" not in (each["metadata"].get("finalizers") or []):
            going.add(revision)
    return going, taken
