"""CPU time of a metric and look, and of an operator with a thousand rollouts of ten metrics. Not memoised."""

from time import process_time

from serin_operator.decide.analysis import (
    AnalysisConfig,
    AnalysisState,
    Arm,
    Evidence,
    Metric,
    Proportions,
    Stratum,
    Value,
    accuracy,
    eprocess,
    judge_look,
)

SIZES = (1_000, 1_000_000, 1_000_000_000)


def look_of(total: int, bad_rate: float, turn: int) -> Value:
    """A fifth on the canary; `turn` makes looks differ."""
    canary, stable = total // 5, total - total // 5
    return Value(
        Proportions((Stratum(Arm(round(canary * bad_rate) + turn % 7, canary), Arm(round(stable * bad_rate), stable)),))
    )


def milliseconds(total: int, bad_rate: float, evidence: Evidence, turns: int = 40) -> float:
    """Of one metric and look: the whole of `judge_look`, with a margin in points."""
    config = AnalysisConfig((Metric("m", accuracy(0.01, evidence)),))
    state, _ = judge_look(config, AnalysisState(), {"m": look_of(total, bad_rate, 0)})
    samples = [look_of(total, bad_rate, turn) for turn in range(turns)]
    best = float("inf")
    for _ in range(3):
        began, current = process_time(), state
        for sample in samples:
            current, _ = judge_look(config, current, {"m": sample})
        best = min(best, (process_time() - began) / turns)
    return round(1000 * best, 3)


def operator_share(rollouts: int = 1000, metrics: int = 10, interval_seconds: float = 30.0) -> float:
    """Share of a core for a thousand rollouts of ten metrics every 30 s at 10³ counts, state read and written each time."""
    config = AnalysisConfig(tuple(Metric(f"m{number}", accuracy(0.01)) for number in range(metrics)))
    look = {f"m{number}": look_of(1_000, 0.02 + 0.02 * number, number) for number in range(metrics)}
    state, _ = judge_look(config, AnalysisState(), look)
    recorded = state.to_dict()
    began, sample = process_time(), rollouts // 5
    for _ in range(sample):
        after, _ = judge_look(config, AnalysisState.from_dict(recorded), look)
        after.to_dict()
    return round((process_time() - began) / sample * rollouts / interval_seconds, 4)


def speed() -> dict:
    """All figures, without the memory that the simulations give to the likelihood ratio."""
    eprocess.log_likelihood_ratios = getattr(
        eprocess.log_likelihood_ratios, "__wrapped__", eprocess.log_likelihood_ratios
    )
    rows = [
        {
            "answers": total,
            "badRate": rate,
            "evidence": str(evidence),
            "milliseconds": milliseconds(total, rate, evidence),
        }
        for total in SIZES
        for rate in (0.001, 0.08, 0.5)
        for evidence in Evidence
    ]
    return {"aMetricAndLook": rows, "thousandRolloutsOfTenMetricsShareOfACore": operator_share()}


if __name__ == "__main__":
    for one in speed()["aMetricAndLook"]:
        print(one)
    print(operator_share())
