"""Read what surrounds a route: the route of people that the spec names, Gateways, their classes, other routes.

None of it carries a label of ours, so none is watched. What many ModelDeployments share is remembered for a while.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Generic, TypeVar

from serin_operator.api.traffic import Gateway, Traffic
from serin_operator.cluster.client import ApiClient
from serin_operator.cluster.errors import Blind, Forbidden, NotFound, Transient
from serin_operator.cluster.resources import GATEWAY_CLASSES, GATEWAYS, GRPC_ROUTES, HTTP_ROUTES, Resource, Scope
from serin_operator.decide.route import Parent
from serin_operator.decide.traffic.features import parents_of
from serin_operator.observe.routes import Surroundings, parent

JsonObject = dict[str, Any]
Found = tuple[bool, JsonObject | None]
T = TypeVar("T")

_FRESH_SECONDS: Final = 10.0
_NEIGHBOURS_SECONDS: Final = 30.0
_BLIP_SECONDS: Final = 15.0
"""What fails for longer is told; before that it is just tried again."""
_FORGOTTEN_SECONDS: Final = 600.0
_KEPT: Final = ("parentRefs", "hostnames", "rules")


@dataclass(frozen=True, slots=True)
class Sight:
    """How far routes can be seen in a namespace."""

    is_known: bool = True
    """The cluster has the kind."""
    is_listed: bool = True
    """What is there has been seen once."""
    problem: str | None = None
    """Why it cannot be."""
    is_outage: bool = False
    """Nobody refuses it: the API server answers with an error, or not at all."""


class _Fresh(Generic[T]):
    """What was read a moment ago need not be read again."""

    def __init__(self, monotonic: Callable[[], float], seconds: float) -> None:
        self._monotonic = monotonic
        self._seconds = seconds
        self._known: dict[object, tuple[float, T]] = {}

    async def of(self, key: object, read: Callable[[], Awaitable[T]]) -> T:
        """What is known under the key, or what ``read`` returns."""
        now = self._monotonic()
        self._known = {k: entry for k, entry in self._known.items() if now - entry[0] < self._seconds}
        if key not in self._known:
            self._known[key] = (now, await read())
        return self._known[key][1]


class GatewayReader:
    """Reads what surrounds routes.

    Args:
        client: Calls the API server.
        monotonic: Seconds on a clock that never jumps.
        sight: How far routes can be seen in a namespace.
        namespaces: Where routes of others may be listed; none: the whole cluster.
    """

    def __init__(
        self,
        client: ApiClient,
        monotonic: Callable[[], float],
        sight: Callable[[str], Sight] = lambda _namespace: Sight(),
        namespaces: tuple[str, ...] = (),
    ) -> None:
        self._client = client
        self._sight = sight
        self._namespaces = namespaces
        self._monotonic = monotonic
        self._failing: dict[tuple[str, ...], tuple[float, float]] = {}
        self._objects: _Fresh[Found] = _Fresh(monotonic, _FRESH_SECONDS)
        self._lists: _Fresh[list[JsonObject]] = _Fresh(monotonic, _NEIGHBOURS_SECONDS)

    async def surroundings(self, namespace: str, traffic: Traffic | None, lent: Iterable[str]) -> Surroundings:
        """What surrounds the routes of one ModelDeployment.

        Args:
            namespace: Its namespace.
            traffic: ``spec.traffic``.
            lent: Names of people's routes in which weights are, or were, ours.

        Raises:
            Blind: Routes have not been listed yet, so that it cannot be known whether ours is there.
        """
        theirs = dict.fromkeys(lent)
        if traffic and traffic.route_ref:
            theirs[traffic.route_ref.name] = None
        if traffic is None and not theirs:
            return Surroundings()
        sight = self._sight(namespace)
        if sight.problem or not sight.is_known:
            return Surroundings(is_known=sight.is_known, problem=sight.problem, is_outage=sight.is_outage)
        if not sight.is_listed:
            raise Blind(f"{HTTP_ROUTES.plural} in {namespace} have not been listed yet")
        try:
            found = await self._found(namespace, traffic.gateway if traffic else None, theirs)
        except Forbidden as error:
            return Surroundings(problem=error.message)
        except Transient as error:
            if self._fails_for((namespace, *theirs)) < _BLIP_SECONDS:
                raise
            return Surroundings(problem=error.message, is_outage=True)
        self._failing.pop((namespace, *theirs), None)
        return found

    def _fails_for(self, key: tuple[str, ...]) -> float:
        """Seconds for which it has not been seen; one object that cannot be converted fails alone."""
        now = self._monotonic()
        self._failing = {k: times for k, times in self._failing.items() if now - times[1] < _FORGOTTEN_SECONDS}
        since = self._failing.get(key, (now, now))[0]
        self._failing[key] = since, now
        return now - since

    async def _found(self, namespace: str, gateway: Gateway | None, theirs: Iterable[str]) -> Surroundings:
        found = [await self._client.get(HTTP_ROUTES, namespace, name) for name in theirs]
        gateways = await self._gateways(gateway, namespace)
        return Surroundings(
            theirs=tuple(each for each in found if each is not None),
            gateways=gateways,
            classes=await self._classes(gateways.values()),
            neighbours=await self._neighbours(gateway, namespace),
        )

    async def _gateways(self, gateway: Gateway | None, namespace: str) -> dict[tuple[str, str], JsonObject | None]:
        found: dict[tuple[str, str], JsonObject | None] = {}
        for each in _parents(gateway, namespace):
            key = (each.namespace, each.name)
            with_right, obj = await self._read(GATEWAYS, *key)
            if with_right:
                found[key] = obj
        return found

    async def _classes(self, gateways: Iterable[JsonObject | None]) -> dict[str, JsonObject]:
        names = {(each.get("spec") or {}).get("gatewayClassName", "") for each in gateways if each}
        found = {}
        for name in sorted(filter(None, names)):
            _, obj = await self._read(GATEWAY_CLASSES, None, name)
            if obj is not None:
                found[name] = obj
        return found

    async def _read(self, resource: Resource, namespace: str | None, name: str) -> Found:
        """Whether it may be read, and the object, if it is there."""

        async def read() -> Found:
            try:
                path = resource.path(namespace, name)
                return True, await self._client.call("GET", path, what=f"get {resource.kind} {name}")
            except NotFound:
                return True, None
            except Forbidden:
                return False, None

        return await self._objects.of((resource, namespace, name), read)

    async def _neighbours(self, gateway: Gateway | None, namespace: str) -> tuple[JsonObject, ...]:
        """Routes that have one of the same Gateways; where they may not be listed, nobody is in the way."""
        mine = {(each.namespace, each.name) for each in _parents(gateway, namespace)}
        if not mine:
            return ()
        found: list[JsonObject] = []
        for resource in (HTTP_ROUTES, GRPC_ROUTES):
            for place in self._namespaces or (None,):
                found += await self._lists.of((resource, place), partial(self._list, resource, place))
        return tuple(each for each in found if mine & set(_named(each)))

    async def _list(self, resource: Resource, namespace: str | None) -> list[JsonObject]:
        found: list[JsonObject] = []
        try:
            await self._client.each(Scope(resource, namespace), lambda obj: found.append(_thin(obj)))
        except (Forbidden, NotFound):
            return []
        return found


def _parents(gateway: Gateway | None, namespace: str) -> list[Parent]:
    return [each for each in parents_of(gateway, namespace) if each.is_gateway] if gateway else []


def _thin(obj: Mapping[str, Any]) -> JsonObject:
    """What tells whether it is in our way."""
    metadata, spec = obj["metadata"], obj.get("spec") or {}
    kept = ("name", "namespace", "uid", "creationTimestamp", "ownerReferences")
    return {
        "kind": obj["kind"],
        "metadata": {key: metadata[key] for key in kept if key in metadata},
        "spec": {key: spec[key] for key in _KEPT if key in spec},
    }


def _named(obj: Mapping[str, Any]) -> list[tuple[str, str]]:
    namespace = obj["metadata"]["namespace"]
    refs = (parent(ref, namespace) for ref in obj["spec"].get("parentRefs") or ())
    return [(each.namespace, each.name) for each in refs if each.is_gateway]
