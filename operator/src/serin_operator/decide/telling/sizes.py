"""What is said of sizes that are not what ``spec.replicas`` says: why, and until when."""

from serin_operator.decide.memory.memory import Memory
from serin_operator.decide.memory.states import Idle
from serin_operator.decide.rollout.intent import intent_of
from serin_operator.decide.rollout.sizes import size_of
from serin_operator.decide.wanted.settings import Settings
from serin_operator.decide.world import World


def size_beside(world: World, memory: Memory, settings: Settings) -> str | None:
    """Why stable is smaller or larger than the spec says while a rollout is under way; None when it is not."""
    stable, rollout, full = memory.stable, memory.rollout, size_of(memory, settings)
    if stable is None or isinstance(rollout, Idle) or not full:
        return None
    wanted = intent_of(world, memory, settings).replicas.get(stable.revision, full)
    if wanted < full:
        given = full - wanted
        return f"{stable.version} gives {given} of {full} pods to {rollout.candidate.version} (rollout.stableScale: Shrink)"
    if full > settings.replicas:
        said = f"{stable.version} keeps {full} pods until the rollout is over"
        return f"{said}, and then comes down to spec.replicas ({settings.replicas}) step by step"
    return None
