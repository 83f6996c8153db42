"""Reaching, Holding and Growing: the candidate answers a share of the requests beside stable."""

from dataclasses import replace
from datetime import datetime

from serin_operator.api.reasons import Outcome, Reason
from serin_operator.api.spec import OnDeadline
from serin_operator.decide.memory.states import (
    Clock,
    Ended,
    Growing,
    Holding,
    Kind,
    Moved,
    Reaching,
    Refusal,
    Switching,
    Waiting,
)
from serin_operator.decide.rollout.before_traffic import QUIET_SECONDS, is_nearly_complete, too_late, with_lack
from serin_operator.decide.rollout.facts import Facts
from serin_operator.decide.rollout.plan import Plan

STEADY_SECONDS = 1.0
"""A weight is in force when it was so for two observations running."""


def reaching(state: Reaching, facts: Facts, plan: Plan) -> Moved | Waiting | Ended:
    """Pods start or stop, and the Service's slices follow, until the stage's weight is in force."""
    if rescued := _rescued(state, facts):
        return rescued
    if facts.force.is_reached:
        since = _steady_since(state, facts.now)
        patience = 0.9 * STEADY_SECONDS if facts.force.is_exact else QUIET_SECONDS
        if (facts.now - since).total_seconds() >= patience:
            clock = replace(state.clock, waited=0.0, held=0.0, best=0)
            return Moved(Holding(state.candidate, clock, state.stage, facts.now))
        if state.steady != since:
            return Moved(replace(state, steady=since))
    elif state.steady:
        return Moved(replace(state, steady=None))
    said = f"{state.candidate.version}: bringing step {plan.place(state.stage)} into force"
    if state.clock.waited >= plan.progress_deadline_seconds:
        return _overdue(state, said, facts, plan)
    return _in_the_way(said, facts)


def _steady_since(state: Reaching, now: datetime) -> datetime:
    return state.steady if state.steady and state.steady <= now else now


def holding(state: Holding, facts: Facts, plan: Plan) -> Moved | Waiting | Ended:
    """The stage lasts until its time is over and the evidence allows the next."""
    if rescued := _rescued(state, facts):
        return rescued
    overdue = plan.analysed and state.clock.analysed >= plan.deadline_seconds and not facts.judgement.passed
    if overdue and (decided := _decided_by_deadline(state, facts, plan)):
        return decided
    if not facts.force.is_reached and state.clock.waited >= plan.progress_deadline_seconds:
        said = f"{state.candidate.version}: step {plan.place(state.stage)} is not in force"
        return _overdue(state, said, facts, plan)
    may_go = facts.force.is_reached and facts.judgement.passed and facts.judgement.is_ripe
    if plan.paused or state.clock.held < plan.stages[state.stage].hold_seconds or not may_go:
        return _held(state, facts, plan, overdue=overdue)
    clock = replace(state.clock, waited=0.0, held=0.0, best=0)
    if state.stage + 1 < len(plan.stages):
        weight = plan.stages[state.stage + 1].weight
        return Moved(Reaching(state.candidate, clock, state.stage + 1, facts.now, state.stage, weight=weight))
    return Moved(Growing(state.candidate, clock, state.stage))


def growing(state: Growing, facts: Facts, plan: Plan) -> Moved | Waiting | Ended:
    """The candidate gets every pod that it needs to serve alone, and only then everything."""
    if rescued := _rescued(state, facts):
        return rescued
    version = state.candidate.version
    if is_nearly_complete(state.clock, facts, plan):
        if plan.paused:
            return Waiting(Reason.PAUSED, f"spec.paused holds {version} before it takes all traffic", is_moving=False)
        return Moved(Switching(state.candidate, replace(state.clock, waited=0.0, held=0.0, best=0)))
    if state.clock.waited >= plan.progress_deadline_seconds:
        return too_late(state, facts, plan)
    said = f"{version} passed; it grows to {facts.candidate.wanted} pods and takes all traffic"
    return Waiting(Reason.PROMOTING, said).with_trouble(facts.trouble)


