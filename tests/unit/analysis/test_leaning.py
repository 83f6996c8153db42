"""A canary that the evidence leans against is held, not promoted: the time to fail it is what holding buys."""

from serin_operator.decide.analysis import (
    AnalysisConfig,
    AnalysisState,
    Arm,
    Fail,
    Inconclusive,
    Metric,
    Pass,
    Proportions,
    Reason,
    Stratum,
    Value,
    accuracy,
    judge_look,
)

CONFIG = AnalysisConfig(metrics=(Metric("accuracy", accuracy(0.02)),), min_samples=100)
BEFORE = Value(Proportions((), Arm(20, 850)))


def verdicts(looks: list[tuple[int, int, int, int]]) -> list[object]:
    state, _ = judge_look(CONFIG, AnalysisState(), {"accuracy": BEFORE})
    given = []
    for canary_bad, canary, stable_bad, stable in looks:
        stratum = Stratum(Arm(canary_bad, canary), Arm(stable_bad, stable))
        state, verdict = judge_look(CONFIG, state, {"accuracy": Value(Proportions((stratum,)))})
        given.append(verdict["accuracy"])
    return given


def test_enough_labels_with_evidence_leaning_against_the_canary_hold_the_step_until_it_fails() -> None:
    seen = verdicts([(9, 80, 10, 400), (8, 70, 10, 400), (9, 70, 9, 400), (12, 80, 9, 400)])
    assert isinstance(seen[1], Inconclusive)
    assert seen[1].reason is Reason.LEANS_AGAINST
    assert isinstance(seen[-1], Fail)


def test_an_unlucky_start_is_held_and_passes_when_the_canary_proves_equal() -> None:
    seen = verdicts([(15, 110, 10, 400), *[(2, 100, 10, 400)] * 6])
    assert isinstance(seen[0], Inconclusive)
    assert seen[0].reason is Reason.LEANS_AGAINST
    assert isinstance(seen[-1], Pass)
