"""New pods stumble: what they fail in their first second or so of requests speaks against no version."""

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
