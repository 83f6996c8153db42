"""Population stability: without its bias, with an interval, and only a warning for inputs."""

import math

import pytest

from serin_operator.decide.analysis import (
    AnalysisConfig,
    AnalysisState,
    Drift,
    Fail,
    Histograms,
    Inconclusive,
    Metric,
    MetricState,
    NoData,
    Pass,
    Reason,
    Role,
    Value,
    judge_look,
)
from serin_operator.decide.analysis.drift import psi
from serin_operator.decide.analysis.drift import verdict as drift_verdict

FLAT = (100, 100, 100, 100)
TILTED = (10, 50, 140, 200)


def run(rule, *looks, effect=1.0, **metric):
    config = AnalysisConfig((Metric("m", rule, **metric),))
    state = AnalysisState()
    for look in looks:
        state, verdicts = judge_look(config, state, {"m": Value(Histograms(*look), effect)})
    return state, verdicts["m"]


def test_the_index_of_equal_histograms_is_its_bias_below_zero():
    index, variance, worth = psi(FLAT, FLAT)
    assert index == pytest.approx(-3 * (1 / 400 + 1 / 400))
    assert variance == pytest.approx(2 * 3 * (2 / 400) ** 2)
    assert worth == pytest.approx(200.0)


def test_the_index_is_the_textbooks_less_the_bias():
    index, _, worth = psi(TILTED, (200, 200, 200, 200))
    p = [(one + 0.5) / 402 for one in TILTED]
    plain = sum((one - 0.25) * math.log(one / 0.25) for one in p)
    assert index == pytest.approx(plain - 3 * (1 / 400 + 1 / 800))
    assert worth == pytest.approx(400 * 800 / 1200)


def test_the_variance_is_the_delta_methods():
    """Against the derivative taken numerically, multinomial covariance in full."""
    _, variance, _ = psi(TILTED, (200, 190, 210, 200))
    p = [(one + 0.5) / 402 for one in TILTED]
    q = [(one + 0.5) / 802 for one in (200, 190, 210, 200)]

    def index(p, q):
        return sum((a - b) * math.log(a / b) for a, b in zip(p, q, strict=True))

    def part(weights, moved, n):
        step = 1e-6
        slopes = [(moved(i, step) - moved(i, -step)) / (2 * step) for i in range(4)]
        mean = sum(w * s for w, s in zip(weights, slopes, strict=True))
        return (sum(w * s * s for w, s in zip(weights, slopes, strict=True)) - mean**2) / n

    def move(values, i, step):
        return [one + step * (j == i) for j, one in enumerate(values)]

    expected = part(p, lambda i, s: index(move(p, i, s), q), 400) + part(q, lambda i, s: index(p, move(q, i, s)), 800)
    assert variance == pytest.approx(expected + 6 * (1 / 400 + 1 / 800) ** 2, rel=1e-6)


@pytest.mark.parametrize(
    ("canary", "reference", "bins"),
    [
        pytest.param((5, 5), (5, 5), 2, id="just enough in each"),
        pytest.param((4, 5), (5, 5), None, id="one too few for two bins"),
        pytest.param((4, 3, 3, 10), (6, 7, 7, 10), 2, id="neighbours are joined until there is enough"),
        pytest.param((10, 10, 1), (10, 10, 1), 2, id="a rest goes to the last bin"),
        pytest.param((1, 1), (1, 1), None, id="too few for one bin"),
        pytest.param((0, 0), (50, 50), None, id="an empty arm"),
        pytest.param((50, 50), (0, 0), None, id="the other arm empty"),
        pytest.param((5, 5), (500, 500), 2, id="enough is counted in the smaller arm"),
    ],
)
def test_bins_are_merged_until_five_can_be_expected(canary, reference, bins):
    measured = psi(canary, reference)
    if bins is None:
        assert measured is None
        return
    n, m = sum(canary), sum(reference)
    assert measured[2] == pytest.approx(n * m / (n + m))


def test_merging_keeps_every_count():
    assert psi((10, 10, 1), (10, 20, 2)) == pytest.approx(psi((10, 11), (10, 22)))
    assert psi((10, 20, 2), (10, 10, 1)) == pytest.approx(psi((10, 22), (10, 11)))
    assert psi((4, 3, 3, 10), (6, 7, 7, 10)) == pytest.approx(psi((7, 13), (13, 17)))


def test_equal_histograms_pass_with_their_numbers():
    _, verdict = run(Drift(0.1), (FLAT, FLAT))
    assert verdict == Pass(Reason.WITHIN_BOUND, "PSI -0.015 ± 0.038 over 400 values, at most 0.1")


def test_a_tilted_histogram_fails_only_when_the_whole_interval_is_beyond():
    _, verdict = run(Drift(0.2), (TILTED, FLAT))
    assert isinstance(verdict, Fail)
    assert verdict.reason is Reason.DRIFTED
    index, variance, _ = psi(TILTED, FLAT)
    said = f"PSI {index:.3f} ± {3.0902 * math.sqrt(variance):.3f} over 400 values, at most 0.2"
    assert verdict.message == f"{said} (no error rate is promised)"
    assert isinstance(run(Drift(0.5), (TILTED, FLAT))[1], Pass)


def test_looks_are_averaged_by_their_worth():
    small = ((10, 10, 10, 10), (10, 10, 10, 10))
    state, _ = run(Drift(), (TILTED, FLAT), small)
    (a, va, wa), (b, vb, wb) = psi(TILTED, FLAT), psi(*small)
    assert state.metrics["m"].numbers == pytest.approx((wa + wb, wa * a + wb * b, wa**2 * va + wb**2 * vb))
    assert (state.metrics["m"].looks, state.metrics["m"].canary_total) == (2, 440)


def test_a_design_effect_widens_the_interval():
    plain, wide = run(Drift(), (FLAT, FLAT))[0], run(Drift(), (FLAT, FLAT), effect=4.0)[0]
    assert wide.metrics["m"].numbers[2] == pytest.approx(4 * plain.metrics["m"].numbers[2])


def test_too_little_is_said_to_be_too_little():
    assert run(Drift(), ((3, 3), (3, 3)))[1] == Inconclusive(
        Reason.NOT_ENOUGH_SAMPLES, "0 values, too few to compare two bins"
    )
    assert run(Drift(), ((10, 10), (10, 10)))[1].reason is Reason.NOT_ENOUGH_SAMPLES
    assert run(Drift(), ((10, 10), (10, 10)))[1].message.startswith("20 of 100 values in this step; PSI ")
    assert isinstance(run(Drift(), ((50, 50), (50, 50)))[1], Pass)


def test_a_fail_stays():
    config = AnalysisConfig((Metric("m", Drift(0.2)),))
    state, _ = run(Drift(0.2), (TILTED, FLAT))
    for _ in range(20):
        state, verdicts = judge_look(config, state, {"m": Value(Histograms(FLAT, FLAT))})
    assert isinstance(verdicts["m"], Fail)
    assert isinstance(judge_look(config, state, {"m": NoData()})[1]["m"], Fail)


def test_input_drift_warns():
    _, verdict = run(Drift(of_inputs=True), (TILTED, FLAT), role=Role.WARNING)
    assert isinstance(verdict, Fail)


def test_an_interval_that_begins_on_the_bound_is_within():
    state = MetricState(numbers=(1.0, 0.5, 0.0), step_samples=100)
    assert isinstance(drift_verdict(Drift(0.5), state, 100), Pass)
    assert isinstance(drift_verdict(Drift(0.499), state, 100), Fail)
