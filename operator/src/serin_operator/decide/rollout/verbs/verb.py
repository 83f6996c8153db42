"""What a verb is: from what was asked, and where things stand, to memory and a sentence."""

from collections.abc import Callable
from dataclasses import dataclass

from serin_operator.api.names import ANNOTATION_ACTION
from serin_operator.api.reasons import EventReason
from serin_operator.decide.memory.actions import Fate
from serin_operator.decide.memory.memory import Memory
from serin_operator.decide.wanted.settings import Settings
from serin_operator.decide.world import World

PAUSED_BY_SPEC = "spec.paused is true, and only the spec lifts that: set it to false"


@dataclass(frozen=True)
class Asked:
    """An action that has not been heard before."""

    world: World
    memory: Memory
    settings: Settings
    argument: str = ""
    """What came after ``=``, for verbs that take something."""

    @property
    def by(self) -> str | None:
        """Who wrote it, if that can be told."""
        return self.world.mdep.action_by

    @property
    def wanted_version(self) -> str:
        """Label of the version that is wanted."""
        return self.memory.hold.version if self.memory.hold else self.world.mdep.spec.model.version


@dataclass(frozen=True)
class Carried:
    """It applies: memory after it, and what is told."""

    memory: Memory
    event: EventReason | None
    """None: what follows from it is told anyway."""
    message: str
    fate: Fate = Fate.DONE
    revision: str | None = None
    """The rollout whose end tells what came of it, where that is not known yet."""
    abort: bool = False
    confirms: bool = False
    """It asks for nothing but what is so, or what does no harm: good also if it may have been carried out before."""


@dataclass(frozen=True)
class Ignored:
    """It does not apply now; the sentence says why, and what would."""

    message: str


@dataclass(frozen=True)
class NotYet:
    """What it speaks of may still be on its way back after a loss of status: it is heard again at the next observation."""


Answer = Carried | Ignored | NotYet


@dataclass(frozen=True)
class Verb:
    """One word that people can write."""

    name: str
    carry_out: Callable[[Asked], Answer]
    argument: str | None = None
    """What has to come after ``=``, in words; None: nothing may."""

    @property
    def form(self) -> str:
        """As it is written, without the nonce."""
        return f"{self.name}=<{self.argument}>" if self.argument else self.name


def written(verb: str) -> str:
    """How a person asks for a verb, for sentences about the way out."""
    return f"annotate {ANNOTATION_ACTION}={verb}@<a new word>"
