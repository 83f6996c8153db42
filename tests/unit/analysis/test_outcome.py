"""All verdicts together, and what a deadline changes."""

import pytest

from serin_operator.decide.analysis import (
    Advice,
    AnalysisConfig,
    Comparison,
    Fail,
    Inconclusive,
    Metric,
    OnDeadline,
    Outcome,
    Pass,
    Reason,
    Role,
    outcome,
)

CONFIG = AnalysisConfig(
    (
        Metric("errors", Comparison()),
        Metric("accuracy", Comparison(), slices=("eu", "us")),
        Metric("drift", Comparison(), role=Role.WARNING),
    )
)
YES, NO, MAYBE = (
    Pass(Reason.NO_EVIDENCE_AGAINST, "fine"),
    Fail(Reason.WORSE_THAN_STABLE, "worse"),
    Inconclusive(Reason.NO_DATA, "silent"),
)


def told(errors, eu, us, drift, **deadline):
    verdicts = {"errors": errors, "accuracy/eu": eu, "accuracy/us": us, "drift": drift}
    return outcome(CONFIG, verdicts, **deadline)


def test_all_gates_passed_proceeds():
    expected = Outcome(Advice.PROCEED, "errors: fine; accuracy/eu: fine; accuracy/us: fine")
    assert told(YES, YES, YES, YES) == expected


def test_one_failed_slice_rolls_back_whatever_else_is_missing():
    assert told(MAYBE, YES, NO, YES) == Outcome(Advice.ROLL_BACK, "accuracy/us: worse")


def test_a_missing_verdict_holds():
    assert told(YES, MAYBE, MAYBE, YES) == Outcome(Advice.HOLD, "accuracy/eu: silent; accuracy/us: silent")


def test_a_warning_is_told_and_decides_nothing():
    told_so = told(YES, YES, YES, NO)
    assert (told_so.advice, told_so.warnings) == (Advice.PROCEED, ("drift: worse",))
    assert told(MAYBE, YES, YES, NO).warnings == ("drift: worse",)
    assert told(NO, YES, YES, NO).warnings == ("drift: worse",)
    assert told(YES, YES, YES, MAYBE) == told(YES, YES, YES, YES)


@pytest.mark.parametrize(
    ("policy", "advice"),
    [(OnDeadline.PAUSE, Advice.PAUSE), (OnDeadline.ROLLBACK, Advice.ROLL_BACK), (OnDeadline.PROMOTE, Advice.PROCEED)],
)
def test_a_deadline_decides_over_silence(policy, advice):
    expected = Outcome(
        advice, "deadline passed without a verdict: errors: silent", by_deadline=True, warnings=("drift: worse",)
    )
    assert told(MAYBE, YES, YES, NO, deadline_passed=True, on_deadline=policy) == expected


def test_a_deadline_pauses_by_default():
    assert told(MAYBE, YES, YES, YES, deadline_passed=True).advice is Advice.PAUSE


@pytest.mark.parametrize(("us", "advice"), [(YES, Advice.PROCEED), (NO, Advice.ROLL_BACK)])
def test_a_deadline_never_overrules_evidence(us, advice):
    said = told(YES, YES, us, YES, deadline_passed=True, on_deadline=OnDeadline.PROMOTE)
    assert (said.advice, said.by_deadline) == (advice, False)


def test_without_gates_a_rollout_proceeds_and_says_so():
    assert outcome(AnalysisConfig(()), {}) == Outcome(Advice.PROCEED, "no metric gates this rollout")
