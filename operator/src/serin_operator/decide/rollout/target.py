"""What should become stable: the spec's version, or the one that a person went back to; unless it is, or was rejected."""

from serin_operator.decide.health.serving import is_down
from serin_operator.decide.memory.ledger import entry, is_rejected, was_promoted
from serin_operator.decide.memory.memory import Memory
from serin_operator.decide.memory.states import Candidate, Idle, Kind, Order
from serin_operator.decide.wanted.settings import Settings
from serin_operator.decide.world import World


def target_of(world: World, memory: Memory, settings: Settings) -> Candidate | None:
    """The candidate that is asked for; None when there is nothing to roll out."""
    revision, model = wanted_revision(memory, settings), world.mdep.spec.model
    rollout = memory.rollout
    if not isinstance(rollout, Idle) and rollout.candidate.revision == revision:
        return rollout.candidate
    if memory.stable and memory.stable.revision == revision:
        return None
    if memory.leaving:  # one after the other
        return None
    if is_rejected(memory.ledger, revision) or _may_be_stable_still(world, memory):
        return None
    known = entry(memory.ledger, revision)
    born = world.revision(revision).born
    if memory.hold and known is None:
        return None
    held = known if memory.hold else None
    return Candidate(
        revision=revision,
        version=held.version if held else model.version,
        uri=held.uri if held else model.uri,
        kind=kind_of(world, memory, settings),
        started_at=world.now,
        sha256=born.sha256 if born else (held.sha256 if held else None),
        attempt=(known.attempts or 0) if known else 0,
    )


def wanted_revision(memory: Memory, settings: Settings) -> str:
    """The revision that should serve."""
    return memory.hold.revision if memory.hold else settings.revision


def is_remembered(world: World, settings: Settings, revision: str) -> bool:
    """Whether pods of ``revision`` can be made: from its birth record, as its Deployment has them, or from the spec."""
    seen = world.revision(revision)
    return seen.born is not None or seen.deployment is not None or revision == settings.revision


def _may_be_stable_still(world: World, memory: Memory) -> bool:
    """Status was lost and nobody knows yet who served: some child will tell, when it has come back."""
    return memory.stable is None and memory.rebuilt_at is not None and any(r.born for r in world.revisions.values())


def kind_of(world: World, memory: Memory, settings: Settings) -> Kind:
    """How a candidate that is wanted takes over."""
    if memory.stable is None:
        return Kind.FIRST
    if is_down(world, memory):
        return Kind.RESCUE
    if memory.hold:
        return Kind.ROLLBACK
    if not isinstance(memory.rollout, Idle) and memory.rollout.candidate.order is Order.PROMOTE:
        return Kind.DIRECT
    if was_promoted(memory.ledger, settings.revision) or not settings.stages:
        return Kind.DIRECT
    return Kind.CANARY
