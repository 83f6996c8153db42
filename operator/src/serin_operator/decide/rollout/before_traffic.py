"""Idle, Resolving and Starting: the candidate has no traffic yet (the first version excepted: nobody else has)."""

from dataclasses import replace

from serin_operator.api.reasons import Outcome, Reason
from serin_operator.decide.memory.states import (
    Baking,
    Clock,
    Ended,
    Growing,
    Holding,
    Kind,
    Moved,
    Reaching,
    Refusal,
    Resolving,
    Starting,
    Switching,
    Waiting,
)
from serin_operator.decide.rollout.facts import Facts
from serin_operator.decide.rollout.plan import Plan
from serin_operator.decide.traffic.split import Lack

QUIET_SECONDS = 30.0
"""So long without another pod that gets ready, and a version with nearly all of them takes over without the last."""


def idle(facts: Facts) -> Moved | Waiting:
    """Nothing is rolled out, unless the spec wants something else than what serves."""
    if facts.target:
        return Moved(Resolving(facts.target, Clock(facts.now)))
    return facts.standing


def resolving(state: Resolving, facts: Facts, plan: Plan) -> Moved | Waiting | Ended:
    """A model that the Job accepts is born; then pods may start."""
    candidate, clock = state.candidate, state.clock
    if facts.went_back_to:  # how its pods are made is remembered, whatever the spec says now
        return _forgotten(state, facts) or Moved(Starting(candidate, Clock(facts.now)))
    if facts.born:
        return Moved(Starting(candidate, Clock(facts.now, analysed=clock.analysed)))
    if facts.refused:
        return Ended(candidate, Outcome.FAILED_PREFLIGHT, facts.refused.reason, facts.refused.message)
    if facts.is_commanded:
        said = f"{candidate.version} is resolved; the command of spec.preflight runs"
        return Waiting(Reason.RESOLVING, said).with_trouble(facts.trouble)
    if clock.waited >= plan.progress_deadline_seconds:
        why = facts.trouble or Refusal(Reason.PROGRESS_DEADLINE_EXCEEDED, "the resolve Job has not ended")
        message = f"not resolved within {plan.progress_deadline_seconds:.0f} s: {why.message}"
        return Ended(candidate, Outcome.FAILED_PREFLIGHT, why.reason, message)
    said = f"{candidate.version}: fetching, verifying and loading {candidate.shown_uri}"
    return Waiting(Reason.RESOLVING, said).with_trouble(facts.trouble)


def _forgotten(state: Resolving | Starting, facts: Facts) -> Ended | None:
    """A version of which nothing tells any more how its pods are made cannot come back."""
    if facts.is_remembered:
        return None
    version = state.candidate.version
    message = (
        f"nothing tells any more how pods of {version} are made: its ControllerRevision is gone;"
        f" name {version} in spec.model, and it is rolled out as a new version"
    )
    return Ended(state.candidate, Outcome.ROLLED_BACK, Reason.BIRTH_FORGOTTEN, message)


def starting(state: Starting, facts: Facts, plan: Plan) -> Moved | Waiting | Ended:
    """Pods warm up without traffic; what comes then depends on whether there are stages, and whether stable serves."""
    candidate = state.candidate
    if candidate.kind is Kind.FIRST:
        return _first(state, facts, plan)
    if candidate.kind is not facts.kind:  # stable went down or came back, or people chose another strategy
        return Moved(replace(state, candidate=replace(candidate, kind=facts.kind)))
    if facts.went_back_to and (forgotten := _forgotten(state, facts)):
        return forgotten
    if _may_have_traffic(state, facts):
        return _held_before_traffic(state, facts, plan) or _first_traffic(state, facts, plan)
    if state.clock.waited < plan.progress_deadline_seconds:
        return _pods_start(state, facts)
    return _never_ready(state, facts, plan) if facts.stable_is_down else too_late(state, facts, plan)


def _may_have_traffic(state: Starting, facts: Facts) -> bool:
    """Its pods are ready; a spare one is not waited for long."""
    if state.candidate.kind is Kind.RESCUE:
        return facts.candidate.ready > 0
    is_left_waiting = facts.candidate.bears_its_weight and state.clock.waited >= QUIET_SECONDS
    return facts.candidate.is_complete or is_left_waiting


def _first(state: Starting, facts: Facts, plan: Plan) -> Moved | Waiting:
    candidate = state.candidate
    if is_nearly_complete(state.clock, facts):
        return Moved(Switching(candidate, Clock(facts.now, best=facts.candidate.ready)))
    message = f"{candidate.version}: {facts.candidate.wanted} pods start"
    if facts.candidate.ready:
        message = (
            f"{candidate.version} serves on {facts.candidate.ready} of {facts.candidate.wanted} pods; the others start"
        )
    if state.clock.waited < plan.progress_deadline_seconds:
        return Waiting(Reason.DEPLOYING, message).with_trouble(facts.trouble)
    return _never_ready(state, facts, plan)


