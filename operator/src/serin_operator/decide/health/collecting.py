"""Whether predictions are written down. Nothing that serves waits for it: it is told, and holds nothing up."""

from datetime import timedelta
from typing import Final

from serin_operator.api import names
from serin_operator.api.reasons import Reason
from serin_operator.decide.health.diagnosis import most_telling, not_created
from serin_operator.decide.memory.states import Refusal
from serin_operator.decide.world import Deployment, World

PATIENCE: Final = timedelta(minutes=3)
"""Who is replaced writes for up to two minutes first, and only then the next one starts."""


def is_down(world: World) -> bool:
    """Whether a log is asked for, and no pod of its collector is available (yet)."""
    return world.mdep.spec.prediction_log is not None and world.collector is not None and not world.collector.available


def not_kept(world: World) -> Refusal | None:
    """Why predictions are not written down, by what is in the way; None while they are, or the collector only starts."""
    if world.mdep.spec.prediction_log is None:
        return None
    why = _refused(world)
    if why is None and world.collector is not None and not world.collector.available:
        why = _why(world, world.collector)
    if why is None:
        return None
    return Refusal(Reason.PREDICTIONS_NOT_KEPT, f"predictions are not kept, and what finds no room is dropped: {why}")


def _refused(world: World) -> str | None:
    """What the API server says to its objects; without a NetworkPolicy predictions are kept all the same."""
    its = names.collector(world.mdep.name)
    refused = [(each.ref, each.message) for each in world.obstacles]
    return next((said for ref, said in refused if ref and ref.name == its and ref.kind != "NetworkPolicy"), None)


def _why(world: World, collector: Deployment) -> str | None:
    name = collector.meta.name
    if not collector.replicas:
        return f"Deployment {name} is scaled to 0: kubectl scale deployment {name} --replicas=1"
    if collector.failure:
        return not_created(collector.failure).message
    lacking = [pod for pod in world.collecting.pods if not pod.terminating and not pod.ready]
    if trouble := most_telling(lacking):
        return trouble.message
    since = world.collecting.down_since
    if since is None or world.now - since < PATIENCE:
        return None
    return f"no pod of Deployment {name} is ready, and none says why: see kubectl logs deployment/{name}"
