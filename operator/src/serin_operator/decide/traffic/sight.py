"""What keeps routes out of sight: the cluster has none, the operator may not see them, or the API server fails."""

from serin_operator.api.reasons import Reason
from serin_operator.decide.traffic.split import Lack
from serin_operator.decide.world import World


def lack_of_sight(world: World, field: str) -> Lack | None:
    """Why routes cannot be seen, and the way out; None: they can.

    Args:
        world: As observed.
        field: What in the spec needs them.
    """
    routing, asked = world.routing, f"{field} cannot be followed"
    if not routing.is_known:
        said = (
            f"{asked}: the cluster has no HTTPRoute (gateway.networking.k8s.io/v1); install the Gateway API and an"
            " implementation of it, or remove spec.traffic"
        )
        return Lack(Reason.GATEWAY_API_MISSING, said, needs_person=True)
    if routing.problem and routing.is_outage:
        said = (
            f"{field} cannot be followed for now: the API server fails when it is asked for routes: {routing.problem}; until it"
            " answers, nothing about routes is changed, and no version is taken away"
        )
        return Lack(Reason.ROUTES_UNREADABLE, said)
    if routing.problem:
        said = (
            f"{asked}: the operator cannot see HTTPRoutes: {routing.problem}; where a right is missing, upgrade the chart:"
            " its role may get, list and watch httproutes"
        )
        return Lack(Reason.GATEWAY_API_MISSING, said, needs_person=True)
    return None
