"""What ``spec.traffic.gateway`` needs of a Gateway, and whether its class says that it can do it."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from serin_operator.api.reasons import Reason
from serin_operator.api.traffic import Gateway
from serin_operator.decide.route import GROUP, GatewaySeen, Parent
from serin_operator.decide.traffic.rules import ALL
from serin_operator.decide.traffic.split import Lack
from serin_operator.decide.world import World

H2C: Final = "HTTPRouteBackendProtocolH2C"
_OF_FILTERS: Final[Mapping[str, str]] = {
    "ResponseHeaderModifier": "HTTPRouteResponseHeaderModification",
    "RequestMirror": "HTTPRouteRequestMirror",
    "CORS": "HTTPRouteCORS",
}


def parents_of(gateway: Gateway, namespace: str) -> tuple[Parent, ...]:
    """What the route is to be attached to, with every default filled in."""
    return tuple(
        Parent(
            group=("" if ref.kind == "Service" else GROUP) if ref.group is None else ref.group,
            kind=ref.kind or "Gateway",
            namespace=ref.namespace or namespace,
            name=ref.name,
            section=ref.section_name or "",
            port=ref.port or 0,
        )
        for ref in gateway.parent_refs
    )


def gateways_of(world: World, gateway: Gateway) -> Iterator[tuple[Parent, GatewaySeen | None]]:
    """The parents that are Gateways, each as far as it was seen."""
    for parent in parents_of(gateway, world.mdep.namespace):
        if parent.is_gateway:
            yield parent, world.routing.gateways.get((parent.namespace, parent.name))


def routes_grpc(world: World, gateway: Gateway) -> bool:
    """Whether the route has rules for gRPC: where it is asked for, or all Gateways say that they can."""
    if gateway.grpc is not None:
        return gateway.grpc
    seen = [each for _, each in gateways_of(world, gateway)]
    return gateway.path_prefix is None and all(each and each.features and H2C in each.features for each in seen)


def needs_of(gateway: Gateway) -> dict[str, str]:
    """What has to be among the features of a GatewayClass, and the field that asks for it. Core features are no need."""
    needs = {}
    if gateway.path_prefix and not _rewrites(gateway):
        needs["HTTPRoutePathRewrite"] = "pathPrefix"
    if gateway.grpc:
        needs[H2C] = "grpc"
    if gateway.timeouts and gateway.timeouts.request:
        needs["HTTPRouteRequestTimeout"] = "timeouts.request"
    if gateway.timeouts and gateway.timeouts.backend_request:
        needs["HTTPRouteBackendTimeout"] = "timeouts.backendRequest"
    for number, one in enumerate(gateway.filters or ()):
        for feature in _of_filter(one):
            needs.setdefault(feature, f"filters[{number}] ({one.get('type')})")
    if any(ref.port for ref in gateway.parent_refs if (ref.kind or "Gateway") == "Gateway"):
        needs["HTTPRouteParentRefPort"] = "parentRefs[].port"
    return needs


def _rewrites(gateway: Gateway) -> bool:
    """Whether people's filters say themselves what becomes of the path."""
    return any(one.get("type") == "URLRewrite" for one in gateway.filters or ())


def _of_filter(one: Mapping[str, Any]) -> Iterator[str]:
    kind = str(one.get("type"))
    if kind in _OF_FILTERS:
        yield _OF_FILTERS[kind]
    mirror, rewrite = one.get("requestMirror") or {}, one.get("urlRewrite") or {}
    if "percent" in mirror or "fraction" in mirror:
        yield "HTTPRouteRequestPercentageMirror"
    if "hostname" in rewrite:
        yield "HTTPRouteHostRewrite"
    if "path" in rewrite:
        yield "HTTPRoutePathRewrite"


def needs_of_mirror(gateway: Gateway, percent: int) -> Iterator[str]:
    """What has to be among the features of a GatewayClass for copies of so many percent of the requests."""
    yield "HTTPRouteRequestMirror"
    if percent < ALL:
        yield "HTTPRouteRequestPercentageMirror"
    if any(one.get("type") == "RequestMirror" for one in gateway.filters or ()):
        yield "HTTPRouteRequestMultipleMirrors"


def lack_of_feature(world: World, gateway: Gateway, needs: Mapping[str, str]) -> Lack | None:
    """The first field that a Gateway's class cannot do.

    Args:
        world: As observed.
        gateway: As people wrote it.
        needs: Features, and the field that asks for each.
    """
    for _, seen in gateways_of(world, gateway):
        if seen is None or seen.features is None:
            continue
        for feature, field in needs.items():
            if feature not in seen.features:
                said = (
                    f"{field} needs {feature}, which GatewayClass {seen.class_name} does not list in"
                    " status.supportedFeatures: remove the field, or use another class"
                )
                return Lack(Reason.GATEWAY_CANNOT, said, needs_person=True)
    return None
