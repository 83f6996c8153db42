"""``pause`` and ``resume``: what people stop without touching the spec, and let go again."""

from dataclasses import replace

from serin_operator.api.reasons import EventReason
from serin_operator.decide.memory.memory import Memory
from serin_operator.decide.memory.states import Holding, Idle, Order
from serin_operator.decide.memory.stops import Pause
from serin_operator.decide.rollout.plan import plan_of
from serin_operator.decide.rollout.verbs.verb import PAUSED_BY_SPEC, Answer, Asked, Carried, Ignored, Verb, written


def _pause(asked: Asked) -> Answer:
    memory = asked.memory
    if memory.pause:
        return Ignored(f"it is paused already: {memory.pause.told}")
    rollout = memory.rollout
    what = "the next version" if isinstance(rollout, Idle) else rollout.candidate.version
    also = "; spec.paused is true as well" if asked.settings.paused else ""
    message = f"steps and promotion of {what} are paused; to go on, {written('resume')}{also}"
    return Carried(replace(memory, pause=Pause(asked.world.now, asked.by)), EventReason.PAUSED, message, confirms=True)


def _resume(asked: Asked) -> Answer:
    """Whatever an action, or a step, has stopped goes on; what the spec has paused does not."""
    memory, done = asked.memory, []
    if memory.pause:
        done.append("the pause is lifted")
        memory = replace(memory, pause=None)
    if memory.hold:
        spec = asked.world.mdep.spec.model.version
        done.append(f"{memory.hold.version} is no longer held, and {spec} is wanted again, as the spec says")
        memory = replace(memory, hold=None)
    if (released := _released(asked, memory)) is not None:
        done.append(released[1])
        memory = released[0]
    paused = f"; {PAUSED_BY_SPEC}" if asked.settings.paused else ""
    if not done:
        return Ignored(
            f"nothing to resume: no action has paused or held anything, and no step waits for a person{paused}"
        )
    return Carried(memory, EventReason.RESUMED, f"{', and '.join(done)}{paused}")


def _released(asked: Asked, memory: Memory) -> tuple[Memory, str] | None:
    """The step that waits for a person, or will when its time is over, no longer does."""
    rollout, plan = memory.rollout, plan_of(memory, asked.settings)
    if not isinstance(rollout, Holding) or rollout.stage >= len(plan.stages) or not plan.waits_for_person(rollout):
        return None
    candidate = replace(rollout.candidate, order=Order.GO_ON)
    said = f"step {plan.place(rollout.stage)} of {candidate.version} no longer waits for a person"
    return replace(memory, rollout=replace(rollout, candidate=candidate)), said


PAUSE = Verb("pause", _pause)
RESUME = Verb("resume", _resume)
