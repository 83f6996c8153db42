"""Pods that are not Serin's and get requests of its clients."""

from serin_operator.api.reasons import Reason
from serin_operator.decide.memory.states import Refusal
from serin_operator.decide.world import World


def stranger_that_serves(world: World) -> Refusal | None:
    """The first pod with our labels that is not ours and that the client Service sends requests to; no decision counts it."""
    serving = [f for f in world.foreign if f.kind == "Pod" and f.name in world.endpoints]
    if not serving:
        return None
    said = f"{serving[0].message}; Service {world.mdep.name} sends it requests"
    return Refusal(Reason.STRANGER_SERVES, said if len(serving) == 1 else f"{said}, and {len(serving) - 1} more")
