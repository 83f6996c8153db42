"""What is remembered between looks: a few numbers a metric, as a dictionary that status can hold.

Evidence is kept in whole micronats (10⁻⁶ of a natural logarithm), rounded down at each look. So it is exact to write
and to read, does not depend on how floats are printed, and stays on the safe side.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

from serin_operator.decide.analysis.errors import InvalidAnalysis
from serin_operator.decide.analysis.samples import Arm

LOOKS_FOR_BASE_RATE = 8


class _Recorded:
    """Writing to and reading from plain dictionaries, defaults left out to keep status small."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        found = ((one.name, getattr(self, one.name)) for one in fields(self))  # type: ignore[arg-type]
        return {name: value for name, value in found if value not in (0, (), "", 0.0)}

    @classmethod
    def from_dict(cls, recorded: Mapping[str, Any]) -> Self:
        known = {one.name for one in fields(cls)}  # type: ignore[arg-type]
        if unknown := set(recorded) - known:
            raise InvalidAnalysis(f"state.{min(unknown)}", "is not a field of this state", "begin with a fresh state")
        return cls(**{k: tuple(v) if isinstance(v, list | tuple) else v for k, v in recorded.items()})


@dataclass(frozen=True, slots=True)
class MetricState(_Recorded):
    """One metric, or one slice of it.

    `against` and `for_it` are the log evidence for each alternative of the two mixtures; `worst` and `best` the highest
    that each mixture ever reached, since Ville's inequality speaks about ever. The counts are for messages; `base` holds
    stable's (bad, total) of the last looks, flat. `numbers` belongs to means, thresholds and drift. `failed` keeps a Fail.

    `pairs` are the counts of pairs (only the canary bad, only the control bad, all) and `differing` those of agreement
    (different answers, all); `pairs_against`, `pairs_for_it` and `alike` their log evidence. `labels_differ` and
    `control_differs` is the log evidence that the versions' labels, or the control's answers, are missing by choice;
    `labels_excess` by how many labels the canary has more than its share, and the variance of that. `pair_ages` counts labels of pairs by age of
    the prediction (only the canary bad, only the control bad, all, for each age, the youngest first), and `made` the pairs that labels may come for
    (different answers, all). `apart` is how far another pod of stable may be from stable, and `latest` are the counts of the last look alone.
    """

    rule: str = ""
    against: tuple[int, ...] = ()
    for_it: tuple[int, ...] = ()
    worst: int = 0
    best: int = 0
    canary_bad: int = 0
    canary_total: int = 0
    stable_bad: int = 0
    stable_total: int = 0
    step_samples: int = 0
    looks: int = 0
    failed: bool = False
    base: tuple[int, ...] = ()
    numbers: tuple[float, ...] = ()
    pairs: tuple[int, ...] = ()
    pairs_against: tuple[int, ...] = ()
    pairs_for_it: tuple[int, ...] = ()
    differing: tuple[int, ...] = ()
    alike: tuple[int, ...] = ()
    labels_differ: tuple[int, ...] = ()
    labels_excess: tuple[float, ...] = ()
    control_differs: tuple[int, ...] = ()
    pair_ages: tuple[int, ...] = ()
    made: tuple[int, ...] = ()
    apart: float = 0.0
    latest: tuple[int, ...] = ()

    @property
    def canary(self) -> Arm:
        """All canary answers that were compared."""
        return Arm(self.canary_bad, self.canary_total)

    @property
    def stable(self) -> Arm:
        """All stable answers that they were compared with."""
        return Arm(self.stable_bad, self.stable_total)


@dataclass(frozen=True, slots=True)
class AnalysisState:
    """The memory of one rollout's analysis. Begins empty: `AnalysisState()`."""

    metrics: Mapping[str, MetricState] = field(default_factory=dict)
    taken_at: float | None = None  # unix seconds of the last look that counted

    def to_dict(self) -> dict[str, Any]:
        """A JSON-able dictionary; `from_dict` of it changes no later verdict."""
        return {"takenAt": self.taken_at, "metrics": {key: one.to_dict() for key, one in self.metrics.items()}}

    @classmethod
    def from_dict(cls, recorded: Mapping[str, Any]) -> "AnalysisState":
        """Read what `to_dict` wrote, perhaps by way of JSON."""
        return cls(
            {key: MetricState.from_dict(one) for key, one in recorded.get("metrics", {}).items()},
            recorded.get("takenAt"),
        )


def begin_step(state: AnalysisState) -> AnalysisState:
    """Start counting a new step's samples. Evidence goes on: it belongs to the rollout, not to the step."""
    return replace(state, metrics={key: replace(one, step_samples=0) for key, one in state.metrics.items()})
