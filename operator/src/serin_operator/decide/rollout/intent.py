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
from serin_operator.decide.rollout.sizes import handed_over, hands_over, live_size_of, shared
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
    ours = memory.rollout.candidate.revision if isinstance(memory.rollout, Resolving) else None
    resolving = ours if ours and not world.revision(ours).born else None
    pods = _pods(world, memory, settings)
    pods |= {each: size for each in pods if (size := world.scaled_elsewhere(each)) is not None}
    return Intent(pods, _traffic(memory, settings), resolving)


def _traffic(memory: Memory, settings: Settings) -> Traffic:
    """Where requests go: stable's until the candidate has passed, or the candidate's where nothing else serves."""
    stages = stages_of(memory, settings)
    stable = memory.stable.revision if memory.stable else None
    match memory.rollout:
        case Reaching() | Holding() | Growing() as state if stable:
            weight = _at(stages, state.stage).weight if stages else 50
            return Split(stable, state.candidate.revision, weight)
        case Switching(candidate=ours) | Baking(candidate=ours):
            return Pinned(ours.revision)
        case Idle():
            return Pinned(stable or settings.revision)
        case rollout:
            return Pinned(stable or rollout.candidate.revision)


def _pods(world: World, memory: Memory, settings: Settings) -> dict[str, int]:
    """How many pods of which revision."""
    full, rollout = live_size_of(world, memory, settings), memory.rollout
    stable = memory.stable.revision if memory.stable else None
    home = {stable: full} if stable else {}
    if isinstance(rollout, Idle | Resolving):
        return home
    ours, kind = rollout.candidate.revision, rollout.candidate.kind
    match rollout:
        case _ if not full:
            return {**home, ours: 0}
        case Starting() if kind is Kind.CANARY:
            return home | _beside(world, memory, settings, 0)
        case Reaching(stage=stage) | Holding(stage=stage):
            return home | _beside(world, memory, settings, stage)
        case Starting() | Growing() | Switching() | Baking():
            gives = stable and hands_over(kind, settings)
            return handed_over(world, stable, ours, full) if stable and gives else {**home, ours: full}
        case _:
            assert_never(rollout)


def _beside(world: World, memory: Memory, settings: Settings, stage: int) -> dict[str, int]:
    """Pods of the candidate at a stage, and of stable where it gives them back."""
    full, stages = live_size_of(world, memory, settings), stages_of(memory, settings)
    stable, rollout = memory.stable, memory.rollout
    if isinstance(rollout, Idle):
        return {}
    ours = rollout.candidate.revision
    if not stages:
        return {ours: full}
    weight = _at(stages, stage).weight
    if stable and settings.shrinks:
        return dict(zip((stable.revision, ours), shared(full, weight), strict=True))
    return {ours: provider_of(world).canary_pods(full, weight)}


def _at(stages: tuple[Stage, ...], stage: int) -> Stage:
    """The stage of that number; the last one when they have become fewer."""
    return stages[min(stage, len(stages) - 1)]
