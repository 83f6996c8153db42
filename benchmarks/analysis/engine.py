"""The shipped engine run over streams: nothing is copied, only the pure likelihood ratio is memoised."""

from dataclasses import dataclass
from functools import lru_cache

from serin_operator.decide.analysis import (
    AnalysisConfig,
    AnalysisState,
    Arm,
    Fail,
    Metric,
    Pass,
    Proportions,
    Reason,
    Stratum,
    Value,
    begin_step,
    eprocess,
    judge_look,
    points,
)

points.nearest_base = lru_cache(maxsize=1_000_000)(points.nearest_base)
eprocess.log_likelihood_ratios = lru_cache(maxsize=200_000)(eprocess.log_likelihood_ratios)


@dataclass(frozen=True)
class Result:
    """One rollout: whether and when it was failed, or shown to be non-inferior, and after how many canary answers.

    `said` is the verdict that it ended with, and its reason; `against` the most evidence that ever spoke against it (natural logarithm), and
    `worst` the most that was believed, where that is told.
    """

    failed: bool
    canary_answers: int
    look: int
    non_inferior: bool = False
    said: str = ""
    worst: float = 0.0
    against: float = 0.0


def single(rule, alpha=0.01, promotion=0.05) -> AnalysisConfig:
    return AnalysisConfig((Metric("m", rule),), false_rollback_rate=alpha, false_promotion_rate=promotion)


def value(strata, alone=(0, 0), design_effect=1.0) -> Value:
    """Strata as tuples (canary bad, canary total, stable bad, stable total)."""
    return Value(Proportions(tuple(Stratum(Arm(a, b), Arm(c, d)) for a, b, c, d in strata), Arm(*alone)), design_effect)


def with_before(config, before) -> AnalysisState:
    state = AnalysisState()
    for bad, total in before:
        state, _ = judge_look(config, state, {"m": value((), (bad, total))})
    return begin_step(state)


def judge_samples(config, state, samples, repeat_looks=False) -> Result:
    """Look after look until a verdict that ends the rollout. `samples` are Values; a metric named m."""
    canary = 0
    non_inferior = False
    for look, sample in enumerate(samples):
        taken_at = float(look)
        state, verdicts = judge_look(config, state, {"m": sample}, taken_at=taken_at)
        if repeat_looks:  # the operator came back and asked for the same look again
            again = AnalysisState.from_dict(state.to_dict())
            state, verdicts = judge_look(config, again, {"m": sample}, taken_at=taken_at)
        canary += sum(one.canary.total for one in sample.observed.strata)
        verdict = verdicts["m"]
        if isinstance(verdict, Fail):
            return Result(True, canary, look, non_inferior)
        if isinstance(verdict, Pass) and verdict.reason is Reason.NON_INFERIOR:
            return Result(False, canary, look, True)
    return Result(False, canary, look, non_inferior)


def judge_stream(config, stream, row, *, repeat_looks=False) -> Result:
    """One rollout of a stream."""
    columns = (stream.canary_bad[row], stream.canary_total[row], stream.stable_bad[row], stream.stable_total[row])
    counts = zip(*(one.tolist() for one in columns), strict=True)
    samples = (value([one]) for one in counts)
    before = [(bad, stream.before_total) for bad in stream.before_bad[row].tolist()]
    return judge_samples(config, with_before(config, before), samples, repeat_looks)
