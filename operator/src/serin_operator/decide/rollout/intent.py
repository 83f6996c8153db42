"""What memory means for the cluster: how many pods of which revision, and where requests go. It follows from memory alone."""

from dataclasses import dataclass
from typing import assert_never

from serin_operator.decide.memory.memory import Memory
from serin_operator.decide.memory.states import (
    Baking,
    Growing,
    Holding,
    Idle,
    Kind,
    Reaching,
    Resolving,
    Starting,
    Switching,
)
from serin_operator.decide.rollout.plan import stages_of
from serin_operator.decide.traffic.provider import provider_of
from serin_operator.decide.traffic.split import Pinned, Split, Traffic
from serin_operator.decide.wanted.settings import Settings
from serin_operator.decide.wanted.stages import Stage
from serin_operator.decide.world import World


@dataclass(frozen=True)
class Intent:
    """How it should be."""

    replicas: dict[str, int]
    """Pods by revision; a revision that is missing here has no Deployment and no Service."""
    traffic: Traffic
    resolving: str | None = None
    """Revision whose resolve Job should exist."""
    preview: str | None = None
    """Revision that the preview Service leads to; None: there is none."""


def intent_of(world: World, memory: Memory, settings: Settings) -> Intent:
    """The intent for the state that the rollout is in."""
    full = settings.replicas
    stable = memory.stable.revision if memory.stable else None
    replicas = {stable: full} if stable else {}
    rollout = memory.rollout
    if isinstance(rollout, Idle):
        return Intent(replicas, Pinned(stable or settings.revision))
    ours, stages = rollout.candidate.revision, stages_of(memory, settings)
    home = Pinned(stable or ours)

    def sized(stage: int) -> dict[str, int]:
        return {**replicas, ours: pods_of(world, _at(stages, stage), full) if stages else full}

    def split(stage: int) -> Traffic:
        weight = _at(stages, stage).weight if stages else _left_behind(memory)
        return Split(stable, ours, weight) if stable and weight > 0 else home

    def preview(stage: int) -> str | None:
        return ours if stages and _at(stages, stage).has_preview else None

    match rollout:
        case Resolving():
            return Intent(replicas, home, resolving=None if world.revision(ours).born else ours)
        case Starting(candidate=candidate):
            is_canary = candidate.kind is Kind.CANARY
            return Intent(sized(0) if is_canary else {**replicas, ours: full}, home, preview=preview(0))
        case Reaching(stage=stage) | Holding(stage=stage):
            return Intent(sized(stage), split(stage), preview=preview(stage))
        case Growing(stage=stage):
            return Intent({**replicas, ours: full}, split(stage), preview=preview(stage))
        case Switching() | Baking():
            return Intent({**replicas, ours: full}, Pinned(ours))
        case _:
            assert_never(rollout)


def pods_of(world: World, stage: Stage, full: int) -> int:
    """Pods of the candidate in a stage, beside so many of stable; the weight counts where pods contradict it."""
    provider = provider_of(world)
    by_weight = provider.canary_pods(full, stage.weight)
    return by_weight if contradiction(world, stage, full) else stage.size(full, by_weight)


def contradiction(world: World, stage: Stage, full: int) -> str | None:
    """Why a stage cannot have the pods and the weight that it asks for, and the way out; None: it can."""
    if stage.pods is None or not stage.is_judged:
        return None
    provider = provider_of(world)
    size = stage.size(full, provider.canary_pods(full, stage.weight))
    return provider.contradiction(full, size, stage.weight)


def _left_behind(memory: Memory) -> int:
    """Percent of the traffic while people have taken away every stage: as much as there was, if there was any."""
    return 0 if memory.comparison.stage_weight == 0 else 50


def _at(stages: tuple[Stage, ...], stage: int) -> Stage:
    """The stage of that number; the last one when they have become fewer."""
    return stages[min(stage, len(stages) - 1)]
