"""Everything that a decision may know: frozen views of the objects that were observed, and the time.

``observe`` builds a ``World``; ``decide`` reads it. Views hold what decisions need and nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any

from serin_operator.api.names import ObjectRef
from serin_operator.api.notify import Notify
from serin_operator.api.spec import ModelDeploymentSpec
from serin_operator.api.status import ModelDeploymentStatus
from serin_operator.api.store import ModelStore
from serin_operator.decide.child import ChildMeta as ChildMeta  # noqa: PLC0414 - the name callers look for here
from serin_operator.decide.collector import Collecting
from serin_operator.decide.looks import LookResult
from serin_operator.decide.pod import MountProblem as MountProblem  # noqa: PLC0414 - the name callers look for here
from serin_operator.decide.pod import Pod as Pod  # noqa: PLC0414 - the name callers look for here
from serin_operator.decide.route import Routing


@dataclass(frozen=True)
class OperatorConfig:
    """What the installation, not the user, decides."""

    serving_image: str
    serving_image_pull_policy: str | None = None
    collector_image: str = ""
    collector_image_pull_policy: str | None = None
    collector_peers: tuple[Mapping[str, Any], ...] = ()
    """Who reads the metrics of collectors, as peers of a NetworkPolicy; none: collectors have no policy."""
    has_fixed_user: bool = True
    """Pods of new revisions name their user; False: the cluster chooses it, as OpenShift does."""
    prometheus_configured: bool = False
    scrape_interval_seconds: float = 15.0
    namespace_label: str = "namespace"
    """The label in which Prometheus tells the namespace of a pod that it scrapes, and which no pod can write itself."""
    design_effect: float = 1.0
    """How much evidence is discounted while the spread between stable's pods is unknown."""
    signed_namespaces: frozenset[str] = frozenset()
    """Where a new version needs ``spec.model.verify``; ``*`` is everywhere."""

    channels: tuple[str, ...] = ()
    """Names of the channels that notices can go to."""
    notify: tuple[Notify, ...] = ()
    """Who hears of models that do not say so themselves."""
    stores: Mapping[str, ModelStore] = field(default_factory=dict)
    """Where models are kept, by namespace, unless their spec says where; ``*`` is everywhere else."""

    def store_of(self, mdep: "ModelDeployment") -> ModelStore | None:
        """Where the models of a ModelDeployment are kept; None: nowhere."""
        return mdep.spec.model.store or self.stores.get(mdep.namespace) or self.stores.get("*")

    def wants_signatures(self, namespace: str) -> bool:
        """Whether a new version in this namespace has to be signed."""
        return not self.signed_namespaces.isdisjoint({namespace, "*"})


@dataclass(frozen=True)
class ModelDeployment:
    """The user's object."""

    namespace: str
    name: str
    uid: str
    generation: int
    resource_version: str
    annotations: Mapping[str, str]
    spec: ModelDeploymentSpec
    status: ModelDeploymentStatus
    unreadable: tuple[str, ...] = ()
    """Fields of status that somebody has made unreadable."""
    action_by: str | None = None
    """The field manager that wrote the action annotation, if managedFields tell."""


@dataclass(frozen=True)
class Deployment:
    """The Deployment of one revision."""

    meta: ChildMeta
    replicas: int
    ready: int
    available: int
    observed_generation_current: bool
    failure: str | None = None
    """Message of the condition ReplicaFailure: why pods cannot be created."""
    template: Mapping[str, Any] = field(default_factory=dict)
    """Its pod template as it is, from which a lost birth can be written down again."""


@dataclass(frozen=True)
class ResolveJob:
    """The Job that fetches, verifies and loads a model once."""

    meta: ChildMeta
    complete: bool
    failed: bool
    failed_message: str | None = None
    active: int = 0
    refusals: tuple[str, ...] = ()
    """Messages of events that say why this Job could not create its pod."""


@dataclass(frozen=True)
class BornRevision:
    """What a ControllerRevision remembers of a revision: the pod template it was born with, and its model."""

    meta: ChildMeta
    ordinal: int
    version: str
    uri: str
    sha256: str
    template: Mapping[str, Any]
    promoted_at: str | None = None
    outcome: str | None = None
    optimized: Mapping[str, Any] | None = None
    """Of which model it serves a variant, as the ledger tells it."""


@dataclass(frozen=True)
class Service:
    """A Service and what it selects."""

    meta: ChildMeta
    selector: Mapping[str, str]


