"""Means without a bound: the sequence, and what it says."""

import math

import numpy as np
import pytest

from serin_operator.decide.analysis import (
    AnalysisConfig,
    AnalysisState,
    Difference,
    Fail,
    Inconclusive,
    MeanDifference,
    Metric,
    MetricState,
    NoData,
    Pass,
    Reason,
    Role,
    Value,
    judge_look,
)
from serin_operator.decide.analysis.means import verdict as means_verdict
from serin_operator.decide.analysis.means import width


def run(rule, differences, stable=5.0, alpha=0.01, role=Role.WARNING):
    config = AnalysisConfig((Metric("m", rule, role),), false_rollback_rate=alpha)
    state = AnalysisState()
    for one in differences:
        state, verdicts = judge_look(config, state, {"m": Value(Difference(stable + one, stable))})
    return state, verdicts["m"]


WAVE = [0.5, -0.5] * 15


def test_the_width_solves_the_mixture_t_tests_equation():
    """The e-value of Wang and Ramdas, put together from sums of squares, is exactly 1/2α on the interval's edge."""
    n, alpha = 40.0, 0.01
    wanted = -2 * math.log(2 * alpha)
    c2 = 50 / (wanted + math.log(wanted + 1))
    mean = width(n, alpha)  # with a standard deviation of one
    squares, total = n * (1 + mean**2), n * mean
    e_value = math.sqrt(c2 / (n + c2)) * (squares / (squares - total**2 / (n + c2))) ** (n / 2)
    assert e_value == pytest.approx(1 / (2 * alpha), rel=1e-9)


def test_the_width_shrinks_with_looks_and_grows_with_certainty():
    assert width(20, 0.01) > width(40, 0.01) > width(400, 0.01)
    assert width(40, 0.001) > width(40, 0.01)


def test_two_looks_say_nothing():
    assert width(2, 0.01) == math.inf


def test_many_looks_come_near_the_asymptotic_sequence():
    """Waudby-Smith et al. 2024, one side, with ρ = 1/c."""
    n, alpha = 100_000.0, 0.01
    wanted = -2 * math.log(2 * alpha)
    rho2 = (wanted + math.log(wanted + 1)) / 50
    asymptotic = math.sqrt(2 * (n * rho2 + 1) / (n * n * rho2) * math.log(math.sqrt(n * rho2 + 1) / (2 * alpha)))
    assert width(n, alpha) == pytest.approx(asymptotic, rel=1e-3)


def test_a_canary_like_stable_passes_after_enough_looks():
    _, verdict = run(MeanDifference(), [one + 0.25 for one in WAVE[:20]])
    half = 0.5 * width(20, 0.01)
    assert verdict == Pass(
        Reason.NO_EVIDENCE_AGAINST, f"canary above stable by 0.25 ± {half:.3g} over 20 looks, 0 allowed"
    )


def test_nothing_is_said_before_the_least_looks():
    _, verdict = run(MeanDifference(), [9.0, 9.1] * 9)
    assert verdict == Inconclusive(Reason.NOT_ENOUGH_SAMPLES, "18 of 20 looks")


def test_a_canary_far_above_fails_and_says_by_how_much():
    _, verdict = run(MeanDifference(max_increase=1.0), [one + 3 for one in WAVE])
    half = 0.5 * width(30, 0.01)
    assert verdict == Fail(Reason.WORSE_THAN_STABLE, f"canary above stable by 3 ± {half:.3g} over 30 looks, 1 allowed")


def test_a_gate_far_above_holds_for_people_and_rolls_nothing_back():
    _, verdict = run(MeanDifference(max_increase=1.0), [one + 3 for one in WAVE], role=Role.GATE)
    assert isinstance(verdict, Inconclusive)
    assert verdict.reason is Reason.MEANS_ONLY_WARN
    assert verdict.message.startswith("canary above stable by 3 ± ")
    assert "promote or abort by hand" in verdict.message


def test_a_gate_within_its_margin_passes():
    assert isinstance(run(MeanDifference(max_increase=1.0), WAVE, role=Role.GATE)[1], Pass)


