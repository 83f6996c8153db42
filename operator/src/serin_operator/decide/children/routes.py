"""What is done about routes: ours is made, kept right and taken away; in people's a few weights are changed."""

from collections.abc import Iterator

from serin_operator.api.names import ObjectRef
from serin_operator.decide.children.operations import Apply, Create, Delete, Operation, Rewrite
from serin_operator.decide.manifests import children as make
from serin_operator.decide.manifests.route import http_route, patch_of
from serin_operator.decide.rollout.intent import Intent
from serin_operator.decide.traffic.provider import provider_of
from serin_operator.decide.traffic.wish import Wish
from serin_operator.decide.world import ChildMeta, World


def metas(world: World) -> list[ChildMeta]:
    """Of what is ours beside the client Service, and of orphans of their names where the spec asks for such."""
    traffic, route, service = world.mdep.spec.traffic, world.routing.route, world.canary_service
    found = [route.meta] if route and (route.meta.owned or (traffic and traffic.gateway)) else []
    is_asked_for = world.routing.theirs or (traffic and traffic.route_ref)
    return [*found, service.meta] if service and (service.meta.owned or is_asked_for) else found


def operations(world: World, intent: Intent, *, secure: bool) -> Iterator[Operation]:
    """The route of ours, the Service that people's routes name, and weights in those.

    Args:
        world: As observed.
        intent: Where requests should go.
        secure: Whether some pods speak TLS.
    """
    wish = _wish(world, intent)
    if wish.own:
        desired, route = http_route(world.mdep, wish.own.spec), world.routing.route
        yield Apply(desired, route.meta.resource_version) if route else Create(desired)
    if wish.canary_service:
        desired, service = (
            make.canary_service(world.mdep, wish.canary_service, secure=secure),
            world.canary_service,
        )
        yield Apply(desired, service.meta.resource_version) if service else Create(desired)
    for reweigh in wish.reweighs:
        meta = reweigh.route.meta
        yield Rewrite(_ref(world, meta), patch_of(reweigh))


def removals(world: World, intent: Intent) -> Iterator[Operation]:
    """What nobody wants any more."""
    wish, route, service = _wish(world, intent), world.routing.route, world.canary_service
    if route and route.meta.owned and not wish.own and not wish.keeps_own and not world.routing.is_outage:
        yield Delete(_ref(world, route.meta), route.meta.uid)
    if service and service.meta.owned and not wish.canary_service and not world.routing.problem:
        yield Delete(_ref(world, service.meta), service.meta.uid)


def _wish(world: World, intent: Intent) -> Wish:
    return provider_of(world).wish(world, intent.traffic, intent.replicas)


def _ref(world: World, meta: ChildMeta) -> ObjectRef:
    return ObjectRef(meta.api_version, meta.kind, world.mdep.namespace, meta.name)
