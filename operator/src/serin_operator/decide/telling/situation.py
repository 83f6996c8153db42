"""Where things stand, in one reason and one sentence: what all conditions are made of.

Messages hold no running clocks: a status that changed with every second would be written with every second.
"""

from dataclasses import dataclass
from typing import assert_never

from serin_operator.api.names import ANNOTATION_ACTION
from serin_operator.api.reasons import Reason
from serin_operator.decide.analysis import Reason as VerdictReason
from serin_operator.decide.children.intent import is_pinned_to
from serin_operator.decide.health.diagnosis import trouble_of
from serin_operator.decide.memory.ledger import entry, is_rejected
from serin_operator.decide.memory.memory import Memory
from serin_operator.decide.memory.states import (
    Facts,
    Idle,
    Kind,
    Promoting,
    Refusal,
    Resolving,
    Shifting,
    Starting,
    Stepping,
)
from serin_operator.decide.rollout.facts import blocked_of
from serin_operator.decide.settings import Settings
from serin_operator.decide.world import World


@dataclass(frozen=True)
class Situation:
    """What goes on."""

    reason: Reason
    message: str
    moving: bool = False
    """The operator is at work towards the spec."""
    stalled: bool = False
    """Nothing moves until a person acts."""
    degraded: Refusal | None = None
    """What is wrong beside that, while serving goes on."""


def situation_of(world: World, memory: Memory, settings: Settings, facts: Facts) -> Situation:
    """The situation after a decision."""
    if world.obstacles:
        first = world.obstacles[0]
        reason = Reason.of(first.reason) or Reason.CREATION_FORBIDDEN
        return Situation(reason, first.message, stalled=True, degraded=Refusal(reason, first.message))
    match memory.rollout:
        case Idle():
            return _idle(world, memory, settings)
        case Resolving(candidate=candidate):
            said = f"{candidate.version}: fetching, verifying and loading {candidate.shown_uri}"
            return _moving(Reason.RESOLVING, said, facts.trouble)
        case Starting():
            return _starting(world, memory, memory.rollout, settings, facts)
        case Shifting(candidate=candidate, step=step):
            said = f"{candidate.version}: bringing step {_place(step, settings)} into force"
            return _moving(Reason.SHIFTING, said, facts.trouble)
        case Stepping():
            return _stepping(memory, memory.rollout, settings)
        case Promoting(candidate=candidate):
            said = f"{candidate.version} passed; it grows to {settings.replicas} pods and takes all traffic"
            if candidate.kind is not Kind.CANARY:
                said = f"{candidate.version} is ready and takes all traffic"
            return _moving(Reason.PROMOTING, said, facts.trouble)
        case _:
            assert_never(memory.rollout)


def _place(step: int, settings: Settings) -> str:
    return f"{step + 1}/{len(settings.steps)} ({settings.weight(step)} %)"


def _moving(reason: Reason, message: str, trouble: Refusal | None) -> Situation:
    if trouble is None:
        return Situation(reason, message, moving=True)
    return Situation(reason, f"{message}; {trouble.message}", moving=True, degraded=trouble)


def _idle(world: World, memory: Memory, settings: Settings) -> Situation:
    stable = memory.stable
    known = entry(memory.ledger, settings.revision)
    if known and is_rejected(memory.ledger, settings.revision):
        reason = Reason.of(known.reason) or Reason.TARGET_REJECTED
        serving = f"{stable.version} serves on" if stable else "nothing serves"
        way_out = f"change spec.model, or annotate {ANNOTATION_ACTION}=retry@<a new word>"
        message = f"{known.version} {known.outcome}: {known.message}; {serving}; {way_out}"
        return Situation(reason, message, stalled=True, degraded=Refusal(reason, message))
    if stable is None:
        return Situation(Reason.NO_VERSION_YET, "no version has become ready yet", moving=True)
    if not is_pinned_to(world, stable.revision):
        message = f"Service {world.mdep.name} is gone or selects something else; it is being put right"
        return Situation(Reason.REPAIRING, message, moving=True, degraded=Refusal(Reason.REPAIRING, message))
    revision = world.revision(stable.revision)
    ready, wanted = revision.ready, settings.replicas
    message = f"{stable.version} serves on {min(ready, wanted)} of {wanted} pods"
    if ready < wanted:
        trouble = trouble_of(revision) or Refusal(
            Reason.PODS_NOT_READY, "the others start, or do not say what ails them"
        )
        message = f"{message}; {trouble.message}"
        return Situation(trouble.reason, message, moving=True, degraded=Refusal(trouble.reason, message))
    if world.reached(stable.revision) < wanted or not world.reaches_only(stable.revision):
        message = f"{stable.version} is ready on {wanted} pods; the EndpointSlices of Service {world.mdep.name} do not say so yet"
        return Situation(Reason.ENDPOINTS_BEHIND, message, moving=True)
    # Told before it is needed: the next version's canary would wait for ever.
    return Situation(Reason.SERVING, message, degraded=blocked_of(world))


