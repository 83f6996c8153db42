"""Memory from status; and from the objects that still exist, when status was lost."""

from serin_operator.api.reasons import Outcome
from serin_operator.api.status import VersionStatus
from serin_operator.decide.memory.ledger import entry
from serin_operator.decide.memory.memory import Memory, Stable, recall_analysis, recall_rollout
from serin_operator.decide.timestamps import stamp
from serin_operator.decide.traffic.replica_ratio import pinned_revision
from serin_operator.decide.world import BornRevision, Revision, World


def recall(world: World) -> Memory:
    """What status says; rebuilt from the children where status is empty although children exist."""
    status = world.mdep.status
    if status.stable is None and not status.versions and any(r.born for r in world.revisions.values()):
        return _rebuilt(world)
    ledger = tuple(status.versions or ())
    stable = status.stable and Stable(status.stable.version, status.stable.revision, status.stable.sha256)
    known = entry(ledger, status.canary.revision) if status.canary else None
    return Memory(
        stable=stable or None,
        rollout=recall_rollout(status.canary, known.uri if known else world.mdep.spec.model.uri),
        analysis=recall_analysis(status.canary),
        ledger=ledger,
        last_action=status.last_action,
    )


def was_lost(world: World) -> bool:
    """Whether ``recall`` had to rebuild."""
    status = world.mdep.status
    return status.stable is None and not status.versions and any(r.born for r in world.revisions.values())


def _rebuilt(world: World) -> Memory:
    born = sorted((r for r in world.revisions.values() if r.born), key=lambda r: -(r.born.ordinal if r.born else 0))
    stable = _stable_of(world, born)
    return Memory(
        stable=Stable(stable.version, _revision(stable), stable.sha256) if stable else None,
        ledger=tuple(_entry(r.born) for r in born if r.born),
    )


def _stable_of(world: World, born: list[Revision]) -> BornRevision | None:
    """The revision that the client Service selects; else the one promoted last; else the oldest with a ready pod."""
    pinned = pinned_revision(world.client_service.selector) if world.client_service else None
    serving = [r for r in born if r.deployment and r.ready]
    promoted = sorted((r for r in serving if r.born and r.born.promoted_at), key=_promotion)
    for found in (
        [r for r in born if r.revision == pinned and r.deployment],
        promoted[-1:],
        sorted(serving, key=lambda r: r.deployment.meta.created_at if r.deployment else world.now)[:1],
    ):
        if found:
            return found[0].born
    return None


def _promotion(revision: Revision) -> str:
    return (revision.born.promoted_at if revision.born else None) or ""


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
        outcome=(outcome or Outcome.SUPERSEDED).value,
        started_at=stamp(born.meta.created_at),
        promoted_at=born.promoted_at,
    )
