"""Status put together: memory, conditions, and the counts that people want to see."""

from typing import Any, Final

from serin_operator.api.status import CanaryStatus, ModelDeploymentStatus, StableStatus
from serin_operator.decide.judging.judge import worst_verdict
from serin_operator.decide.memory.memory import Memory, stage_in_force
from serin_operator.decide.memory.states import Baking, Growing, Holding, Idle, Kind, Reaching, Switching, Waiting
from serin_operator.decide.memory.steered import written_actions, written_hold, written_pause
from serin_operator.decide.memory.written import (
    written_canary,
    written_floor,
    written_leaving,
    written_outage,
    written_outbox,
    written_scaling,
)
from serin_operator.decide.telling.conditions import address_of, conditions_of, preview_address_of
from serin_operator.decide.telling.traffic import traffic_of
from serin_operator.decide.timestamps import parse, precise
from serin_operator.decide.traffic.provider import provider_of
from serin_operator.decide.traffic.replica_ratio import is_pinned_to, selector
from serin_operator.decide.wanted.settings import Settings
from serin_operator.decide.world import World

LONGEST_GRAIN_SECONDS: Final = 300.0
WIRE: Final[dict[str, Any]] = {"by_alias": True, "exclude_none": True, "mode": "json"}


def status_of(world: World, memory: Memory, settings: Settings, waiting: Waiting) -> ModelDeploymentStatus:
    """The whole status; writing it when nothing changed changes nothing."""
    serves = _has_all_traffic(world, memory)
    deployment = world.revision(serves).deployment if serves else None
    labels = selector(world.mdep.name, serves)
    return ModelDeploymentStatus(
        observed_generation=world.mdep.generation,
        conditions=conditions_of(world, memory, settings, waiting),
        url=address_of(world, memory),
        traffic=traffic_of(world, memory),
        replicas=deployment.replicas if deployment else settings.replicas if serves else 0,
        selector=",".join(f"{key}={value}" for key, value in sorted(labels.items())),
        stable=_stable(world, memory, settings),
        canary=_canary(world, memory, settings),
        versions=list(memory.ledger) or None,
        last_action=memory.last_action,
        actions=written_actions(memory.actions),
        pause=written_pause(memory.pause),
        hold=written_hold(memory.hold),
        outage=written_outage(memory.outage),
        floor=written_floor(memory.floor),
        scaling=written_scaling(memory.scaling),
        leaving=written_leaving(memory.leaving),
        rebuilt_at=precise(memory.rebuilt_at) if memory.rebuilt_at else None,
        outbox=written_outbox(memory.outbox),
    )


def _has_all_traffic(world: World, memory: Memory) -> str | None:
    """The revision whose pods /scale speaks of: stable; after the switch an autoscaler would find its pods idle."""
    match memory.rollout:
        case Switching(candidate=candidate) | Baking(candidate=candidate) if is_pinned_to(world, candidate.revision):
            return candidate.revision
        case _:
            return memory.stable.revision if memory.stable else None


def _stable(world: World, memory: Memory, settings: Settings) -> StableStatus | None:
    if memory.stable is None:
        return None
    revision = world.revision(memory.stable.revision)
    return StableStatus(
        version=memory.stable.version,
        revision=memory.stable.revision,
        sha256=memory.stable.sha256,
        weight=100 - (_canary_weight(world, memory) or _weight_left(world, memory)),
        ready_replicas=revision.ready,
        replicas=revision.deployment.replicas if revision.deployment else settings.replicas,
    )


def _canary_weight(world: World, memory: Memory) -> int:
    """Percent of the traffic: of the stage in force, or all of it."""
    match memory.rollout:
        case Switching(candidate=candidate) | Baking(candidate=candidate) if not _lacks(world, candidate.revision):
            return 100
        case Reaching(in_force=None):
            return 0
        case Reaching() | Holding() | Growing() | Switching():
            return memory.comparison.achieved
        case _:
            return 0


