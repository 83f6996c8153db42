"""A version that is given up though nothing speaks against its pods, while stable has given most of its own to it.

Under ``rollout.stableScale: Shrink`` the two share the pods that there are. Were stable to get all requests at once, a pod
or two of it would answer for all that were there. So both serve on, and each pod of stable that gets ready takes the place
of one of the version that leaves. A version that failed, crashed or went dark does not leave so: it leaves at once.
"""

from dataclasses import replace
from typing import Final

from serin_operator.api.reasons import Reason
from serin_operator.decide.memory.memory import Leaving, Memory
from serin_operator.decide.memory.states import Ended, Idle, Resolving, Starting, Waiting
from serin_operator.decide.rollout.sizes import kept, live_size_of
from serin_operator.decide.traffic.replica_ratio import is_pinned_to
from serin_operator.decide.traffic.split import Split, share_of
from serin_operator.decide.wanted.settings import Settings, fewest_of
from serin_operator.decide.world import World

NOTHING_AGAINST_ITS_PODS: Final = frozenset({Reason.ABORTED, Reason.SUPERSEDED, Reason.DEADLINE_EXCEEDED})
"""Why a rollout ended whose version may answer for a minute more: people's will, or evidence that never came."""


def left_by(world: World, memory: Memory, ended: Ended, settings: Settings) -> Leaving | None:
    """The candidate of a rollout that has ended, if stable is too small yet to do without it."""
    stable, candidate, full = memory.stable, ended.candidate, live_size_of(world, memory, settings)
    if (
        stable is None
        or ended.reason not in NOTHING_AGAINST_ITS_PODS
        or isinstance(memory.rollout, Idle | Resolving | Starting)
        or not world.reached(candidate.revision)
        or not _is_too_small(world, stable.revision, candidate.revision, full, settings)
    ):
        return None
    return Leaving(candidate.revision, candidate.version, world.revision(stable.revision).ready, world.now)


def _is_too_small(world: World, stable: str, candidate: str, full: int, settings: Settings) -> bool:
    """Whether stable has given pods away; or, whatever people have asked for since, has not got back what it gave.

    Pods that were there and fail now are not on their way: another version has to help, and waits for nobody.
    """
    seen = world.revision(stable)
    has_given = seen.deployment is None or seen.deployment.replicas < full
    if settings.shrinks:
        return has_given
    on_their_way = has_given or len(seen.servers) < full or not all(pod.was_ready for pod in seen.servers)
    return on_their_way and seen.ready < min(fewest_of(full), world.reached(candidate))


def leaving_of(world: World, memory: Memory, settings: Settings) -> Leaving | None:
    """The same after one more observation; None once stable has enough pods, or gets no more in the time that pods have."""
    leaving, stable, full = memory.leaving, memory.stable, live_size_of(world, memory, settings)
    if leaving is None or stable is None or not full or not isinstance(memory.rollout, Idle):
        return None
    ready = world.revision(stable.revision).ready
    if ready >= fewest_of(full) or not world.revision(leaving.revision).ready:
        return None
    if ready > leaving.best:
        return replace(leaving, best=ready, at=world.now)
    if (world.now - leaving.at).total_seconds() >= settings.progress_deadline_seconds:
        return None
    return replace(leaving, at=min(leaving.at, world.now))  # the clock may have been set back


def pods_of_both(world: World, leaving: Leaving, stable: str, total: int, settings: Settings) -> dict[str, int]:
    """Pods of both: the one that leaves gives a pod for each of stable's that requests reach, if its weight lets it."""
    keeps = max(1, kept(world, leaving.revision, stable, total))
    return {stable: max(1, total - keeps) if settings.shrinks else total, leaving.revision: keeps}


def traffic_of_both(world: World, leaving: Leaving, stable: str) -> Split:
    """Requests go to each by its pods. The client Service, where it selects one of the two, stays where it is."""
    given, ready = world.revision(leaving.revision).ready, world.revision(stable).ready
    if is_pinned_to(world, leaving.revision):
        return Split(leaving.revision, stable, round(share_of(given, ready)))
    return Split(stable, leaving.revision, round(share_of(ready, given)))


def said_of_both(world: World, memory: Memory, settings: Settings, leaving: Leaving) -> Waiting:
    """What is told meanwhile."""
    stable, full = memory.stable, live_size_of(world, memory, settings)
    name, ready = (stable.version, world.revision(stable.revision).ready) if stable else ("nothing", 0)
    message = f"{name} takes all traffic again as its pods get ready ({ready} of {full} are); {leaving.version} answers beside it until then"
    return Waiting(Reason.RESTORING, message)
