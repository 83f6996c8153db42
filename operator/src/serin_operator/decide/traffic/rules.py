"""The HTTPRoute of a ModelDeployment, as JSON: every default stands there, so that it compares with what is observed.

HTTP and gRPC share one route: an HTTPRoute and a GRPCRoute with the same host name on one listener are not both accepted.
A request goes to the rule with the longest path that fits, then to the one that asks for more headers.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from serin_operator.api import names
from serin_operator.api.traffic import Gateway, ParentRef, Pin
from serin_operator.decide.route import GROUP, Backend

JsonObject = dict[str, Any]

GRPC_SERVICE: Final = "/inference.GRPCInferenceService"
PINNED: Final = 100
ALL: Final = 100


def route_spec(
    gateway: Gateway,
    shares: Sequence[Backend],
    pinned: Iterable[tuple[Pin, str]] = (),
    mirror: Backend | None = None,
    *,
    grpc: bool,
) -> JsonObject:
    """``spec`` of the route.

    Args:
        gateway: As people wrote it.
        shares: Services and their weights.
        pinned: Pins, each with the Service that its requests go to.
        mirror: The Service that gets copies of the requests without a pin, and of how many percent.
        grpc: Whether there are rules for gRPC.
    """
    ways = [(gateway.path_prefix or "/", names.PORT_SERVICE_HTTP)]
    if grpc:
        ways.insert(0, (GRPC_SERVICE, names.PORT_GRPC))
    pins = list(pinned)
    rules = [rule for path, port in ways for rule in _rules_of(gateway, path, port, shares, pins, mirror)]
    spec: JsonObject = {"parentRefs": [_parent(ref) for ref in gateway.parent_refs], "rules": rules}
    if gateway.hostnames:
        spec["hostnames"] = list(gateway.hostnames)
    return spec


def backends_of(spec: JsonObject) -> tuple[tuple[Backend, ...], ...]:
    """Services and weights of each rule of such a spec."""
    return tuple(tuple(Backend(b["name"], b["weight"]) for b in rule["backendRefs"]) for rule in spec["rules"])


def _rules_of(  # noqa: PLR0917 - each is one part of a rule
    gateway: Gateway,
    path: str,
    port: int,
    shares: Sequence[Backend],
    pins: Sequence[tuple[Pin, str]],
    mirror: Backend | None,
) -> Iterator[JsonObject]:
    for service in dict.fromkeys(service for _, service in pins):
        matches = [_match(path, pin) for pin, to in pins if to == service]
        yield _rule(gateway, matches, [_backend(Backend(service, PINNED), port)])
    copies = [_mirror(mirror, port)] if mirror else []
    yield _rule(gateway, [_match(path)], [_backend(share, port) for share in shares], copies)


def _rule(
    gateway: Gateway, matches: list[JsonObject], backends: list[JsonObject], copies: Sequence[JsonObject] = ()
) -> JsonObject:
    rule: JsonObject = {"matches": matches, "backendRefs": backends}
    filters = [dict(one) for one in gateway.filters or ()]
    if gateway.path_prefix and not any(one.get("type") == "URLRewrite" for one in filters):
        path = {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}
        filters.append({"type": "URLRewrite", "urlRewrite": {"path": path}})
    if filters := [*filters, *copies]:
        rule["filters"] = filters
    timeouts = gateway.timeouts.model_dump(by_alias=True, exclude_none=True) if gateway.timeouts else {}
    if timeouts:
        rule["timeouts"] = timeouts
    return rule


def _match(path: str, pin: Pin | None = None) -> JsonObject:
    match: JsonObject = {"path": {"type": "PathPrefix", "value": path}}
    if pin and pin.header:
        match["headers"] = [{"type": "Exact", "name": pin.header.name, "value": pin.header.value}]
    elif pin and pin.cookie:
        one = f"{re.escape(pin.cookie.name)}={re.escape(pin.cookie.value)}"
        match["headers"] = [{"type": "RegularExpression", "name": "Cookie", "value": f"^(.*;[ ]*)?{one}(;.*)?$"}]
    return match


def _backend(share: Backend, port: int) -> JsonObject:
    return {"group": "", "kind": "Service", "name": share.service, "port": port, "weight": share.weight}


def _mirror(mirror: Backend, port: int) -> JsonObject:
    """Of all requests without a percentage: that is an older feature, which more implementations have."""
    to = {"group": "", "kind": "Service", "name": mirror.service, "port": port}
    part = {} if mirror.weight >= ALL else {"percent": mirror.weight}
    return {"type": "RequestMirror", "requestMirror": {"backendRef": to, **part}}


def _parent(ref: ParentRef) -> JsonObject:
    said = ref.model_dump(by_alias=True, exclude_none=True)
    kind = ref.kind or "Gateway"
    return {"group": "" if kind == "Service" else GROUP, "kind": kind, **said}
