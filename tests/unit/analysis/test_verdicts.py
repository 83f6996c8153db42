"""Each verdict on proportions, with its reason and its sentence."""

import math

import pytest

from serin_operator.decide.analysis import (
    AnalysisConfig,
    AnalysisState,
    Arm,
    Bound,
    Comparison,
    Evidence,
    Fail,
    Inconclusive,
    Metric,
    NoData,
    OddsRatio,
    Pass,
    Points,
    Proportions,
    QueryFailed,
    Reason,
    Stratum,
    Value,
    Words,
    accuracy,
    begin_step,
    error_rate,
    judge_look,
)
from serin_operator.decide.analysis.eprocess import against_steps, for_steps, log_likelihood_ratios, log_mixture, needed

PLAIN = Comparison(OddsRatio(1.0))
SURE = Comparison(OddsRatio(1.5), Evidence.NON_INFERIOR)


def config(rule, **settings):
    return AnalysisConfig((Metric("m", rule),), **settings)


def value(*strata, alone=(0, 0), effect=1.0):
    return Value(Proportions(tuple(Stratum(Arm(a, b), Arm(c, d)) for a, b, c, d in strata), Arm(*alone)), effect)


def run(rule, *samples, state=None, **settings):
    state = state or AnalysisState()
    for sample in samples:
        state, verdicts = judge_look(config(rule, **settings), state, {"m": sample})
    return state.metrics["m"], verdicts["m"]


def told(micronats):
    number = math.exp(micronats / 1e6)
    return f"{number:,.0f}" if number >= 10 else f"{number:.2g}"


def test_a_worse_canary_fails_with_both_rates_and_the_evidence():
    state, verdict = run(Comparison(OddsRatio(1.0), words=Words.ACCURACY), value((147, 1240, 378, 4911)))
    assert verdict == Fail(
        Reason.WORSE_THAN_STABLE,
        "canary 88.1 % right of 1,240 labels, stable 92.3 % right of 4,911 labels in the same minutes; "
        f"evidence {told(state.worst)} of 100 needed",
    )
    assert state.worst > math.log(100) * 1e6
    assert state.failed


def test_a_canary_like_stable_passes_with_the_evidence_against_it():
    state, verdict = run(PLAIN, value((8, 100, 32, 400)))
    assert verdict == Pass(
        Reason.NO_EVIDENCE_AGAINST,
        "canary 8.00 % errors of 100 requests, stable 8.00 % errors of 400 requests in the same minutes; "
        f"evidence {told(log_mixture(state.against))} of 100 needed against it",
    )
    assert not state.failed


def test_too_few_samples_in_the_step_are_counted_out():
    _, verdict = run(PLAIN, value((8, 99, 32, 400)))
    assert verdict == Inconclusive(
        Reason.NOT_ENOUGH_SAMPLES,
        "99 of 100 requests in this step; "
        "canary 8.08 % errors of 99 requests, stable 8.00 % errors of 400 requests in the same minutes",
    )


def test_non_inferiority_has_to_be_shown():
    state, verdict = run(SURE, value((8, 100, 32, 400)))
    assert verdict == Inconclusive(
        Reason.NOT_ENOUGH_EVIDENCE,
        "canary 8.00 % errors of 100 requests, stable 8.00 % errors of 400 requests in the same minutes; "
        f"evidence {told(state.best)} of 20 needed that the margin is kept",
    )
    state, verdict = run(SURE, value((80, 1000, 320, 4000)))
    assert verdict == Pass(
        Reason.NON_INFERIOR,
        "canary 8.00 % errors of 1,000 requests, stable 8.00 % errors of 4,000 requests in the same minutes; "
        f"evidence {told(state.best)} of 20 needed that the margin is kept",
    )
    assert state.best > math.log(20) * 1e6


def test_the_false_promotion_rate_decides_how_much_evidence_is_needed():
    look = value((60, 750, 240, 3000))
    state, verdict = run(SURE, look, false_promotion_rate=0.2)
    assert isinstance(verdict, Pass)
    assert isinstance(run(SURE, look, false_promotion_rate=0.9 * math.exp(-state.best / 1e6))[1], Inconclusive)
    assert isinstance(run(SURE, look, false_promotion_rate=1.1 * math.exp(-state.best / 1e6))[1], Pass)


