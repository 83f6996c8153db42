"""What memory means for the cluster: how many pods of which revision, and where requests go. It follows from memory alone."""

from dataclasses import dataclass, replace
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
from serin_operator.decide.rollout.guarding import kept_pods
from serin_operator.decide.rollout.leaving import pods_of_both, traffic_of_both
from serin_operator.decide.rollout.plan import stages_of
from serin_operator.decide.rollout.sizes import given_for, handed_over, hands_over, live_size_of
from serin_operator.decide.traffic.provider import provider_of
from serin_operator.decide.traffic.split import Lack, Pinned, Split, Traffic
from serin_operator.decide.wanted.settings import Settings, shared
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
    lack: Lack | None = None
    """Why the stage cannot have the requests that it asks for; stable has them all meanwhile."""
    control: str | None = None
    """Revision that the control Service leads to, since another is compared with it; None: there is none."""
    spare: int = 0
    """Pods of the candidate beyond those that its weight needs; they stand in for one that goes, and may lack a node."""
    gives: int = 0
    """Pods that stable has yet to give to the candidate, where both share what there is."""


def intent_of(world: World, memory: Memory, settings: Settings) -> Intent:
    """The intent for the state that the rollout is in."""
    ours = memory.rollout.candidate.revision if isinstance(memory.rollout, Resolving) else None
    resolving = ours if ours and not world.revision(ours).born else None
    pods = _pods(world, memory, settings)
    pods |= {each: size for each in pods if (size := world.scaled_elsewhere(each)) is not None}
    preview = _preview(memory, settings) if any(pods.values()) else None
    stage = _in_traffic(memory, settings)
    lack = provider_of(world).refuses(world, stage) if stage else None
    traffic, control = _traffic(world, memory, settings, lack), _control(world, memory, pods)
    spares, gives = _spare(world, memory, settings), _gives(world, memory, settings, pods)
    return Intent(pods, traffic, resolving, preview, lack, control, spares, gives)


def _in_traffic(memory: Memory, settings: Settings) -> Stage | None:
    """The stage whose requests the candidate gets, or is to get."""
    rollout, stages = memory.rollout, stages_of(memory, settings)
    if not isinstance(rollout, Reaching | Holding | Growing):
        return None
    return _at(stages, rollout.stage) if stages else Stage(_left_behind(memory), 0)


def _traffic(world: World, memory: Memory, settings: Settings, lack: Lack | None) -> Traffic:
    """Where requests go: stable's until the candidate has passed, or the candidate's where nothing else serves."""
    stable, stage = memory.stable.revision if memory.stable else None, _in_traffic(memory, settings)
    match memory.rollout:
        case Reaching() | Holding() | Growing() as state if stable and stage:
            if lack or not stage.is_judged:
                return Pinned(stable)
            split = Split(stable, state.candidate.revision, stage.weight, stage.mirror, stage.testers)
            return _shared(world, memory, settings, split) if settings.shrinks and stage.weight else split
        case Switching(candidate=ours) | Baking(candidate=ours):
            return Pinned(ours.revision)
        case Idle() if stable and memory.leaving:
            return traffic_of_both(world, memory.leaving, stable)
        case Idle():
            return Pinned(stable or settings.revision)
        case rollout:
            return Pinned(stable or rollout.candidate.revision)


def _shared(world: World, memory: Memory, settings: Settings, split: Split) -> Split:
    """The same share of pods that both have in common; a version that grows has as much as its pods bear."""
    full = live_size_of(world, memory, settings)
    most = 100 * (full - 1) // max(1, full) if isinstance(memory.rollout, Growing) else 0
    return replace(split, weight=max(split.weight, most), full=full)


def _gives(world: World, memory: Memory, settings: Settings, pods: dict[str, int]) -> int:
    rollout, stages, stable = memory.rollout, stages_of(memory, settings), memory.stable
    if not (isinstance(rollout, Reaching) and stages and stable and settings.shrinks):
        return 0
    weight, full = _at(stages, rollout.stage).weight, live_size_of(world, memory, settings)
    return max(0, pods.get(stable.revision, 0) - shared(full, weight)[0]) if weight and full else 0


