"""The kinds that the operator reads and writes, and their paths at the API server."""

from dataclasses import dataclass
from typing import Final

from serin_operator.api.names import (
    API_VERSION,
    GATEWAY_API_VERSION,
    HTTP_ROUTE,
    KIND,
    LABEL_MODEL_DEPLOYMENT,
    PLURAL,
    ObjectRef,
)


@dataclass(frozen=True, slots=True)
class Resource:
    """One namespaced kind of object, as the API server names it."""

    api_version: str
    kind: str
    plural: str

    @property
    def group(self) -> str:
        """The API group; empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        """The version inside the group."""
        return self.api_version.rpartition("/")[2]

    def path(self, namespace: str | None, name: str | None = None, subresource: str | None = None) -> str:
        """Path of a collection (no name), an object or a subresource; ``namespace=None`` is the whole cluster."""
        parts = ["api", self.version] if not self.group else ["apis", self.group, self.version]
        if namespace is not None:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        parts += [part for part in (name, subresource) if part is not None]
        return "/" + "/".join(parts)


MODEL_DEPLOYMENTS: Final = Resource(API_VERSION, KIND, PLURAL)
DEPLOYMENTS: Final = Resource("apps/v1", "Deployment", "deployments")
SERVICES: Final = Resource("v1", "Service", "services")
JOBS: Final = Resource("batch/v1", "Job", "jobs")
CONTROLLER_REVISIONS: Final = Resource("apps/v1", "ControllerRevision", "controllerrevisions")
PODS: Final = Resource("v1", "Pod", "pods")
ENDPOINT_SLICES: Final = Resource("discovery.k8s.io/v1", "EndpointSlice", "endpointslices")
POD_DISRUPTION_BUDGETS: Final = Resource("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets")
NETWORK_POLICIES: Final = Resource("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies")
LEASES: Final = Resource("coordination.k8s.io/v1", "Lease", "leases")
EVENTS: Final = Resource("events.k8s.io/v1", "Event", "events")
SECRETS: Final = Resource("v1", "Secret", "secrets")
"""Created, and nothing else: no Secret is ever read."""
CORE_EVENTS: Final = Resource("v1", "Event", "events")
AUTOSCALERS: Final = Resource("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers")
"""Listed where somebody else has scaled a child, to tell whether an autoscaler goes on doing it."""

HTTP_ROUTES: Final = Resource(GATEWAY_API_VERSION, HTTP_ROUTE, "httproutes")
GRPC_ROUTES: Final = Resource(GATEWAY_API_VERSION, "GRPCRoute", "grpcroutes")
GATEWAYS: Final = Resource(GATEWAY_API_VERSION, "Gateway", "gateways")
GATEWAY_CLASSES: Final = Resource(GATEWAY_API_VERSION, "GatewayClass", "gatewayclasses")
"""Without a namespace."""

CHILDREN: Final = (DEPLOYMENTS, SERVICES, JOBS, CONTROLLER_REVISIONS, PODS, ENDPOINT_SLICES, POD_DISRUPTION_BUDGETS)
"""What belongs to a ModelDeployment and is watched, by label; EndpointSlices have the labels of their Service."""

WATCHED: Final = (MODEL_DEPLOYMENTS, *CHILDREN)

WATCHED_IF_THERE: Final = (HTTP_ROUTES,)
"""Children of kinds that a cluster need not know: what nobody asks for is missed by nobody."""

WATCHED_IF_ASKED: Final = (NETWORK_POLICIES,)
"""Children that only some installations make, and have the rights for."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What one watch covers: a kind, in one namespace or in all, and of it what the selectors name."""

    resource: Resource
    namespace: str | None
    """``None``: the whole cluster."""
    label_selector: str = ""
    field_selector: str = ""

    def __str__(self) -> str:
        return self.resource.plural if self.namespace is None else f"{self.resource.plural} in {self.namespace}"


def scopes_of(namespaces: tuple[str, ...]) -> tuple[Scope, ...]:
    """Everything that is watched in these namespaces; none: in the whole cluster."""
    return tuple(
        Scope(resource, namespace, "" if resource == MODEL_DEPLOYMENTS else LABEL_MODEL_DEPLOYMENT)
        for namespace in namespaces or (None,)
        for resource in WATCHED
    )


def scopes_if_there(namespaces: tuple[str, ...], asked: tuple[Resource, ...] = ()) -> tuple[Scope, ...]:
    """What is watched beside that, where the cluster has it, or the installation asks for it."""
    return tuple(
        Scope(resource, namespace, LABEL_MODEL_DEPLOYMENT)
        for namespace in namespaces or (None,)
        for resource in (*WATCHED_IF_THERE, *asked)
    )


_BY_KIND: Final = {
    (r.api_version, r.kind): r for r in (*WATCHED, *WATCHED_IF_THERE, *WATCHED_IF_ASKED, EVENTS, SECRETS)
}


def resource_of(api_version: str, kind: str) -> Resource:
    """The resource of an object; ``LookupError`` for a kind that this operator has no business with."""
    try:
        return _BY_KIND[api_version, kind]
    except KeyError:
        raise LookupError(f"the operator does not handle {api_version} {kind}") from None


def path_of(ref: ObjectRef, subresource: str | None = None) -> str:
    """Path of one object."""
    return resource_of(ref.api_version, ref.kind).path(ref.namespace, ref.name, subresource)
