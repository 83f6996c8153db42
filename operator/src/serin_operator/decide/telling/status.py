"""Status put together: memory, conditions, and the counts that people want to see."""

from serin_operator.api.status import CanaryStatus, ModelDeploymentStatus, StableStatus
from serin_operator.decide.judging.judge import worst_verdict
from serin_operator.decide.memory.memory import Memory, remember, step_of
from serin_operator.decide.memory.states import Idle, Promoting, Shifting, Stepping
from serin_operator.decide.settings import Settings
from serin_operator.decide.telling.conditions import address_of, conditions_of
from serin_operator.decide.telling.situation import Situation
from serin_operator.decide.traffic.replica_ratio import selector
from serin_operator.decide.world import World


def status_of(world: World, memory: Memory, settings: Settings, situation: Situation) -> ModelDeploymentStatus:
    """The whole status; writing it when nothing changed changes nothing."""
    stable = _stable(world, memory, settings)
    labels = selector(world.mdep.name, memory.stable.revision if memory.stable else None)
    return ModelDeploymentStatus(
        observed_generation=world.mdep.generation,
        conditions=conditions_of(world, memory, settings, situation),
        url=address_of(world, memory),
        replicas=stable.replicas if stable else 0,
        selector=",".join(f"{key}={value}" for key, value in sorted(labels.items())),
        stable=stable,
        canary=_canary(world, memory, settings),
        versions=list(memory.ledger) or None,
        last_action=memory.last_action,
    )


def _stable(world: World, memory: Memory, settings: Settings) -> StableStatus | None:
    if memory.stable is None:
        return None
    revision = world.revision(memory.stable.revision)
    return StableStatus(
        version=memory.stable.version,
        revision=memory.stable.revision,
        sha256=memory.stable.sha256,
        weight=100 - _canary_weight(memory),
        ready_replicas=revision.ready,
        replicas=revision.deployment.replicas if revision.deployment else settings.replicas,
    )


def _canary_weight(memory: Memory) -> int:
    in_traffic = isinstance(memory.rollout, Shifting | Stepping | Promoting) and step_of(memory.rollout) is not None
    return memory.analysis.achieved_weight if in_traffic else 0


def _canary(world: World, memory: Memory, settings: Settings) -> CanaryStatus | None:
    remembered = remember(memory)
    if remembered is None or isinstance(memory.rollout, Idle):
        return None
    revision = world.revision(memory.rollout.candidate.revision)
    step = step_of(memory.rollout)
    return remembered.model_copy(
        update={
            "progress": f"{step + 1}/{len(settings.steps)}" if step is not None else None,
            "ready_replicas": revision.ready,
            "replicas": revision.deployment.replicas if revision.deployment else 0,
            "verdict": worst_verdict(memory.analysis.results),
        }
    )
