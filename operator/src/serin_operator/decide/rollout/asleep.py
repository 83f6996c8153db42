"""``spec.replicas: 0``: nobody answers, nothing is decided, and nothing that was reached is given up."""

from serin_operator.api.reasons import Reason
from serin_operator.decide.memory.states import (
    Baking,
    Clock,
    Growing,
    Holding,
    Moved,
    Moving,
    Reaching,
    Starting,
    Switching,
    Waiting,
)
from serin_operator.decide.rollout.facts import Facts


def asleep(state: Moving, facts: Facts) -> Moved | Waiting | None:
    """What a rollout does at zero; None for a model that is being resolved, which takes no serving pods.

    A canary leaves the traffic, and comes back to the step where it was when pods are ready again: it always warms up
    without traffic. A version that has all traffic keeps it.
    """
    candidate = state.candidate
    match state:
        case Reaching() | Holding() | Growing():
            return Moved(Starting(candidate, Clock(facts.now, analysed=state.clock.analysed)))
        case Starting() | Switching() | Baking():
            said = f"spec.replicas is 0: the rollout of {candidate.version} goes on when it is raised"
            return Waiting(Reason.SCALED_TO_ZERO, said, is_moving=False)
        case _:
            return None
