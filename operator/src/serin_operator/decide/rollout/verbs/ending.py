"""``abort``: the rollout under way ends, and its version is rejected until somebody says retry."""

from dataclasses import replace

from serin_operator.decide.memory.states import Idle
from serin_operator.decide.rollout.verbs.verb import Answer, Asked, Carried, Ignored, Verb


def _abort(asked: Asked) -> Answer:
    memory, rollout, stable = asked.memory, asked.memory.rollout, asked.memory.stable
    if isinstance(rollout, Idle):
        return Ignored("nothing to abort: no rollout is under way")
    message = f"the rollout of {rollout.candidate.version} ends"
    if memory.hold and stable and stable.revision == asked.settings.revision:
        memory = replace(memory, hold=None)  # what the spec names serves all along
    return Carried(memory, None, message, abort=True)


ABORT = Verb("abort", _abort)
