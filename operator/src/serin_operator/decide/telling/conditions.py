"""The conditions of status, from the situation. They change together, and only when something did."""

from math import floor

from serin_operator.api.reasons import ConditionType, Reason
from serin_operator.api.status import Condition
from serin_operator.decide.children.intent import is_pinned_to
from serin_operator.decide.children.manifests.serving import speaks_tls
from serin_operator.decide.memory.memory import Memory
from serin_operator.decide.memory.states import Idle
from serin_operator.decide.settings import Settings
from serin_operator.decide.telling.situation import Situation
from serin_operator.decide.timestamps import stamp
from serin_operator.decide.world import World

LONGEST_MESSAGE = 1024
MAX_UNAVAILABLE_SHARE = 0.25


def is_ready(world: World, memory: Memory, settings: Settings) -> bool:
    """The spec's revision is stable, takes all traffic, and enough of its available pods are reached by it."""
    stable = memory.stable
    if stable is None or stable.revision != settings.revision or not isinstance(memory.rollout, Idle):
        return False
    deployment = world.revision(stable.revision).deployment
    least = max(1, settings.replicas - floor(settings.replicas * MAX_UNAVAILABLE_SHARE))
    return (
        deployment is not None
        and deployment.observed_generation_current
        and min(deployment.available, world.reached(stable.revision)) >= least
        and is_pinned_to(world, stable.revision)
        and world.reaches_only(stable.revision)
    )


def is_available(world: World) -> bool:
    """The client Service sends requests to some ready pod."""
    return world.client_service is not None and any(map(world.reached, world.revisions))


def conditions_of(world: World, memory: Memory, settings: Settings, situation: Situation) -> list[Condition]:
    """All conditions, each with the time at which its status last changed."""
    before = {c.type: c for c in world.mdep.status.conditions or ()}
    ready, available = is_ready(world, memory, settings), is_available(world)
    fine = (Reason.AS_EXPECTED, "nothing is wrong")
    here = (situation.reason, situation.message)
    wrong = situation.degraded
    rows = [
        (ConditionType.READY, ready, here),
        (ConditionType.AVAILABLE, available, here if not available else (Reason.SERVING, _who_serves(world, memory))),
        (ConditionType.PROGRESSING, not situation.stalled and situation.reason is not Reason.PAUSED, here),
        (ConditionType.DEGRADED, wrong is not None, (wrong.reason, wrong.message) if wrong else fine),
        (ConditionType.RECONCILING, not situation.stalled and not (ready and not situation.moving), here),
        (ConditionType.STALLED, situation.stalled, here if situation.stalled else fine),
    ]
    result = []
    for kind, status, (reason, message) in rows:
        text = "True" if status else "False"
        old = before.get(kind.value)
        since = old.last_transition_time if old and old.status == text else stamp(world.now)
        result.append(
            Condition(
                type=kind.value,
                status=text,
                reason=reason.value,
                message=message[:LONGEST_MESSAGE],
                last_transition_time=since,
                observed_generation=world.mdep.generation,
            )
        )
    return result


def _who_serves(world: World, memory: Memory) -> str:
    version = memory.stable.version if memory.stable else world.mdep.spec.model.version
    return f"{version} answers requests at {address_of(world, memory)}"


def address_of(world: World, memory: Memory) -> str:
    """Where clients inside the cluster send requests: as the version that serves speaks, or the spec's before any does."""
    serving = world.mdep.spec.serving
    born = world.revision(memory.stable.revision).born if memory.stable else None
    secure = speaks_tls(born.template) if born else bool(serving and serving.tls)
    return f"{'https' if secure else 'http'}://{world.mdep.name}.{world.mdep.namespace}.svc"
