"""What the rollout needs to know, read off the world."""

from datetime import datetime

from serin_operator.api.reasons import Reason
from serin_operator.decide.analysis.errors import InvalidAnalysis
from serin_operator.decide.children.intent import is_open, is_pinned_to, wanted
from serin_operator.decide.health.diagnosis import trouble_of, waits_for_source, words_of
from serin_operator.decide.health.resolving import found_digest as found_digest  # noqa: PLC0414 - decision looks here
from serin_operator.decide.health.resolving import refusal_of_job, trouble_of_job
from serin_operator.decide.judging.judge import config_of
from serin_operator.decide.memory.ledger import conflicting
from serin_operator.decide.memory.memory import Memory
from serin_operator.decide.memory.states import (
    Candidate,
    Clock,
    Facts,
    Idle,
    Judgement,
    Plan,
    Refusal,
    Resolving,
    Shifting,
    Stepping,
)
from serin_operator.decide.rollout.target import target_of
from serin_operator.decide.settings import Settings
from serin_operator.decide.world import World

LONGEST_GAP_SECONDS = 15.0
"""Between two observations at most this much time counts: what nobody saw uses up no deadline and holds no step."""


def facts_of(world: World, memory: Memory, settings: Settings, judgement: Judgement, *, abort: bool) -> Facts:
    """Observe the world as the rollout's state machine sees it."""
    target = target_of(world, memory, settings)
    rollout = memory.rollout
    if isinstance(rollout, Idle):
        return Facts(now=world.now, target=target)
    ours = world.revision(rollout.candidate.revision)
    stable = world.revision(memory.stable.revision) if memory.stable else None
    size = wanted(world, memory, settings).replicas.get(ours.revision, 0)
    ratio = (stable.ready if stable else 0, ours.ready)
    reached = (world.reached(stable.revision) if stable else 0, world.reached(ours.revision))
    deployment = ours.deployment
    proven = deployment is not None and ours.ready >= size and len(ours.servers) == size and size > 0
    steady = stable is not None and ratio[0] == settings.replicas == len(stable.servers)
    return Facts(
        now=world.now,
        target=target,
        born=ours.born is not None,
        refused=_refusal(world, memory, rollout.candidate),
        ready=proven,
        pinned_to_candidate=is_pinned_to(world, ours.revision),
        serves_all=deployment is not None
        and world.reached(ours.revision) >= settings.replicas
        and world.reaches_only(ours.revision),
        weight_in_force=proven and steady and is_open(world) and reached == ratio,
        ratio=ratio,
        restarts=sum(p.restarts for p in ours.servers if not waits_for_source(p)),
        last_words=next((words_of(p) for p in ours.servers if p.restarts and not waits_for_source(p)), None),
        trouble=_trouble(world, memory),
        blocked=blocked_of(world),
        judgement=judgement,
        abort=abort,
    )


def plan_of(world: World, memory: Memory, settings: Settings) -> Plan:
    """What the spec says about the way."""
    rollout = memory.rollout
    step = rollout.step if isinstance(rollout, Stepping | Shifting) else 0
    return Plan(
        steps=len(settings.steps),
        hold_seconds=settings.steps[min(step, len(settings.steps) - 1)].hold,
        progress_deadline_seconds=settings.progress_deadline_seconds,
        deadline_seconds=settings.deadline_seconds,
        on_deadline=settings.on_deadline,
        paused=settings.paused,
        analysis=world.mdep.spec.analysis is not None,
    )


def ticked(clock: Clock, now: datetime, facts: Facts, *, analysing: bool) -> Clock:
    """Count the time since the last observation, where it counts."""
    gap = min(max((now - clock.at).total_seconds(), 0.0), LONGEST_GAP_SECONDS)
    return Clock(
        at=now,
        waited=clock.waited + gap,
        held=clock.held + (gap if facts.weight_in_force else 0.0),
        analysed=clock.analysed + (gap if analysing else 0.0),
    )


def blocked_of(world: World) -> Refusal | None:
    """What forbids giving a canary traffic."""
    if world.mdep.spec.analysis is None:
        return None
    if not world.config.prometheus_configured:
        return Refusal(
            Reason.PROMETHEUS_NOT_CONFIGURED,
            "spec.analysis needs Prometheus, and the operator has none: set prometheus.url of the chart,"
            " or remove spec.analysis",
        )
    try:
        config_of(world.mdep.spec.analysis)
    except InvalidAnalysis as error:
        return Refusal(Reason.INVALID_SPEC, f"spec.analysis: {error}")
    return None


def _refusal(world: World, memory: Memory, candidate: Candidate) -> Refusal | None:
    """Why the resolve Job, or the ledger, will not have this candidate."""
    if not isinstance(memory.rollout, Resolving):
        return None
    digest = candidate.sha256 or found_digest(world, candidate)
    used = conflicting(memory.ledger, candidate.version, digest) if digest else None
    if used:
        return Refusal(
            Reason.VERSION_CONFLICT,
            f"version {candidate.version} already stands for sha256 {used.sha256}, and {candidate.shown_uri} now has {digest}:"
            " give the new model a version of its own in spec.model.version",
        )
    return refusal_of_job(world, candidate)


def _trouble(world: World, memory: Memory) -> Refusal | None:
    if isinstance(memory.rollout, Idle):
        return None
    if isinstance(memory.rollout, Resolving):
        return trouble_of_job(world, memory.rollout.candidate)
    return trouble_of(world.revision(memory.rollout.candidate.revision))
