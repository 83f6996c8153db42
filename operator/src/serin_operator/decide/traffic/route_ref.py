"""Traffic by a route of people's: two weights in it are ours, and nothing else.

The two backends are the client Service ``<name>``, which leads to stable, and ``<name>-canary``. Both names stay, so people
write their route once.
"""

from collections.abc import Iterator, Mapping
from math import floor

from serin_operator.api import names
from serin_operator.api.reasons import Reason
from serin_operator.api.traffic import RouteRef
from serin_operator.decide.route import Route, RouteRule
from serin_operator.decide.traffic import beside
from serin_operator.decide.traffic.aside import refused_without_route
from serin_operator.decide.traffic.attached import lack_of
from serin_operator.decide.traffic.replica_ratio import force_of_pin, lack_of_service, pinned_revision
from serin_operator.decide.traffic.sight import lack_of_sight
from serin_operator.decide.traffic.split import Arms, Force, Lack, Pinned, Split, Traffic
from serin_operator.decide.traffic.wish import Reweigh, Weight, Wish
from serin_operator.decide.wanted.stages import Stage
from serin_operator.decide.world import World

AGAIN_SECONDS = 30.0
HINDERED_SECONDS = 10.0
"""Routes of people carry no label of ours, so they are not watched."""


class PeoplesRoute(beside.ByRoute):
    """The route splits between two Services whose selectors follow the rollout."""

    def wish(self, world: World, traffic: Traffic, wanted: Mapping[str, int]) -> Wish:
        """The weights, and the second Service."""
        reweighs = list(beside.given_back(world))
        route = _route(world)
        if route is not None and _cannot(world) is None:
            weights = tuple(_changes(world, route, _weight(world, traffic, wanted)))
            reweighs += [Reweigh(route, weights)] if weights else []
        second = traffic.canary if isinstance(traffic, Split) else traffic.revision
        return Wish(reweighs=tuple(reweighs), canary_service=second)

    def force(self, world: World, traffic: Traffic, wanted: Mapping[str, int]) -> Force:
        """The weights as observed, what the route's parents say, and which pods are behind both Services."""
        match traffic:
            case Pinned(revision=revision):
                force = force_of_pin(world, revision)
                lack = self.lack(world, revision) if force.is_reached else None
                return Force(is_reached=False, share=0, waits_for=lack.message, lack=lack) if lack else force
            case Split():
                return _force_of_split(world, traffic, wanted)

    def arms(self, world: World, stable: str, canary: str) -> Arms:
        """By weight, where pods are behind it."""
        route = _route(world)
        if route is None or not route.is_attached or not _ours(world, route):
            return Arms(world.reached(stable), world.reached(canary))
        weight = _now(world, route)
        weights = {world.mdep.name: 100 - weight, names.canary_service(world.mdep.name): weight}
        parts = [
            sum(weight for service, weight in weights.items() if world.ready_behind(service, revision))
            for revision in (stable, canary)
        ]
        return Arms(parts[0], parts[1], beside.GRAIN, not route.lags)

    def splits_requests(self, world: World) -> bool:
        """Exactly, where the route has one rule of ours: which requests go to which rule is people's affair."""
        route = _route(world)
        return route is not None and len(route.rules) == len(_ours(world, route)) == 1

    def lack(self, world: World, revision: str) -> Lack | None:
        """The client Service, and the weights: with all of it on the client Service, only that has to be accepted."""
        if lack := lack_of_service(world, revision) or self.hindrance(world):
            return lack
        route = _route(world)
        if route is not None and any(_changes(world, route, 0)):
            second = names.canary_service(world.mdep.name)
            return Lack(Reason.REPAIRING, f"HTTPRoute {route.meta.name} still has a weight on Service {second}")
        return None

    def hindrance(self, world: World) -> Lack | None:
        """What the route lacks, and then what its parents say."""
        route = _route(world)
        return _cannot(world) or (lack_of(route, world.now) if route else None)

    def refuses(self, world: World, stage: Stage) -> Lack | None:  # noqa: ARG002 - whatever there is
        """Copies of requests, and ways for testers alone."""
        return refused_without_route(stage)

    def look_again_in(self, world: World) -> float | None:
        """Now and then: nobody tells when the route is edited."""
        return HINDERED_SECONDS if self.hindrance(world) else AGAIN_SECONDS


def _ref(world: World) -> RouteRef:
    traffic = world.mdep.spec.traffic
    if traffic is None or traffic.route_ref is None:
        raise ValueError("spec.traffic.routeRef is absent")
    return traffic.route_ref


def _route(world: World) -> Route | None:
    return world.routing.theirs.get(_ref(world).name)


def _places(world: World, rule: RouteRule) -> tuple[int, int] | None:
    """Where our two backends stand in a rule; None where one is missing."""
    at = {backend.service: place for place, backend in enumerate(rule.backends)}
    first, second = at.get(world.mdep.name), at.get(names.canary_service(world.mdep.name))
    return None if first is None or second is None else (first, second)


