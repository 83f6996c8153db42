"""What providers that use a route have in common: sizes, what the client Service selects, how much weight pods can bear."""

from collections.abc import Iterator, Mapping
from math import ceil, floor
from typing import Final

from serin_operator.api import names
from serin_operator.decide.route import Route
from serin_operator.decide.traffic.split import Pinned, Split, Traffic, share_of
from serin_operator.decide.traffic.wish import Reweigh, Weight
from serin_operator.decide.wanted.settings import fewest_for, shared
from serin_operator.decide.world import World

_MISSING_SHARE: Final = 0.25
"""So many of the pods that a weight needs may be missing when it comes into force."""
_MOST_LOAD: Final = 2
"""Times what a pod bears of the requests: above that its version gets fewer; below, a pod that comes and goes changes nothing."""
GRAIN: Final = 0.5
"""Weights are whole percent, and exact."""


def canary_pods(stable: int, weight: int) -> int:
    """Canary pods for ``weight`` percent of the requests beside ``stable`` pods for all of them; at least one."""
    return max(1, min(ceil(stable * weight / 100), stable))


class ByRoute:
    """What is the same of a provider whoever owns the route: requests are split beside the client Service, not by it."""

    def canary_pods(self, stable: int, weight: int) -> int:
        """As many of stable's pods as the weight is of its requests."""
        return canary_pods(stable, weight)

    def fewest_pods(self, stable: int) -> int:
        """Two where stable has two: a route knows no other way for the requests of a share while its only pod is evicted."""
        return min(2, stable)

    def contradiction(self, stable: int, canary: int, weight: int) -> str | None:
        """Any number of pods can get any share of the requests, as long as they can bear it."""
        required = canary_pods(stable, weight)
        if canary >= _fewest(required):
            return None
        return (
            f"{canary} canary pods cannot bear {weight} % of what {stable} pods of stable answer, which takes {required}: leave"
            " pods out, or write more of them"
        )

    def selected(self, world: World, traffic: Traffic, wanted: Mapping[str, int]) -> str:  # noqa: ARG002 - no pods make a weight
        """The client Service stays on stable while a route splits; on the canary only where no pod of stable is ready."""
        match traffic:
            case Pinned(revision=revision):
                return revision
            case Split(stable=stable, canary=canary):
                is_down = not world.revision(stable).ready and world.revision(canary).ready
                return canary if is_down and traffic.weight else stable


def bearable(split: Split, wanted: Mapping[str, int], now: int, stable: int, canary: int) -> int:
    """The weight that the canary may have: more only once its pods are there, less once stable's are; nothing when it has none.

    Of pods that both share it gets as much as those bear that are ready, since stable gives its own only for requests less.
    One that has lost most of its pods gets what the pods that are left would get without a route.

    Args:
        split: What is wanted.
        wanted: Pods by revision.
        now: Its weight as observed.
        stable: Pods of stable that requests can reach.
        canary: Pods of the canary that requests can reach.
    """
    if not canary:
        return 0
    if not stable:
        return 100
    by_pods, weight = max(1, floor(share_of(stable, canary))), split.weight
    if canary < least(split, wanted):
        weight = min(weight, max(now, ceil(100 * canary / split.full)) if split.full else now)
        if _MOST_LOAD * canary < _pods_for(weight, split, wanted):
            weight = min(weight, by_pods)
    if stable < fewest_for(_full(split, wanted), 100 - weight):
        weight = max(weight, min(now, by_pods))
    return weight


def _full(split: Split, wanted: Mapping[str, int]) -> int:
    """Pods that answer all requests."""
    return split.full or max(1, wanted.get(split.stable, 1))


def _pods_for(weight: int, split: Split, wanted: Mapping[str, int]) -> int:
    full = _full(split, wanted)
    return shared(full, weight)[1] if split.full else canary_pods(full, weight)


def needed(split: Split, wanted: Mapping[str, int]) -> int:
    """Pods that the canary's weight, or copies, need."""
    return _pods_for(split.load, split, wanted)


def least(split: Split, wanted: Mapping[str, int]) -> int:
    """The fewest pods with which it comes into force."""
    return _fewest(needed(split, wanted))


def _fewest(pods: int) -> int:
    return max(1, pods - floor(pods * _MISSING_SHARE))


def given_back(world: World) -> Iterator[Reweigh]:
    """Weights to take back in routes of people that the spec does not name any more."""
    traffic = world.mdep.spec.traffic
    kept = traffic.route_ref.name if traffic and traffic.route_ref else None
    for name, route in world.routing.theirs.items():
        if name != kept and (weights := tuple(weights_back(world.mdep.name, route))):
            yield Reweigh(route, weights)


def weights_back(name: str, route: Route) -> Iterator[Weight]:
    """What is to be changed so that all of what a ModelDeployment of this name has in a route of people is stable's."""
    stable, canary = name, names.canary_service(name)
    for number, rule in enumerate(route.rules):
        at = {backend.service: (place, backend.weight) for place, backend in enumerate(rule.backends)}
        if {stable, canary} <= at.keys() and at[canary][1]:
            (first, keeps), (second, goes) = at[stable], at[canary]
            yield Weight(number, first, stable, keeps, keeps + goes)
            yield Weight(number, second, canary, goes, 0)


def canary_service(world: World, traffic: Traffic) -> str | None:
    """What ``<name>-canary`` selects where no route of people is used: as long as one still names it, what serves."""
    service = names.canary_service(world.mdep.name)
    if not any(service in route.services for route in world.routing.theirs.values()):
        return None
    return traffic.revision if isinstance(traffic, Pinned) else traffic.stable
