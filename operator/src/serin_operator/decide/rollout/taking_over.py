"""Switching and Baking: the candidate gets all traffic, while the version before keeps its pods."""

from dataclasses import replace

from serin_operator.api.reasons import Outcome, Reason
from serin_operator.decide.memory.states import (
    Baking,
    Candidate,
    Ended,
    Growing,
    Holding,
    Kind,
    Moved,
    Order,
    Reaching,
    Refusal,
    Switching,
    Waiting,
)
from serin_operator.decide.rollout.before_traffic import too_late, with_lack
from serin_operator.decide.rollout.facts import Facts
from serin_operator.decide.rollout.plan import Plan

DARK_SECONDS = 3.0
"""A version with all traffic and no ready pod is given so long, if the one before it could answer."""


def switching(state: Switching, facts: Facts, plan: Plan) -> Moved | Waiting | Ended:
    """Over when requests reach enough of the candidate's pods, and no other version's."""
    candidate = state.candidate
    if facts.force.is_reached and facts.candidate.reached >= _enough(state, facts):
        if plan.paused and candidate.kind is not Kind.FIRST and facts.went_back_to is None:
            return _paused(candidate, plan)
        return _over(state, facts, plan)
    can_go_back = facts.stable is not None and facts.stable.ready > 0
    if state.clock.waited >= plan.progress_deadline_seconds and not facts.force.lack:
        is_its_fault = facts.candidate.ready < facts.candidate.enough
        return too_late(state, facts, plan) if can_go_back and is_its_fault else _stuck(state, facts, plan)
    said = f"{candidate.version} is ready and takes all traffic"
    if facts.force.waits_for:
        said = f"{said}: {facts.force.waits_for}"
    elif facts.candidate.reached < facts.candidate.wanted:
        said = f"{said}: {facts.candidate.reached} of {facts.candidate.wanted} pods are reached"
    reason = Reason.ENDPOINTS_BEHIND if facts.force.slices_behind and facts.candidate.is_complete else Reason.PROMOTING
    lack, is_late = facts.force.lack, state.clock.waited >= plan.progress_deadline_seconds
    lack = replace(lack, needs_person=True) if lack and is_late else lack
    return with_lack(Waiting(reason, said).with_trouble(facts.trouble), lack)


def _stuck(state: Switching | Baking, facts: Facts, plan: Plan) -> Waiting:
    """There is nothing to go back to, so what serves is kept, and somebody has to know."""
    lacking = facts.hint or facts.force.waits_for or "pods are not ready, and none says why"
    why = facts.trouble.message if facts.trouble else lacking
    late = Refusal(
        Reason.PROGRESS_DEADLINE_EXCEEDED,
        f"{state.candidate.version} has {facts.candidate.ready} of {facts.candidate.wanted} pods ready"
        f" after {plan.progress_deadline_seconds:.0f} s: {why}",
    )
    return Waiting(late.reason, late.message, is_moving=False, is_stalled=True, degraded=late)


def _enough(state: Switching, facts: Facts) -> int:
    """All of its pods; nearly all, where the rest has not come for a while (it had been told to go on without)."""
    return facts.candidate.wanted if state.clock.waited == 0 else facts.candidate.enough


def _over(state: Switching, facts: Facts, plan: Plan) -> Moved | Ended:
    candidate = state.candidate
    if plan.bake_seconds > 0 and _can_be_left_again(candidate, facts):
        return Moved(
            Baking(candidate, replace(state.clock, waited=0.0, held=0.0, dark=0.0, best=facts.candidate.ready))
        )
    return _promoted(state, facts)


def _can_be_left_again(candidate: Candidate, facts: Facts) -> bool:
    """Whether there is something to go back to, and anybody who would want to."""
    if facts.went_back_to == candidate.version:
        return False  # what it replaces is what a person has left
    match candidate.kind:
        case Kind.ROLLBACK:
            return False
        case Kind.RESCUE:  # what it replaces served nothing; by now it may again
            return facts.stable is not None and facts.stable.ready > 0
        case _:
            return facts.stable is not None


def baking(state: Baking, facts: Facts, plan: Plan) -> Waiting | Ended:
    """For a while going back stays one write."""
    version = state.candidate.version
    if plan.paused:
        return _paused(state.candidate, plan)
    if facts.candidate.reached < facts.candidate.enough:
        return _lost_while_baking(state, facts, plan)
    if state.clock.held >= plan.bake_seconds or state.candidate.order is Order.PROMOTE:
        return _promoted(state, facts)
    before = f"{facts.stable.version} keeps its pods" if facts.stable else "nothing else is kept"
    said = f"{version} serves all traffic; {before} for {plan.bake_seconds:.0f} s, to go back to"
    if plan.analysed and plan.stages and not any(stage.is_judged for stage in plan.stages):
        said = f"{said}; spec.analysis compares nothing, since the two never answer clients side by side"
    return Waiting(Reason.BAKING, said).with_trouble(None if facts.candidate.is_complete else facts.trouble)


def _paused(candidate: Candidate, plan: Plan) -> Waiting:
    return plan.held_by_people(f"{candidate.version}, which has all traffic; the version before keeps its pods")


def _lost_while_baking(state: Baking, facts: Facts, plan: Plan) -> Waiting | Ended:
    """Too few pods of the version that has all traffic: it does not become stable, and in the end goes back."""
    if state.clock.waited >= plan.progress_deadline_seconds:
        can_go_back = facts.stable is not None and facts.stable.ready > 0
        return too_late(state, facts, plan) if can_go_back else _stuck(state, facts, plan)
    arm = facts.candidate
    said = f"{arm.version} has all traffic, and is reached on {arm.reached} of {arm.wanted} pods"
    lost = facts.trouble or Refusal(Reason.PODS_NOT_READY, facts.hint or "none says why")
    return Waiting(lost.reason, said).with_trouble(lost)


def gone_dark(state: Reaching | Holding | Growing | Switching | Baking, facts: Facts) -> Ended | None:
    """All pods of the version that has all traffic are gone, and the version before it can still answer."""
    if not isinstance(state, Switching | Baking) or state.clock.dark < DARK_SECONDS:
        return None
    why = facts.trouble.message if facts.trouble else facts.last_words or "no pod says why"
    message = f"no pod of it was ready any more after it had got all traffic: {why}"
    return Ended(state.candidate, Outcome.ROLLED_BACK, Reason.STOPPED_SERVING, message)


def _promoted(state: Switching | Baking, facts: Facts) -> Ended:
    version, is_back = state.candidate.version, state.candidate.kind is Kind.ROLLBACK
    said = f"{version} serves all traffic{f' again, since {facts.why_back}' if is_back else ''}"
    return Ended(state.candidate, Outcome.PROMOTED, Reason.PROMOTED, said)
