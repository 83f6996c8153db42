"""Routes, Gateways and classes of the Gateway API: from the API server's JSON to the views that decisions read."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from serin_operator.api.names import GATEWAY_API_VERSION
from serin_operator.decide.child import ChildMeta
from serin_operator.decide.children import identity
from serin_operator.decide.route import (
    GROUP,
    Answer,
    Backend,
    GatewaySeen,
    Listener,
    Neighbour,
    Parent,
    Route,
    RouteRule,
    Routing,
    Said,
)

JsonObject = Mapping[str, Any]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What was read about routes beside the children, as the API server tells it."""

    is_known: bool = True
    """The cluster has HTTPRoutes."""
    problem: str | None = None
    """Why they cannot be seen."""
    is_outage: bool = False
    """It passes by itself: the API server answers with an error, or not at all."""
    theirs: tuple[JsonObject, ...] = ()
    """Routes of people in which weights are ours."""
    gateways: Mapping[tuple[str, str], JsonObject | None] = field(default_factory=dict)
    """By namespace and name; None: it is not there. One that may not be read is missing."""
    classes: Mapping[str, JsonObject] = field(default_factory=dict)
    neighbours: tuple[JsonObject, ...] = ()
    """Other routes with one of the same Gateways."""


def routing(surroundings: Surroundings, routes: Iterable[JsonObject], name: str, uid: str) -> Routing:
    """Everything about routes that concerns one ModelDeployment.

    Args:
        surroundings: What was read.
        routes: HTTPRoutes with its label.
        name: Of the ModelDeployment.
        uid: Of the ModelDeployment.
    """
    own = (r for r in routes if identity.foreign_child("HTTPRoute", r, name, uid) is None)
    return Routing(
        is_known=surroundings.is_known,
        problem=surroundings.problem,
        is_outage=surroundings.is_outage,
        route=next(map(route, own), None),
        theirs={each["metadata"]["name"]: route(each) for each in surroundings.theirs},
        gateways={key: _gateway(each, surroundings.classes) for key, each in surroundings.gateways.items()},
        neighbours=tuple(
            neighbour(each) for each in surroundings.neighbours if not _is_of(each, uid) and _has_parents(each)
        ),
    )


def route(obj: JsonObject) -> Route:
    """An HTTPRoute."""
    metadata, spec = obj["metadata"], obj.get("spec") or {}
    namespace = metadata["namespace"]
    return Route(
        meta=ChildMeta(
            api_version=GATEWAY_API_VERSION,
            kind=obj["kind"],
            name=metadata["name"],
            uid=metadata["uid"],
            resource_version=metadata["resourceVersion"],
            owned=identity.controller(obj) is not None,
            created_at=_created(obj),
            annotations=metadata.get("annotations") or {},
        ),
        generation=metadata.get("generation", 0),
        rules=tuple(_rule(rule, namespace) for rule in spec.get("rules") or ()),
        answers=tuple(_answer(each, namespace) for each in (obj.get("status") or {}).get("parents") or ()),
    )


def parent(ref: JsonObject, namespace: str) -> Parent:
    """A parentRef, with the defaults of the Gateway API."""
    return Parent(
        group=ref.get("group", GROUP),
        kind=ref.get("kind", "Gateway"),
        namespace=ref.get("namespace") or namespace,
        name=ref.get("name", ""),
        section=ref.get("sectionName") or "",
        port=ref.get("port") or 0,
    )


def _rule(rule: JsonObject, namespace: str) -> RouteRule:
    backends = (_backend(ref, namespace) for ref in rule.get("backendRefs") or ())
    mirrors = (each["requestMirror"] for each in rule.get("filters") or () if each.get("requestMirror"))
    copied = tuple(
        replace(_backend(each.get("backendRef") or {}, namespace), weight=_percent(each)) for each in mirrors
    )
    is_pinned = any(match.get("headers") for match in rule.get("matches") or ())
    return RouteRule(rule.get("name") or "", tuple(backends), copied, is_pinned)


