"""What status says of routes, and where clients outside send requests."""

from collections.abc import Iterator
from typing import Final

from serin_operator.api.status import TrafficStatus
from serin_operator.api.traffic import Gateway
from serin_operator.decide.memory.memory import Memory
from serin_operator.decide.route import GatewaySeen, Listener, Parent
from serin_operator.decide.traffic.features import gateways_of
from serin_operator.decide.world import World

_MOST: Final = 8
_PORTS: Final = {"HTTP": ("http", 80), "HTTPS": ("https", 443)}


def traffic_of(world: World, memory: Memory) -> TrafficStatus | None:
    """The route, addresses, and what is to be given back; None where pods make the weights."""
    traffic, own = world.mdep.spec.traffic, world.routing.route
    route = traffic.route_ref.name if traffic and traffic.route_ref else own.meta.name if own else None
    urls = list(dict.fromkeys(_urls(world, traffic.gateway))) if traffic and traffic.gateway and own else []
    if route is None and not memory.lent:
        return None
    return TrafficStatus(route=route, urls=urls[:_MOST] or None, lent=list(memory.lent) or None)


def _urls(world: World, gateway: Gateway) -> Iterator[str]:
    for parent, seen in gateways_of(world, gateway):
        for listener in _listeners(parent, seen):
            scheme, usual = _PORTS[listener.protocol]
            port = "" if listener.port == usual else f":{listener.port}"
            for host in _hosts(gateway, listener, seen):
                yield f"{scheme}://{host}{port}{gateway.path_prefix or ''}"


def _listeners(parent: Parent, seen: GatewaySeen | None) -> list[Listener]:
    return [
        each
        for each in (seen.listeners if seen else ())
        if each.protocol in _PORTS and parent.section in {"", each.name} and parent.port in {0, each.port}
    ]


def _hosts(gateway: Gateway, listener: Listener, seen: GatewaySeen | None) -> tuple[str, ...]:
    """Names that clients can use: a wildcard is none."""
    named = gateway.hostnames or ([listener.hostname] if listener.hostname else [])
    names = tuple(name for name in named if not name.startswith("*"))
    return names or (seen.addresses if seen and not named else ())