def _ours(world: World, route: Route) -> list[tuple[int, RouteRule, tuple[int, int]]]:
    """The rules in which both stand, by number."""
    only = _ref(world).rule_name
    rules = [(number, rule) for number, rule in enumerate(route.rules) if only in {None, rule.name}]
    return [(number, rule, places) for number, rule in rules if (places := _places(world, rule))]


def _total(rule: RouteRule, places: tuple[int, int]) -> int:
    """What the two have together. Where nobody else is in the rule only their ratio matters, and 100 can say it."""
    return 100 if len(rule.backends) == len(places) else sum(rule.backends[place].weight for place in places)


def _part(total: int, weight: int) -> int:
    return floor(total * weight / 100 + 0.5)


def _changes(world: World, route: Route, weight: int) -> Iterator[Weight]:
    """What is to be changed so that the canary has ``weight`` percent of what the two have together."""
    for number, rule, places in _ours(world, route):
        total = _total(rule, places)
        goes = _part(total, weight)
        before = [rule.backends[place].weight for place in places]
        if weight == 0 and before[1] == 0 and before[0] > 0:
            continue  # whatever they are called, all of it is stable's
        if before != [total - goes, goes]:
            for place, old, new in zip(places, before, (total - goes, goes), strict=True):
                yield Weight(number, place, rule.backends[place].service, old, new)


def _now(world: World, route: Route) -> int:
    """Percent of the two's requests that the canary has, at most in any rule."""
    shares = []
    for _, rule, (first, second) in _ours(world, route):
        total = rule.backends[first].weight + rule.backends[second].weight
        shares.append(floor(100 * rule.backends[second].weight / total + 0.5) if total else 0)
    return max(shares, default=0)


def _weight(world: World, traffic: Traffic, wanted: Mapping[str, int]) -> int:
    route = _route(world)
    if isinstance(traffic, Pinned) or route is None:
        return 0
    stable = world.ready_behind(world.mdep.name, traffic.stable)
    canary = world.ready_behind(names.canary_service(world.mdep.name), traffic.canary)
    # Where stable has no pod left, the client Service itself leads to the canary.
    return beside.bearable(traffic, wanted, _now(world, route), max(stable, 1), canary)


def _cannot(world: World) -> Lack | None:
    ref = _ref(world)
    if lack := lack_of_sight(world, "spec.traffic.routeRef"):
        return lack
    route = _route(world)
    if route is None:
        said = f"spec.traffic.routeRef: there is no HTTPRoute {ref.name} in namespace {world.mdep.namespace}; create it"
        return Lack(Reason.ROUTE_NOT_FOUND, said, needs_person=True)
    ours = _ours(world, route)
    if not ours:
        rule = f"rule {ref.rule_name} of " if ref.rule_name else ""
        said = (
            f"{rule}HTTPRoute {ref.name} does not name both Service {world.mdep.name} and Service"
            f" {names.canary_service(world.mdep.name)} as backendRefs of one rule: add them, with the weights 100 and 0"
        )
        return Lack(Reason.ROUTE_UNFIT, said, needs_person=True)
    for number, one, places in ours:
        total = _total(one, places)
        if total < 100:
            said = (
                f"in rules[{number}] of HTTPRoute {ref.name} the weights of the two Services add up to {total}, and other"
                " backends share them: multiply all weights of the rule, so that they add up to 100 or more"
            )
            return Lack(Reason.ROUTE_UNFIT, said, needs_person=True)
    return None


def _force_of_split(world: World, split: Split, wanted: Mapping[str, int]) -> Force:
    route = _route(world)
    lack = _cannot(world)
    if lack or route is None:
        return Force(is_reached=False, share=0, waits_for=lack.message if lack else None, lack=lack)
    now, second = _now(world, route), names.canary_service(world.mdep.name)
    if lack := lack_of_service(world, split.stable):
        return Force(is_reached=False, share=now, waits_for=lack.message)
    if world.canary_service is None or pinned_revision(world.canary_service.selector) != split.canary:
        said = f"Service {second} does not select revision {split.canary} yet"
        return Force(is_reached=False, share=now, waits_for=said)
    for service, revision in ((second, split.canary), (world.mdep.name, split.stable)):
        if not world.ready_behind(service, revision):
            said = f"the EndpointSlices of Service {service} name no ready pod of revision {revision}"
            return Force(False, now, waits_for=said, slices_behind=world.revision(revision).ready > 0)
    ready = world.ready_behind(second, split.canary)
    if any(_changes(world, route, split.weight)):
        few = f"; it needs {beside.least(split, wanted)} ready pods for that and has {ready}"
        is_short = ready < beside.least(split, wanted)
        said = f"HTTPRoute {route.meta.name} gives the canary {now} % of the requests, not {split.weight} % yet"
        return Force(is_reached=False, share=now, waits_for=said + few if is_short else said)
    if lack := lack_of(route, world.now):
        return Force(is_reached=False, share=now, waits_for=lack.message, lack=lack if lack.needs_person else None)
    return Force(is_reached=True, share=now, is_exact=ready >= beside.needed(split, wanted))