@dataclass(frozen=True)
class Revision:
    """All that exists of one revision."""

    revision: str
    born: BornRevision | None = None
    deployment: Deployment | None = None
    service: Service | None = None
    jobs: tuple[ResolveJob, ...] = ()
    pods: tuple[Pod, ...] = ()

    @property
    def servers(self) -> tuple[Pod, ...]:
        """The serving pods that are there and not on their way out."""
        return tuple(p for p in self.pods if p.component == "server" and not p.terminating)

    @property
    def has_proven_itself(self) -> bool:
        """Whether a pod that is there has been ready at some time: it may serve, now or again in a moment."""
        return any(p.was_ready for p in self.servers)

    @property
    def ready(self) -> int:
        """Serving pods that prove themselves now."""
        return sum(p.ready for p in self.servers)


@dataclass(frozen=True)
class Obstacle:
    """A write that the API server refused at the last attempt."""

    reason: str
    message: str
    ref: ObjectRef | None = None
    """What was to be written."""


class Why(StrEnum):
    """Why an object with our labels is not ours."""

    OTHER_OWNER = "OtherOwner"
    """Somebody else is its controller."""
    LABELS_ONLY = "LabelsOnly"
    """It only has our labels: its name, or who made it, says that it is not ours."""
    PREDECESSOR = "Predecessor"
    """It was a child of an earlier ModelDeployment of the same name, and goes by itself."""
    LEAVING = "Leaving"
    """It is ours, and is being deleted."""


@dataclass(frozen=True)
class Foreign:
    """An object with our labels that no decision counts: it is never adopted, written to or deleted."""

    kind: str
    name: str
    why: Why
    message: str
    """A sentence, with what to do if it is in the way."""


@dataclass(frozen=True)
class World:
    """One observation of everything about one ModelDeployment."""

    now: datetime
    config: OperatorConfig
    mdep: ModelDeployment
    client_service: Service | None = None
    preview_service: Service | None = None
    """Leads to a new version that no client reaches, for those who try it."""
    control_service: Service | None = None
    """Leads to the version that another is compared with."""
    collector: Deployment | None = None
    """Who writes predictions down."""
    collecting: Collecting = field(default_factory=Collecting)
    collector_service: Service | None = None
    collector_policy: ChildMeta | None = None
    disruption_budget: ChildMeta | None = None
    revisions: Mapping[str, Revision] = field(default_factory=dict)
    endpoints: frozenset[str] = frozenset()
    """Names of the pods that the client Service sends requests to; they follow what it selects, a little later."""
    behind: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Names of the pods behind each Service of ours, by the Service's name."""
    canary_service: Service | None = None
    """The Service ``<name>-canary``, by which people's own routes reach the canary."""
    routing: Routing = field(default_factory=Routing)
    obstacles: tuple[Obstacle, ...] = ()
    autoscalers: Mapping[str, str] = field(default_factory=dict)
    """HorizontalPodAutoscalers by the Deployment that they scale, where somebody else has scaled one of ours."""
    foreign: tuple[Foreign, ...] = ()
    """What has our labels and is not ours, or not any more: told only where it gets in the way."""
    look: LookResult | None = None
    carried: ModelDeploymentStatus | None = None
    """Status as this process last decided it, if only clocks were ahead of what is written: time that was observed."""
    seen_at: datetime | None = None
    """When this process observed it last; since then its watches would have told of every change."""
    told: frozenset[str] = frozenset()
    """Keys of the letters in the outbox that this process has told, and of notices those by channel."""

    def revision(self, revision: str) -> Revision:
        """All that exists of ``revision``; empty where nothing does."""
        return self.revisions.get(revision) or Revision(revision)

    def scaled_elsewhere(self, revision: str) -> int | None:
        """The size of the revision's Deployment, if an autoscaler aims at it: then it is none of ours."""
        deployment = self.revision(revision).deployment
        return deployment.replicas if deployment and deployment.meta.name in self.autoscalers else None

    @cached_property
    def routed(self) -> frozenset[str]:
        """Names of the pods that routes send requests to."""
        attached = [route for route in self.routing.routes if route.is_attached]
        backends = [backend for route in attached for rule in route.rules for backend in rule.backends]
        return frozenset(
            pod for backend in backends if backend.weight > 0 for pod in self.behind.get(backend.service, ())
        )

    def ready_behind(self, service: str, revision: str) -> int:
        """Ready pods of ``revision`` that the Service of this name sends requests to."""
        names = self.behind.get(service, frozenset())
        return sum(p.ready and p.name in names for p in self.revision(revision).servers)

    def reached(self, revision: str) -> int:
        """Ready pods of ``revision`` that requests reach, by the client Service or by a route."""
        return sum(
            p.ready and (p.name in self.endpoints or p.name in self.routed) for p in self.revision(revision).servers
        )

    def reaches_only(self, revision: str) -> bool:
        """Whether neither the client Service nor a route sends a request to a pod of another revision."""
        others = (r for r in self.revisions.values() if r.revision != revision)
        return not any(p.name in self.endpoints or p.name in self.routed for r in others for p in r.pods)
