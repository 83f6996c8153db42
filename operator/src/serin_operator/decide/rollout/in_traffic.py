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
    Order,
    Reaching,
    Refusal,
    Switching,
    Waiting,
)
from serin_operator.decide.rollout.aside import GO_ON, tried, unjudged
from serin_operator.decide.rollout.before_traffic import (
    QUIET_SECONDS,
    is_nearly_complete,
    refused_ahead,
    too_late,
    with_lack,
)
from serin_operator.decide.rollout.facts import Facts
from serin_operator.decide.rollout.plan import Plan

STEADY_SECONDS = 1.0
"""A weight is in force when it was so for two observations running."""


def reaching(state: Reaching, facts: Facts, plan: Plan) -> Moved | Waiting | Ended:
    """Pods start or stop, and the Service's slices follow, until the stage's weight is in force."""
    if moved := _rescued(state, facts) or _ordered(state, facts, plan):
        return moved
    if facts.force.is_reached:
        since = _steady_since(state, facts.now)
        patience = 0.9 * STEADY_SECONDS if facts.force.is_exact else QUIET_SECONDS
        if (facts.now - since).total_seconds() >= patience:
            clock = replace(state.clock, waited=0.0, held=0.0, best=facts.candidate.ready)
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
    if moved := _rescued(state, facts) or _ordered(state, facts, plan):
        return moved
    is_judged = plan.is_judged(state.stage)
    overdue = is_judged and state.clock.analysed >= plan.deadline_seconds and not facts.judgement.passed
    if overdue and (decided := _decided_by_deadline(state, facts, plan)):
        return decided
    if not facts.force.is_reached and state.clock.waited >= plan.progress_deadline_seconds:
        said = f"{state.candidate.version}: step {plan.place(state.stage)} is not in force"
        return _overdue(state, said, facts, plan)
    has_passed = not is_judged or (facts.judgement.passed and facts.judgement.is_ripe)
    is_over = state.clock.held >= plan.stages[state.stage].hold_seconds
    is_held = plan.paused or plan.waits_for_person(state)
    if is_held or not (is_over and facts.force.is_reached and has_passed):
        return _held(state, facts, plan, overdue=overdue)
    return _onward(state, facts, plan)


def _onward(state: Reaching | Holding, facts: Facts, plan: Plan) -> Moved | Waiting:
    """The stage is over."""
    if refused := refused_ahead(state.stage + 1, facts, plan):
        said = f"{state.candidate.version} is held at step {plan.place(state.stage)}: {refused.message}"
        return Waiting(refused.reason, said, is_moving=False, is_stalled=True, degraded=refused)
    candidate, clock = state.candidate.obeyed, replace(state.clock, waited=0.0, held=0.0, best=0)
    if state.stage + 1 >= len(plan.stages):
        return Moved(Growing(candidate, clock, state.stage))
    in_force = state.stage if isinstance(state, Holding) else state.in_force
    weight = plan.stages[state.stage + 1].weight
    return Moved(Reaching(candidate, clock, state.stage + 1, facts.now, in_force, weight=weight))


def _ordered(state: Reaching | Holding, facts: Facts, plan: Plan) -> Moved | Waiting | None:
    """What a person has ordered is done at once; a Fail has ended the rollout before it comes to that."""
    match state.candidate.order:
        case Order.PROMOTE:
            clock = replace(state.clock, waited=0.0, held=0.0, best=0)
            return Moved(Growing(state.candidate.obeyed, clock, state.stage))
        case Order.SKIP_STEP:
            return _onward(state, facts, plan)
        case _:
            return None


def growing(state: Growing, facts: Facts, plan: Plan) -> Moved | Waiting | Ended:
    """The candidate gets every pod that it needs to serve alone, and only then everything."""
    if rescued := _rescued(state, facts):
        return rescued
    version = state.candidate.version
    if is_nearly_complete(state.clock, facts):
        if plan.paused:
            return plan.held_by_people(f"{version} before it takes all traffic")
        return Moved(Switching(state.candidate, replace(state.clock, waited=0.0, held=0.0, best=facts.candidate.ready)))
    said = f"{version} grows to {max(facts.candidate.wanted, facts.candidate.goal)} pods, and then takes all traffic"
    if state.clock.waited >= plan.progress_deadline_seconds:
        return too_late(state, facts, plan)
    if facts.candidate.is_complete:
        is_late = state.clock.held >= plan.progress_deadline_seconds
        return _overdue(state, said, facts, plan) if is_late else _in_the_way(said, facts)
    return Waiting(Reason.PROMOTING, said).with_trouble(facts.trouble)


