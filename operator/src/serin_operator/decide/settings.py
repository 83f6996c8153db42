"""The spec with every default applied: what decisions read."""

from dataclasses import dataclass

from serin_operator.api.spec import ModelDeploymentSpec, OnDeadline, Rollout, Step, Strategy
from serin_operator.decide.revision import revision_of

DEFAULT_STEPS = (Step(weight=10), Step(weight=25), Step(weight=50))


@dataclass(frozen=True)
class Settings:
    """Defaults applied, nothing left to ask."""

    revision: str
    replicas: int
    strategy: Strategy
    steps: tuple[Step, ...]
    progress_deadline_seconds: int
    deadline_seconds: int
    on_deadline: OnDeadline
    history_limit: int
    paused: bool

    def weight(self, step: int) -> int:
        """Weight of a step; of the last one when the steps have become fewer."""
        return self.steps[min(step, len(self.steps) - 1)].weight

    def place_of(self, weight: int) -> int:
        """The first step whose weight is not below ``weight``: where a rollout stays when its steps are edited."""
        return next((i for i, s in enumerate(self.steps) if s.weight >= weight), len(self.steps) - 1)


def settings_of(spec: ModelDeploymentSpec) -> Settings:
    """Apply the defaults that the API's descriptions promise."""
    rollout = spec.rollout or Rollout()
    return Settings(
        revision=revision_of(spec),
        replicas=spec.replicas or 1,
        strategy=rollout.strategy or Strategy.CANARY,
        steps=tuple(rollout.steps or DEFAULT_STEPS),
        progress_deadline_seconds=rollout.progress_deadline_seconds or 600,
        deadline_seconds=rollout.deadline_seconds or 7200,
        on_deadline=rollout.on_deadline or OnDeadline.PAUSE,
        history_limit=spec.revision_history_limit or 10,
        paused=bool(spec.paused),
    )