def _percent(mirror: JsonObject) -> int:
    """Of how many percent of the requests there are copies; of all where nothing is said."""
    if fraction := mirror.get("fraction"):
        return round(100 * int(fraction["numerator"]) / int(fraction.get("denominator") or 100))
    percent = mirror.get("percent")
    return 100 if percent is None else int(percent)


def _backend(ref: JsonObject, namespace: str) -> Backend:
    is_service = (ref.get("group", ""), ref.get("kind", "Service")) == ("", "Service")
    is_here = ref.get("namespace") in {None, "", namespace}
    return Backend(ref.get("name", "") if is_service and is_here else "", ref.get("weight", 1))


def _answer(status: JsonObject, namespace: str) -> Answer:
    said = {c["type"]: _said(c) for c in status.get("conditions") or ()}
    ref = parent(status.get("parentRef") or {}, namespace)
    return Answer(ref, said.get("Accepted"), said.get("ResolvedRefs"))


def _said(condition: JsonObject) -> Said:
    return Said(
        is_true=condition.get("status") == "True",
        reason=condition.get("reason", ""),
        message=condition.get("message", ""),
        generation=condition.get("observedGeneration", 0),
        since=datetime.fromisoformat(since) if (since := condition.get("lastTransitionTime")) else None,
    )


def _gateway(obj: JsonObject | None, classes: Mapping[str, JsonObject]) -> GatewaySeen:
    if obj is None:
        return GatewaySeen(is_there=False)
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    name = spec.get("gatewayClassName", "")
    return GatewaySeen(
        is_there=True,
        class_name=name,
        features=_features(classes.get(name) or {}),
        listeners=tuple(
            Listener(each.get("name", ""), each.get("protocol", ""), each.get("port", 0), each.get("hostname") or "")
            for each in spec.get("listeners") or ()
        ),
        addresses=tuple(str(each["value"]) for each in status.get("addresses") or () if each.get("value")),
    )


def _features(gateway_class: JsonObject) -> frozenset[str] | None:
    """What the class says that it can; None where it says nothing. Older releases wrote plain words."""
    listed = (gateway_class.get("status") or {}).get("supportedFeatures")
    if not listed:
        return None
    return frozenset(str(each.get("name")) if isinstance(each, Mapping) else str(each) for each in listed)


def neighbour(obj: JsonObject) -> Neighbour:
    """Somebody else's route."""
    metadata, spec = obj["metadata"], obj.get("spec") or {}
    rules = spec.get("rules") or ()
    return Neighbour(
        kind=obj["kind"],
        namespace=metadata["namespace"],
        name=metadata["name"],
        created_at=_created(obj),
        parents=tuple(parent(ref, metadata["namespace"]) for ref in spec.get("parentRefs") or ()),
        hostnames=tuple(spec.get("hostnames") or ()),
        paths=tuple(path for match in _matches(rules) for path in _whole(match)),
    )


def _matches(rules: Iterable[JsonObject]) -> list[JsonObject]:
    """All matches of all rules; a rule without one takes everything."""
    everything: list[JsonObject] = [{}]
    return [match for rule in rules for match in rule.get("matches") or everything]


def _whole(match: JsonObject) -> tuple[str, ...]:
    path = match.get("path") or {}
    asks_for_more = any(match.get(key) for key in ("headers", "queryParams", "method"))
    is_prefix = path.get("type", "PathPrefix") == "PathPrefix"
    return (path.get("value", "/"),) if is_prefix and not asks_for_more else ()


def _is_of(obj: JsonObject, uid: str) -> bool:
    owner = identity.controller(obj)
    return owner is not None and owner["uid"] == uid


def _has_parents(obj: JsonObject) -> bool:
    return bool((obj.get("spec") or {}).get("parentRefs"))


def _created(obj: JsonObject) -> datetime:
    text = obj["metadata"].get("creationTimestamp")
    return datetime.fromisoformat(text) if text else _EPOCH
