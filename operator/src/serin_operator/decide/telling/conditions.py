"""The conditions of status, from the situation. They change together, and only when something did."""

from serin_operator.api.names import preview_service
from serin_operator.api.reasons import ConditionType, Reason
from serin_operator.api.status import Condition
from serin_operator.decide.health.scaling import counted_pods, has_everything, serving_pods, was_ready
from serin_operator.decide.manifests.serving import speaks_tls
from serin_operator.decide.memory.memory import Memory
from serin_operator.decide.memory.states import Idle, Waiting
from serin_operator.decide.rollout.reach import leads_preview_to
from serin_operator.decide.timestamps import stamp
from serin_operator.decide.traffic.provider import provider_of
from serin_operator.decide.wanted.settings import Settings
from serin_operator.decide.world import Revision, World

LONGEST_MESSAGE = 1024
HELD_BY_PEOPLE = frozenset({Reason.PAUSED, Reason.STEP_PAUSED})


def is_ready(world: World, memory: Memory, settings: Settings) -> bool:
    """The spec's revision takes all traffic, and enough of its available pods are reached by it.

    That is so while the version before is still kept to go back to, too: what serves is what Ready speaks of. A change of
    its size takes nothing from it: while pods that were added start, those count that there were.
    """
    revision = has_everything(memory)
    if revision is None or revision != settings.revision:
        return False
    deployment = world.revision(revision).deployment
    return (
        deployment is not None
        and (deployment.observed_generation_current or was_ready(world))
        and serving_pods(world, revision) >= counted_pods(world, memory, settings, revision)
        and provider_of(world).lack(world, revision) is None
        and world.reaches_only(revision)
    )


def _is_under_way(memory: Memory) -> bool:
    return not isinstance(memory.rollout, Idle)


def is_available(world: World) -> bool:
    """The client Service, or a route, sends requests to some ready pod."""
    return world.client_service is not None and any(map(world.reached, world.revisions))


def conditions_of(world: World, memory: Memory, settings: Settings, waiting: Waiting) -> list[Condition]:
    """All conditions, each with the time at which its status last changed."""
    before = {c.type: c for c in world.mdep.status.conditions or ()}
    ready, available = is_ready(world, memory, settings), is_available(world)
    fine = (Reason.AS_EXPECTED, "nothing is wrong")
    here = (waiting.reason, waiting.message)
    wrong, stalled = waiting.degraded, waiting.is_stalled
    sleeps, under_way = waiting.reason is Reason.SCALED_TO_ZERO, _is_under_way(memory)
    held = waiting.reason in HELD_BY_PEOPLE or (sleeps and under_way)
    works = waiting.is_moving or under_way or not (ready or sleeps)
    rows = [
        (ConditionType.READY, ready, here),
        (ConditionType.AVAILABLE, available, (Reason.SERVING, _who_serves(world, memory)) if available else here),
        (ConditionType.PROGRESSING, not stalled and not held, here),
        (ConditionType.DEGRADED, wrong is not None, (wrong.reason, wrong.message) if wrong else fine),
        (ConditionType.RECONCILING, not stalled and works, here),
        (ConditionType.STALLED, stalled, here if stalled else fine),
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
    """The versions whose pods requests reach."""
    names = {memory.stable.revision: memory.stable.version} if memory.stable else {}
    if not isinstance(memory.rollout, Idle):
        names[memory.rollout.candidate.revision] = memory.rollout.candidate.version
    if memory.leaving:
        names[memory.leaving.revision] = memory.leaving.version
    serving = [names.get(revision, f"revision {revision}") for revision in world.revisions if world.reached(revision)]
    verb = "answers" if len(serving) == 1 else "answer"
    return f"{' and '.join(serving)} {verb} requests at {address_of(world, memory)}"


def address_of(world: World, memory: Memory) -> str:
    """Where clients inside the cluster send requests: as the version that serves speaks, or the spec's before any does."""
    serving = world.mdep.spec.serving
    born = world.revision(memory.stable.revision).born if memory.stable else None
    secure = speaks_tls(born.template) if born else bool(serving and serving.tls)
    return _address(world.mdep.name, world.mdep.namespace, secure=secure)


def preview_address_of(world: World, revision: Revision) -> str | None:
    """Where a version that no client reaches can be tried; None where the preview Service does not lead to it."""
    if revision.born is None or not leads_preview_to(world, revision.revision):
        return None
    service = preview_service(world.mdep.name)
    return _address(service, world.mdep.namespace, secure=speaks_tls(revision.born.template))


def _address(service: str, namespace: str, *, secure: bool) -> str:
    return f"{'https' if secure else 'http'}://{service}.{namespace}.svc"
