"""The rollout's whole state machine: ``advance`` takes the state and the facts, and says what comes next.

    Idle ─ target differs ─▶ Resolving ─▶ Starting ─▶ Shifting ⇄ Stepping ─▶ Promoting ─▶ ended: Promoted
                                 │            │            │          │            │
                                 └────────────┴── any of them may end otherwise: FailedPreflight, RolledBack,
                                                  Superseded, Aborted. Then stable serves everything again.

States are values; what must be written to the cluster follows from them in ``children``. Nothing here knows Kubernetes.
"""

from dataclasses import replace
from typing import assert_never

from serin_operator.api.reasons import Outcome, Reason
from serin_operator.api.spec import OnDeadline
from serin_operator.decide.memory.states import (
    Candidate,
    Clock,
    Ended,
    Facts,
    Idle,
    Kind,
    Plan,
    Promoting,
    Refusal,
    Resolving,
    Rollout,
    Shifting,
    Starting,
    Stepping,
)

CRASHES_THAT_ROLL_BACK = 2


def advance(state: Rollout, facts: Facts, plan: Plan) -> Rollout | Ended:
    """The next state, or how the rollout ended. One arrow at most; the caller asks again until nothing changes."""
    if isinstance(state, Idle):
        return Resolving(facts.target, Clock(facts.now)) if facts.target else state
    candidate = state.candidate
    if facts.target is None or facts.target.revision != candidate.revision:
        return Ended(candidate, Outcome.SUPERSEDED, Reason.SUPERSEDED, "the spec moved on before the rollout had ended")
    if facts.abort:
        return Ended(candidate, Outcome.ABORTED, Reason.ABORTED, "a person aborted the rollout")
    match state:
        case Resolving():
            return _resolving(state, facts, plan)
        case Starting():
            return _starting(state, facts, plan)
        case Shifting():
            return _failure(state, facts) or _shifting(state, facts, plan)
        case Stepping():
            return _failure(state, facts) or _stepping(state, facts, plan)
        case Promoting():
            return _failure(state, facts) or _promoting(state, facts, plan)
        case _:
            assert_never(state)


def _resolving(state: Resolving, facts: Facts, plan: Plan) -> Rollout | Ended:
    if facts.born:
        return Starting(state.candidate, Clock(facts.now, analysed=state.clock.analysed))
    if facts.refused:
        return Ended(state.candidate, Outcome.FAILED_PREFLIGHT, facts.refused.reason, facts.refused.message)
    if state.clock.waited >= plan.progress_deadline_seconds:
        why = facts.trouble or Refusal(Reason.PROGRESS_DEADLINE_EXCEEDED, "the resolve Job has not ended")
        return Ended(
            state.candidate,
            Outcome.FAILED_PREFLIGHT,
            why.reason,
            f"not resolved within {plan.progress_deadline_seconds:.0f} s: {why.message}",
        )
    return state


def _starting(state: Starting, facts: Facts, plan: Plan) -> Rollout | Ended:
    candidate = state.candidate
    if candidate.kind is not Kind.CANARY and facts.ready:
        return state if plan.paused and candidate.kind is Kind.DIRECT else Promoting(candidate, Clock(facts.now))
    if candidate.kind is Kind.CANARY and facts.ready:
        if plan.paused or facts.blocked:
            return state
        return Shifting(replace(candidate, restarts=facts.restarts), Clock(facts.now), 0, facts.now)
    if state.clock.waited >= plan.progress_deadline_seconds and candidate.kind is not Kind.FIRST:
        return _too_late(candidate, facts, plan)
    return state


def _shifting(state: Shifting, facts: Facts, plan: Plan) -> Rollout | Ended:
    if facts.weight_in_force:
        clock = replace(state.clock, waited=0.0, held=state.clock.held if state.in_force == state.step else 0.0)
        return Stepping(state.candidate, clock, state.step, facts.now, facts.ratio)
    if state.clock.waited >= plan.progress_deadline_seconds and not facts.ready:
        return _too_late(state.candidate, facts, plan)
    return state


def _stepping(state: Stepping, facts: Facts, plan: Plan) -> Rollout | Ended:
    if not facts.weight_in_force:
        return Shifting(state.candidate, replace(state.clock, waited=0.0), state.step, facts.now, state.step)
    if plan.analysis and state.clock.analysed >= plan.deadline_seconds and not facts.judgement.passed:
        message = f"no verdict within {plan.deadline_seconds:.0f} s: {facts.judgement.missing or 'no look has ended'}"
        match plan.on_deadline:
            case OnDeadline.ROLLBACK:
                return Ended(state.candidate, Outcome.ROLLED_BACK, Reason.DEADLINE_EXCEEDED, message)
            case OnDeadline.PROMOTE:
                return state if plan.paused else Promoting(state.candidate, replace(state.clock, waited=0), state.step)
            case OnDeadline.PAUSE:
                return state
    if plan.paused or state.clock.held < plan.hold_seconds or not facts.judgement.passed or not facts.ready:
        return state
    clock = replace(state.clock, waited=0.0, held=0.0)
    if state.step + 1 < plan.steps:
        return Shifting(state.candidate, clock, state.step + 1, facts.now, state.step)
    return Promoting(state.candidate, clock, state.step)


def _promoting(state: Promoting, facts: Facts, plan: Plan) -> Rollout | Ended:
    if facts.pinned_to_candidate and facts.serves_all:
        return Ended(
            state.candidate, Outcome.PROMOTED, Reason.PROMOTED, f"{state.candidate.version} serves all traffic"
        )
    late = state.clock.waited >= plan.progress_deadline_seconds
    if late and not facts.pinned_to_candidate and state.candidate.kind is not Kind.FIRST:
        return _too_late(state.candidate, facts, plan)
    return state


def _failure(state: Shifting | Stepping | Promoting, facts: Facts) -> Ended | None:
    """What ends a rollout at once, in whichever state the candidate has traffic."""
    if state.candidate.kind is Kind.FIRST or facts.pinned_to_candidate:
        return None
    if facts.judgement.failed:
        return Ended(state.candidate, Outcome.ROLLED_BACK, Reason.ANALYSIS_FAILED, facts.judgement.failed)
    crashes = facts.restarts - state.candidate.restarts
    if state.candidate.kind is Kind.CANARY and crashes >= CRASHES_THAT_ROLL_BACK:
        message = (
            f"its containers ended {crashes} times after they had been ready: {facts.last_words or 'no last words'}"
        )
        return Ended(state.candidate, Outcome.ROLLED_BACK, Reason.CANARY_CRASHED, message)
    return None


def _too_late(candidate: Candidate, facts: Facts, plan: Plan) -> Ended:
    why = facts.trouble.message if facts.trouble else "no pod says why"
    return Ended(
        candidate,
        Outcome.ROLLED_BACK,
        Reason.PROGRESS_DEADLINE_EXCEEDED,
        f"pods were not ready within {plan.progress_deadline_seconds:.0f} s: {why}",
    )
