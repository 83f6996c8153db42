"""A strategy is a list of stages: one state machine walks any of them, and nothing behind this file asks which it was."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from math import ceil
from typing import Final

from serin_operator.api.rollout import AUTO
from serin_operator.api.spec import ABTest, BlueGreen, Rollout, Shadow, Step, Strategy

DEFAULT_POWER: Final = 0.8
DEFAULT_STEPS: Final = (Step(weight=10), Step(weight=25), Step(weight=50))


@dataclass(frozen=True)
class Portion:
    """Pods as a percentage of a version's full size, rounded up."""

    percent: int


FULL: Final = Portion(100)
Pods = int | Portion | None
"""How many pods a stage has: a number, a portion, or (None) as many as its weight needs."""


class Evidence(Enum):
    """What a stage lets one know of a new version, beside stable's."""

    ANSWERS = "answers"
    """How it answers requests."""
    LABELS = "labels"
    """What clients tell of its predictions, labels or what came of them: so they must have seen those."""


@dataclass(frozen=True)
class Detect:
    """How much worse a version is to be found within a stage, as a share of all answers, and with which probability."""

    worse: float
    power: float


@dataclass(frozen=True)
class Stage:
    """The requests that a new version gets, on how many pods, and for how long at least."""

    weight: int
    """Percent of the traffic."""
    hold_seconds: float
    """Seconds in which the weight has to be in force before the stage may end."""
    pods: Pods = None
    min_samples: int | None = None
    """Samples that each metric needs of this stage; None: as many as of any other."""
    detect: Detect | None = None
    """Instead: what these samples have to find."""
    pause: bool = False
    """After that it waits for a person."""
    has_preview: bool = False
    """Whether a Service of its own leads to the new version, for those who try it before clients reach it."""
    mirror: int = 0
    """Percent of stable's requests of which it gets copies; only at weight 0, so that the two are not mixed up."""
    testers: bool = False
    """Whether those who are pinned to it reach it, at weight 0."""
    said: str = field(default="steps", compare=False)
    """Where ``spec.rollout`` says so."""

    @property
    def evidence(self) -> frozenset[Evidence]:
        """What can be known of it: without requests nothing, so that time, pods and crashes decide alone."""
        if self.weight > 0 or self.testers:
            return frozenset(Evidence)
        return frozenset({Evidence.ANSWERS}) if self.mirror else frozenset()

    @property
    def is_judged(self) -> bool:
        """Whether requests tell anything about it."""
        return bool(self.evidence)

    @property
    def load(self) -> int:
        """Percent of all requests that its pods have to bear; testers are few."""
        return self.weight or self.mirror

    @property
    def share(self) -> int:
        """Percent of what both versions answer that the new one answers: of copies stable answers the originals."""
        percent = round(100 * self.mirror / (100 + self.mirror)) if self.mirror else self.weight
        return max(1, min(50, percent))

    @property
    def words(self) -> str:
        """What it gets, for people."""
        if self.mirror:
            return f"copies of {self.mirror} % of the requests"
        return "requests of testers" if self.testers else f"{self.weight} %"

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
        if self.weight >= weight:
            return self
        return replace(self, weight=weight, pods=None, has_preview=False, mirror=0, testers=False)


def stages_of(rollout: Rollout) -> tuple[Stage, ...]:
    """The stages on the way to all traffic; none: the new version takes over as soon as its pods are ready."""
    return STRATEGIES[rollout.strategy or Strategy.CANARY](rollout)


def _canary(rollout: Rollout) -> tuple[Stage, ...]:
    return _of_steps(rollout.steps or DEFAULT_STEPS)


def _of_steps(steps: Iterable[Step]) -> tuple[Stage, ...]:
    return tuple(replace(_of_step(step), said=f"steps[{place}]") for place, step in enumerate(steps))


def _of_step(step: Step) -> Stage:
    needed = step.min_samples if isinstance(step.min_samples, int) else None
    detect = Detect(step.detect, step.power or DEFAULT_POWER) if step.detect and step.min_samples == AUTO else None
    stage = Stage(step.weight, step.hold, _pods(step.pods), needed, detect, pause=bool(step.pause))
    return stage if step.weight else _aside(stage, step.mirror_percent, testers=step.testers)


def _aside(stage: Stage, mirror: int | None, *, testers: bool | None) -> Stage:
    """Where neither copies nor testers come, people may try it: what they send would be mixed up with the others'."""
    if mirror:
        return replace(stage, mirror=mirror)
    return replace(stage, testers=True) if testers else replace(stage, has_preview=True)


def _pods(said: int | str | None) -> Pods:
    """What a step says of its pods; what the API server would not have let pass counts as nothing said."""
    if not isinstance(said, str):
        return said
    percent = re.fullmatch(r"([1-9][0-9]?|100)%", said)
    return Portion(int(percent[1])) if percent else None


def _blue_green(rollout: Rollout) -> tuple[Stage, ...]:
    wanted = rollout.blue_green or BlueGreen()
    stage = Stage(0, wanted.hold, FULL, pause=bool(wanted.pause), said="blueGreen")
    return (_aside(stage, wanted.mirror_percent, testers=wanted.testers),)


def _shadow(rollout: Rollout) -> tuple[Stage, ...]:
    wanted = rollout.shadow or Shadow()
    stage = Stage(0, wanted.hold, None, wanted.min_samples, pause=bool(wanted.pause), said="shadow")
    return (replace(stage, mirror=wanted.mirror_percent or 100), *_of_steps(rollout.steps or ()))


def _ab_test(rollout: Rollout) -> tuple[Stage, ...]:
    wanted = rollout.ab_test or ABTest()
    stage = Stage(0, wanted.hold, None, wanted.min_samples, pause=bool(wanted.pause), said="abTest")
    return (replace(stage, testers=True), *_of_steps(rollout.steps or ()))


def _immediate(_rollout: Rollout) -> tuple[Stage, ...]:
    return ()


STRATEGIES: Final[Mapping[Strategy, Callable[[Rollout], tuple[Stage, ...]]]] = {
    Strategy.CANARY: _canary,
    Strategy.BLUE_GREEN: _blue_green,
    Strategy.SHADOW: _shadow,
    Strategy.AB_TEST: _ab_test,
    Strategy.IMMEDIATE: _immediate,
}
