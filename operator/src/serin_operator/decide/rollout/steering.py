"""What people ask for with the annotation ``serin.dev/action``: one word, once, by a nonce."""

import hashlib
from dataclasses import dataclass, replace

from serin_operator.api.names import ANNOTATION_ACTION
from serin_operator.api.reasons import EventReason, Outcome
from serin_operator.decide.memory.comparison import Comparison
from serin_operator.decide.memory.ledger import Ledger, entry, is_rejected
from serin_operator.decide.memory.memory import Memory
from serin_operator.decide.memory.outbox import Announcement
from serin_operator.decide.memory.states import Baking, Clock, Idle, Kind, Resolving, Starting, Switching
from serin_operator.decide.wanted.settings import Settings
from serin_operator.decide.world import World

VERBS = ("retry", "abort")
LONGEST_REMEMBERED = 256


@dataclass(frozen=True)
class Heard:
    """Memory after the action, and what is said about it."""

    memory: Memory
    abort: bool = False
    announcements: tuple[Announcement, ...] = ()


def hear(world: World, memory: Memory, settings: Settings) -> Heard:
    """Carry out the annotation, if it is new; the same text again does nothing."""
    text = world.mdep.annotations.get(ANNOTATION_ACTION)
    if not text or memory.last_action in {_mark(text), text[:LONGEST_REMEMBERED]}:
        return Heard(memory)
    heard = replace(memory, last_action=_mark(text))
    verb, at, nonce = text.partition("@")
    if verb not in VERBS or not at or not nonce:
        return _ignored(heard, f"action {text[:80]!r} is not understood: write retry@<nonce> or abort@<nonce>")
    if verb == "abort":
        if isinstance(memory.rollout, Idle):
            return _ignored(heard, "nothing to abort: no rollout is under way")
        return Heard(heard, abort=True)
    return _retry(world, heard, settings)


def _mark(text: str) -> str:
    """What is remembered of an action: itself, or the digest of one that is longer than status holds."""
    if len(text) <= LONGEST_REMEMBERED:
        return text
    return f"sha256:{hashlib.sha256(text.encode(errors='replace')).hexdigest()}"


def _ignored(memory: Memory, message: str) -> Heard:
    return Heard(memory, announcements=(Announcement(EventReason.ACTION_IGNORED, message, warning=True),))


def _retry(world: World, memory: Memory, settings: Settings) -> Heard:
    rollout = memory.rollout
    if is_rejected(memory.ledger, settings.revision):
        ledger = _forgiven(memory.ledger, settings.revision)
        return Heard(replace(memory, ledger=ledger), announcements=(_retried(world),))
    if isinstance(rollout, Idle) or rollout.candidate.kind is Kind.FIRST:
        return _ignored(
            memory, "nothing to retry: the spec's version is neither rejected nor being rolled out as a canary"
        )
    if isinstance(rollout, Switching | Baking) and not (memory.stable and world.revision(memory.stable.revision).ready):
        return _ignored(
            memory, "nothing to retry: the spec's version has all traffic, and nothing else could answer it"
        )
    candidate = replace(rollout.candidate, attempt=rollout.candidate.attempt + 1, restarts=0, warm_restarts=())
    again = Resolving if isinstance(rollout, Resolving) else Starting
    ledger = tuple(
        v.model_copy(update={"attempts": candidate.attempt}) if v.revision == candidate.revision else v
        for v in memory.ledger
    )
    fresh = replace(memory, rollout=again(candidate, Clock(world.now)), comparison=Comparison(), ledger=ledger)
    return Heard(fresh, announcements=(_retried(world),))


def _retried(world: World) -> Announcement:
    return Announcement(EventReason.RETRIED, f"{world.mdep.spec.model.version} is tried again, with fresh evidence")


def _forgiven(ledger: Ledger, revision: str) -> Ledger:
    """No longer rejected; the next rollout counts as one more attempt. What was promoted once still is restored."""
    known = entry(ledger, revision)
    attempts = ((known.attempts or 0) if known else 0) + 1
    change = {"outcome": Outcome.SUPERSEDED.value, "attempts": attempts}
    return tuple(v.model_copy(update=change) if v.revision == revision else v for v in ledger)
