"""The memory between looks: small, plain, and the same after reading."""

import json

from serin_operator.decide.analysis import (
    AnalysisConfig,
    AnalysisState,
    Arm,
    Comparison,
    Difference,
    Evidence,
    Histograms,
    LookRecord,
    Measurement,
    Metric,
    MetricState,
    NoData,
    Pairs,
    Points,
    Proportions,
    QueryFailed,
    Stratum,
    Value,
    begin_step,
    judge_look,
    replay,
)

ONE, OTHER = Stratum(Arm(1, 10), Arm(2, 20)), Stratum(Arm(3, 30), Arm(4, 40))


def look(bad):
    return Value(Proportions((Stratum(Arm(bad, 100), Arm(40, 400)),)))


def test_an_empty_state_is_nearly_nothing():
    assert AnalysisState().to_dict() == {"takenAt": None, "metrics": {}}
    assert AnalysisState.from_dict({}) == AnalysisState()
    assert MetricState().to_dict() == {}
    assert MetricState().canary == Arm(0, 0)


def test_what_is_not_zero_is_written_under_its_own_name():
    state = MetricState("abc", (1, -2), (), 3, 0, 1, 10, 2, 20, 10, 1, True, (2, 20), (0.5,))
    assert state.to_dict() == {
        "rule": "abc",
        "against": (1, -2),
        "worst": 3,
        "canary_bad": 1,
        "canary_total": 10,
        "stable_bad": 2,
        "stable_total": 20,
        "step_samples": 10,
        "looks": 1,
        "failed": True,
        "base": (2, 20),
        "numbers": (0.5,),
    }
    assert MetricState.from_dict(json.loads(json.dumps(state.to_dict()))) == state
    assert (state.canary, state.stable) == (Arm(1, 10), Arm(2, 20))


def test_a_metric_needs_few_bytes_even_after_a_hundred_looks():
    """Two hundred metrics and slices must fit into the 64 KiB of a status with room to spare."""
    config = AnalysisConfig((Metric("m", Comparison(Points(0.01), Evidence.NON_INFERIOR)),))
    state = AnalysisState()
    for _ in range(100):
        state, _ = judge_look(config, state, {"m": look(11)})
    assert len(json.dumps(state.metrics["m"].to_dict(), separators=(",", ":"))) < 500


def test_a_new_step_resets_only_its_samples():
    before = MetricState("abc", (1,), (2,), 3, 4, 5, 6, 7, 8, 9, 10, False, (1, 2), (1.5,))
    after = begin_step(AnalysisState({"m": before}, 5.0))
    assert after.taken_at == 5.0
    assert after.metrics["m"].step_samples == 0
    assert {**after.metrics["m"].to_dict(), "step_samples": 9} == before.to_dict()


def test_every_kind_of_sample_is_logged_and_read_back():
    samples = {
        "a": look(3),
        "b": Value(Proportions((), Arm(1, 5), pair_ages=(Pairs(), Pairs(1, 2, 9))), 2.5, apart=1.25),
        "c": Value(Difference(1.5, 2.5), 1.5),
        "d": Value(Measurement(3.25), 2.0),
        "e": Value(Histograms((1, 2), (3, 4)), 3.0),
        "f": NoData("gap"),
        "g": QueryFailed("timeout"),
        "h": Value(Proportions((), pairs=Pairs(1, 2, 30), differing=Arm(4, 50)), between_pods=0.25),
        "i": Value(Proportions((), unlabelled=(ONE, OTHER), unanswered=(OTHER,)), together=3.5, starting=0.125),
    }
    for record in (LookRecord(samples, 12.5, begins_step=True), LookRecord({})):
        assert LookRecord.from_dict(json.loads(json.dumps(record.to_dict()))) == record
    assert LookRecord({"a": look(3), "f": NoData("gap")}, 12.5).to_dict() == {
        "takenAt": 12.5,
        "beginsStep": False,
        "samples": {
            "a": {"designEffect": 1.0, "strata": [[3, 100, 40, 400]], "stableAlone": [0, 0]},
            "f": {"noData": "gap"},
        },
    }


def test_a_replay_goes_on_from_a_recorded_state_and_honours_steps():
    config = AnalysisConfig((Metric("m", Comparison()),))
    state, _ = judge_look(config, AnalysisState(), {"m": look(10)})
    on, anew = LookRecord({"m": look(9)}), LookRecord({"m": look(9)}, begins_step=True)
    assert "of 200 requests" in replay(config, [on], state)[0]["m"].message
    assert "of 100 requests" in replay(config, [on])[0]["m"].message
    few = AnalysisConfig((Metric("m", Comparison(), min_samples=150),))
    assert [type(one["m"]).__name__ for one in replay(few, [on, on, anew])] == ["Inconclusive", "Pass", "Inconclusive"]


def test_a_look_that_was_logged_twice_counts_once_in_a_replay():
    config = AnalysisConfig((Metric("m", Comparison()),))
    twice = [LookRecord({"m": look(9)}, 5.0), LookRecord({"m": look(9)}, 5.0), LookRecord({"m": look(9)}, 6.0)]
    assert ["of 100 requests, stable" in one["m"].message for one in replay(config, twice)] == [True, True, False]
