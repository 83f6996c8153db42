"""What is to be done to the cluster, as values: the shell carries them out in this order and decides nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from serin_operator.api.names import (
    LABEL_MODEL_DEPLOYMENT,
    LABEL_REVISION,
    ObjectRef,
    collector,
    control_service,
    preview_service,
)


@dataclass(frozen=True)
class Create:
    """POST; fails where the name is taken."""

    obj: Mapping[str, Any]


@dataclass(frozen=True)
class Apply:
    """Server-side apply of a whole intent to an object that is ours, at the resourceVersion that was observed."""

    obj: Mapping[str, Any]
    resource_version: str


@dataclass(frozen=True)
class Adopt:
    """Make the ModelDeployment the controller of an orphan."""

    ref: ObjectRef
    owner: Mapping[str, Any]
    resource_version: str


@dataclass(frozen=True)
class Annotate:
    """Set annotations on a child, and touch nothing else of it: some objects may not be applied once they are born."""

    ref: ObjectRef
    annotations: Mapping[str, str]
    resource_version: str


@dataclass(frozen=True)
class Scale:
    """Set the replicas of a Deployment, through its scale subresource."""

    ref: ObjectRef
    replicas: int
    resource_version: str
    before: int | None = None
    """As observed; None: unknown, so it may take pods away."""


@dataclass(frozen=True)
class Delete:
    """Delete one object, if it still is the one that was observed."""

    ref: ObjectRef
    uid: str


@dataclass(frozen=True)
class Provide:
    """See to it that a Secret with random keys is there. It is made once and never read: what it holds nobody is told."""

    obj: Mapping[str, Any]
    is_missed: bool = False
    """Some pod waits for it, so it is not there (any more), whatever was done about it before."""


@dataclass(frozen=True)
class Rewrite:
    """JSON Patch of an object that is somebody else's: it tests what it relies on, and changes nothing but that."""

    ref: ObjectRef
    patch: tuple[Mapping[str, Any], ...]


Operation = Create | Apply | Adopt | Annotate | Scale | Delete | Provide | Rewrite


def leads_clients(operation: Operation) -> bool:
    """Whether it decides which pods clients reach: Services but those of one revision, of a preview, a control or a collector, and routes."""
    if isinstance(operation, Rewrite):
        return True
    if not isinstance(operation, Create | Apply):
        return False
    kind, metadata = operation.obj["kind"], operation.obj["metadata"]
    labels = metadata.get("labels") or {}
    owner = labels.get(LABEL_MODEL_DEPLOYMENT, "")
    is_aside = metadata["name"] in {preview_service(owner), control_service(owner), collector(owner)}
    return kind in _ROUTES or (kind == "Service" and LABEL_REVISION not in labels and not is_aside)


def takes_away(operation: Operation) -> bool:
    """Whether pods, or the ways to them, may be fewer afterwards; never done before clients have been led elsewhere."""
    if isinstance(operation, Scale):
        return operation.before is None or operation.replicas < operation.before
    return isinstance(operation, Delete) and operation.ref.kind in _SERVES


_ROUTES: Final = frozenset({"HTTPRoute", "GRPCRoute"})
_SERVES: Final = frozenset({"Deployment", "Service", "Pod", *_ROUTES})
