"""New pods stumble: what they fail in their first second or so of requests speaks against no version."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from serin_operator.api.spec import Analysis
from serin_operator.decide.analysis import Arm, LookRecord, Proportions, Stratum, Value
from serin_operator.decide.judging.config import config_of
from serin_operator.decide.judging.judge import judge, starting_of
from serin_operator.decide.looks import Look, LookResult, Span
from serin_operator.decide.memory.comparison import Comparison

T0 = datetime(2026, 11, 20, 12, tzinfo=UTC)
BURST, OLD = Arm(9, 250), Arm(1, 750)
"""Of a pod that failed 5 % of its requests for a quarter of a minute, and of those beside it."""


def look_of(seconds: float, *, after_change: bool = True) -> Look:
    """A look that begins where the shares stopped to change, or later."""
    changed = T0 if after_change else T0 - timedelta(seconds=30)
    span = Span(changed - timedelta(seconds=2), changed)
    return Look("ns", "m", "stable", "canary", T0, T0 + timedelta(seconds=seconds), span.start, (span,))


def judged(canary: Arm, look: Look, metric: dict[str, Any] | None = None, *, by_pod: bool = True) -> Any:
    """The verdict of a look, which is the first after a good time of stable alone."""
    config = config_of(Analysis.model_validate({"metrics": [{"name": "m", **(metric or {"errorRate": {}})}]}))
    seen, before = Value(Proportions((Stratum(canary, OLD),))), Value(Proportions((), Arm(6, 6000)))
    result = LookResult(look, {"m": seen}, {"m": before}, {"m": (OLD,)} if by_pod else {"m": ()})
    return judge(Comparison(since=T0, look_from=T0), result, config, look.end)


@pytest.mark.parametrize(
    ("look", "share"),
    [
        pytest.param(look_of(20), 0.05, id="the look that begins where a change ends"),
        pytest.param(look_of(300), 1 / 300, id="a long one, which hides it by itself"),
        pytest.param(look_of(2), 0.1, id="a short one: never more than a tenth"),
        pytest.param(look_of(30, after_change=False), 0.0, id="the looks after it"),
    ],
)
def test_so_much_of_a_look_new_pods_may_fail(look: Look, share: float) -> None:
    assert starting_of(look) == pytest.approx(share)


def test_of_a_version_that_has_had_traffic_only_the_pods_of_the_last_change_are_new() -> None:
    look = look_of(20)
    earlier = tuple(Span(T0 - timedelta(minutes=n), T0 - timedelta(minutes=n, seconds=-2)) for n in (3, 2, 1))
    fourth = replace(look, weight_changes=(*earlier, *look.weight_changes))
    assert starting_of(fourth) == pytest.approx(0.05 / 4)


def test_no_step_passes_by_what_new_pods_may_fail() -> None:
    first = judged(BURST, look_of(20))
    assert not first.judgement.passed
    assert "held until the next one tells" in (first.judgement.missing or "")
    assert judged(Arm(1, 250), look_of(20)).judgement.passed


def test_a_first_look_without_answers_of_the_version_says_so() -> None:
    assert "no requests of canary and stable" in (judged(Arm(), look_of(20)).judgement.missing or "")


@pytest.mark.parametrize(("steps", "seconds"), [(3, 30), (19, 30), (19, 15)])
def test_a_version_that_fails_one_of_twenty_for_good_is_found_though_each_look_follows_a_change(
    steps: int, seconds: int
) -> None:
    config = config_of(Analysis.model_validate({"metrics": [{"name": "m", "errorRate": {}}]}))
    comparison, moment = Comparison(since=T0, look_from=T0), T0
    changes: tuple[Span, ...] = ()
    for step in range(1, steps + 1):
        changes = (*changes, Span(moment, moment + timedelta(seconds=2)))
        comparison, passed = replace(comparison, look_from=changes[-1].end), False
        while not passed:
            start = comparison.look_from or T0
            moment = start + timedelta(seconds=seconds)
            look = replace(look_of(seconds), start=start, end=moment, weight_changes=changes)
            answers = 50 * seconds * step // (steps + 1)
            canary, stable = Arm(answers // 20, answers), Arm(1, 50 * seconds - answers)
            before = {"m": Value(Proportions((), Arm(6, 6000)))}
            result = LookResult(look, {"m": Value(Proportions((Stratum(canary, stable),)))}, before, {"m": (stable,)})
            said = judge(comparison, result, config, moment)
            if said.judgement.failed:
                return
            comparison, passed = said.comparison, said.judgement.passed
    pytest.fail("all steps have passed")


def test_pods_that_fail_a_few_requests_while_they_start_blame_no_version() -> None:
    assert judged(BURST, look_of(20)).judgement.failed is None
    assert judged(BURST, look_of(20, after_change=False)).judgement.failed is not None


def test_a_version_that_fails_a_third_of_its_requests_is_found_in_its_first_look() -> None:
    assert judged(Arm(80, 250), look_of(20)).judgement.failed is not None


def test_labels_are_not_made_by_pods_that_start() -> None:
    said = judged(BURST, look_of(20), {"accuracy": {"maxDecrease": 0.005}}, by_pod=False)
    assert said.records[-1].samples["m"].starting == 0.0
    assert said.judgement.failed is not None


def test_no_proof_rests_on_what_new_pods_may_fail() -> None:
    strict = {"errorRate": {}, "evidence": "NonInferior"}
    first = judged(Arm(0, 250), look_of(20), strict).comparison.evidence["metrics"]["m"]
    later = judged(Arm(0, 250), look_of(20, after_change=False), strict).comparison.evidence["metrics"]["m"]
    assert first["for_it"] == later["for_it"]


def test_what_was_taken_into_account_stands_in_the_record_of_the_look() -> None:
    (*_, record) = judged(BURST, look_of(20)).records
    assert LookRecord.from_dict(record.to_dict()) == record
    assert record.samples["m"].starting == pytest.approx(0.05)
