"""What is true beside the rollout, laid over what it waits for: refusals of the API server, and the health of stable."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from serin_operator.api.names import collector, control_service
from serin_operator.api.reasons import Reason
from serin_operator.decide.health.birthplace import born_elsewhere
from serin_operator.decide.health.clocks import clock_skew
from serin_operator.decide.health.collecting import not_kept
from serin_operator.decide.health.serving import is_down, stable_trouble
from serin_operator.decide.health.strangers import stranger_that_serves
from serin_operator.decide.memory.ledger import entry
from serin_operator.decide.memory.memory import Memory
from serin_operator.decide.memory.states import Idle, Refusal, Waiting
from serin_operator.decide.rollout.intent import intent_of
from serin_operator.decide.telling.notices import unknown_channels
from serin_operator.decide.telling.sizes import scaled_elsewhere, size_beside
from serin_operator.decide.traffic.provider import provider_of
from serin_operator.decide.wanted.settings import Settings
from serin_operator.decide.world import Obstacle, World

PASSING: Final = frozenset({Reason.WEBHOOK_UNAVAILABLE, Reason.FOUGHT_OVER, Reason.BEING_DELETED})
"""Refusals that end without anybody changing the ModelDeployment."""
BESIDE_THE_POINT: Final = frozenset({"PodDisruptionBudget"})
"""Kinds without which a version serves all the same."""


def overlaid(world: World, memory: Memory, settings: Settings, waiting: Waiting, kept: str | None) -> Waiting:
    """The whole truth, in one reason and one sentence, and what is wrong beside it."""
    waiting = _with_stable(world, memory, settings, waiting)
    for wrong in _beside(world, memory):
        waiting = replace(waiting, degraded=waiting.degraded or wrong)
    if kept:
        said = f"{waiting.message}; {kept}"
        degraded = waiting.degraded or Refusal(Reason.NOTHING_ELSE_SERVES, kept)
        waiting = replace(waiting, message=said, degraded=degraded)
    if beside := size_beside(world, memory, settings):
        waiting = replace(waiting, message=f"{waiting.message}; {beside}")
    if waiting.degraded and waiting.degraded.reason is Reason.POLICY_DENIED:
        waiting = replace(waiting, is_moving=False, is_stalled=True)  # only a person can change a policy
    aside = frozenset(_aside(world, memory))
    for obstacle in sorted(world.obstacles, key=lambda each: _is_beside(each, aside)):
        return _with_obstacle(waiting, obstacle, is_beside=_is_beside(obstacle, aside))
    return waiting


def _beside(world: World, memory: Memory) -> Iterator[Refusal]:
    """What a person should know, though it holds nothing up."""
    if stranger := stranger_that_serves(world):
        yield stranger
    if (lack := provider_of(world).hindrance(world)) and lack.needs_person:
        yield Refusal(lack.reason, lack.message)
    if memory.comparison.stray and not isinstance(memory.rollout, Idle):
        yield Refusal(Reason.GATEWAY_STRAYS, memory.comparison.stray)
    if (
        memory.stable
        and (known := entry(memory.ledger, memory.stable.revision))
        and known.reason == Reason.GUARD_FAILED
    ):
        yield Refusal(Reason.GUARD_FAILED, f"{known.version}: {known.message}")
    revisions = [memory.stable.revision] if memory.stable else []
    if not isinstance(memory.rollout, Idle):
        revisions.append(memory.rollout.candidate.revision)
    for revision in revisions:
        yield from scaled_elsewhere(world, revision)
        if elsewhere := born_elsewhere(world, world.revision(revision)):
            yield elsewhere
    yield from clock_skew(world)
    if unknown := unknown_channels(world):
        yield unknown
    if lost := not_kept(world):
        yield lost


def _aside(world: World, memory: Memory) -> Iterator[str]:
    """Names of children that no client waits for: a collector's, and those of a version that is only kept to be compared with."""
    yield collector(world.mdep.name)
    if memory.guard:
        yield f"{world.mdep.name}-{memory.guard.previous_revision}"
        yield control_service(world.mdep.name)


def _is_beside(obstacle: Obstacle, aside: frozenset[str]) -> bool:
    return obstacle.ref is not None and (obstacle.ref.kind in BESIDE_THE_POINT or obstacle.ref.name in aside)


def _with_obstacle(waiting: Waiting, obstacle: Obstacle, *, is_beside: bool) -> Waiting:
    reason = Reason.of(obstacle.reason) or Reason.CREATION_FORBIDDEN
    refusal = Refusal(reason, obstacle.message)
    if is_beside:
        return replace(waiting, degraded=waiting.degraded or refusal)
    if reason in PASSING:
        return replace(waiting, message=f"{waiting.message}; {obstacle.message}", degraded=refusal)
    return Waiting(reason, obstacle.message, is_moving=False, is_stalled=True, degraded=refusal)


def _with_stable(world: World, memory: Memory, settings: Settings, waiting: Waiting) -> Waiting:
    """A serving version in trouble is told, whatever a rollout does or a rejection says."""
    stable = memory.stable
    wanted = intent_of(world, memory, settings).replicas.get(stable.revision, 0) if stable else 0
    trouble = stable_trouble(world, memory, wanted)
    if trouble is None or (waiting.degraded and waiting.degraded.message == trouble.message):
        return waiting
    if is_down(world, memory) and memory.stable:
        trouble = Refusal(trouble.reason, f"{memory.stable.version} serves nothing: {trouble.message}")
    others = f"; {waiting.degraded.message}" if waiting.degraded else ""
    return replace(waiting, degraded=Refusal(trouble.reason, f"{trouble.message}{others}"))
