"""Ready while replicas are added: what serves on as before has lost nothing, and more pods only start."""

from dataclasses import replace

from serin_operator.api.reasons import ConditionType
from serin_operator.decide.memory.memory import Memory, Scaling
from serin_operator.decide.memory.states import Baking, Idle, Switching
from serin_operator.decide.wanted.settings import Settings, enough_of
from serin_operator.decide.world import World


def has_everything(memory: Memory) -> str | None:
    """The revision that all traffic is meant for."""
    if isinstance(memory.rollout, Switching | Baking):
        return memory.rollout.candidate.revision
    return memory.stable.revision if memory.stable and isinstance(memory.rollout, Idle) else None


def was_ready(world: World) -> bool:
    """What status says of Ready, as it was written last."""
    return any(c.type == ConditionType.READY and c.status == "True" for c in world.mdep.status.conditions or ())


def serving_pods(world: World, revision: str) -> int:
    """Pods of a revision that are available, and reached by requests."""
    deployment = world.revision(revision).deployment
    return min(deployment.available, world.reached(revision)) if deployment else 0


def counted_pods(world: World, memory: Memory, settings: Settings, revision: str) -> int:
    """The fewest pods with which a revision counts as ready: of all that are wanted, or of those that there were."""
    wanted = _wanted(world, settings, revision)
    return enough_of(min(wanted, memory.scaling.pods) if memory.scaling else wanted)


def scaling_of(world: World, memory: Memory, settings: Settings) -> Scaling | None:
    """What is remembered of an addition of replicas, after one more observation; None while nothing is under way.

    It begins where status says Ready and more pods are wanted than it speaks of. Each pod that comes counts from then on, and
    is progress; without any for ``rollout.progressDeadlineSeconds`` the version is not what the spec wants.
    """
    revision = has_everything(memory)
    if revision is None or revision != settings.revision:
        return None
    wanted, serve = _wanted(world, settings, revision), serving_pods(world, revision)
    before = memory.scaling or _begun(world)
    if before is None or before.pods >= wanted or serve >= enough_of(wanted):
        return None
    if serve > before.pods:
        return Scaling(serve, world.now)
    if (world.now - before.at).total_seconds() >= settings.progress_deadline_seconds:
        return None
    return replace(before, at=min(before.at, world.now))  # the clock may have been set back


def scaling_beside(world: World, memory: Memory, settings: Settings, wanted: int) -> Scaling | None:
    """The same of stable while another version has a share of the traffic, where Ready says nothing of either.

    It begins where stable was whole and ``wanted`` are more pods than it has; a pod that is lost meanwhile is no addition, and one
    that is woken had nothing that more could be added to.
    """
    stable = memory.stable
    deployment = world.revision(stable.revision).deployment if stable else None
    if stable is None or deployment is None:
        return None
    ready, before = world.revision(stable.revision).ready, memory.scaling
    if before is None and 0 < deployment.replicas <= ready and deployment.replicas < wanted:
        return Scaling(ready, world.now)
    if before is None or before.pods >= wanted or ready >= wanted:
        return None
    if ready > before.pods:
        return Scaling(ready, world.now)
    if (world.now - before.at).total_seconds() >= settings.progress_deadline_seconds:
        return None
    return replace(before, at=min(before.at, world.now))


def _begun(world: World) -> Scaling | None:
    pods = world.mdep.status.replicas
    return Scaling(pods, world.now) if pods and was_ready(world) else None


def _wanted(world: World, settings: Settings, revision: str) -> int:
    elsewhere = world.scaled_elsewhere(revision)
    return settings.replicas if elsewhere is None else elsewhere
