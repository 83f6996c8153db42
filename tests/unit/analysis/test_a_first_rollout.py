"""The engine as the operator uses it: look after look, through a state that went through JSON."""

import json

from serin_operator.decide.analysis import (
    AnalysisConfig,
    AnalysisState,
    Arm,
    Fail,
    Inconclusive,
    Metric,
    NoData,
    Pass,
    Proportions,
    QueryFailed,
    Reason,
    Stratum,
    Value,
    accuracy,
    begin_step,
    error_rate,
    judge_look,
)

CONFIG = AnalysisConfig((Metric("errors", error_rate(0.005)), Metric("accuracy", accuracy(0.01))))


def counts(canary_bad, canary_total, stable_bad, stable_total):
    return Value(Proportions((Stratum(Arm(canary_bad, canary_total), Arm(stable_bad, stable_total)),)))


def seen_before_the_canary():
    alone = Value(Proportions(stable_alone=Arm(4, 4000)))
    state, _ = judge_look(CONFIG, AnalysisState(), {"errors": alone})
    return begin_step(state)


def test_a_canary_that_fails_everything_fails_at_its_first_look():
    _, verdicts = judge_look(CONFIG, seen_before_the_canary(), {"errors": counts(50, 50, 1, 950)})
    verdict = verdicts["errors"]
    assert isinstance(verdict, Fail)
    assert verdict.reason is Reason.WORSE_THAN_STABLE
    assert "canary 100.0 % errors of 50 requests, stable 0.11 % errors of 950 requests" in verdict.message


def test_a_canary_like_stable_passes_once_the_step_has_its_samples():
    state, verdicts = judge_look(CONFIG, seen_before_the_canary(), {"errors": counts(0, 60, 1, 940)})
    assert isinstance(verdicts["errors"], Inconclusive)
    assert verdicts["errors"].message.startswith("60 of 100 requests in this step")
    _, verdicts = judge_look(CONFIG, state, {"errors": counts(0, 60, 1, 940)})
    assert isinstance(verdicts["errors"], Pass)


def test_a_new_step_wants_its_own_samples():
    state, _ = judge_look(CONFIG, seen_before_the_canary(), {"errors": counts(0, 600, 1, 940)})
    _, verdicts = judge_look(CONFIG, begin_step(state), {"errors": counts(0, 60, 1, 940)})
    assert verdicts["errors"].reason is Reason.NOT_ENOUGH_SAMPLES


def test_missing_data_and_failed_queries_move_nothing_and_pass_nothing():
    state, _ = judge_look(CONFIG, seen_before_the_canary(), {"errors": counts(0, 600, 1, 940)})
    after, verdicts = judge_look(CONFIG, state, {"errors": NoData("a gap"), "accuracy": QueryFailed("timed out")})
    assert after == state
    assert (verdicts["errors"].reason, verdicts["errors"].message) == (Reason.NO_DATA, "a gap")
    assert (verdicts["accuracy"].reason, verdicts["accuracy"].message) == (Reason.QUERY_FAILED, "timed out")


def test_the_state_survives_json():
    state, _ = judge_look(CONFIG, seen_before_the_canary(), {"errors": counts(3, 600, 1, 940)}, taken_at=5.5)
    assert AnalysisState.from_dict(json.loads(json.dumps(state.to_dict()))) == state
