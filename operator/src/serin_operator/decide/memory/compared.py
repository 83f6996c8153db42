"""Which two revisions are compared: those of a rollout, or those of a guard after it."""

from dataclasses import dataclass

from serin_operator.decide.memory.memory import Memory
from serin_operator.decide.memory.states import Idle


@dataclass(frozen=True)
class Sides:
    """The revision that is judged, and the one that it is compared with."""

    canary: str
    stable: str


def sides_of(memory: Memory) -> Sides | None:
    """None where nothing is compared."""
    if not isinstance(memory.rollout, Idle):
        return Sides(memory.rollout.candidate.revision, memory.stable.revision) if memory.stable else None
    return Sides(memory.guard.revision, memory.guard.previous_revision) if memory.guard else None
