"""Whether somebody else's route already has the requests that ours would be for. Gateways accept both and say nothing."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from serin_operator.api.traffic import Gateway
from serin_operator.decide.route import Neighbour, Parent
from serin_operator.decide.traffic.features import parents_of
from serin_operator.decide.world import World

_EVERY: Final = ""


def taken_by(world: World, gateway: Gateway) -> Neighbour | None:
    """The older route that wins over ours; None where there is none.

    Of two HTTPRoutes with the same host name and path the older one gets the requests. Of an HTTPRoute and a GRPCRoute
    whose host names meet on one listener, the older one is accepted and the other is not.
    """
    mine = parents_of(gateway, world.mdep.namespace)
    older = (n for n in world.routing.neighbours if _is_older(world, n))
    return next((n for n in older if _meet(mine, n.parents) and _clash(gateway, n)), None)


def _is_older(world: World, neighbour: Neighbour) -> bool:
    route = world.routing.route
    if route is None:
        return True
    return _age(neighbour.created_at, neighbour.namespace, neighbour.name) < _age(
        route.meta.created_at, world.mdep.namespace, route.meta.name
    )


def _age(created_at: datetime, namespace: str, name: str) -> tuple[datetime, str]:
    return created_at, f"{namespace}/{name}"


def _meet(mine: Iterable[Parent], theirs: Iterable[Parent]) -> bool:
    """Whether some listener may take both."""
    return any(
        (a.group, a.kind, a.namespace, a.name) == (b.group, b.kind, b.namespace, b.name)
        and (a.section == b.section or not a.section or not b.section)
        and (a.port == b.port or not a.port or not b.port)
        for a in mine
        if a.is_gateway
        for b in theirs
    )


def _clash(gateway: Gateway, neighbour: Neighbour) -> bool:
    ours, theirs = gateway.hostnames or [_EVERY], neighbour.hostnames or (_EVERY,)
    if neighbour.kind == "GRPCRoute":
        return any(_covers(a, b) or _covers(b, a) for a in ours for b in theirs)
    return not set(ours).isdisjoint(theirs) and (gateway.path_prefix or "/") in neighbour.paths


def _covers(wide: str, narrow: str) -> bool:
    """Whether every name that ``narrow`` stands for is among those of ``wide``."""
    if wide in {_EVERY, narrow}:
        return True
    return wide.startswith("*.") and narrow.removeprefix("*").endswith(wide[1:])
