"""Memory from status; and from the objects that still exist, where status was lost, or says what cannot be.

A back-up comes back object by object: what is needed to know who was stable may come last, and pods are not ready for a
while. So a rebuilt memory is completed for some time, and nothing is deleted meanwhile.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from serin_operator.api.reasons import Outcome
from serin_operator.api.status_of_versions import OptimizedStatus, VersionStatus
from serin_operator.decide.memory.ledger import entry
from serin_operator.decide.memory.memory import Memory, Stable
from serin_operator.decide.memory.recalled import Recalled, recalled
from serin_operator.decide.memory.states import Idle, Kind
from serin_operator.decide.timestamps import stamp
from serin_operator.decide.traffic.replica_ratio import pinned_revision
from serin_operator.decide.world import BornRevision, Revision, World

PATIENCE: Final = timedelta(seconds=120)
"""How long children may take to come back."""
LOST: Final = "its reason was lost with status"


def recall(world: World) -> Recalled:
    """What status says, made whole from the children where it is empty, half lost, or names what never was."""
    found = recalled(world.carried or world.mdep.status, world.mdep.spec.model.uri, world.mdep.unreadable)
    memory = found.memory
    missing = _missing(world, memory)
    if not missing:
        if memory.rebuilt_at and not timedelta(0) <= world.now - memory.rebuilt_at < PATIENCE:
            memory = replace(memory, rebuilt_at=None)
        elif memory.rebuilt_at:
            memory = _completed(world, memory)
        return replace(found, memory=memory)
    memory = _completed(world, replace(memory, rebuilt_at=world.now))
    return Recalled(memory, (*found.unreadable, *missing))


def _missing(world: World, memory: Memory) -> tuple[str, ...]:
    """The fields without which children would be taken for nobody's."""
    born = _born(world)
    if not born or memory.rebuilt_at:
        return ()
    known = {b.meta.name.rpartition("-")[2] for b in born} | {v.revision for v in memory.ledger}
    promoted = any(b.promoted_at for b in born) or any(v.promoted_at for v in memory.ledger)
    is_first = not isinstance(memory.rollout, Idle) and memory.rollout.candidate.kind is Kind.FIRST
    missing = []
    if memory.stable is None and (promoted or not (memory.ledger or is_first)):
        missing.append("stable")
    if memory.stable is not None and memory.stable.revision not in known:
        missing.append("stable")
    if not memory.ledger or (memory.stable and entry(memory.ledger, memory.stable.revision) is None):
        missing.append("versions")
    return tuple(missing)


def _completed(world: World, memory: Memory) -> Memory:
    """Every birth has its entry in the ledger, and stable is the one that was promoted last."""
    born = sorted(_born(world), key=lambda b: -b.ordinal)
    ledger = memory.ledger + tuple(_entry(b) for b in born if entry(memory.ledger, _revision(b)) is None)
    names = {v.revision for v in ledger}
    stable = memory.stable if memory.stable and memory.stable.revision in names else None
    if stable is None and (found := _stable_of(world, born)):
        stable = Stable(found.version, _revision(found), found.sha256)
    return replace(memory, ledger=ledger, stable=stable)


def _born(world: World) -> list[BornRevision]:
    return [r.born for r in world.revisions.values() if r.born]


def _stable_of(world: World, born: list[BornRevision]) -> BornRevision | None:
    """The one promoted last, as its notes say; else what the Service selects; else the oldest that is ready."""
    promoted = sorted((b for b in born if b.promoted_at), key=lambda b: b.promoted_at or "")
    if promoted:
        return promoted[-1]
    pinned = pinned_revision(world.client_service.selector) if world.client_service else None
    there = [b for b in born if world.revision(_revision(b)).deployment]
    selected = [b for b in there if _revision(b) == pinned]
    ready = sorted((b for b in there if world.revision(_revision(b)).ready), key=lambda b: _age(world, b))
    return next(iter(selected + ready), None)


def _age(world: World, born: BornRevision) -> str:
    revision: Revision = world.revision(_revision(born))
    return stamp(revision.deployment.meta.created_at) if revision.deployment else ""


def _revision(born: BornRevision) -> str:
    return born.meta.name.rpartition("-")[2]


def _entry(born: BornRevision) -> VersionStatus:
    outcome = Outcome.of(born.outcome)
    if outcome in {None, Outcome.IN_PROGRESS}:
        outcome = Outcome.PROMOTED if born.promoted_at else Outcome.SUPERSEDED
    return VersionStatus(
        version=born.version,
        revision=_revision(born),
        uri=born.uri,
        sha256=born.sha256,
        optimized=_optimized(born),
        outcome=(outcome or Outcome.SUPERSEDED).value,
        message=LOST,
        started_at=stamp(born.meta.created_at),
        promoted_at=born.promoted_at,
    )


def _optimized(born: BornRevision) -> OptimizedStatus | None:
    try:
        return OptimizedStatus.model_validate(born.optimized) if born.optimized else None
    except ValueError:  # somebody has edited it; pods know from their template what they serve
        return None
