"""A version that has all requests has nobody beside it to be compared with. One that answers hardly anything is found all the same."""

from dataclasses import replace
from typing import Final

from serin_operator.api.spec import Analysis
from serin_operator.api.status_of_rollouts import MetricStatus
from serin_operator.decide.analysis import AnalysisState, Arm, Proportions, QueryFailed, Sample, Value
from serin_operator.decide.analysis import Reason as VerdictReason
from serin_operator.decide.analysis.proportions import base_rate
from serin_operator.decide.judging.config import interval_of
from serin_operator.decide.judging.judge import Judged, remembered_judgement
from serin_operator.decide.looks import LookResult
from serin_operator.decide.memory.memory import Memory
from serin_operator.decide.memory.states import Baking, Kind, Switching
from serin_operator.decide.world import World

MOST_BAD: Final = 0.5
"""Of its answers in one look: a share that no noise makes, and no margin means."""
TIMES_BEFORE: Final = 10
"""So many times the share of the version before, when that was asked last: who sends nonsense has sent it then too."""
FEWEST: Final = 20
"""Answers of either, from which a share can be told."""


def is_alone(world: World, memory: Memory) -> bool:
    """Whether the new version has all requests while the one before could still answer them."""
    rollout, stable = memory.rollout, memory.stable
    has_all = isinstance(rollout, Switching | Baking) and rollout.candidate.kind is not Kind.ROLLBACK
    return has_all and stable is not None and world.revision(stable.revision).ready > 0


def looks_an_interval(world: World, memory: Memory, wanted: Analysis) -> int:
    """Looks in an interval: of a version that is alone, two.

    Its share of errors counts in a look, so one that begins to fail in the middle of a look is found at the end of the next.
    """
    return 2 if _watched(wanted) and is_alone(world, memory) else 1


def stays_open(world: World, memory: Memory, wanted: Analysis, look: LookResult) -> bool:
    """Whether half an interval has brought too few answers of a version that is alone: then the look goes on for the whole."""
    is_short = look.look.end - look.look.start < interval_of(wanted)
    if not is_short or look.look.start != memory.comparison.look_from or looks_an_interval(world, memory, wanted) == 1:
        return False
    samples = [look.samples.get(name) for name in _watched(wanted)]
    if any(isinstance(one, QueryFailed) for one in look.samples.values()):
        return False
    return all(_answers(one) < FEWEST for one in samples)


def _answers(sample: Sample | None) -> int:
    if not isinstance(sample, Value) or not isinstance(sample.observed, Proportions):
        return 0
    return sum(one.canary.total for one in sample.observed.strata)


def _watched(wanted: Analysis) -> set[str]:
    """Gates that tell outages."""
    return {m.name for m in wanted.metrics if m.asked and m.asked[0].tells_outages and not m.warns_only}


def judged_alone(world: World, memory: Memory, wanted: Analysis, look: LookResult, result: Judged) -> Judged:
    """What a look says of a version that has all requests while the one before could still answer them.

    No test stands behind it, since hours differ as versions do; so it is said only of a version of whose requests most fail.
    """
    if not is_alone(world, memory):
        return result
    known = AnalysisState.from_dict(result.comparison.evidence).metrics if result.comparison.evidence else {}
    watched = _watched(wanted)
    rows = tuple(
        _row(row, look.samples.get(row.metric), base_rate(known[row.metric]))
        if row.metric in watched and row.metric in known
        else row
        for row in result.comparison.results
    )
    comparison = replace(result.comparison, results=rows)
    return replace(result, comparison=comparison, judgement=remembered_judgement(comparison))


def _row(row: MetricStatus, sample: Sample | None, before: Arm) -> MetricStatus:
    if row.verdict == "Fail" or not isinstance(sample, Value) or not isinstance(sample.observed, Proportions):
        return row
    strata = sample.observed.strata
    now = sum((one.canary for one in strata), Arm())
    is_beside = any(one.stable.total for one in strata)
    if is_beside or min(now.total, before.total) < FEWEST or now.bad < MOST_BAD * now.total:
        return row
    if TIMES_BEFORE * before.bad * now.total > now.bad * before.total:
        return row
    message = (
        f"{now.bad:,} of {now.total:,} requests failed since it has all of them, and {before.bad:,} of the last"
        f" {before.total:,} of the version before"
    )
    return row.model_copy(update={"verdict": "Fail", "reason": VerdictReason.MOSTLY_ERRORS.value, "message": message})
