"""The spec with every default applied: what decisions read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil, floor
from typing import Final

from serin_operator.api.spec import (
    Analysis,
    Metric,
    ModelDeploymentSpec,
    OnDeadline,
    OnFailure,
    Rollout,
    StableScale,
)
from serin_operator.decide.wanted.revision import revision_of
from serin_operator.decide.wanted.stages import Evidence, Stage, stages_of

MAX_UNAVAILABLE_SHARE: Final = 0.25
"""So many pods may be missing from a version that counts as serving, as in a Deployment's rolling update."""


@dataclass(frozen=True)
class GuardSettings:
    """How a promoted version is watched."""

    seconds: int
    keeps: int
    """Pods of the version before."""
    goes_back: bool
    """Whether a failure brings the version before back."""
    metrics: frozenset[str]
    """Those of spec.analysis that go on."""
    must_beat: str | None = None
    """The metric whose labels tell whether it is right more often than the simple baseline; None: nobody asks."""


@dataclass(frozen=True)
class Settings:
    """Defaults applied, nothing left to ask."""

    revision: str
    replicas: int
    """0: nothing is to serve."""
    stages: tuple[Stage, ...]
    progress_deadline_seconds: int
    deadline_seconds: int
    on_deadline: OnDeadline
    bake_seconds: int
    history_limit: int
    paused: bool
    analysed: bool
    """Whether spec.analysis asks for evidence."""
    shrinks: bool = False
    """Whether stable gives back the pods that a canary takes."""
    metrics: Mapping[str, Evidence] = field(default_factory=dict)
    """The metrics of spec.analysis that hold a step, and what each is made of."""
    guard: GuardSettings | None = None
    """None: a comparison ends with its rollout."""

    def stage_of(self, weight: int) -> int:
        """The first stage whose weight is not below ``weight``: where a rollout stays when its steps are edited."""
        return next((i for i, s in enumerate(self.stages) if s.weight >= weight), len(self.stages) - 1)


def enough_of(pods: int) -> int:
    """The fewest of so many pods that count as serving; never none."""
    return max(1, pods - floor(pods * MAX_UNAVAILABLE_SHARE))


def fewest_of(total: int) -> int:
    """The fewest pods that serve while two versions share ``total``: none could take another's place if all were needed."""
    return max(1, min(enough_of(total), total - 1))


def fewest_for(total: int, share: float, grain: float = 0.0) -> int:
    """The fewest pods that serve a share of what ``total`` pods answer, while they are handed from one version to another.

    Args:
        total: Pods that all requests need.
        share: Percent of them.
        grain: Points by which the share may be off, since weights are whole percent: without it nothing would ever move on.
    """
    return fewest_of(ceil(round(total * max(0.0, share - grain) / 100, 6)))


def shared(total: int, weight: int) -> tuple[int, int]:
    """Pods of stable and of a canary with ``weight`` percent of the traffic, where both share ``total``; one each at least."""
    canary = min(max(1, (2 * total * weight + 100) // 200), max(1, total - 1))
    return max(1, total - canary), canary


def settings_of(spec: ModelDeploymentSpec) -> Settings:
    """Apply the defaults that the API's descriptions promise."""
    rollout = spec.rollout or Rollout()
    stages = stages_of(rollout)
    stands_aside = bool(stages) and not any(stage.weight for stage in stages)
    return Settings(
        revision=revision_of(spec),
        replicas=1 if spec.replicas is None else spec.replicas,
        stages=stages,
        progress_deadline_seconds=rollout.progress_deadline_seconds or 600,
        deadline_seconds=rollout.deadline_seconds or 7200,
        on_deadline=rollout.on_deadline or OnDeadline.PAUSE,
        bake_seconds=300 if rollout.bake_seconds is None else rollout.bake_seconds,
        history_limit=spec.revision_history_limit or 10,
        paused=bool(spec.paused),
        analysed=spec.analysis is not None,
        # A version that gets no request until it gets all of them takes nothing over bit by bit.
        shrinks=rollout.stable_scale is StableScale.SHRINK and not stands_aside,
        metrics=_metrics_of(spec.analysis) if spec.analysis else {},
        guard=_guard_of(spec),
    )


def _guard_of(spec: ModelDeploymentSpec) -> GuardSettings | None:
    """Without a comparison nothing goes on; pods of the version before are of use to pairs alone."""
    guard, analysis = spec.guard, spec.analysis
    if guard is None or analysis is None:
        return None
    keeps = (1 if analysis.pairing else 0) if guard.keep_previous is None else guard.keep_previous
    gates = [metric.name for metric in analysis.metrics if not metric.warns_only]
    labelled = (metric.name for metric in analysis.metrics if metric.asked and metric.asked[0].field == "accuracy")
    return GuardSettings(
        seconds=guard.seconds,
        keeps=keeps,
        goes_back=(guard.on_failure or OnFailure.ROLLBACK) is OnFailure.ROLLBACK,
        metrics=frozenset(gates if guard.metrics is None else guard.metrics),
        must_beat=next(labelled, None) if guard.must_beat else None,
    )


def _metrics_of(analysis: Analysis) -> dict[str, Evidence]:
    """What each metric that holds a step is made of."""
    return {metric.name: _made_of(metric) for metric in analysis.metrics if not metric.warns_only}


def _made_of(metric: Metric) -> Evidence:
    asked = metric.asked
    return Evidence.LABELS if asked and asked[0].needs_clients else Evidence.ANSWERS
