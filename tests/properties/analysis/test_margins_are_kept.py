"""A margin that people wrote is kept however rare stable's errors are and however little stable has said."""

import numpy as np
import pytest

from serin_operator.decide.analysis import (
    AnalysisConfig,
    AnalysisState,
    Arm,
    Evidence,
    Fail,
    Metric,
    Pass,
    Proportions,
    Reason,
    Stratum,
    Value,
    error_rate,
    judge_look,
)


def outcomes(rng, rule, rates, sizes, looks, before):
    """The last verdict of a rollout, or its Fail; stable is seen `before` answers long before the canary comes."""
    config = AnalysisConfig((Metric("m", rule),))
    alone = Arm(int(rng.binomial(before, rates[1])), before)
    state, verdicts = judge_look(config, AnalysisState(), {"m": Value(Proportions((), alone))})
    draws = zip(
        rng.binomial(sizes[0], rates[0], looks).tolist(), rng.binomial(sizes[1], rates[1], looks).tolist(), strict=True
    )
    for canary, stable in draws:
        seen = Proportions((Stratum(Arm(canary, sizes[0]), Arm(stable, sizes[1])),))
        state, verdicts = judge_look(config, state, {"m": Value(seen)})
        if isinstance(verdicts["m"], Fail) or verdicts["m"].reason is Reason.NON_INFERIOR:
            break
    return verdicts["m"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "sizes", [pytest.param((8, 22), id="one request a second"), pytest.param((2, 7), id="three in ten seconds")]
)
def test_a_canary_half_a_point_over_a_tenth_of_a_percent_is_kept_for_eight_hours(sizes):
    rng = np.random.default_rng(20261126)
    seen = [outcomes(rng, error_rate(0.005), (0.006, 0.001), sizes, 960, 12) for _ in range(10)]
    assert not any(isinstance(one, Fail) for one in seen)


def test_a_canary_far_over_the_margin_is_still_found_though_stable_never_failed():
    rng = np.random.default_rng(7)
    seen = [outcomes(rng, error_rate(0.005), (0.05, 0.0), (25, 75), 40, 0) for _ in range(10)]
    assert all(isinstance(one, Fail) for one in seen)


def test_a_canary_that_never_fails_is_shown_to_keep_the_margin_though_stable_never_failed():
    rng = np.random.default_rng(8)
    seen = outcomes(rng, error_rate(0.005, Evidence.NON_INFERIOR), (0.0, 0.0), (250, 750), 40, 0)
    assert isinstance(seen, Pass)
    assert seen.reason is Reason.NON_INFERIOR


def test_a_canary_at_the_margin_is_not_called_non_inferior():
    rng = np.random.default_rng(9)
    rule = error_rate(0.005, Evidence.NON_INFERIOR)
    seen = [outcomes(rng, rule, (0.006, 0.001), (25, 75), 60, 0) for _ in range(40)]
    assert sum(one.reason is Reason.NON_INFERIOR for one in seen) <= 4