def _rescued(state: Reaching | Holding | Growing, facts: Facts) -> Moved | None:
    """Stable serves nothing any more: there is nothing to be compared with, and no reason to hold back, paused or not."""
    if not facts.stable_is_down or not facts.candidate.ready:
        return None
    rescue = replace(state.candidate.obeyed, kind=Kind.RESCUE)
    return Moved(Switching(rescue, Clock(facts.now, best=facts.candidate.ready)))


def _decided_by_deadline(state: Holding, facts: Facts, plan: Plan) -> Moved | Waiting | Ended | None:
    match plan.on_deadline:
        case OnDeadline.ROLLBACK:
            missing = facts.judgement.missing or "no look has ended"
            message = f"no verdict within {plan.deadline_seconds:.0f} s: {missing}"
            return Ended(state.candidate, Outcome.ROLLED_BACK, Reason.DEADLINE_EXCEEDED, message)
        case OnDeadline.PROMOTE if not (plan.paused or plan.waits_for_person(state) or facts.judgement.is_doubted):
            if any(stage.pause for stage in plan.stages[state.stage + 1 :]):
                return _onward(state, facts, plan)  # a deadline is no person
            return Moved(
                Growing(state.candidate.obeyed, replace(state.clock, waited=0.0, held=0.0, best=0), state.stage)
            )
        case _:
            return None


def _held(state: Holding, facts: Facts, plan: Plan, *, overdue: bool) -> Waiting:
    version, place, judged = state.candidate.version, plan.place(state.stage), facts.judgement
    if plan.paused:
        return plan.held_by_people(f"{version} at step {place}")
    if overdue:
        held = Refusal(
            Reason.DEADLINE_EXCEEDED,
            f"{version} is held at step {place}: no verdict within {plan.deadline_seconds:.0f} s"
            f" ({judged.missing or 'no look has ended'}); raise rollout.deadlineSeconds, or promote, skip-step, retry or abort with the annotation",
        )
        return Waiting(held.reason, held.message, is_moving=False, is_stalled=True, degraded=held)
    if not (plan.stages[state.stage].weight or plan.is_judged(state.stage)):
        return unjudged(state, facts, plan) if facts.force.is_reached else _not_in_force(state, facts, plan)
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
        return _not_in_force(state, facts, plan)
    hold = plan.stages[state.stage].hold_seconds
    if plan.waits_for_person(state) and state.clock.held >= hold:
        missing = f"; besides, {judged.missing}" if judged.missing else ""
        said = f"{version} at step {place} waits for a person, as the step says; {GO_ON}{missing}"
        return Waiting(Reason.STEP_PAUSED, said, is_moving=False)
    if judged.missing:
        return Waiting(Reason.WAITING_FOR_DATA, f"{version} at step {place}: {judged.missing}")
    then = f"for {hold:.0f} s at least" + (
        ", and then until a person lets it go" if plan.waits_for_person(state) else ""
    )
    if not plan.stages[state.stage].weight:
        return tried(state, plan, then)
    reason = Reason.ANALYSING if plan.analysed and judged.passed else Reason.STEP_HELD
    return Waiting(reason, f"{version} at step {place}, held {then}")


def _not_in_force(state: Holding, facts: Facts, plan: Plan) -> Waiting:
    said = f"{state.candidate.version}: step {plan.place(state.stage)} is not in force"
    return _in_the_way(said, facts).with_trouble(_pods_lost(state, facts))


def _overdue(state: Reaching | Holding | Growing, said: str, facts: Facts, plan: Plan) -> Waiting | Ended:
    """The candidate has had its time; where it is not its pods that are missing, a person has to look.

    Nor is it held against it where it has lost none, and an autoscaler wants more of both versions than there is room for.
    """
    best, ready = state.clock.best, facts.candidate.ready
    has_lost_none = isinstance(state, Holding) and 0 < best <= ready
    if not (facts.candidate.is_complete or has_lost_none):
        return too_late(state, facts, plan)
    waiting = _in_the_way(said, facts)
    degraded = waiting.degraded or Refusal(waiting.reason, waiting.message)
    return replace(waiting, is_moving=False, is_stalled=True, degraded=degraded)


def _pods_lost(state: Holding, facts: Facts) -> Refusal | None:
    """Pods that had proved themselves do not any more, and say nothing about it; those that were added only start."""
    arm = facts.candidate
    if arm.is_complete or facts.trouble or 0 < state.clock.best <= arm.ready:
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
