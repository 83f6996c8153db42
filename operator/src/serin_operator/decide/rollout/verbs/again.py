"""``retry``: a rejected version, or one that is under way, begins anew with fresh evidence."""

from dataclasses import replace

from serin_operator.api.reasons import EventReason
from serin_operator.decide.memory.actions import Fate
from serin_operator.decide.memory.comparison import Comparison
from serin_operator.decide.memory.ledger import forgiven, is_rejected
from serin_operator.decide.memory.memory import Memory
from serin_operator.decide.memory.states import Baking, Clock, Idle, Kind, Resolving, Starting, Switching
from serin_operator.decide.rollout.target import wanted_revision
from serin_operator.decide.rollout.verbs.verb import Answer, Asked, Carried, Ignored, Verb


def _retry(asked: Asked) -> Answer:
    world, memory = asked.world, asked.memory
    rollout, revision = memory.rollout, wanted_revision(memory, asked.settings)
    if is_rejected(memory.ledger, revision):
        return _retried(asked, replace(memory, ledger=forgiven(memory.ledger, revision)))
    if isinstance(rollout, Idle) or rollout.candidate.kind is Kind.FIRST:
        return Ignored(
            f"nothing to retry: {asked.wanted_version} is neither rejected nor being rolled out beside another version"
        )
    if isinstance(rollout, Switching | Baking) and not (memory.stable and world.revision(memory.stable.revision).ready):
        return Ignored(f"nothing to retry: {asked.wanted_version} has all traffic, and nothing else could answer it")
    candidate = replace(rollout.candidate.obeyed, attempt=rollout.candidate.attempt + 1, restarts=0, warm_restarts=())
    again = Resolving if isinstance(rollout, Resolving) else Starting
    ledger = tuple(
        v.model_copy(update={"attempts": candidate.attempt}) if v.revision == candidate.revision else v
        for v in memory.ledger
    )
    fresh = replace(memory, rollout=again(candidate, Clock(world.now)), comparison=Comparison(), ledger=ledger)
    return _retried(asked, fresh)


def _retried(asked: Asked, memory: Memory) -> Carried:
    revision = wanted_revision(memory, asked.settings)
    message = f"{asked.wanted_version} is tried again, with fresh evidence"
    return Carried(memory, EventReason.RETRIED, message, Fate.BEGUN, revision)


RETRY = Verb("retry", _retry)