def _never_ready(state: Starting, facts: Facts, plan: Plan) -> Waiting:
    """Nothing else serves, so it is not given up; but somebody has to know."""
    why = facts.trouble.message if facts.trouble else facts.hint or "pods are not ready, and none says why"
    failed = Refusal(
        Reason.PROGRESS_DEADLINE_EXCEEDED,
        f"{state.candidate.version} not ready within {plan.progress_deadline_seconds:.0f} s: {why}",
    )
    return Waiting(failed.reason, failed.message, is_moving=False, is_stalled=True, degraded=failed)


def _held_before_traffic(state: Starting, facts: Facts, plan: Plan) -> Waiting | None:
    candidate = state.candidate
    if candidate.kind is Kind.CANARY and (refused := refused_ahead(0, facts, plan)):
        return Waiting(refused.reason, refused.message, is_moving=False, is_stalled=True, degraded=refused)
    goes_back = facts.went_back_to is not None or (candidate.kind is Kind.DIRECT and facts.is_restored)
    if facts.hindered and candidate.kind is not Kind.RESCUE and not goes_back:
        said = f"{candidate.version} is ready, and gets no traffic yet: {facts.hindered.message}"
        return with_lack(Waiting(facts.hindered.reason, said), facts.hindered)
    if candidate.kind is Kind.CANARY and plan.stages[0].is_judged and facts.stable and not facts.stable.reached:
        said = f"{candidate.version} is ready; it waits for {facts.stable.version}, which it is compared with, to serve"
        return Waiting(Reason.PODS_NOT_READY, said).with_trouble(facts.stable_trouble)
    if plan.paused and candidate.kind is not Kind.RESCUE and facts.went_back_to is None:
        return plan.held_by_people(f"{candidate.version} before its first traffic")
    return None


def refused_ahead(stage: int, facts: Facts, plan: Plan) -> Refusal | None:
    """Why ``stage`` may not begin, nor any after it: steps that cannot be, or evidence that nobody could take."""
    has_requests = any(ahead.is_judged for ahead in plan.stages[stage : stage + 1])
    return facts.refused_stage or (facts.blocked if has_requests else None)


def _first_traffic(state: Starting, facts: Facts, plan: Plan) -> Moved:
    candidate = state.candidate.obeyed
    if candidate.kind is Kind.CANARY:
        stage, clock = plan.resumes_at, Clock(facts.now, analysed=state.clock.analysed)
        return Moved(Reaching(candidate, clock, stage, facts.now, weight=plan.stages[stage].weight))
    return Moved(Switching(candidate, Clock(facts.now, best=facts.candidate.ready)))


def _pods_start(state: Starting, facts: Facts) -> Waiting:
    candidate = state.candidate
    if candidate.kind is Kind.CANARY:
        message = f"{candidate.version}: canary pods start and warm up, without traffic"
        return Waiting(Reason.CANARY_STARTING, message).with_trouble(facts.trouble)
    if candidate.kind is Kind.RESCUE:
        message = (
            f"{candidate.version}: pods start; the first that is ready gets all traffic, since stable serves nothing"
        )
        return Waiting(Reason.REPLACING, message).with_trouble(facts.trouble)
    reason = Reason.RESTORING if facts.is_restored or facts.went_back_to else Reason.REPLACING
    why = f"; {facts.why_back}" if facts.went_back_to else ""
    message = f"{candidate.version}: {facts.candidate.wanted} pods start, without traffic{why}"
    return Waiting(reason, message).with_trouble(facts.trouble)


def is_nearly_complete(clock: Clock, facts: Facts) -> bool:
    """Every pod is ready; or nearly every one, and the rest has not come for a while."""
    if facts.candidate.is_full_size:
        return True
    return facts.candidate.ready >= facts.candidate.enough and clock.waited >= QUIET_SECONDS


def with_lack(waiting: Waiting, lack: Lack | None) -> Waiting:
    """The same, with what keeps requests from being led where they should, which the message has already."""
    if lack is None or waiting.degraded:
        return waiting
    degraded = Refusal(lack.reason, lack.message) if lack.needs_person else None
    stuck = lack.needs_person
    return replace(waiting, reason=lack.reason, is_moving=not stuck, is_stalled=stuck, degraded=degraded)


def too_late(state: Starting | Reaching | Holding | Growing | Switching | Baking, facts: Facts, plan: Plan) -> Ended:
    """Pods had their time."""
    why = facts.trouble.message if facts.trouble else facts.hint or "no pod says why"
    return Ended(
        state.candidate,
        Outcome.ROLLED_BACK,
        Reason.PROGRESS_DEADLINE_EXCEEDED,
        f"pods were not ready within {plan.progress_deadline_seconds:.0f} s: {why}",
    )
