"""What reaches a version beside its weight, by a route of ours: copies of requests, and those of testers who are pinned to it."""

from collections.abc import Mapping

from serin_operator.api import names
from serin_operator.api.reasons import Reason
from serin_operator.api.traffic import Pin, PinTo
from serin_operator.decide.route import Backend, RouteRule
from serin_operator.decide.traffic import beside
from serin_operator.decide.traffic.split import Lack, Pinned, Split, Traffic
from serin_operator.decide.wanted.stages import Stage
from serin_operator.decide.world import World


def service_of(world: World, revision: str) -> str:
    """The Service of a revision."""
    return names.revision_object(world.mdep.name, revision)


def pinned(world: World, traffic: Traffic) -> list[tuple[Pin, str]]:
    """Pins and their Services, while both versions have traffic.

    A version without a ready pod gets nobody's requests, and of what is answered to copies no tester hears either.
    """
    if isinstance(traffic, Pinned):
        return []
    arms = {PinTo.STABLE: traffic.stable}
    if traffic.weight or traffic.testers:
        arms[PinTo.CANARY] = traffic.canary
    alive = {to: world.ready_behind(service_of(world, revision), revision) for to, revision in arms.items()}
    asked = world.mdep.spec.traffic.pins if world.mdep.spec.traffic else None
    return [(pin, service_of(world, arms[pin.to])) for pin in asked or () if alive.get(pin.to)]


def mirror(world: World, traffic: Traffic, wanted: Mapping[str, int]) -> Backend | None:
    """Who gets copies: more of them only once its pods are there, and none when it has no pod."""
    if isinstance(traffic, Pinned) or not traffic.mirror:
        return None
    service = service_of(world, traffic.canary)
    ready = world.ready_behind(service, traffic.canary)
    percent = traffic.mirror
    if ready < beside.least(traffic, wanted):
        percent = min(percent, *mirrored(world, service)) if ready else 0
    return Backend(service, percent) if percent else None


def mirrored(world: World, service: str) -> frozenset[int]:
    """Percentages of the requests without a pin of which a Service gets copies, as observed in each rule."""
    copies = (
        sum(each.weight for each in rule.mirrors if each.service == service) for rule in _rules(world, pins=False)
    )
    return frozenset(copies) or frozenset({0})


def mirror_of(world: World, canary: str) -> int:
    """Percent of the requests of which ready pods of the canary get copies."""
    service = service_of(world, canary)
    return min(mirrored(world, service)) if world.ready_behind(service, canary) else 0


def leads_testers(world: World, canary: str) -> bool:
    """Whether requests with a pin go to ready pods of the canary, as observed."""
    service = service_of(world, canary)
    leads = any(backend.service == service for rule in _rules(world, pins=True) for backend in rule.backends)
    return leads and world.ready_behind(service, canary) > 0


def copies_left(world: World) -> str | None:
    """A Service of ours that still gets copies, as observed."""
    ours = {service_of(world, revision) for revision in world.revisions}
    route = world.routing.route
    copied = (each.service for rule in route.rules for each in rule.mirrors) if route else ()
    return next((service for service in copied if service in ours), None)


def lacking(world: World, split: Split, wanted: Mapping[str, int], *, is_written: bool) -> str | None:
    """What a stage has not got of what it wants beside its weight; None: all of it, as far as the route says.

    Args:
        world: As observed.
        split: What is wanted.
        wanted: Pods by revision.
        is_written: Every rule names the backends that it should.
    """
    service, route = service_of(world, split.canary), world.mdep.name
    if is_written and mirrored(world, service) == {split.mirror}:
        return None
    if split.testers:
        return f"HTTPRoute {route} does not lead testers alone to Service {service} yet"
    ready, least = world.ready_behind(service, split.canary), beside.least(split, wanted)
    few = f", which needs {least} ready pods and has {ready}" if ready < least else ""
    if not split.mirror:
        return f"HTTPRoute {route} still copies requests to Service {service}"
    return f"HTTPRoute {route} does not copy {split.mirror} % of the requests to Service {service} yet{few}"


def refused_without_route(stage: Stage) -> Lack | None:
    """What only a route of ours can do."""
    if not (stage.mirror or stage.testers):
        return None
    what = "copies of requests" if stage.mirror else "ways for testers alone"
    said = (
        f"spec.rollout.{stage.said}: {what} are made by a route that Serin owns, neither by pods nor in a route of yours:"
        " add spec.traffic.gateway, or choose another strategy"
    )
    return Lack(Reason.INVALID_SPEC, said, needs_person=True)


def refused_without_pin(world: World, stage: Stage) -> Lack | None:
    """Testers that nobody has named."""
    traffic = world.mdep.spec.traffic
    if not stage.testers or any(pin.to is PinTo.CANARY for pin in (traffic and traffic.pins) or ()):
        return None
    said = f"spec.rollout.{stage.said}: testers are those whom spec.traffic.pins lead to Canary, and there is none: add one"
    return Lack(Reason.INVALID_SPEC, said, needs_person=True)


def _rules(world: World, *, pins: bool) -> list[RouteRule]:
    route = world.routing.route
    return [rule for rule in route.rules if rule.is_pinned is pins] if route else []
