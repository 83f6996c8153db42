"""``spec.traffic``: who splits requests between versions, when it is not the ratio of their pods."""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from serin_operator.api.base import ApiModel


class PinTo(StrEnum):
    """Which version answers the requests that a pin matches."""

    CANARY = "Canary"
    STABLE = "Stable"


class ParentRef(ApiModel):
    """What the route is attached to: a Gateway, or a Service of a mesh."""

    group: Annotated[
        str | None,
        Field(
            max_length=253, description="API group. Default gateway.networking.k8s.io; of kind Service the core group."
        ),
    ] = None
    kind: Annotated[
        str | None,
        Field(
            max_length=63,
            description="Default Gateway. Service: a mesh (Istio, Linkerd, Cilium) splits the requests of clients inside"
            " the cluster that go to this Service, which is usually the one that is named after the ModelDeployment.",
        ),
    ] = None
    name: Annotated[str, Field(min_length=1, max_length=253, description="Its name.")]
    namespace: Annotated[
        str | None, Field(max_length=63, description="Its namespace. Default: the ModelDeployment's.")
    ] = None
    section_name: Annotated[
        str | None, Field(max_length=253, description="Name of a listener of the Gateway. Default: all that fit.")
    ] = None
    port: Annotated[int | None, Field(ge=1, le=65535, description="Port of the listener or Service.")] = None


class Timeouts(ApiModel):
    """How long the gateway waits, as durations: 500ms, 10s."""

    request: Annotated[
        str | None,
        Field(
            max_length=32,
            description="For the answer to the client. Needs HTTPRouteRequestTimeout in the features of the GatewayClass.",
        ),
    ] = None
    backend_request: Annotated[
        str | None,
        Field(
            max_length=32,
            description="For one attempt at a pod. Needs HTTPRouteBackendTimeout in the features of the GatewayClass.",
        ),
    ] = None


class Gateway(ApiModel):
    """A route of the Gateway API that Serin owns: an HTTPRoute named after the ModelDeployment."""

    parent_refs: Annotated[
        list[ParentRef],
        Field(min_length=1, max_length=16, description="What the route is attached to; each of them has to accept it."),
    ]
    hostnames: Annotated[
        list[Annotated[str, Field(max_length=253)]] | None,
        Field(
            min_length=1,
            max_length=16,
            description="Host names that clients use. Default: those of the listener. A mesh does not look at them.",
        ),
    ] = None
    path_prefix: Annotated[
        str | None,
        Field(
            max_length=512,
            description="Only requests below this path, which is taken off before the model sees them; for several models"
            " behind one host name. HTTP only. Needs HTTPRoutePathRewrite in the features of the GatewayClass.",
        ),
    ] = None
    grpc: Annotated[
        bool | None,
        Field(
            description="Whether gRPC is routed too, in the same route, by the path of its service. Default: if the"
            " GatewayClass says that it can (HTTPRouteBackendProtocolH2C) and there is no pathPrefix; behind a mesh, yes."
        ),
    ] = None
    filters: Annotated[
        list[dict[str, Any]] | None,
        Field(
            min_length=1,
            max_length=8,
            description="Filters of the Gateway API for every rule of the route, as an HTTPRoute has them. What the"
            " GatewayClass cannot do is refused.",
        ),
    ] = None
    timeouts: Annotated[Timeouts | None, Field(description="How long the gateway waits. Default: as it likes.")] = None


class RouteRef(ApiModel):
    """An HTTPRoute of your own in this namespace. Serin changes the weights of two backends in it, and nothing else."""

    name: Annotated[str, Field(min_length=1, max_length=253, description="Name of the HTTPRoute.")]
    rule_name: Annotated[
        str | None,
        Field(
            max_length=253,
            description="Only the rule of this name. Default: every rule that has both backends, the Services <name> and"
            " <name>-canary; give them the weights 100 and 0.",
        ),
    ] = None


class NamedValue(ApiModel):
    """A header or cookie with exactly this value."""

    name: Annotated[str, Field(min_length=1, max_length=256, description="Its name.")]
    value: Annotated[str, Field(min_length=1, max_length=1024, description="Its value, as it is.")]


class Pin(ApiModel):
    """Requests that always go to one of the two versions while both have traffic."""

    header: Annotated[NamedValue | None, Field(description="Requests with this header.")] = None
    cookie: Annotated[
        NamedValue | None,
        Field(
            description="Requests with this cookie; matched by a regular expression on the header Cookie, which most"
            " implementations can do, though the Gateway API does not ask it of them."
        ),
    ] = None
    to: Annotated[PinTo, Field(description="Canary or Stable.")]


class Traffic(ApiModel):
    """Who splits requests between versions. Exactly one of gateway and routeRef."""

    gateway: Annotated[
        Gateway | None,
        Field(
            description="Serin owns one HTTPRoute and splits requests exactly, between the Services of the versions."
        ),
    ] = None
    route_ref: Annotated[
        RouteRef | None,
        Field(
            description="You own the HTTPRoute; Serin changes the weights of two backends in it and gives them back."
        ),
    ] = None
    pins: Annotated[
        list[Pin] | None,
        Field(
            min_length=1,
            max_length=8,
            description="Headers or cookies that pin testers to the canary or to stable, whatever its weight. Only with"
            " gateway.",
        ),
    ] = None
