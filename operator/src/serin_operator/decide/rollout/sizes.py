"""How many pods each version gets. People and autoscalers write ``spec.replicas`` at any moment; a rollout must not suffer.

``spec.replicas`` is the size of what serves all traffic. Beside a canary an autoscaler sees only what is left to stable, and
may lower it by as much as the canary took; so until a rollout is over nothing goes below the size at its first traffic, and
afterwards it comes down step by step, each small enough that an autoscaler that was wrong notices in time.
"""

from dataclasses import replace
from datetime import datetime
from typing import Final

from serin_operator.decide.memory.memory import Floor, Memory
from serin_operator.decide.memory.states import Growing, Idle, Kind, Reaching, Resolving, Starting, Switching
from serin_operator.decide.traffic.provider import provider_of
from serin_operator.decide.wanted.settings import Settings, fewest_for, fewest_of, shared
from serin_operator.decide.world import World

STEP_SECONDS: Final = 60.0
"""An autoscaler looks every 15 s or so, at a metric of the last half minute."""
STEP_SHARE: Final = 10
"""One pod in so many goes in a step, and one at least: after one or two an autoscaler's tolerance hides it no more."""


def live_size_of(world: World, memory: Memory, settings: Settings) -> int:
    """Pods of stable, and of a version that takes over; as it is where an autoscaler aims at stable's own Deployment."""
    elsewhere = world.scaled_elsewhere(memory.stable.revision) if memory.stable else None
    return size_of(memory, settings) if elsewhere is None else elsewhere


def size_of(memory: Memory, settings: Settings) -> int:
    """Pods that a version with all traffic is to have: what the spec says, and no fewer than the floor."""
    if not settings.replicas:
        return 0
    return max(settings.replicas, memory.floor.pods if memory.floor else 0)


def given_for(world: World, stable: str, candidate: str, total: int, weight: int) -> dict[str, int]:
    """Pods of both on the way to a stage in which they share ``total`` by the weight: stable gives no more than is borne."""
    fewest, most = shared(total, weight)
    keeps = max(fewest, kept(world, stable, candidate, total))
    return {stable: keeps, candidate: max(1, min(most, total - keeps))}


def handed_over(world: World, stable: str, candidate: str, total: int, kind: Kind) -> dict[str, int]:
    """Pods of both while a candidate grows to ``total`` on the room that stable gives back.

    Stable keeps one to go back to. One that serves nothing gives a pod for each that the candidate has ready, reached or not.
    """
    if kind is Kind.RESCUE:
        keeps = min(_has(world, stable, total), fewest_of(total) - world.revision(candidate).ready)
    else:
        keeps = kept(world, stable, candidate, total)
    return {stable: max(1, keeps), candidate: max(1, total - max(1, keeps))}


def kept(world: World, giver: str, taker: str, total: int) -> int:
    """Pods that the giver needs for the requests that it still gets, when ``total`` pods answer all of them. It takes none again.

    Where pods make the shares, both together lack a quarter of the pods at most, or one where there are few. Where weights
    are apart from pods, the giver's weight has to fall first.
    """
    has, arms = _has(world, giver, total), provider_of(world).arms(world, giver, taker)
    if arms.grain is None:
        return min(has, fewest_of(total) - world.reached(taker))
    return min(has, fewest_for(total, 100 - arms.share, arms.grain)) if arms.is_settled else has


def _has(world: World, revision: str, total: int) -> int:
    deployment = world.revision(revision).deployment
    return deployment.replicas if deployment else total


def hands_over(kind: Kind, settings: Settings) -> bool:
    """Whether a candidate of this kind lives on what stable gives back."""
    return settings.shrinks and kind in {Kind.CANARY, Kind.RESCUE}


def goal_of(world: World, memory: Memory, settings: Settings) -> int:
    """Pods with which a candidate that grows bit by bit takes over: all but the one that stable keeps; 0: it does not."""
    rollout = memory.rollout
    if memory.stable is None or not isinstance(rollout, Growing) or not hands_over(rollout.candidate.kind, settings):
        return 0
    is_ours = world.scaled_elsewhere(rollout.candidate.revision) is None
    return max(0, live_size_of(world, memory, settings) - 1) if is_ours else 0


def with_floor(world: World, memory: Memory, after: Reaching | Switching, settings: Settings) -> Memory:
    """Memory on entering ``after``: with a candidate's first traffic the size of stable is one that nothing goes below."""
    if memory.stable is None or not isinstance(memory.rollout, Starting):
        return replace(memory, rollout=after)
    return replace(memory, rollout=after, floor=Floor(max(1, live_size_of(world, memory, settings)), world.now))


def floor_of(memory: Memory, settings: Settings, now: datetime) -> Floor | None:
    """The floor after one more observation: lowered by a step where no candidate has traffic; None once it says nothing."""
    floor, has_traffic = memory.floor, not isinstance(memory.rollout, Idle | Resolving | Starting)
    if not settings.replicas:
        return None
    if has_traffic and memory.stable:  # without one, it was woken in this state, or comes from a release that had none
        return floor or Floor(settings.replicas, now)
    if floor is None or floor.pods <= settings.replicas:
        return None
    if floor.at > now:  # the clock was set back
        return replace(floor, at=now)
    if (now - floor.at).total_seconds() < STEP_SECONDS:
        return floor
    return Floor(max(settings.replicas, floor.pods - max(1, floor.pods // STEP_SHARE)), now)
