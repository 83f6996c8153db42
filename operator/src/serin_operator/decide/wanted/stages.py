"""A strategy is a list of stages: one state machine walks any of them, and nothing behind this file asks which it was."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import ceil
from typing import Final

from serin_operator.api.spec import BlueGreen, Rollout, Step, Strategy

DEFAULT_STEPS: Final = (Step(weight=10), Step(weight=25), Step(weight=50))


@dataclass(frozen=True)
class Portion:
    """Pods as a percentage of a version's full size, rounded up."""

    percent: int


FULL: Final = Portion(100)
Pods = int | Portion | None
"""How many pods a stage has: a number, a portion, or (None) as many as its weight needs."""


@dataclass(frozen=True)
class Stage:
    """A share of traffic that a new version gets, on how many pods, and for how long at least."""

    weight: int
    """Percent of the traffic."""
    hold_seconds: float
    """Seconds in which the weight has to be in force before the stage may end."""
    pods: Pods = None
    min_samples: int | None = None
    """Samples that each metric needs of this stage; None: as many as of any other."""
    pause: bool = False
    """After that it waits for a person."""
    has_preview: bool = False
    """Whether a Service of its own leads to the new version, for those who try it before clients reach it."""

    @property
    def is_judged(self) -> bool:
        """Whether requests tell anything about it: at weight 0 there are none, so time, pods and crashes decide alone."""
        return self.weight > 0

    def size(self, full: int, by_weight: int) -> int:
        """Pods of the new version.

        Args:
            full: As many as it will have alone; never more.
            by_weight: As many as the weight needs.
        """
        match self.pods:
            case None:
                return by_weight
            case Portion(percent=percent):
                return max(1, ceil(full * percent / 100))
            case number:
                return max(1, min(number, full))

    def at_least(self, weight: int) -> "Stage":
        """The same stage, for a rollout in which so much is in force already: it is not taken back."""
        return self if self.weight >= weight else replace(self, weight=weight, pods=None, has_preview=False)


def stages_of(rollout: Rollout) -> tuple[Stage, ...]:
    """The stages on the way to all traffic; none: the new version takes over as soon as its pods are ready."""
    return STRATEGIES[rollout.strategy or Strategy.CANARY](rollout)


def _canary(rollout: Rollout) -> tuple[Stage, ...]:
    return tuple(_of_step(step) for step in rollout.steps or DEFAULT_STEPS)


def _of_step(step: Step) -> Stage:
    is_aside = step.weight == 0
    return Stage(
        step.weight, step.hold, _pods(step.pods), step.min_samples, pause=bool(step.pause), has_preview=is_aside
    )


def _pods(said: int | str | None) -> Pods:
    """What a step says of its pods; what the API server would not have let pass counts as nothing said."""
    if not isinstance(said, str):
        return said
    percent = re.fullmatch(r"([1-9][0-9]?|100)%", said)
    return Portion(int(percent[1])) if percent else None


def _blue_green(rollout: Rollout) -> tuple[Stage, ...]:
    wanted = rollout.blue_green or BlueGreen()
    return (Stage(0, wanted.hold, FULL, pause=bool(wanted.pause), has_preview=True),)


def _immediate(_rollout: Rollout) -> tuple[Stage, ...]:
    return ()


STRATEGIES: Final[Mapping[Strategy, Callable[[Rollout], tuple[Stage, ...]]]] = {
    Strategy.CANARY: _canary,
    Strategy.BLUE_GREEN: _blue_green,
    Strategy.IMMEDIATE: _immediate,
}
