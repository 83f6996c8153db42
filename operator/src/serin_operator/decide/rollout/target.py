"""What should become stable: the spec's version, unless it already is, or was rejected."""

from serin_operator.decide.health.serving import is_down
from serin_operator.decide.memory.ledger import entry, is_rejected, was_promoted
from serin_operator.decide.memory.memory import Memory
from serin_operator.decide.memory.states import Candidate, Idle, Kind
from serin_operator.decide.wanted.settings import Settings
from serin_operator.decide.world import World


def target_of(world: World, memory: Memory, settings: Settings) -> Candidate | None:
    """The candidate that the spec asks for; None when there is nothing to roll out."""
    revision, model = settings.revision, world.mdep.spec.model
    rollout = memory.rollout
    if not isinstance(rollout, Idle) and rollout.candidate.revision == revision:
        return rollout.candidate
    if memory.stable and memory.stable.revision == revision:
        return None
    if is_rejected(memory.ledger, revision) or _may_be_stable_still(world, memory):
        return None
    known = entry(memory.ledger, revision)
    born = world.revision(revision).born
    return Candidate(
        revision=revision,
        version=model.version,
        uri=model.uri,
        kind=kind_of(world, memory, settings),
        started_at=world.now,
        sha256=born.sha256 if born else None,
        attempt=(known.attempts or 0) if known else 0,
    )


def _may_be_stable_still(world: World, memory: Memory) -> bool:
    """Status was lost and nobody knows yet who served: some child will tell, when it has come back."""
    return memory.stable is None and memory.rebuilt_at is not None and any(r.born for r in world.revisions.values())


def kind_of(world: World, memory: Memory, settings: Settings) -> Kind:
    """How a candidate that the spec names takes over."""
    if memory.stable is None:
        return Kind.FIRST
    if is_down(world, memory):
        return Kind.RESCUE
    if was_promoted(memory.ledger, settings.revision) or not settings.stages:
        return Kind.DIRECT
    return Kind.CANARY
