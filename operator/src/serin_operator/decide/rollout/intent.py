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
        return {**replicas, ours: provider_of(world).canary_pods(full, _at(stages, stage).weight) if stages else full}

    def split(stage: int) -> Traffic:
        return Split(stable, ours, _at(stages, stage).weight if stages else 50) if stable else home

    match rollout:
        case Resolving():
            return Intent(replicas, home, resolving=None if world.revision(ours).born else ours)
        case Starting(candidate=candidate):
            return Intent(sized(0) if candidate.kind is Kind.CANARY else {**replicas, ours: full}, home)
        case Reaching(stage=stage) | Holding(stage=stage):
            return Intent(sized(stage), split(stage))
        case Growing(stage=stage):
            return Intent({**replicas, ours: full}, split(stage))
        case Switching() | Baking():
            return Intent({**replicas, ours: full}, Pinned(ours))
        case _:
            assert_never(rollout)


def _at(stages: tuple[Stage, ...], stage: int) -> Stage:
    """The stage of that number; the last one when they have become fewer."""
    return stages[min(stage, len(stages) - 1)]