def _preview(memory: Memory, settings: Settings) -> str | None:
    """The candidate, while its stage has a preview; the first stage's begins before it."""
    stages = stages_of(memory, settings)
    match memory.rollout:
        case Starting(candidate=candidate) if stages and stages[0].has_preview:
            return candidate.revision
        case Reaching() | Holding() | Growing() as state if stages and _at(stages, state.stage).has_preview:
            return state.candidate.revision
        case _:
            return None


def _control(world: World, memory: Memory, pods: dict[str, int]) -> str | None:
    """What another is compared with, as long as both have pods: stable in a rollout, the version before in a guard."""
    analysis, stable = world.mdep.spec.analysis, memory.stable
    if analysis is None or analysis.pairing is None or stable is None or not pods.get(stable.revision):
        return None
    if isinstance(memory.rollout, Idle) and memory.guard:
        return memory.guard.previous_revision if pods.get(memory.guard.previous_revision) else None
    match memory.rollout:
        case Idle() | Resolving():
            return None
        case rollout:
            return stable.revision if pods.get(rollout.candidate.revision) else None


def _pods(world: World, memory: Memory, settings: Settings) -> dict[str, int]:
    """How many pods of which revision."""
    full, rollout = live_size_of(world, memory, settings), memory.rollout
    stable = memory.stable.revision if memory.stable else None
    home = {stable: full} if stable else {}
    if isinstance(rollout, Idle) and stable and memory.leaving and full:
        return pods_of_both(world, memory.leaving, stable, full, settings)
    if isinstance(rollout, Idle):
        return home | kept_pods(world, memory, settings)
    if isinstance(rollout, Resolving):
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
            return handed_over(world, stable, ours, full, kind) if stable and gives else {**home, ours: full}
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
    wanted = _at(stages, stage)
    if stable and settings.shrinks and wanted.weight:
        if isinstance(rollout, Starting | Reaching):
            return given_for(world, stable.revision, ours, full, wanted.weight)
        return dict(zip((stable.revision, ours), shared(full, wanted.weight), strict=True))
    return {ours: pods_of(world, wanted, full)}


def pods_of(world: World, stage: Stage, full: int) -> int:
    """Pods of the candidate in a stage, beside so many of stable; the weight counts where pods contradict it."""
    return needed(world, stage, full) + spare(world, stage, full)


def needed(world: World, stage: Stage, full: int) -> int:
    """What its weight needs, or people say that it has."""
    by_weight = provider_of(world).canary_pods(full, stage.load)
    return by_weight if contradiction(world, stage, full) else stage.size(full, by_weight)


def spare(world: World, stage: Stage, full: int) -> int:
    """Pods beside them, so that clients whose requests go to the candidate are answered while one of its pods goes."""
    if not stage.weight or stage.pods is not None:
        return 0
    return max(0, provider_of(world).fewest_pods(full) - needed(world, stage, full))


def _spare(world: World, memory: Memory, settings: Settings) -> int:
    full, stages, rollout = live_size_of(world, memory, settings), stages_of(memory, settings), memory.rollout
    if not stages or settings.shrinks or not isinstance(rollout, Starting | Reaching | Holding):
        return 0
    if isinstance(rollout, Starting):
        return spare(world, stages[0], full) if rollout.candidate.kind is Kind.CANARY else 0
    return spare(world, _at(stages, rollout.stage), full)


def contradiction(world: World, stage: Stage, full: int) -> str | None:
    """Why a stage cannot have the pods and the weight that it asks for, and the way out; None: it can."""
    if stage.pods is None or not stage.load:
        return None
    provider = provider_of(world)
    size = stage.size(full, provider.canary_pods(full, stage.load))
    return provider.contradiction(full, size, stage.load)


def _left_behind(memory: Memory) -> int:
    """Percent of the traffic while people have taken away every stage: as much as there was, if there was any."""
    return 0 if memory.comparison.stage_weight == 0 else 50


def _at(stages: tuple[Stage, ...], stage: int) -> Stage:
    """The stage of that number; the last one when they have become fewer."""
    return stages[min(stage, len(stages) - 1)]
