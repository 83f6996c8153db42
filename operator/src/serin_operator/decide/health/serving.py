"""Whether the stable version serves, whatever a rollout does meanwhile."""

from dataclasses import replace
from typing import Final

from serin_operator.api.reasons import Reason
from serin_operator.decide.health.diagnosis import trouble_of
from serin_operator.decide.memory.memory import Memory
from serin_operator.decide.memory.states import Baking, Outage, Refusal, Switching
from serin_operator.decide.wanted.settings import Settings
from serin_operator.decide.watched import LONGEST_GAP_SECONDS
from serin_operator.decide.world import World

DOWN_SECONDS: Final = 60.0
"""So long without a pod that requests reach, and stable counts as serving nothing."""


def outage_of(world: World, memory: Memory, settings: Settings) -> Outage | None:
    """The outage of stable so far; None while requests reach one of its pods, or are meant to reach another version or nobody."""
    stable = memory.stable
    if stable is None or not settings.replicas or isinstance(memory.rollout, Switching | Baking):
        return None
    if world.reached(stable.revision) or world.revision(stable.revision).ready:
        return None  # where pods are ready, only the way to them is broken
    before = memory.outage
    if before is None:
        deployment = world.revision(stable.revision).deployment
        return Outage(world.now, is_waking=deployment is not None and not deployment.replicas)
    gap = min(max((world.now - before.at).total_seconds(), 0.0), LONGEST_GAP_SECONDS)
    patience = settings.progress_deadline_seconds if before.is_waking else DOWN_SECONDS
    if before.is_waking and before.seconds + gap >= patience:
        return Outage(world.now, DOWN_SECONDS)
    return replace(before, at=world.now, seconds=min(before.seconds + gap, patience))


def is_down(world: World, memory: Memory) -> bool:
    """Whether stable serves nothing: no pod of it was reached for a minute, or nothing is left that could be started."""
    stable = memory.stable
    if stable is None or memory.rebuilt_at:  # after a restore its pods have their time
        return False
    revision = world.revision(stable.revision)
    if revision.deployment is None and revision.born is None:
        return not world.reached(stable.revision)
    outage = memory.outage
    return outage is not None and not outage.is_waking and outage.seconds >= DOWN_SECONDS


def stable_trouble(world: World, memory: Memory, wanted: int) -> Refusal | None:
    """What is wrong with the version that serves; None when all the ``wanted`` pods of it do."""
    stable = memory.stable
    if stable is None:
        return None
    revision = world.revision(stable.revision)
    ready = revision.ready
    if ready >= wanted:
        return None
    found = trouble_of(revision)
    is_of_stable = not isinstance(memory.rollout, Switching | Baking)
    if found is None and is_of_stable and memory.scaling and ready >= memory.scaling.pods:
        return None  # those that were added only start
    found = found or Refusal(Reason.PODS_NOT_READY, "the others start, or do not say what ails them")
    serves = f"serves on {ready} of {wanted} pods" if ready else f"is ready on none of {wanted} pods"
    return Refusal(found.reason, f"{stable.version} {serves}; {found.message}")
