"""Labels, or the control's answers, that are missing by choice: nothing is said then, neither yes nor no."""

import numpy as np
import pytest

from serin_operator.decide.analysis import (
    AnalysisConfig,
    AnalysisState,
    Arm,
    Fail,
    Inconclusive,
    Metric,
    Paired,
    Pairs,
    Pass,
    Proportions,
    Reason,
    Stratum,
    Value,
    accuracy,
    judge_look,
    selection,
)

CONFIG = AnalysisConfig((Metric("m", accuracy(0.01, paired=Paired.AUTO)),))


def verdict_of(**seen):
    return judge_look(CONFIG, AnalysisState(), {"m": Value(Proportions(**seen))})[1]["m"]


def missing(canary, stable):
    return (Stratum(Arm(*canary), Arm(*stable)),)


@pytest.mark.parametrize("worse", [(Stratum(Arm(90, 400), Arm(128, 1600)),), (Stratum(Arm(30, 400), Arm(128, 1600)),)])
@pytest.mark.parametrize("unlabelled", [(540, 1000), (750, 1000)])
def test_a_canary_that_gets_another_share_of_labels_neither_fails_nor_passes(worse, unlabelled):
    verdict = verdict_of(strata=worse, unlabelled=missing(unlabelled, (2600, 4000)))
    assert isinstance(verdict, Inconclusive)
    assert verdict.reason is Reason.SELECTIVE_LABELS


def test_a_control_that_is_slow_for_one_class_spoils_the_pairs():
    verdict = verdict_of(pairs=Pairs(60, 5, 500), unanswered=missing((80, 500), (10, 2500)))
    assert isinstance(verdict, Inconclusive)
    assert verdict.reason is Reason.SELECTIVE_CONTROL


def test_labels_missing_by_chance_hold_nothing():
    seen = {"strata": (Stratum(Arm(30, 400), Arm(128, 1600)),), "unlabelled": missing((640, 1000), (2600, 4000))}
    assert isinstance(verdict_of(**seen), Pass)


@pytest.mark.slow
def test_equal_shares_are_hardly_ever_suspected_however_long_one_looks():
    rng, alarms = np.random.default_rng(5), 0
    for _ in range(20):
        evidence = ()
        for canary, stable in zip(
            rng.binomial(200, 0.3, 100).tolist(), rng.binomial(600, 0.3, 100).tolist(), strict=True
        ):
            evidence = selection.observe(evidence, missing((canary, 200), (stable, 600)))
            alarms += selection.is_suspected(evidence)
    assert alarms == 0


def test_a_silent_arm_tells_nothing():
    assert selection.observe((), missing((0, 0), (3, 4))) == ()


def test_the_excess_is_that_of_mantel_and_haenszel_and_adds_up_over_looks():
    one = Stratum(Arm(60, 100), Arm(240, 300))  # 40 of the canary's are there where 25 were to be expected
    assert selection.excess((), [one]) == pytest.approx((15.0, 100 * 300 * 100 * 300 / (400 * 400 * 399)), abs=1e-6)
    assert selection.excess(selection.excess((), [one]), [one])[0] == 30.0
    assert selection.excess((), [one], 4.0)[1] == pytest.approx(4 * selection.excess((), [one])[1], abs=1e-5)
    assert selection.excess((1.0, 2.0), [Stratum(Arm(), Arm(3, 9))]) == (1.0, 2.0)


def test_a_share_of_labels_that_luck_explains_excuses_nobody():
    assert not selection.may_explain((), 1.0)
    assert not selection.may_explain((1.25, 1.0), 1.0)
    assert selection.may_explain((1.3, 1.0), 1.0)
    assert selection.may_explain((-1.3, 1.0), 1.0)


def test_labels_that_are_more_explain_as_many_bad_answers_and_two_standard_deviations():
    assert selection.may_explain((20.0, 100.0), 40.0)
    assert not selection.may_explain((20.0, 100.0), 40.5)


def test_a_version_that_seems_worse_is_not_blamed_while_other_labels_may_be_why():
    config = AnalysisConfig((Metric("m", accuracy()),), min_samples=1)
    worse, far_worse = (
        Stratum(Arm(bad, 240), Arm(40, 600)) for bad in (50, 80)
    )  # 34 and 64 more than were to be expected
    as_many, more = Stratum(Arm(400, 600), Arm(1200, 1800)), Stratum(Arm(360, 600), Arm(1200, 1800))  # 30 labels more
    for seen, missing, verdict in ((worse, as_many, Fail), (worse, more, Inconclusive), (far_worse, more, Fail)):
        _, verdicts = judge_look(config, AnalysisState(), {"m": Value(Proportions((seen,), unlabelled=(missing,)))})
        assert isinstance(verdicts["m"], verdict)
