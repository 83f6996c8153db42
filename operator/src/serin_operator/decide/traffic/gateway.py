"""Traffic by a route of ours: one HTTPRoute splits requests exactly, between the Services of the revisions."""

from collections.abc import Mapping

from serin_operator.api.reasons import Reason
from serin_operator.api.traffic import Gateway
from serin_operator.decide.route import Backend
from serin_operator.decide.traffic import aside, beside
from serin_operator.decide.traffic.attached import lack_of
from serin_operator.decide.traffic.features import (
    gateways_of,
    lack_of_feature,
    needs_of,
    needs_of_mirror,
    parents_of,
    routes_grpc,
)
from serin_operator.decide.traffic.replica_ratio import force_of_pin, lack_of_service
from serin_operator.decide.traffic.rules import backends_of, route_spec
from serin_operator.decide.traffic.sight import lack_of_sight
from serin_operator.decide.traffic.split import Arms, Force, Lack, Pinned, Split, Traffic
from serin_operator.decide.traffic.taken import taken_by
from serin_operator.decide.traffic.wish import OwnRoute, Wish
from serin_operator.decide.wanted.stages import Stage
from serin_operator.decide.world import World

HINDERED_SECONDS = 10.0
"""Gateways, their classes and other routes are not watched."""


class GatewayRoute(beside.ByRoute):
    """The client Service leads to stable; whoever comes by the route is split."""

    def wish(self, world: World, traffic: Traffic, wanted: Mapping[str, int]) -> Wish:
        """The route, as soon as there is something to lead to and nothing speaks against it."""
        reweighs, canary = tuple(beside.given_back(world)), beside.canary_service(world, traffic)
        shares = _shares(world, traffic, wanted)
        is_there = world.routing.route is not None
        unseen = not world.routing.is_known or world.routing.is_outage
        if not _exist(world, shares) or (not is_there and _cannot(world)) or unseen:
            return Wish(keeps_own=True, reweighs=reweighs, canary_service=canary)
        return Wish(OwnRoute(_spec(world, traffic, shares, wanted)), True, reweighs, canary)

    def force(self, world: World, traffic: Traffic, wanted: Mapping[str, int]) -> Force:
        """What the route says as observed, what its parents say of it, and which pods are behind it."""
        match traffic:
            case Pinned(revision=revision):
                force = force_of_pin(world, revision)
                lack = self.lack(world, revision) if force.is_reached else None
                return Force(is_reached=False, share=0, waits_for=lack.message, lack=lack) if lack else force
            case Split():
                return _force_of_split(world, traffic, wanted)

    def arms(self, world: World, stable: str, canary: str) -> Arms:
        """By weight, where pods are behind it; who comes by the client Service counts as little as nothing."""
        route = world.routing.route
        if route is None or not route.is_attached:
            return Arms(world.reached(stable), world.reached(canary))
        weights = _weights(world)
        parts = [
            weights.get(aside.service_of(world, each), 0)
            if world.ready_behind(aside.service_of(world, each), each)
            else 0
            for each in (stable, canary)
        ]
        mirror = aside.mirror_of(world, canary) if parts[0] else 0
        testers = not parts[1] and aside.leads_testers(world, canary)
        return Arms(parts[0], parts[1], beside.GRAIN, not route.lags, mirror, testers)

    def splits_requests(self, world: World) -> bool:
        """Exactly, unless testers are pinned."""
        traffic = world.mdep.spec.traffic
        return not (traffic and traffic.pins)

    def lack(self, world: World, revision: str) -> Lack | None:
        """The client Service, the route, and what its parents say of it."""
        if lack := lack_of_service(world, revision) or self.hindrance(world):
            return lack
        service = aside.service_of(world, revision)
        route = world.routing.route
        if route is None or any(rule.backends != (Backend(service, 100),) for rule in route.rules):
            said = f"HTTPRoute {world.mdep.name} does not send everything to Service {service} yet"
            return Lack(Reason.REPAIRING, said)
        if copied := aside.copies_left(world):
            return Lack(Reason.REPAIRING, f"HTTPRoute {world.mdep.name} still copies requests to Service {copied}")
        if not world.ready_behind(service, revision):
            return Lack(Reason.ENDPOINTS_BEHIND, f"the EndpointSlices of Service {service} name no ready pod")
        return None

    def hindrance(self, world: World) -> Lack | None:
        """What cannot be, and then what the parents say."""
        if lack := _cannot(world):
            return lack
        route = world.routing.route
        if route is None:
            return Lack(Reason.ROUTE_PENDING, f"HTTPRoute {world.mdep.name} is not there yet")
        return lack_of(route, world.now, parents_of(_gateway(world), world.mdep.namespace))

    def refuses(self, world: World, stage: Stage) -> Lack | None:
        """Copies that a GatewayClass does not know how to make."""
        gateway = _gateway(world)
        field = f"spec.rollout.{stage.said}.mirrorPercent"
        needs = dict.fromkeys(needs_of_mirror(gateway, stage.mirror), field) if stage.mirror else {}
        return lack_of_feature(world, gateway, needs) or aside.refused_without_pin(world, stage)

    def look_again_in(self, world: World) -> float | None:
        """While something is in the way that no watch tells of."""
        return HINDERED_SECONDS if self.hindrance(world) else None