def test_the_false_rollback_rate_decides_when_to_fail():
    look = value((20, 100, 40, 400))
    state, _ = run(PLAIN, look, false_rollback_rate=0.4)
    reached = math.exp(-state.worst / 1e6)
    assert isinstance(run(PLAIN, look, false_rollback_rate=1.001 * reached)[1], Fail)
    assert not isinstance(run(PLAIN, look, false_rollback_rate=0.999 * reached)[1], Fail)


def test_evidence_of_the_square_root_of_what_is_needed_holds_and_less_passes():
    look = value((20, 100, 40, 400))
    state, _ = run(PLAIN, look)
    square = math.exp(-2 * state.worst / 1e6)
    _, verdict = run(PLAIN, look, false_rollback_rate=1.001 * square)
    assert verdict == Inconclusive(
        Reason.LEANS_AGAINST,
        "canary 20.0 % errors of 100 requests, stable 10.0 % errors of 400 requests in the same minutes; "
        f"evidence {told(state.worst)} of {told(needed(1.001 * square))} needed against it: "
        "held until this is settled",
    )
    assert isinstance(run(PLAIN, look, false_rollback_rate=0.999 * square)[1], Pass)


def test_evidence_is_the_sum_over_strata_and_looks():
    one, other, third = (8, 100, 20, 400), (3, 50, 2, 100), (1, 30, 9, 90)
    state, _ = run(PLAIN, value(one, other), value(third))
    for index, step in enumerate(against_steps()):
        expected = sum(
            log_likelihood_ratios(Stratum(Arm(a, b), Arm(c, d)), 0.0, (step,))[0] for a, b, c, d in (one, other, third)
        )
        assert state.against[index] == pytest.approx(expected * 1e6, abs=3)
    assert (state.canary, state.stable) == (Arm(12, 180), Arm(31, 590))
    assert (state.step_samples, state.looks, state.for_it) == (180, 2, ())


def test_evidence_for_it_is_gathered_with_its_own_margin():
    base = value(alone=(100, 1000))
    rule = Comparison(Points(0.02), Evidence.NON_INFERIOR)
    state, _ = run(rule, base, value((8, 100, 40, 400)))
    assert len(state.for_it) == len(for_steps())
    assert state.for_it != state.against


def test_a_design_effect_divides_the_evidence():
    plain, _ = run(SURE, value((20, 100, 40, 400)))
    weaker, _ = run(SURE, value((20, 100, 40, 400), effect=4.0))
    assert [4 * one for one in weaker.against] == pytest.approx(plain.against, abs=8)
    assert [4 * one for one in weaker.for_it] == pytest.approx(plain.for_it, abs=8)
    assert weaker.step_samples == plain.step_samples


def test_the_worst_moment_is_kept_and_a_fail_with_it():
    state, verdict = run(PLAIN, value((40, 100, 40, 400)), value((0, 900, 400, 900)))
    assert isinstance(verdict, Fail)
    assert state.worst > log_mixture(state.against)


def test_the_first_look_already_judges_though_stable_was_never_seen_before():
    state, verdict = run(error_rate(0.005), value((50, 50, 1, 950)))
    assert isinstance(verdict, Fail)
    assert (state.base, state.step_samples) == ((1, 950), 50)


def test_the_base_rate_is_stables_of_the_last_eight_looks():
    samples = [value((1, 10, n, 100)) for n in range(1, 11)]
    state, _ = run(PLAIN, *samples)
    assert state.base == tuple(x for n in range(3, 11) for x in (n, 100))


def test_stable_alone_and_stable_in_strata_both_tell_the_base_rate():
    state, _ = run(PLAIN, value((1, 10, 5, 100), (0, 0, 7, 50), alone=(2, 30)))
    assert state.base == (14, 180)
    assert state.stable == Arm(5, 100)


def test_a_look_without_stable_tells_no_base_rate():
    state, _ = run(PLAIN, value((1, 10, 5, 100)), value((1, 10, 0, 0)))
    assert state.base == (5, 100)


def test_a_margin_that_reaches_everything_is_refused_in_words():
    everything = value((9, 10, 95, 100))
    _, verdict = run(accuracy(0.1), value(alone=(950, 1000)), everything)
    assert verdict == Inconclusive(
        Reason.MARGIN_IMPOSSIBLE,
        "stable's bad answers (94.9 %) plus the margin (10.0 %) are 100 % or more, so no canary could fail; "
        "give a smaller margin or mend stable first",
    )


