"""A strategy is a list of stages: one state machine walks any of them, and nothing behind this file asks which it was."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from serin_operator.api.spec import Rollout, Step, Strategy

DEFAULT_STEPS: Final = (Step(weight=10), Step(weight=25), Step(weight=50))


@dataclass(frozen=True)
class Stage:
    """A share of traffic that a new version gets, and for how long at least."""

    weight: int
    """Percent of the traffic."""
    hold_seconds: float
    """Seconds in which the weight has to be in force before the stage may end."""
    pause: bool = False
    """After that it waits for a person."""


def stages_of(rollout: Rollout) -> tuple[Stage, ...]:
    """The stages on the way to all traffic; none: the new version takes over as soon as its pods are ready."""
    return STRATEGIES[rollout.strategy or Strategy.CANARY](rollout)


def _canary(rollout: Rollout) -> tuple[Stage, ...]:
    return tuple(Stage(step.weight, step.hold, pause=bool(step.pause)) for step in rollout.steps or DEFAULT_STEPS)


def _immediate(_rollout: Rollout) -> tuple[Stage, ...]:
    return ()


STRATEGIES: Final[Mapping[Strategy, Callable[[Rollout], tuple[Stage, ...]]]] = {
    Strategy.CANARY: _canary,
    Strategy.IMMEDIATE: _immediate,
}
