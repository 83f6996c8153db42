"""Routes of the Gateway API, and what is around them, as decisions read them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from serin_operator.decide.child import ChildMeta

GROUP: Final = "gateway.networking.k8s.io"


@dataclass(frozen=True)
class Parent:
    """What a route is attached to, with every default filled in."""

    group: str
    kind: str
    namespace: str
    name: str
    section: str = ""
    port: int = 0

    @property
    def is_gateway(self) -> bool:
        """A Gateway, which has a class; not the Service of a mesh."""
        return (self.group, self.kind) == (GROUP, "Gateway")

    def __str__(self) -> str:
        """As messages name it."""
        listener = f", listener {self.section}" if self.section else ""
        port = f", port {self.port}" if self.port else ""
        return f"{self.kind} {self.namespace}/{self.name}{listener}{port}"


@dataclass(frozen=True)
class Said:
    """One condition that a parent has about a route."""

    is_true: bool
    reason: str
    message: str
    generation: int
    """Of the route, when this was said of it."""
    since: datetime | None = None
    """Since when it is so."""


@dataclass(frozen=True)
class Answer:
    """What one parent says of a route; None: nothing yet."""

    parent: Parent
    accepted: Said | None = None
    resolved: Said | None = None


@dataclass(frozen=True)
class Backend:
    """Where a share of a rule's requests goes."""

    service: str
    """Name of a Service in the route's own namespace; empty for anything else."""
    weight: int
    """Its part among the others; of a mirror the percentage."""


@dataclass(frozen=True)
class RouteRule:
    """One rule of a route."""

    name: str
    backends: tuple[Backend, ...]
    mirrors: tuple[Backend, ...] = ()
    """Services that get copies of its requests, and of how many percent."""
    is_pinned: bool = False
    """Whether it takes only requests with certain headers."""


@dataclass(frozen=True)
class Route:
    """An HTTPRoute."""

    meta: ChildMeta
    generation: int
    rules: tuple[RouteRule, ...]
    answers: tuple[Answer, ...] = ()

    @property
    def is_attached(self) -> bool:
        """Whether some parent has accepted it, at whichever generation: requests come by it."""
        return any(answer.accepted is not None and answer.accepted.is_true for answer in self.answers)

    @property
    def lags(self) -> bool:
        """Whether some parent that has accepted it still goes by what the route said before."""
        taken = [answer for answer in self.answers if answer.accepted and answer.accepted.is_true]
        said = [said for answer in taken for said in (answer.accepted, answer.resolved) if said]
        return any(each.generation < self.generation for each in said)

    @property
    def services(self) -> frozenset[str]:
        """Services that it names, whatever their weight."""
        named = (backend for rule in self.rules for backend in (*rule.backends, *rule.mirrors))
        return frozenset(backend.service for backend in named if backend.service)


@dataclass(frozen=True)
class Listener:
    """Where a Gateway takes requests."""

    name: str
    protocol: str
    port: int
    hostname: str = ""


@dataclass(frozen=True)
class GatewaySeen:
    """A Gateway that a route is to be attached to."""

    is_there: bool
    class_name: str = ""
    features: frozenset[str] | None = None
    """What its GatewayClass says that it can; None: it does not say, or may not be asked."""
    listeners: tuple[Listener, ...] = ()
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True)
class Neighbour:
    """Another route with one of our parents."""

    kind: str
    namespace: str
    name: str
    created_at: datetime
    parents: tuple[Parent, ...]
    hostnames: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    """Path prefixes that it takes whole; those of rules that ask for more are none."""

    def __str__(self) -> str:
        """As messages name it."""
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True)
class Routing:
    """Everything about routes that concerns one ModelDeployment."""

    is_known: bool = True
    """The cluster has HTTPRoutes at all."""
    problem: str | None = None
    """Why they cannot be seen, though there are some."""
    is_outage: bool = False
    """That passes by itself; until then nothing is known, so nothing about routes is written or taken away."""
    route: Route | None = None
    """Ours."""
    theirs: Mapping[str, Route] = field(default_factory=dict)
    """Routes of people in which weights are ours, by name."""
    gateways: Mapping[tuple[str, str], GatewaySeen] = field(default_factory=dict)
    """By namespace and name; one that may not be read is missing."""
    neighbours: tuple[Neighbour, ...] = ()

    @property
    def routes(self) -> tuple[Route, ...]:
        """All that lead to pods of ours."""
        return (*([self.route] if self.route else []), *self.theirs.values())