@pytest.mark.parametrize(
    ("tells_good", "said"),
    [
        (True, "stable's mean (1.203) less the margin (0.4) is at the end of its range (1) or beyond, so no canary could fail; "),
        (False, "stable's mean (4.797) plus the margin (0.4) is at the end of its range (5) or beyond, so no canary could fail; "),
    ],
    ids=["more is better", "less is better"],
)  # fmt: skip
def test_of_a_score_a_margin_that_reaches_everything_is_told_in_its_own_unit(tells_good, said):
    score = Comparison(Points(0.1), words=Words("score", "scores", "mean", tells_good, (1.0, 5.0)))
    _, verdict = run(score, value(alone=(950, 1000)), value((9, 10, 95, 100)))
    assert verdict == Inconclusive(Reason.MARGIN_IMPOSSIBLE, f"{said}give a smaller margin, or a wider range")


@pytest.mark.parametrize(
    "sample",
    [
        pytest.param(value(), id="no strata"),
        pytest.param(value((0, 0, 5, 100)), id="no canary"),
        pytest.param(value((5, 100, 0, 0)), id="no stable"),
        pytest.param(value(alone=(5, 100)), id="stable alone"),
    ],
)
def test_a_look_without_both_arms_passes_nothing(sample):
    before, passed = run(PLAIN, value((8, 100, 32, 400)))
    assert isinstance(passed, Pass)
    after, verdict = run(PLAIN, value((8, 100, 32, 400)), sample)
    assert verdict == Inconclusive(
        Reason.NO_DATA,
        "no requests of canary and stable under the same conditions in this look; so far "
        "canary 8.00 % errors of 100 requests, stable 8.00 % errors of 400 requests in the same minutes",
    )
    assert (after.against, after.step_samples, after.looks) == (before.against, 100, 1)


@pytest.mark.parametrize(
    ("sample", "reason", "message"),
    [
        (NoData(), Reason.NO_DATA, "no samples in this look"),
        (QueryFailed(), Reason.QUERY_FAILED, "the query failed"),
        (NoData("gap"), Reason.NO_DATA, "gap"),
        (QueryFailed("timeout"), Reason.QUERY_FAILED, "timeout"),
    ],
)
def test_missing_samples_say_why(sample, reason, message):
    assert run(PLAIN, value((8, 100, 32, 400)), sample)[1] == Inconclusive(reason, message)


def test_a_metric_left_out_of_the_look_has_no_data():
    _, verdicts = judge_look(config(PLAIN), AnalysisState(), {})
    assert verdicts["m"] == Inconclusive(Reason.NO_DATA, "no samples in this look")


def test_a_fail_stands_when_data_goes_missing():
    assert isinstance(run(PLAIN, value((80, 100, 40, 400)), NoData())[1], Fail)
    assert isinstance(run(PLAIN, value((80, 100, 40, 400)), QueryFailed())[1], Fail)


def test_against_a_bound_one_version_is_enough():
    state, verdict = run(Bound(0.1), value((40, 200, 0, 0)))
    assert verdict == Fail(
        Reason.WORSE_THAN_BOUND,
        f"canary 80.0 % right of 200 labels, at most 10.0 % may be bad; evidence {told(state.worst)} of 100 needed",
    )
    _, verdict = run(Bound(0.1), value((4, 60, 0, 0), (4, 40, 3, 9)))
    assert isinstance(verdict, Pass)
    assert verdict.message.startswith("canary 92.0 % right of 100 labels, at most 10.0 % may be bad; evidence ")
    assert state.stable == Arm()


def test_against_a_bound_non_inferiority_can_be_asked_for():
    rule = Bound(0.1, Evidence.NON_INFERIOR)
    assert run(rule, value((5, 100, 0, 0)))[1].reason is Reason.NOT_ENOUGH_EVIDENCE
    assert run(rule, value((50, 1000, 0, 0)))[1].reason is Reason.NON_INFERIOR
    assert run(Bound(0.1), value((5, 100, 0, 0)))[0].for_it == ()


def test_against_a_bound_a_look_without_answers_is_no_data():
    state, verdict = run(Bound(0.1), value((5, 100, 0, 0)), value((0, 0, 5, 10)))
    assert verdict == Inconclusive(Reason.NO_DATA, "no labels in this look")
    assert state.looks == 1


