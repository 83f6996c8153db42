"""What must hold for any counts at all."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from serin_operator.decide.analysis import (
    AnalysisConfig,
    AnalysisState,
    Arm,
    Bound,
    Comparison,
    Difference,
    Drift,
    Evidence,
    Fail,
    Histograms,
    Inconclusive,
    LookRecord,
    MeanDifference,
    Measurement,
    Metric,
    NoData,
    OddsRatio,
    Points,
    Proportions,
    QueryFailed,
    Stratum,
    Threshold,
    Value,
    accuracy,
    begin_step,
    error_rate,
    judge_look,
    replay,
)

SURE = Evidence.NON_INFERIOR
RULES = {
    "ratio": Comparison(OddsRatio(1.2), SURE),
    "points": accuracy(0.01, SURE),
    "bound": Bound(0.1, SURE),
    "mean": MeanDifference(least_looks=10),
    "threshold": Threshold(maximum=1.0, consecutive_failures=2),
    "drift": Drift(),
}
CONFIG = AnalysisConfig(tuple(Metric(name, rule) for name, rule in RULES.items()))
MICRONATS_OF_ROUNDING = 2


@st.composite
def arms(draw, largest=300):
    total = draw(st.integers(0, largest))
    return Arm(draw(st.integers(0, total)), total)


strata = st.builds(Stratum, arms(), arms())
proportions = st.builds(Proportions, st.lists(strata, max_size=3).map(tuple), arms())
finite = st.floats(-1e6, 1e6)
ten = st.lists(st.integers(0, 300), min_size=10, max_size=10).map(tuple)
observations = {
    "ratio": proportions,
    "points": proportions,
    "bound": proportions,
    "mean": st.builds(Difference, finite, finite),
    "threshold": st.builds(Measurement, finite),
    "drift": st.builds(Histograms, ten, ten),
}
effects = st.sampled_from([1.0, 1.5, 6.0])
missing = st.sampled_from([NoData(), QueryFailed()])
looks = st.fixed_dictionaries({}, optional={k: st.builds(Value, o, effects) | missing for k, o in observations.items()})
histories = st.lists(looks, max_size=6)


def known_base(bad=40, total=500):
    alone = Value(Proportions((), Arm(bad, total)))
    state, _ = judge_look(CONFIG, AnalysisState(), {"ratio": alone, "points": alone})
    return state


def judged(**strata_by_key):
    seen = {key: Value(Proportions(tuple(one))) for key, one in strata_by_key.items()}
    return judge_look(CONFIG, known_base(), seen)[0]


@settings(max_examples=40, deadline=None)
@given(histories, st.data())
def test_writing_and_reading_the_state_anywhere_changes_nothing(history, data):
    plain = stored = AnalysisState()
    for number, look in enumerate(history):
        plain, expected = judge_look(CONFIG, plain, look, taken_at=float(number))
        if data.draw(st.booleans()):
            stored = AnalysisState.from_dict(json.loads(json.dumps(stored.to_dict())))
        stored, got = judge_look(CONFIG, stored, look, taken_at=float(number))
        assert got == expected
    assert stored == plain


@settings(max_examples=25, deadline=None)
@given(histories)
def test_a_history_replays_to_the_same_verdicts_and_a_repeated_look_moves_nothing(history):
    state, verdicts, log = AnalysisState(), [], []
    for number, look in enumerate(history):
        log.append(json.dumps(LookRecord(look, float(number), begins_step=number == 2).to_dict()))
        if number == 2:
            state = begin_step(state)
        state, now = judge_look(CONFIG, state, look, taken_at=float(number))
        again, repeated = judge_look(CONFIG, state, look, taken_at=float(number))
        assert (again, repeated) == (state, now)
        verdicts.append(now)
    assert replay(CONFIG, [LookRecord.from_dict(json.loads(line)) for line in log]) == verdicts


@settings(max_examples=30, deadline=None)
@given(histories, missing)
def test_missing_data_never_moves_evidence_and_never_passes(history, sample):
    state = AnalysisState()
    for look in history:
        state, _ = judge_look(CONFIG, state, look)
    before = judge_look(CONFIG, state, {})[0]
    after, verdicts = judge_look(CONFIG, before, dict.fromkeys(RULES, sample))
    assert after == before
    assert all(isinstance(one, Fail | Inconclusive) for one in verdicts.values())


@settings(max_examples=30, deadline=None)
@given(histories)
def test_a_fail_stays_a_fail(history):
    state, failed = AnalysisState(), set()
    for look in history:
        state, verdicts = judge_look(CONFIG, state, look)
        now = {key for key, one in verdicts.items() if isinstance(one, Fail)}
        assert failed <= now
        failed = now


@settings(max_examples=40, deadline=None)
@given(st.lists(strata, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_the_order_of_strata_does_not_matter(some, shuffle):
    others = list(some)
    shuffle.shuffle(others)
    assert judged(ratio=some, points=some) == judged(ratio=others, points=others)


@settings(max_examples=40, deadline=None)
@given(st.lists(arms(), min_size=1, max_size=6), arms(), st.integers(1, 5))
def test_how_a_looks_answers_are_split_over_pods_does_not_matter(pods, stable, cut):
    one = Stratum(sum(pods, Arm()), stable)
    other = Stratum(sum(pods[cut:], Arm()) + sum(pods[:cut], Arm()), stable)
    assert judged(ratio=[one], points=[one], bound=[one]) == judged(ratio=[other], points=[other], bound=[other])


@settings(max_examples=150, deadline=None)
@given(strata, st.sampled_from(["ratio", "points", "bound"]))
def test_one_more_bad_canary_answer_never_speaks_for_the_canary(stratum, key):
    canary = stratum.canary
    if canary.bad == canary.total:
        return
    worse = Stratum(Arm(canary.bad + 1, canary.total), stratum.stable)
    before, after = judged(**{key: [stratum]}).metrics[key], judged(**{key: [worse]}).metrics[key]
    for old, new in zip(before.against, after.against, strict=True):
        assert new >= old - MICRONATS_OF_ROUNDING
    for old, new in zip(before.for_it, after.for_it, strict=True):
        assert new <= old + MICRONATS_OF_ROUNDING


extremes = st.sampled_from([0, 1, 2, 10**9 - 1, 10**9])


@settings(max_examples=80, deadline=1000)
@given(extremes, extremes, extremes, extremes, st.sampled_from(["ratio", "points", "bound"]))
def test_extreme_counts_are_finite_and_quick(a, b, c, d, key):
    stratum = Stratum(Arm(min(a, b), max(a, b)), Arm(min(c, d), max(c, d)))
    state = judged(**{key: [stratum]})
    assert all(isinstance(one, int) for one in state.metrics[key].against)
    json.dumps(state.to_dict(), allow_nan=False)


@settings(max_examples=30, deadline=None)
@given(strata, st.floats(1, 20))
def test_a_design_effect_only_weakens_evidence(stratum, phi):
    def run(effect):
        return judge_look(CONFIG, known_base(), {"ratio": Value(Proportions((stratum,)), effect)})[0].metrics["ratio"]

    for one, other in zip(run(1.0).against, run(phi).against, strict=True):
        assert abs(other) <= abs(one) / phi + MICRONATS_OF_ROUNDING


def test_a_new_step_changes_no_evidence():
    state = judged(ratio=[Stratum(Arm(9, 90), Arm(20, 400))])
    assert begin_step(state).metrics["ratio"].against == state.metrics["ratio"].against
    assert begin_step(state).metrics["ratio"].step_samples == 0


def test_nothing_fires_when_an_incident_ends_and_the_canary_keeps_its_margin():
    """Base 5 % before and 0.2 % now; the canary is worse by 0.5 points as it may be."""
    config = AnalysisConfig((Metric("errors", error_rate(0.005)),))
    alone = Value(Proportions((), Arm(20_000, 400_000)))
    state, _ = judge_look(config, AnalysisState(), {"errors": alone})
    look = Value(Proportions((Stratum(Arm(35, 5_000), Arm(90, 45_000)),)))
    _, verdicts = judge_look(config, state, {"errors": look})
    assert not isinstance(verdicts["errors"], Fail)


def test_margins_in_points_and_as_ratios_meet_for_a_steady_base():
    points, ratio = (
        evidence_of_a_steady_base(Points(0.01)),
        evidence_of_a_steady_base(OddsRatio((0.09 / 0.91) / (0.08 / 0.92))),
    )
    assert abs(points - ratio) < 0.06 * abs(ratio)


def evidence_of_a_steady_base(margin):
    config = AnalysisConfig((Metric("m", Comparison(margin)),))
    base = Value(Proportions((), Arm(80_000, 1_000_000)))
    state, _ = judge_look(config, AnalysisState(), {"m": base})
    look = Value(Proportions((Stratum(Arm(2_600, 20_000), Arm(6_400, 80_000)),)))
    state, _ = judge_look(config, state, {"m": look})
    return max(state.metrics["m"].against)