def _weight_left(world: World, memory: Memory) -> int:
    """Percent that a version has which leaves slowly."""
    if memory.leaving is None or memory.stable is None:
        return 0
    return provider_of(world).arms(world, memory.stable.revision, memory.leaving.revision).rounded


def _lacks(world: World, revision: str) -> bool:
    return provider_of(world).lack(world, revision) is not None


def _canary(world: World, memory: Memory, settings: Settings) -> CanaryStatus | None:
    remembered = written_canary(memory)
    if remembered is None or isinstance(memory.rollout, Idle):
        return None
    revision = world.revision(memory.rollout.candidate.revision)
    stage = _last_stage(memory, settings)
    return remembered.model_copy(
        update={
            "weight": _canary_weight(world, memory),
            "step": stage,
            "progress": f"{stage + 1}/{len(settings.stages)}" if stage is not None and settings.stages else None,
            "ready_replicas": revision.ready,
            "replicas": revision.deployment.replicas if revision.deployment else 0,
            "preview_url": preview_address_of(world, revision),
            "verdict": worst_verdict(memory.comparison.results),
        }
    )


def _last_stage(memory: Memory, settings: Settings) -> int | None:
    """The stage in force; for people the last one goes on counting while a version that has passed them takes over."""
    rollout = memory.rollout
    if isinstance(rollout, Switching | Baking) and rollout.candidate.kind is Kind.CANARY and settings.stages:
        return len(settings.stages) - 1
    return stage_in_force(rollout)


def settled(world: World, status: dict[str, Any], grain_seconds: float, *, is_at_rest: bool) -> dict[str, Any]:
    """The old status, when only clocks have moved, by less than the grain: every write wakes everybody who watches.

    While a rollout is under way the next write comes soon, and takes along that letters were told. Until then a kill has them
    told again, by the same keys.
    """
    old = world.mdep.status.model_dump(**WIRE)
    if _spent(status) == _spent(old):
        grain_seconds = LONGEST_GRAIN_SECONDS  # only the time of the observation has moved, and nothing is counted
    if world.mdep.unreadable or _moved_much(world, old, grain_seconds):
        return status
    before, after = _without_clocks(old), _without_clocks(status)
    if not is_at_rest and _was_only_emptied(old, status):
        before["outbox"] = after.get("outbox")
    return old if after == before else status


def _was_only_emptied(old: dict[str, Any], status: dict[str, Any]) -> bool:
    """Whether letters were taken out of the outbox, and none put in.

    Notices are written down at once: not every receiver knows a second telling by its key.
    """
    before, after = old.get("outbox") or [], status.get("outbox") or []
    return all(letter in before for letter in after) and _notices(before) == _notices(after)


def _notices(letters: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [letter for letter in letters if "notice" in letter]


def _spent(status: dict[str, Any]) -> object:
    """What the clocks have counted."""
    observed = (status.get("canary") or {}).get("observed") or {}
    return [{**observed, "at": None}, (status.get("outage") or {}).get("seconds")]


def _moved_much(world: World, old: dict[str, Any], grain_seconds: float) -> bool:
    """Whether the last observation that was written down lies far back, or ahead of a clock that was set back."""
    canary, outage = old.get("canary"), old.get("outage")
    moments = [each["at"] for each in (canary and canary.get("observed"), outage) if each]
    try:
        return any(abs((world.now - parse(at)).total_seconds()) >= grain_seconds for at in moments)
    except ValueError:  # somebody has written something else there
        return True


def _without_clocks(status: dict[str, Any]) -> dict[str, Any]:
    same = {key: value for key, value in status.items() if key != "outage"}
    same["outage"], same["outbox"] = "outage" in status, status.get("outbox")
    if status.get("canary"):
        same["canary"] = {key: value for key, value in status["canary"].items() if key != "observed"}
    return same
