"""Status put together: memory, conditions, and the counts that people want to see."""

from serin_operator.api.status import ModelDeploymentStatus, StableStatus
from serin_operator.api.status_of_rollouts import CanaryStatus, GuardStatus
from serin_operator.decide.judging.judge import worst_verdict
from serin_operator.decide.memory.guarded import written_guard
from serin_operator.decide.memory.memory import Memory, stage_in_force
from serin_operator.decide.memory.states import Baking, Growing, Holding, Idle, Kind, Reaching, Switching, Waiting
from serin_operator.decide.memory.steered import written_actions, written_hold, written_pause
from serin_operator.decide.memory.written import (
    written_canary,
    written_floor,
    written_leaving,
    written_outage,
    written_outbox,
    written_scaling,
)
from serin_operator.decide.rollout.guarding import ends_at, message_of
from serin_operator.decide.telling.conditions import address_of, conditions_of, preview_address_of
from serin_operator.decide.telling.traffic import traffic_of
from serin_operator.decide.timestamps import precise
from serin_operator.decide.traffic.provider import provider_of
from serin_operator.decide.traffic.replica_ratio import is_pinned_to, selector
from serin_operator.decide.wanted.settings import Settings
from serin_operator.decide.world import World


def status_of(world: World, memory: Memory, settings: Settings, waiting: Waiting) -> ModelDeploymentStatus:
    """The whole status; writing it when nothing changed changes nothing."""
    serves = _has_all_traffic(world, memory)
    deployment = world.revision(serves).deployment if serves else None
    labels = selector(world.mdep.name, serves)
    return ModelDeploymentStatus(
        observed_generation=world.mdep.generation,
        conditions=conditions_of(world, memory, settings, waiting),
        url=address_of(world, memory),
        traffic=traffic_of(world, memory),
        replicas=deployment.replicas if deployment else settings.replicas if serves else 0,
        selector=",".join(f"{key}={value}" for key, value in sorted(labels.items())),
        stable=_stable(world, memory, settings),
        canary=_canary(world, memory, settings),
        versions=list(memory.ledger) or None,
        last_action=memory.last_action,
        actions=written_actions(memory.actions),
        pause=written_pause(memory.pause),
        hold=written_hold(memory.hold),
        outage=written_outage(memory.outage),
        floor=written_floor(memory.floor),
        scaling=written_scaling(memory.scaling),
        leaving=written_leaving(memory.leaving),
        guard=_guard(world, memory, settings),
        rebuilt_at=precise(memory.rebuilt_at) if memory.rebuilt_at else None,
        outbox=written_outbox(memory.outbox),
    )


def _guard(world: World, memory: Memory, settings: Settings) -> GuardStatus | None:
    guard, wanted = memory.guard, settings.guard
    if guard is None or wanted is None:
        return None
    return written_guard(
        guard,
        memory.comparison,
        until=ends_at(guard, wanted),
        verdict=worst_verdict(memory.comparison.results) or "Inconclusive",
        message=message_of(world, memory, guard, settings),
    )


def _has_all_traffic(world: World, memory: Memory) -> str | None:
    """The revision whose pods /scale speaks of: stable; after the switch an autoscaler would find its pods idle."""
    match memory.rollout:
        case Switching(candidate=candidate) | Baking(candidate=candidate) if is_pinned_to(world, candidate.revision):
            return candidate.revision
        case _:
            return memory.stable.revision if memory.stable else None


def _stable(world: World, memory: Memory, settings: Settings) -> StableStatus | None:
    if memory.stable is None:
        return None
    revision = world.revision(memory.stable.revision)
    return StableStatus(
        version=memory.stable.version,
        revision=memory.stable.revision,
        sha256=memory.stable.sha256,
        weight=100 - (_canary_weight(world, memory) or _weight_left(world, memory)),
        ready_replicas=revision.ready,
        replicas=revision.deployment.replicas if revision.deployment else settings.replicas,
    )


def _canary_weight(world: World, memory: Memory) -> int:
    """Percent of the traffic: of the stage in force, or all of it."""
    match memory.rollout:
        case Switching(candidate=candidate) | Baking(candidate=candidate) if not _lacks(world, candidate.revision):
            return 100
        case Reaching(in_force=None):
            return 0
        case Reaching() | Holding() | Growing() | Switching():
            return memory.comparison.achieved
        case _:
            return 0


def _weight_left(world: World, memory: Memory) -> int:
    """Percent that a version has which leaves slowly."""
    if memory.leaving is None or memory.stable is None:
        return 0
    return provider_of(world).arms(world, memory.stable.revision, memory.leaving.revision).rounded


def _lacks(world: World, revision: str) -> bool:
    return provider_of(world).lack(world, revision) is not None


def _canary(world: World, memory: Memory, settings: Settings) -> CanaryStatus | None:
    remembered = written_canary(memory)
    if remembered is None or isinstance(memory.rollout, Idle):
        return None
    revision = world.revision(memory.rollout.candidate.revision)
    stage = _last_stage(memory, settings)
    return remembered.model_copy(
        update={
            "weight": _canary_weight(world, memory),
            "step": stage,
            "progress": f"{stage + 1}/{len(settings.stages)}" if stage is not None and settings.stages else None,
            "ready_replicas": revision.ready,
            "replicas": revision.deployment.replicas if revision.deployment else 0,
            "preview_url": preview_address_of(world, revision),
            "verdict": worst_verdict(memory.comparison.results),
        }
    )


def _last_stage(memory: Memory, settings: Settings) -> int | None:
    """The stage in force; for people the last one goes on counting while a version that has passed them takes over."""
    rollout = memory.rollout
    if isinstance(rollout, Switching | Baking) and rollout.candidate.kind is Kind.CANARY and settings.stages:
        return len(settings.stages) - 1
    return stage_in_force(rollout)