@pytest.mark.slow
@pytest.mark.parametrize("world", ["looks that resemble the one before", "looks that are very far off at times"])
def test_a_gate_on_means_never_rolls_back_an_equal_canary_whatever_looks_have_in_common(world):
    rng = np.random.default_rng(9)
    for _ in range(20):
        noise = rng.normal(size=200) if "resemble" in world else math.exp(0.5) - rng.lognormal(0, 1, 200)
        if "resemble" in world:
            for number in range(1, 200):
                noise[number] += 0.5 * noise[number - 1]
        assert not isinstance(run(MeanDifference(), noise.tolist(), role=Role.GATE)[1], Fail)


def test_a_canary_far_below_fails_where_lower_is_worse():
    _, verdict = run(MeanDifference(max_decrease=1.0), [one - 3 for one in WAVE])
    assert isinstance(verdict, Fail)
    assert verdict.message.startswith("canary below stable by 3 ± ")
    assert isinstance(run(MeanDifference(max_increase=1.0), [one - 3 for one in WAVE])[1], Pass)


def test_a_mean_just_inside_its_interval_does_not_fail():
    half = 0.5 * width(30, 0.01)
    assert isinstance(
        run(MeanDifference(max_increase=1.0, least_looks=30), [one + 1 + half * 0.99 for one in WAVE])[1], Pass
    )
    assert isinstance(
        run(MeanDifference(max_increase=1.0, least_looks=30), [one + 1 + half * 1.01 for one in WAVE])[1], Fail
    )


def test_the_error_rate_decides_the_width():
    between = 0.5 * (width(30, 0.01) + width(30, 0.001)) / 2
    differences = [one + between for one in WAVE]
    assert isinstance(run(MeanDifference(least_looks=30), differences, alpha=0.01)[1], Fail)
    assert isinstance(run(MeanDifference(least_looks=30), differences, alpha=0.001)[1], Pass)


def test_mean_and_squares_are_welfords():
    state, _ = run(MeanDifference(), [1.0, 2.0, 6.0])
    assert state.metrics["m"].numbers == pytest.approx((3, 3.0, 14.0))
    assert state.metrics["m"].looks == 3


def test_a_fail_stays_when_later_looks_are_better():
    config = AnalysisConfig((Metric("m", MeanDifference(), Role.WARNING),))
    state, verdict = run(MeanDifference(), [one + 3 for one in WAVE])
    assert isinstance(verdict, Fail)
    for _ in range(60):
        state, verdicts = judge_look(config, state, {"m": Value(Difference(0.0, 90.0))})
        assert isinstance(verdicts["m"], Fail)
    assert isinstance(judge_look(config, state, {"m": NoData()})[1]["m"], Fail)


def test_the_width_is_infinite_until_looks_suffice_and_then_shrinks():
    for alpha in (0.01, 1e-4, 1e-9):
        widths = [width(float(looks), alpha) for looks in range(2, 80)]
        finite = [one for one in widths if one < math.inf]
        assert widths == [math.inf] * (len(widths) - len(finite)) + sorted(finite, reverse=True)
        assert 10 < len(finite) < len(widths)


def test_before_the_first_look_there_are_none():
    assert means_verdict(MeanDifference(), MetricState(), 0.01).message == "0 of 20 looks"


def test_a_canary_below_stable_within_its_margin_passes():
    assert isinstance(run(MeanDifference(max_decrease=1.0), [-0.9 + one / 100 for one in WAVE])[1], Pass)
    assert isinstance(run(MeanDifference(max_decrease=0.8), [-0.9 + one / 100 for one in WAVE])[1], Fail)


def test_exactly_equal_means_pass():
    _, verdict = run(MeanDifference(), [0.0] * 20)
    assert verdict == Pass(Reason.NO_EVIDENCE_AGAINST, "canary above stable by 0 ± 0 over 20 looks, 0 allowed")


def test_too_few_looks_for_so_much_certainty_are_an_infinite_interval():
    _, verdict = run(MeanDifference(), [0.0] * 20, alpha=1e-30)
    assert verdict.message == "canary above stable by 0 ± inf over 20 looks, 0 allowed"
