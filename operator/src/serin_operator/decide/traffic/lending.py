"""Routes of people in which weights are ours: remembered until they are given back."""

from serin_operator.api import names
from serin_operator.decide.world import World

MOST_LENT = 4


def lent_after(world: World, lent: tuple[str, ...]) -> tuple[str, ...]:
    """The one that the spec names, and those of before that still name our canary Service.

    As long as one does, the Service has to stay: a backend that is not there breaks the rule for everybody in it.
    """
    traffic, routing = world.mdep.spec.traffic, world.routing
    wanted = (traffic.route_ref.name,) if traffic and traffic.route_ref else ()
    if routing.problem or not routing.is_known:
        kept = lent
    else:
        service = names.canary_service(world.mdep.name)
        kept = tuple(name for name in lent if name in routing.theirs and service in routing.theirs[name].services)
    return tuple(dict.fromkeys((*wanted, *kept)))[:MOST_LENT]
