"""What should become stable: the spec's version, unless it already is, or was rejected."""

from serin_operator.api.spec import Strategy
from serin_operator.decide.memory.ledger import entry, is_rejected, was_promoted
from serin_operator.decide.memory.memory import Memory
from serin_operator.decide.memory.states import Candidate, Idle, Kind
from serin_operator.decide.settings import Settings
from serin_operator.decide.world import World


def target_of(world: World, memory: Memory, settings: Settings) -> Candidate | None:
    """The candidate that the spec asks for; None when there is nothing to roll out."""
    revision, model = settings.revision, world.mdep.spec.model
    rollout = memory.rollout
    if not isinstance(rollout, Idle) and rollout.candidate.revision == revision:
        return rollout.candidate
    if memory.stable and memory.stable.revision == revision:
        return None
    if is_rejected(memory.ledger, revision):
        return None
    known = entry(memory.ledger, revision)
    born = world.revision(revision).born
    return Candidate(
        revision=revision,
        version=model.version,
        uri=model.uri,
        kind=_kind(memory, settings),
        started_at=world.now,
        sha256=born.sha256 if born else None,
        attempt=(known.attempts or 0) if known else 0,
    )


def _kind(memory: Memory, settings: Settings) -> Kind:
    if memory.stable is None:
        return Kind.FIRST
    if was_promoted(memory.ledger, settings.revision) or settings.strategy is Strategy.IMMEDIATE:
        return Kind.DIRECT
    return Kind.CANARY
