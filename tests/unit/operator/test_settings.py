"""What the API's descriptions promise where a spec says nothing, and what a guard makes of what it says."""

from typing import Any

import pytest

from serin_operator.api.spec import ModelDeploymentSpec, OnDeadline
from serin_operator.decide.wanted.settings import (
    GuardSettings,
    Settings,
    enough_of,
    fewest_for,
    fewest_of,
    settings_of,
)
from serin_operator.decide.wanted.stages import Evidence, Stage

METRICS = [
    {"name": "errors", "errorRate": {}},
    {"name": "right", "accuracy": {}},
    {"name": "drift", "inputDrift": {"feature": "age"}},
]
ANALYSIS = {"metrics": METRICS}


def bare(**more: Any) -> Settings:
    model = {"version": "v1", "uri": "http://m/v1"}
    return settings_of(ModelDeploymentSpec.model_validate({"model": model, **more}))


def test_where_a_spec_says_nothing_the_promised_defaults_count() -> None:
    found = bare()
    assert (found.replicas, found.progress_deadline_seconds, found.deadline_seconds) == (1, 600, 7200)
    assert (found.bake_seconds, found.history_limit, found.on_deadline) == (300, 10, OnDeadline.PAUSE)
    assert (found.paused, found.analysed, found.shrinks, found.metrics, found.guard) == (False, False, False, {}, None)


def test_what_a_spec_says_counts_zeros_too() -> None:
    rollout = {"progressDeadlineSeconds": 60, "deadlineSeconds": 120, "bakeSeconds": 0, "onDeadline": "Promote"}
    found = bare(replicas=0, rollout=rollout, revisionHistoryLimit=3, paused=True, analysis=ANALYSIS)
    assert (found.replicas, found.progress_deadline_seconds, found.deadline_seconds) == (0, 60, 120)
    assert (found.bake_seconds, found.history_limit, found.on_deadline) == (0, 3, OnDeadline.PROMOTE)
    assert (found.paused, found.analysed) == (True, True)


@pytest.mark.parametrize(
    ("rollout", "shrinks"),
    [
        ({"stableScale": "Shrink"}, True),
        ({"stableScale": "Keep"}, False),
        ({"stableScale": "Shrink", "strategy": "BlueGreen"}, False),
        ({"stableScale": "Shrink", "steps": [{"weight": 0}, {"weight": 10}]}, True),
    ],
    ids=str,
)
def test_stable_shrinks_only_where_a_canary_takes_its_requests_over_bit_by_bit(
    rollout: dict[str, Any], shrinks: bool
) -> None:
    assert bare(rollout=rollout).shrinks is shrinks


def test_metrics_that_hold_a_step_are_told_apart_by_what_they_are_made_of() -> None:
    assert bare(analysis=ANALYSIS).metrics == {"errors": Evidence.ANSWERS, "right": Evidence.LABELS}


@pytest.mark.parametrize(
    ("guard", "analysis", "then"),
    [
        pytest.param({}, {}, GuardSettings(7200, 0, True, frozenset({"errors", "right"})), id="by default"),
        pytest.param(
            {},
            {"pairing": {"sample": 0.1}},
            GuardSettings(7200, 1, True, frozenset({"errors", "right"})),
            id="in pairs",
        ),
        pytest.param(
            {"keepPrevious": 0},
            {"pairing": {"sample": 0.1}},
            GuardSettings(7200, 0, True, frozenset({"errors", "right"})),
            id="no pods",
        ),
        pytest.param(
            {"onFailure": "Notify", "metrics": ["errors"]},
            {},
            GuardSettings(7200, 0, False, frozenset({"errors"})),
            id="it only tells, by one metric",
        ),
    ],
)
def test_a_guard_goes_on_with_what_its_rollout_has_compared(
    guard: dict[str, Any], analysis: dict[str, Any], then: GuardSettings
) -> None:
    assert bare(guard={"seconds": 7200, **guard}, analysis={**ANALYSIS, **analysis}).guard == then
    assert bare(guard={"seconds": 7200, **guard}).guard is None, "without a comparison nothing goes on"


@pytest.mark.parametrize(
    ("pods", "enough", "fewest"),
    [(0, 1, 1), (1, 1, 1), (2, 2, 1), (3, 3, 2), (4, 3, 3), (7, 6, 6), (8, 6, 6), (100, 75, 75)],
)
def test_a_quarter_of_the_pods_may_be_missing_and_one_while_they_are_handed_over(
    pods: int, enough: int, fewest: int
) -> None:
    assert (enough_of(pods), fewest_of(pods)) == (enough, fewest)


@pytest.mark.parametrize(
    ("total", "share", "grain", "pods"),
    [(10, 100, 0, 8), (10, 50, 0, 4), (10, 50, 1, 4), (10, 51, 0, 5), (10, 51, 1, 4), (10, 0, 1, 1), (100, 7, 0, 6)],
)
def test_a_share_of_the_requests_needs_so_many_pods(total: int, share: float, grain: float, pods: int) -> None:
    assert fewest_for(total, share, grain) == pods


@pytest.mark.parametrize(("weight", "stage"), [(0, 0), (10, 0), (11, 1), (25, 1), (50, 2), (51, 2)])
def test_a_rollout_stays_at_the_first_stage_that_is_not_below_its_weight(weight: int, stage: int) -> None:
    assert bare().stage_of(weight) == stage


@pytest.mark.parametrize(
    ("stage", "load", "share", "words"),
    [
        (Stage(10, 60), 10, 10, "10 %"),
        (Stage(80, 60), 80, 50, "80 %"),
        (Stage(0, 60, mirror=100), 100, 50, "copies of 100 % of the requests"),
        (Stage(0, 60, mirror=50), 50, 33, "copies of 50 % of the requests"),
        (Stage(0, 60, testers=True), 0, 1, "requests of testers"),
        (Stage(0, 60, has_preview=True), 0, 1, "0 %"),
    ],
)
def test_a_stage_tells_what_its_pods_bear_and_what_can_be_compared(
    stage: Stage, load: int, share: int, words: str
) -> None:
    assert (stage.load, stage.share, stage.words) == (load, share, words)
