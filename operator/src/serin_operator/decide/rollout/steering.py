"""What people ask for with the annotation ``serin.dev/action``: a verb, once, by a nonce. Which verbs there are is a registry."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from serin_operator.api.names import ANNOTATION_ACTION
from serin_operator.api.reasons import EventReason
from serin_operator.decide.memory.actions import LONGEST_REMEMBERED, Fate, Record, is_known, mark_of, noted
from serin_operator.decide.memory.ledger import entry
from serin_operator.decide.memory.memory import Memory
from serin_operator.decide.memory.outbox import Announcement
from serin_operator.decide.memory.states import Idle
from serin_operator.decide.memory.stops import signed
from serin_operator.decide.rollout.verbs.advancing import PROMOTE, SKIP_STEP
from serin_operator.decide.rollout.verbs.again import RETRY
from serin_operator.decide.rollout.verbs.ending import ABORT
from serin_operator.decide.rollout.verbs.going_back import ROLLBACK
from serin_operator.decide.rollout.verbs.pausing import PAUSE, RESUME
from serin_operator.decide.rollout.verbs.verb import Answer, Asked, Carried, Ignored, NotYet, Verb
from serin_operator.decide.wanted.settings import Settings
from serin_operator.decide.world import World

VERBS: Final[Mapping[str, Verb]] = {
    verb.name: verb for verb in (PAUSE, RESUME, PROMOTE, SKIP_STEP, ABORT, RETRY, ROLLBACK)
}


@dataclass(frozen=True)
class Heard:
    """Memory after the action, and what is said about it."""

    memory: Memory
    abort: bool = False
    announcements: tuple[Announcement, ...] = ()


def hear(world: World, memory: Memory, settings: Settings) -> Heard:
    """Carry out the annotation, if it is new; one of the last few, applied again, does nothing."""
    memory, said = _with_hold_as_it_is(world, memory, settings)
    text = world.mdep.annotations.get(ANNOTATION_ACTION)
    if not text or memory.last_action in {mark_of(text), text[:LONGEST_REMEMBERED]} or is_known(memory.actions, text):
        return Heard(memory, announcements=said)
    match _answer(text, world, memory, settings):
        case NotYet():
            return Heard(memory, announcements=said)
        case Ignored(message=message):
            record = Record(mark_of(text), world.now, Fate.IGNORED, message, world.mdep.action_by)
            event = Announcement(EventReason.ACTION_IGNORED, message, warning=True)
            return Heard(_remembering(memory, record), announcements=(*said, event))
        case Carried() as done:
            record = Record(mark_of(text), world.now, done.fate, done.message, world.mdep.action_by, done.revision)
            told = f"{done.message}{_signature(world)}"
            events = (Announcement(done.event, told),) if done.event else ()
            return Heard(_remembering(done.memory, record), done.abort, (*said, *events))


def _answer(text: str, world: World, memory: Memory, settings: Settings) -> Answer:
    what, _, nonce = text.partition("@")
    name, equals, argument = what.strip().partition("=")
    verb = VERBS.get(name)
    if (
        verb is None
        or not nonce.strip()
        or bool(equals) != (verb.argument is not None)
        or bool(equals) != bool(argument)
    ):
        return Ignored(f"action {text[:80]!r} is not understood: {_what_can_be_written()}")
    answer = verb.carry_out(Asked(world, memory, settings, argument))
    if isinstance(answer, Carried) and not answer.confirms and _may_be_old(memory):
        told = f"{text[:80]} may be from before status was lost, and done already"
        return Ignored(f"{told}; if you want it, write it with a new word")
    return answer


def _may_be_old(memory: Memory) -> bool:
    """Status was lost, and with it what had been heard: a back-up may bring an annotation along that is months old."""
    return memory.rebuilt_at is not None and memory.last_action is None and not memory.actions


def _what_can_be_written() -> str:
    *others, last = (verb.form for verb in VERBS.values())
    return f"write {', '.join(others)} or {last}, then @ and a word that was not used before, for example promote@1"


def _remembering(memory: Memory, record: Record) -> Memory:
    return replace(memory, last_action=record.action, actions=noted(memory.actions, record))


def _signature(world: World) -> str:
    by = world.mdep.action_by
    return f" ({signed(by).strip()})" if by else ""


def _with_hold_as_it_is(world: World, memory: Memory, settings: Settings) -> tuple[Memory, tuple[Announcement, ...]]:
    """Nothing is held any more once the spec makes another revision than the one it was held against."""
    hold, spec = memory.hold, world.mdep.spec.model.version
    if hold is None:
        return memory, ()
    if hold.instead_of == settings.revision and (entry(memory.ledger, hold.revision) or memory.rebuilt_at):
        is_spec = hold.revision == settings.revision and _has_come(memory, hold.revision)
        return (replace(memory, hold=None) if is_spec else memory), ()
    why = f"the spec has moved on, to {spec}" if hold.instead_of != settings.revision else "the ledger has lost it"
    message = f"{hold.version} is no longer held by {hold.told}: {why}"
    return replace(memory, hold=None), (Announcement(EventReason.HOLD_ENDED, message),)


def _has_come(memory: Memory, revision: str) -> bool:
    return memory.stable is not None and memory.stable.revision == revision and isinstance(memory.rollout, Idle)