def _starting(world: World, memory: Memory, state: Starting, settings: Settings, facts: Facts) -> Situation:
    candidate = state.candidate
    blocked = blocked_of(world)
    if blocked and facts.ready and candidate.kind is Kind.CANARY:
        return Situation(blocked.reason, blocked.message, stalled=True, degraded=blocked)
    if settings.paused and facts.ready:
        return Situation(Reason.PAUSED, f"spec.paused holds {candidate.version} before its first traffic")
    if candidate.kind is Kind.FIRST:
        message = f"{candidate.version}: {settings.replicas} pods start"
        if state.clock.waited >= settings.progress_deadline_seconds:
            why = facts.trouble.message if facts.trouble else "pods are not ready, and none says why"
            message = f"{candidate.version} not ready within {settings.progress_deadline_seconds} s: {why}"
            failed = Refusal(Reason.PROGRESS_DEADLINE_EXCEEDED, message)
            return Situation(failed.reason, message, stalled=True, degraded=failed)
        return _moving(Reason.DEPLOYING, message, facts.trouble)
    if candidate.kind is Kind.CANARY:
        message = f"{candidate.version}: canary pods start and warm up, without traffic"
        return _moving(Reason.CANARY_STARTING, message, facts.trouble)
    known = entry(memory.ledger, candidate.revision)
    restoring = known is not None and known.promoted_at is not None
    reason = Reason.RESTORING if restoring else Reason.REPLACING
    return _moving(reason, f"{candidate.version}: {settings.replicas} pods start, without traffic", facts.trouble)


def _stepping(memory: Memory, state: Stepping, settings: Settings) -> Situation:
    candidate, place = state.candidate, _place(state.step, settings)
    results = memory.analysis.results
    waiting = [r for r in results if r.verdict == "Inconclusive"]
    if settings.paused:
        return Situation(Reason.PAUSED, f"spec.paused holds {candidate.version} at step {place}")
    late = state.clock.analysed >= settings.deadline_seconds
    if late and not (results and all(r.verdict == "Pass" for r in results)):
        lacking = "; ".join(f"{r.metric}: {r.message}" for r in waiting) or "no look has ended"
        message = (
            f"{candidate.version} is held at step {place}: no verdict within {settings.deadline_seconds} s ({lacking});"
            " raise rollout.deadlineSeconds, or retry or abort with the annotation"
        )
        held = Refusal(Reason.DEADLINE_EXCEEDED, message)
        return Situation(held.reason, message, stalled=True, degraded=held)
    if failed := [r for r in waiting if r.reason == VerdictReason.QUERY_FAILED]:
        message = f"{candidate.version} is held at step {place}: {failed[0].metric}: {failed[0].message}"
        down = Refusal(Reason.PROMETHEUS_UNREACHABLE, message)
        return Situation(down.reason, message, moving=True, degraded=down)
    if waiting:
        lacking = "; ".join(f"{r.metric}: {r.message}" for r in waiting)
        return Situation(Reason.WAITING_FOR_DATA, f"{candidate.version} at step {place}: {lacking}", moving=True)
    hold = settings.steps[min(state.step, len(settings.steps) - 1)].hold
    reason = Reason.ANALYSING if results else Reason.STEP_HELD
    return Situation(reason, f"{candidate.version} at step {place}, held for {hold} s at least", moving=True)
