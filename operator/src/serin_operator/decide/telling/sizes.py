"""What is said of sizes that are not what ``spec.replicas`` says: why, and until when."""

from collections.abc import Iterator

from serin_operator.api import names
from serin_operator.api.reasons import Reason
from serin_operator.decide.memory.memory import Memory
from serin_operator.decide.memory.states import Idle, Refusal
from serin_operator.decide.rollout.intent import intent_of
from serin_operator.decide.rollout.sizes import size_of
from serin_operator.decide.wanted.settings import Settings
from serin_operator.decide.world import World


def scaled_elsewhere(world: World, revision: str) -> Iterator[Refusal]:
    """An autoscaler that aims at the Deployment of one version: it loses its target with the next."""
    deployment = world.revision(revision).deployment
    scaler = world.autoscalers.get(deployment.meta.name) if deployment else None
    if deployment and scaler:
        target = f"kind {names.KIND}, name {world.mdep.name} (apiVersion {names.API_VERSION})"
        yield Refusal(
            Reason.SCALED_ELSEWHERE,
            f"HorizontalPodAutoscaler {scaler} scales Deployment {deployment.meta.name}, so Serin does not, and it stays at"
            f" {deployment.replicas}; the next version has another: aim its scaleTargetRef at {target}",
        )


def size_beside(world: World, memory: Memory, settings: Settings) -> str | None:
    """Why stable is smaller or larger than the spec says while a rollout is under way; None when it is not."""
    stable, rollout, full = memory.stable, memory.rollout, size_of(memory, settings)
    if stable is None or isinstance(rollout, Idle) or not full or world.scaled_elsewhere(stable.revision) is not None:
        return None
    wanted = intent_of(world, memory, settings).replicas.get(stable.revision, full)
    if wanted < full:
        given = full - wanted
        return f"{stable.version} gives {given} of {full} pods to {rollout.candidate.version} (rollout.stableScale: Shrink)"
    if full > settings.replicas:
        said = f"{stable.version} keeps {full} pods until the rollout is over"
        return f"{said}, and then comes down to spec.replicas ({settings.replicas}) step by step"
    return None
