"""``promote`` and ``skip-step``: a person answers for what the evidence has not said (yet).

Neither skips what pods have to prove, nor a Fail: that has ended the rollout before an action is heard.
"""

from dataclasses import replace

from serin_operator.api.reasons import EventReason
from serin_operator.decide.memory.actions import Fate
from serin_operator.decide.memory.ledger import entry, is_rejected
from serin_operator.decide.memory.memory import Memory
from serin_operator.decide.memory.states import (
    Baking,
    Growing,
    Holding,
    Idle,
    Kind,
    Moving,
    Order,
    Reaching,
    Resolving,
    Starting,
    Switching,
)
from serin_operator.decide.rollout.plan import plan_of
from serin_operator.decide.rollout.target import wanted_revision
from serin_operator.decide.rollout.verbs.verb import PAUSED_BY_SPEC, Answer, Asked, Carried, Ignored, Verb, written


def _promote(asked: Asked) -> Answer:
    rollout, paused = asked.memory.rollout, asked.memory.pause
    if isinstance(rollout, Idle):
        return Ignored(f"nothing to promote: {_why_idle(asked)}")
    if asked.settings.paused:
        return Ignored(f"{rollout.candidate.version} is not promoted: {PAUSED_BY_SPEC}, then promote")
    memory, candidate = replace(asked.memory, pause=None), rollout.candidate
    version, said = candidate.version, "; the pause is lifted" if paused else ""
    match rollout:
        case Resolving() | Starting() if candidate.kind is Kind.CANARY:
            said = f"{version} takes all traffic as soon as its pods are ready, without steps and evidence{said}"
        case Reaching() | Holding():
            said = f"{version} grows to full size and takes all traffic, without further steps and evidence{said}"
        case Baking():
            said = f"{version} becomes stable without baking any longer{said}"
        case _ if paused:
            return _ordered(
                memory, rollout, None, f"{version} goes on, and takes all traffic when its pods are ready{said}"
            )
        case _:
            return Ignored(f"nothing to skip: {version} takes all traffic as soon as its pods are ready")
    return _ordered(memory, rollout, Order.PROMOTE, said)


def _ordered(memory: Memory, rollout: Moving, order: Order | None, message: str) -> Carried:
    candidate = replace(rollout.candidate, order=order)
    after = replace(memory, rollout=replace(rollout, candidate=candidate))
    return Carried(after, EventReason.PROMOTED_BY_HAND, message, Fate.BEGUN, candidate.revision)


def _skip_step(asked: Asked) -> Answer:
    memory, rollout = asked.memory, asked.memory.rollout
    match rollout:
        case Idle():
            return Ignored(f"no step to skip: {_why_idle(asked)}")
        case Reaching() | Holding():
            pass
        case Resolving() | Starting() if rollout.candidate.kind is Kind.CANARY:
            way = f"to skip all of them, {written('promote')}"
            return Ignored(f"no step to skip: {rollout.candidate.version} has not begun its first; {way}")
        case Growing() | Switching() | Baking() | Resolving() | Starting():
            return Ignored(f"no step to skip: {rollout.candidate.version} has none before it")
    if asked.settings.paused:
        return Ignored(f"no step is skipped: {PAUSED_BY_SPEC}, then skip the step")
    candidate, plan = replace(rollout.candidate, order=Order.SKIP_STEP), plan_of(memory, asked.settings)
    place = plan.place(min(rollout.stage, len(plan.stages) - 1)) if plan.stages else "that there was"
    still = "; the pause holds what comes then" if memory.pause else ""
    message = f"{candidate.version} leaves step {place}, whatever of its time or evidence is missing{still}"
    return Carried(replace(memory, rollout=replace(rollout, candidate=candidate)), EventReason.STEP_SKIPPED, message)


def _why_idle(asked: Asked) -> str:
    """Why nothing is under way, and what can be written instead."""
    memory, revision = asked.memory, wanted_revision(asked.memory, asked.settings)
    if is_rejected(memory.ledger, revision) and (known := entry(memory.ledger, revision)):
        return f"{known.version} was rejected ({known.outcome}: {known.message or 'it is not known why'}); to try it again, {written('retry')}"
    if memory.hold:
        return (
            f"{memory.hold.version} is held by {memory.hold.told}; to let the spec's version come, {written('resume')}"
        )
    return "no rollout is under way"


PROMOTE = Verb("promote", _promote)
SKIP_STEP = Verb("skip-step", _skip_step)
