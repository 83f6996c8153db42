"""A rollout's looks as they are logged, one structured line each, and judged again from the log."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from serin_operator.decide.analysis.config import AnalysisConfig
from serin_operator.decide.analysis.errors import InvalidAnalysis
from serin_operator.decide.analysis.judge import Verdicts, judge_look
from serin_operator.decide.analysis.samples import (
    Arm,
    Difference,
    Histograms,
    Measurement,
    NoData,
    Observation,
    Pairs,
    Proportions,
    QueryFailed,
    Sample,
    Stratum,
    Value,
)
from serin_operator.decide.analysis.state import AnalysisState, begin_step

_WORTH: Final = {"betweenPods": 0.0, "together": 1.0, "starting": 0.0, "apart": 0.0}
"""What else a record says of a sample where it says anything, and what it means by saying nothing."""


@dataclass(frozen=True, slots=True)
class LookRecord:
    """One look: what was seen, when its interval ended, and whether a step of the rollout began with it."""

    samples: Mapping[str, Sample]
    taken_at: float | None = None
    begins_step: bool = False

    def to_dict(self) -> dict[str, Any]:
        """JSON-able, for one line of a log."""
        samples = {key: _sample_to_dict(sample) for key, sample in self.samples.items()}
        return {"takenAt": self.taken_at, "beginsStep": self.begins_step, "samples": samples}

    @classmethod
    def from_dict(cls, recorded: Mapping[str, Any]) -> "LookRecord":
        """Read what `to_dict` wrote."""
        samples = {key: _sample_from_dict(key, one) for key, one in recorded["samples"].items()}
        return cls(samples, recorded["takenAt"], recorded["beginsStep"])


def replay(config: AnalysisConfig, looks: Iterable[LookRecord], state: AnalysisState | None = None) -> list[Verdicts]:
    """The verdicts of a recorded history, look by look: the same as when they were first given."""
    history = []
    current = AnalysisState() if state is None else state
    for look in looks:
        if look.begins_step:
            current = begin_step(current)
        current, verdicts = judge_look(config, current, look.samples, taken_at=look.taken_at)
        history.append(verdicts)
    return history


def _sample_to_dict(sample: Sample) -> dict[str, Any]:
    match sample:
        case NoData(why):
            return {"noData": why}
        case QueryFailed(why):
            return {"queryFailed": why}
        case Value(observed, design_effect, between_pods, together, starting, apart):
            worth = {"betweenPods": between_pods} if between_pods else {}
            worth |= {"together": together} if together != 1 else {}
            worth |= {"starting": starting} if starting else {}
            worth |= {"apart": apart} if apart else {}
            return {"designEffect": design_effect, **worth, **_observed_to_dict(observed)}


def _observed_to_dict(observed: Observation) -> dict[str, Any]:
    match observed:
        case Proportions(strata, alone, pairs, differing, unlabelled, unanswered, ages):
            more = {
                "pairs": _pairs_to_list(pairs) if pairs.total else None,
                "differing": [differing.bad, differing.total] if differing.total else None,
                "unlabelled": _strata_to_lists(unlabelled),
                "unanswered": _strata_to_lists(unanswered),
                "pairAges": [_pairs_to_list(one) for one in ages],
            }
            told = {name: one for name, one in more.items() if one}
            return {"strata": _strata_to_lists(strata), "stableAlone": [alone.bad, alone.total], **told}
        case Difference(canary, stable):
            return {"means": [canary, stable]}
        case Measurement(value):
            return {"value": value}
        case Histograms(canary, reference):
            return {"bins": [list(canary), list(reference)]}


def _pairs_to_list(pairs: Pairs) -> list[int]:
    return [pairs.only_canary_bad, pairs.only_control_bad, pairs.total]


def _strata_to_lists(strata: Iterable[Stratum]) -> list[list[int]]:
    return [[one.canary.bad, one.canary.total, one.stable.bad, one.stable.total] for one in strata]


def _strata_of(recorded: Iterable[Sequence[int]]) -> tuple[Stratum, ...]:
    return tuple(Stratum(Arm(a, b), Arm(c, d)) for a, b, c, d in recorded)


def _sample_from_dict(key: str, recorded: Mapping[str, Any]) -> Sample:
    match recorded:
        case {"noData": why}:
            return NoData(why)
        case {"queryFailed": why}:
            return QueryFailed(why)
        case {"designEffect": design_effect, "strata": strata, "stableAlone": [bad, total]}:
            seen = Proportions(
                _strata_of(strata),
                Arm(bad, total),
                Pairs(*recorded.get("pairs", ())),
                Arm(*recorded.get("differing", ())),
                _strata_of(recorded.get("unlabelled", ())),
                _strata_of(recorded.get("unanswered", ())),
                tuple(Pairs(*one) for one in recorded.get("pairAges", ())),
            )
            worth = (recorded.get(name, default) for name, default in _WORTH.items())
            return Value(seen, design_effect, *worth)
        case {"designEffect": design_effect, "means": [canary, stable]}:
            return Value(Difference(canary, stable), design_effect)
        case {"designEffect": design_effect, "value": value}:
            return Value(Measurement(value), design_effect)
        case {"designEffect": design_effect, "bins": [canary, reference]}:
            return Value(Histograms(tuple(canary), tuple(reference)), design_effect)
        case _:
            raise InvalidAnalysis(
                f"samples[{key}]", f"{dict(recorded)!r} is no recorded sample", "replay what was logged"
            )
