"""The rollout's whole state machine: ``advance`` takes the state and the facts, and says what comes next, or what it waits for.

    Idle ─ target differs ─▶ Resolving ─▶ Starting ─▶ Reaching(i) ─▶ Holding(i) ─▶ Growing ─▶ Switching ─▶ Baking ─▶ ended
                                 │            │            ▲             │            │            │          │
                                 │            │            └─ next stage ┘            │            │          │
                                 │            └── no stages: straight to Switching ───┼────────────┘          │
                                 └──────────── any of them may end otherwise: FailedPreflight, RolledBack, ───┘
                                               Superseded, Aborted. Then stable serves everything again.

A strategy is a list of stages, and none of this asks which it was. States are values; what must be written to the cluster
follows from them in ``intent``. Nothing here knows Kubernetes.
"""

from typing import assert_never

from serin_operator.api.reasons import Outcome, Reason
from serin_operator.decide.memory.states import (
    Baking,
    Ended,
    Growing,
    Holding,
    Idle,
    Kind,
    Moved,
    Moving,
    Reaching,
    Resolving,
    Rollout,
    Starting,
    Switching,
    Waiting,
)
from serin_operator.decide.rollout import before_traffic, in_traffic, taking_over
from serin_operator.decide.rollout.asleep import asleep
from serin_operator.decide.rollout.facts import Facts
from serin_operator.decide.rollout.plan import Plan

CRASHES_THAT_ROLL_BACK = 2

Step = Moved | Waiting | Ended


def advance(state: Rollout, facts: Facts, plan: Plan) -> Step:
    """The next state, or what it waits for, or how the rollout ended. One arrow at most; the caller asks again."""
    if isinstance(state, Idle):
        return before_traffic.idle(facts)
    ended = _ended(state, facts, plan)
    return ended or (None if plan.replicas else asleep(state, facts)) or _by_state(state, facts, plan)


def _by_state(state: Moving, facts: Facts, plan: Plan) -> Step:
    match state:
        case Resolving():
            return before_traffic.resolving(state, facts, plan)
        case Starting():
            return before_traffic.starting(state, facts, plan)
        case Reaching():
            return in_traffic.reaching(state, facts, plan)
        case Holding():
            return in_traffic.holding(state, facts, plan)
        case Growing():
            return in_traffic.growing(state, facts, plan)
        case Switching():
            return taking_over.switching(state, facts, plan)
        case Baking():
            return taking_over.baking(state, facts, plan)
        case _:
            assert_never(state)


def _ended(state: Moving, facts: Facts, plan: Plan) -> Ended | None:
    """What ends a rollout at once, whichever state it is in."""
    candidate = state.candidate
    if facts.abort:
        return Ended(candidate, Outcome.ABORTED, Reason.ABORTED, "a person aborted the rollout")
    if facts.target is None or facts.target.revision != candidate.revision:
        if facts.went_back_to:
            return _left_for(facts.went_back_to, state, facts)
        if isinstance(state, Baking) and not facts.wants_stable and facts.candidate.reached >= facts.candidate.enough:
            # It has passed everything; to go back to stable for the sake of a third version would be a step down.
            message = f"{candidate.version} serves all traffic; the spec moved on while it baked"
            promoted = Ended(candidate, Outcome.PROMOTED, Reason.PROMOTED, message)
            return None if plan.paused else _failed(state, facts) or promoted
        return Ended(candidate, Outcome.SUPERSEDED, Reason.SUPERSEDED, "the spec moved on before the rollout had ended")
    if isinstance(state, Reaching | Holding | Growing | Switching | Baking) and candidate.kind is not Kind.FIRST:
        return _failed(state, facts)
    return None


def _left_for(version: str, state: Moving, facts: Facts) -> Ended:
    """A person goes back to another version: whatever was under way is over, and what the evidence said of it stays true."""
    if isinstance(state, Reaching | Holding | Growing | Switching | Baking) and facts.judgement.failed:
        return Ended(state.candidate, Outcome.ROLLED_BACK, Reason.ANALYSIS_FAILED, facts.judgement.failed)
    return Ended(state.candidate, Outcome.SUPERSEDED, Reason.SUPERSEDED, f"a person went back to {version}")


def _failed(state: Reaching | Holding | Growing | Switching | Baking, facts: Facts) -> Ended | None:
    """What ends a rollout in every state in which the candidate has traffic, until the old version's pods are gone."""
    if facts.judgement.failed and state.candidate.kind is not Kind.ROLLBACK:
        return Ended(state.candidate, Outcome.ROLLED_BACK, Reason.ANALYSIS_FAILED, facts.judgement.failed)
    nothing_to_go_back_to = facts.stable is None or facts.stable.ready == 0
    if facts.crashes >= CRASHES_THAT_ROLL_BACK and not nothing_to_go_back_to:
        message = (
            f"its containers ended {facts.crashes} times after they had been ready:"
            f" {facts.last_words or 'no last words'}"
        )
        return Ended(state.candidate, Outcome.ROLLED_BACK, Reason.CANARY_CRASHED, message)
    return taking_over.gone_dark(state, facts)