def _rescued(state: Reaching | Holding | Growing, facts: Facts) -> Moved | None:
    """Stable serves nothing any more: there is nothing to be compared with, and no reason to hold back, paused or not."""
    if not facts.stable_is_down or not facts.candidate.ready:
        return None
    return Moved(Switching(replace(state.candidate, kind=Kind.RESCUE), Clock(facts.now)))


def _decided_by_deadline(state: Holding, facts: Facts, plan: Plan) -> Moved | Ended | None:
    match plan.on_deadline:
        case OnDeadline.ROLLBACK:
            missing = facts.judgement.missing or "no look has ended"
            message = f"no verdict within {plan.deadline_seconds:.0f} s: {missing}"
            return Ended(state.candidate, Outcome.ROLLED_BACK, Reason.DEADLINE_EXCEEDED, message)
        case OnDeadline.PROMOTE if not plan.paused:
            return Moved(Growing(state.candidate, replace(state.clock, waited=0.0, best=0), state.stage))
        case _:
            return None


def _held(state: Holding, facts: Facts, plan: Plan, *, overdue: bool) -> Waiting:
    version, place, judged = state.candidate.version, plan.place(state.stage), facts.judgement
    if plan.paused:
        return Waiting(Reason.PAUSED, f"spec.paused holds {version} at step {place}", is_moving=False)
    if overdue:
        held = Refusal(
            Reason.DEADLINE_EXCEEDED,
            f"{version} is held at step {place}: no verdict within {plan.deadline_seconds:.0f} s"
            f" ({judged.missing or 'no look has ended'}); raise rollout.deadlineSeconds, or retry or abort with the annotation",
        )
        return Waiting(held.reason, held.message, is_moving=False, is_stalled=True, degraded=held)
    if judged.unanswered:
        down = Refusal(Reason.PROMETHEUS_UNREACHABLE, f"{version} is held at step {place}: {judged.unanswered}")
        return Waiting(down.reason, down.message, degraded=down)
    if facts.blocked:
        return Waiting(
            facts.blocked.reason,
            f"{version} is held at step {place}: {facts.blocked.message}",
            is_moving=False,
            is_stalled=True,
            degraded=facts.blocked,
        )
    if not facts.force.is_reached:
        return _in_the_way(f"{version}: step {place} is not in force", facts).with_trouble(_pods_lost(facts))
    if judged.missing:
        return Waiting(Reason.WAITING_FOR_DATA, f"{version} at step {place}: {judged.missing}")
    hold = plan.stages[state.stage].hold_seconds
    reason = Reason.ANALYSING if plan.analysed and judged.passed else Reason.STEP_HELD
    return Waiting(reason, f"{version} at step {place}, held for {hold:.0f} s at least")


def _overdue(state: Reaching | Holding, said: str, facts: Facts, plan: Plan) -> Waiting | Ended:
    """The candidate has had its time; where it is not its pods that are missing, a person has to look."""
    if not facts.candidate.is_complete:
        return too_late(state, facts, plan)
    waiting = _in_the_way(said, facts)
    degraded = waiting.degraded or Refusal(waiting.reason, waiting.message)
    return replace(waiting, is_moving=False, is_stalled=True, degraded=degraded)


def _pods_lost(facts: Facts) -> Refusal | None:
    """Pods that had proved themselves do not any more, and say nothing about it."""
    arm = facts.candidate
    if arm.is_complete or facts.trouble:
        return None
    return Refusal(
        Reason.PODS_NOT_READY,
        f"{arm.version} is ready on {arm.ready} of {arm.wanted} pods; {facts.hint or 'none says why'}",
    )


def _in_the_way(said: str, facts: Facts) -> Waiting:
    """What keeps a weight from being in force, by name: the candidate's pods, stable's, or news in the slices."""
    lacking = facts.force.waits_for
    if lacking:
        said = f"{said}: {lacking}"
    reason = Reason.ENDPOINTS_BEHIND if facts.force.slices_behind else Reason.SHIFTING
    trouble = facts.trouble
    if trouble is None and facts.candidate.is_complete:
        trouble = facts.stable_trouble
    return with_lack(Waiting(reason, said).with_trouble(trouble), facts.force.lack)