def _gateway(world: World) -> Gateway:
    traffic = world.mdep.spec.traffic
    if traffic is None or traffic.gateway is None:
        raise ValueError("spec.traffic.gateway is absent")
    return traffic.gateway


def _exist(world: World, shares: tuple[Backend, ...]) -> bool:
    """Whether every Service is there: a route that names one that is not counts as broken."""
    there = {each.service.meta.name for each in world.revisions.values() if each.service}
    return all(share.service in there for share in shares)


def _weights(world: World) -> dict[str, int]:
    """The weights that requests without pins meet, as observed."""
    route = world.routing.route
    return {b.service: b.weight for b in route.rules[-1].backends} if route and route.rules else {}


def _shares(world: World, traffic: Traffic, wanted: Mapping[str, int]) -> tuple[Backend, ...]:
    match traffic:
        case Pinned(revision=revision):
            return (Backend(aside.service_of(world, revision), 100),)
        case Split(stable=stable, canary=canary):
            first, second = aside.service_of(world, stable), aside.service_of(world, canary)
            if not traffic.weight:
                return (Backend(first, 100),)
            ready = world.ready_behind(first, stable), world.ready_behind(second, canary)
            weight = beside.bearable(traffic, wanted, _weights(world).get(second, 0), *ready)
            return Backend(first, 100 - weight), Backend(second, weight)


def _spec(world: World, traffic: Traffic, shares: tuple[Backend, ...], wanted: Mapping[str, int]) -> dict[str, object]:
    gateway = _gateway(world)
    pins, mirror = aside.pinned(world, traffic), aside.mirror(world, traffic, wanted)
    return route_spec(gateway, shares, pins, mirror, grpc=routes_grpc(world, gateway))


def _cannot(world: World) -> Lack | None:
    """What forbids a route before it is tried."""
    gateway = _gateway(world)
    if lack := lack_of_sight(world, "spec.traffic.gateway"):
        return lack
    for parent, seen in gateways_of(world, gateway):
        if seen is not None and not seen.is_there:
            said = f"spec.traffic.gateway.parentRefs: there is no {parent}; create it, or correct name and namespace"
            return Lack(Reason.PARENT_NOT_FOUND, said, needs_person=True)
    needs = {feature: f"spec.traffic.gateway.{field}" for feature, field in needs_of(gateway).items()}
    if lack := lack_of_feature(world, gateway, needs):
        return lack
    if other := taken_by(world, gateway):
        hosts = ", ".join(gateway.hostnames or ["every host name of the listener"])
        said = (
            f"{other} is older and has {hosts} with the same path on the same Gateway, so it would get the requests:"
            " use another of spec.traffic.gateway.hostnames or a pathPrefix, or remove it"
        )
        return Lack(Reason.HOSTNAME_TAKEN, said, needs_person=True)
    return None


def _force_of_split(world: World, split: Split, wanted: Mapping[str, int]) -> Force:
    route, now = world.routing.route, _weights(world).get(aside.service_of(world, split.canary), 0)
    if lack := _cannot(world):
        return Force(is_reached=False, share=now, waits_for=lack.message, lack=lack)
    if lack := lack_of_service(world, split.stable):
        return Force(is_reached=False, share=now, waits_for=lack.message)
    if route is None:
        return Force(is_reached=False, share=0, waits_for=f"HTTPRoute {world.mdep.name} is not there yet")
    for revision in (split.canary, split.stable):
        service = aside.service_of(world, revision)
        if not world.ready_behind(service, revision):
            said = f"the EndpointSlices of Service {service} name no ready pod"
            return Force(False, now, waits_for=said, slices_behind=world.revision(revision).ready > 0)
    ready = world.ready_behind(aside.service_of(world, split.canary), split.canary)
    shares = _shares(world, split, wanted)
    is_written = tuple(rule.backends for rule in route.rules) == backends_of(_spec(world, split, shares, wanted))
    if split.weight and (not is_written or now != split.weight):
        least = beside.least(split, wanted)
        few = f", which needs {least} ready pods and has {ready}" if shares[-1].weight == now and ready < least else ""
        said = f"HTTPRoute {route.meta.name} gives the canary {now} % of the requests, not {split.weight} % yet{few}"
        return Force(is_reached=False, share=now, waits_for=said)
    if missing := aside.lacking(world, split, wanted, is_written=is_written):
        return Force(is_reached=False, share=now, waits_for=missing)
    if lack := lack_of(route, world.now, parents_of(_gateway(world), world.mdep.namespace)):
        return Force(is_reached=False, share=now, waits_for=lack.message, lack=lack if lack.needs_person else None)
    return Force(is_reached=True, share=now, is_exact=ready >= beside.needed(split, wanted))