def test_a_design_effect_divides_evidence_against_a_bound_too():
    rule = Bound(0.1, Evidence.NON_INFERIOR)
    plain, weaker = run(rule, value((40, 200, 0, 0)))[0], run(rule, value((40, 200, 0, 0), effect=5.0))[0]
    assert [5 * one for one in weaker.against] == pytest.approx(plain.against, abs=10)
    assert [5 * one for one in weaker.for_it] == pytest.approx(plain.for_it, abs=10)


def test_each_step_wants_its_own_samples_and_evidence_goes_on():
    state, _ = judge_look(config(PLAIN), AnalysisState(), {"m": value((8, 100, 32, 400))})
    state, verdicts = judge_look(config(PLAIN), begin_step(state), {"m": value((4, 50, 16, 200))})
    assert verdicts["m"].message.startswith("50 of 100 requests in this step; canary 8.00 % errors of 150 requests")
    assert state.metrics["m"].looks == 2


def test_a_changed_rule_begins_anew_and_says_so():
    state, _ = judge_look(config(PLAIN), AnalysisState(), {"m": value((80, 100, 32, 400))})
    changed, verdicts = judge_look(config(SURE), state, {"m": value((8, 100, 32, 400))})
    assert verdicts["m"].reason is Reason.NOT_ENOUGH_EVIDENCE
    assert verdicts["m"].message.startswith("configuration changed, evidence begins anew; canary 8.00 % errors of 100 ")
    _, verdicts = judge_look(config(SURE), changed, {"m": value((8, 100, 32, 400))})
    assert verdicts["m"].message.startswith("canary 8.00 % errors of 200 ")


def test_a_metric_that_is_gone_is_forgotten_and_a_new_one_begins_without_a_word():
    state, _ = judge_look(config(PLAIN), AnalysisState(), {"m": value((8, 100, 32, 400))})
    other = AnalysisConfig((Metric("n", PLAIN),))
    state, verdicts = judge_look(other, state, {"n": value((8, 100, 32, 400))})
    assert list(state.metrics) == ["n"]
    assert verdicts["n"].message.startswith("canary 8.00 %")


@pytest.mark.parametrize(("taken_at", "counts"), [(10.0, False), (9.0, False), (10.5, True), (None, True)])
def test_a_look_that_is_not_later_moves_nothing(taken_at, counts):
    look = {"m": value((8, 100, 32, 400))}
    state, _ = judge_look(config(PLAIN), AnalysisState(), look, taken_at=10.0)
    after, _ = judge_look(config(PLAIN), state, look, taken_at=taken_at)
    assert after.metrics["m"].looks == (2 if counts else 1)
    assert after.taken_at == (10.5 if taken_at == 10.5 else 10.0)


def test_slices_are_judged_each_for_itself():
    sliced = AnalysisConfig((Metric("m", PLAIN, slices=("eu", "us")),))
    look = {"m/eu": value((80, 100, 32, 400)), "m/us": value((8, 100, 32, 400))}
    state, verdicts = judge_look(sliced, AnalysisState(), look)
    assert isinstance(verdicts["m/eu"], Fail)
    assert isinstance(verdicts["m/us"], Pass)
    assert "of 200 needed" in verdicts["m/eu"].message
    assert set(state.metrics) == {"m/eu", "m/us"}


def exactly(micronats):
    """An error rate that needs just this much evidence."""
    rate = math.exp((0.5 - micronats) / 1e6)
    assert needed(rate) == micronats
    return rate


def test_exactly_the_evidence_that_is_needed_is_enough():
    look = value((25, 100, 40, 400))
    state, _ = run(PLAIN, look)
    assert isinstance(run(PLAIN, look, false_rollback_rate=exactly(state.worst))[1], Fail)
    assert run(PLAIN, look, false_rollback_rate=exactly(2 * state.worst))[1].reason is Reason.LEANS_AGAINST
    good = value((60, 750, 240, 3000))
    state, _ = run(SURE, good)
    assert isinstance(run(SURE, good, false_promotion_rate=exactly(state.best))[1], Pass)


def test_evidence_for_it_adds_up_over_looks_too():
    look = value((60, 750, 240, 3000))
    once, twice = run(SURE, look)[0], run(SURE, look, look)[0]
    assert twice.for_it == tuple(2 * one for one in once.for_it)
    assert twice.against == tuple(2 * one for one in once.against)
