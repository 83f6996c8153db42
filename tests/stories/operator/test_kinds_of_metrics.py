"""Each kind of metric holds or takes back a version that is worse in its sense, and lets one go that is not."""

from typing import Any

import pytest
from tests.support.simulation import Simulation, canary, model_of, rollout, serving, words

from serin_operator.observe.prometheus_client import PrometheusRefused, Series

V2 = "http://models/v2.onnx"
INTERVAL = 5
AGE_OF_LABELS = 5
REGRESSION = {"serving": {"prediction": {"kind": "Regression"}}}
SLOW = {"name": "slow", "latency": {"slowerThanSeconds": 0.25, "maxIncrease": 0.01}}
FAR = {"name": "far", "absoluteError": {"above": 10, "maxIncrease": 0.02}}
RATED = {"name": "rated", "score": {"between": [0, 1], "maxDecrease": 0.02}}
ACCEPTED = {
    "name": "accepted",
    "outcome": {
        "good": 'shop_offers_total{outcome="accepted"}',
        "total": "shop_offers_total",
        "revisionLabel": "model_version",
        "maxDecrease": 0.02,
    },
}
UNKNOWN = {"name": "unknown", "invalidInputs": {"feature": "age"}}
REVENUE = {"name": "revenue", "query": {"promql": 'revenue{r="{{ .canary }}"}', "min": 100, "consecutiveFailures": 2}}
DRIFT = {"name": "drift", "predictionDrift": {"max": 0.2}}
CPU = {"name": "cpu", "resourceUse": {"maxIncrease": 1}}
ERRORS = {"name": "errors", "errorRate": {}}


def judged_by(*metrics: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"intervalSeconds": INTERVAL, "minSamples": 50, "metrics": list(metrics), **more}


async def judged(*metrics: dict[str, Any], behaviour: dict[str, Any] | None = None, **fields: Any) -> Simulation:
    """A second version that has just got its first requests, judged by these metrics."""
    analysis = judged_by(*metrics)
    simulation = await serving(calm=30, tells_all=True, analysis=False, **fields)
    simulation.change_spec(analysis=analysis)
    simulation.behave(V2, **(behaviour or {}))
    await canary(simulation, rollout=rollout(25, hold=20), **fields)
    return simulation


def row_of(simulation: Simulation, name: str) -> dict[str, Any]:
    rows = (simulation.status.get("canary") or {}).get("analysis") or []
    return next((row for row in rows if row["metric"] == name), {})


WORSE = {
    "a version three times slower": (SLOW, {"slow_rate": 0.6}, {}),
    "a regression that is further off": (FAR, {"far_rate": 0.5}, REGRESSION),
    "a version whose answers are rated lower": (RATED, {"score": 0.2}, {}),
    "a version whose offers are declined": (ACCEPTED, {"accepted_rate": 0.1}, {}),
    "a version that does not know its inputs": (UNKNOWN, {"unknown_rate": 0.4}, {}),
    "a version that predicts something else": (DRIFT, {"bins": (0.1, 0.2, 0.7)}, {}),
}


@pytest.mark.parametrize(("metric", "behaviour", "fields"), WORSE.values(), ids=WORSE)
async def test_a_version_that_is_worse_is_rolled_back_within_three_looks(
    metric: dict[str, Any], behaviour: dict[str, Any], fields: dict[str, Any]
) -> None:
    simulation = await judged(metric, behaviour=behaviour, **fields)
    # The first look is taken an interval after the first requests, and lies two scrapes back; labels count once they can
    # all be of predictions since then.
    patience = 3 * INTERVAL + 1 + (AGE_OF_LABELS if metric in (FAR, RATED) else 0)
    await simulation.live_until(lambda s: s.outcome("v2") == "RolledBack", patience)
    assert simulation.stable == "v1"


@pytest.mark.parametrize("metric", [SLOW, FAR, RATED, ACCEPTED, UNKNOWN, DRIFT, CPU], ids=lambda metric: metric["name"])
async def test_a_version_that_is_as_good_is_promoted(metric: dict[str, Any]) -> None:
    fields = REGRESSION if metric is FAR else {}
    simulation = await judged(metric, **fields)
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 300)


async def test_a_step_that_chooses_its_samples_waits_for_them_and_says_what_they_find() -> None:
    simulation = await serving(calm=30, tells_all=True, analysis=False)
    simulation.change_spec(analysis=judged_by({"name": "accuracy", "accuracy": {}}))
    steps = [{"weight": 25, "holdSeconds": 5, "minSamples": "Auto", "detect": 0.1}, {"weight": 50, "holdSeconds": 5}]
    await canary(simulation, rollout={"steps": steps, "bakeSeconds": 5})
    await simulation.live_until(lambda s: "(Auto: they find 10.0 % more bad ones than stable" in words(s), 60)
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 300)


async def test_a_step_that_has_to_find_what_the_margin_allows_begins_no_rollout() -> None:
    simulation = await serving(calm=30, tells_all=True, analysis=False)
    simulation.change_spec(analysis=judged_by({"name": "accuracy", "accuracy": {"maxDecrease": 0.05}}))
    steps = [{"weight": 25, "holdSeconds": 5, "minSamples": "Auto", "detect": 0.05}]
    simulation.change_spec(model=model_of("v2"), rollout={"steps": steps})
    await simulation.live_until(lambda s: "is within the margin of accuracy (0.05)" in words(s), 60)
    assert simulation.stable == "v1"


LEAST = {"name": "least", "accuracy": {"minimum": 0.85}}


@pytest.mark.parametrize(("accuracy", "outcome"), [(0.7, "RolledBack"), (0.9, "Promoted")])
async def test_a_version_has_to_be_right_so_often_by_itself_whatever_stable_is(accuracy: float, outcome: str) -> None:
    simulation = await judged(LEAST, behaviour={"accuracy": accuracy})
    simulation.behave("http://models/v1.onnx", accuracy=0.6)
    await simulation.live_until(lambda s: s.outcome("v2") == outcome, 300)
    if outcome == "RolledBack":
        assert "at most 15.0 % may be bad" in words(simulation)


async def test_a_number_of_ones_own_rolls_back_after_so_many_looks_out_of_bounds() -> None:
    told = {"value": 150.0}
    simulation = await judged(REVENUE)
    simulation.prom.answers = lambda _promql: [Series({}, told["value"], 0.0)]
    await simulation.live_until(lambda s: row_of(s, "revenue").get("verdict") == "Pass", 60)
    told["value"] = 50.0
    await simulation.live_until(lambda s: row_of(s, "revenue").get("reason") == "ThresholdCrossedNotYetOften", 60)
    await simulation.live_until(lambda s: s.outcome("v2") == "RolledBack", 60)
    assert "no error rate is promised" in words(simulation)


def refuses(_promql: str) -> list[Series]:
    raise PrometheusRefused('Prometheus refuses the query: bad_data: unexpected "}"')


ODD = {
    "does not parse": (refuses, "spec.analysis.metrics[revenue].query.promql: Prometheus refuses the query: bad_data"),
    "gives nothing": (lambda _: [], "no series matches"),
    "gives several series": (lambda _: [Series({"pod": p}, 150.0, 0.0) for p in "ab"], "put sum() around it"),
    "gives NaN": (lambda _: [Series({}, float("nan"), 0.0)], "a division by 0 perhaps"),
    "gives infinity": (lambda _: [Series({}, float("inf"), 0.0)], "a division by 0 perhaps"),
}


@pytest.mark.parametrize(("answers", "way_out"), ODD.values(), ids=ODD)
async def test_a_query_that_says_nothing_passes_nothing_and_is_named_with_the_way_out(
    answers: Any, way_out: str
) -> None:
    simulation = await judged(REVENUE, ERRORS)
    simulation.prom.answers = answers
    await simulation.live(60)
    assert simulation.outcome("v2") == "InProgress"
    assert simulation.condition("Ready")["reason"] == "WaitingForData"
    assert way_out in simulation.condition("Ready")["message"]
    assert row_of(simulation, "errors")["verdict"] == "Pass"


async def test_a_query_that_is_wrong_keeps_no_other_metric_from_rolling_back() -> None:
    simulation = await judged(REVENUE, ERRORS, behaviour={"error_rate": 0.5})
    simulation.prom.answers = refuses
    await simulation.live_until(lambda s: s.outcome("v2") == "RolledBack", 60)


async def test_a_warning_that_fails_is_told_and_holds_nothing_up() -> None:
    simulation = await judged({**SLOW, "mode": "Warn"}, ERRORS, behaviour={"slow_rate": 0.9})
    await simulation.live_until(lambda s: row_of(s, "slow").get("verdict") == "Fail", 60)
    row = row_of(simulation, "slow")
    assert (row["mode"], row["evidencePercent"]) == ("Warn", 100)
    assert simulation.status["canary"]["verdict"] != "Fail"
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 300)


async def test_a_warning_whose_query_fails_keeps_no_gate_from_passing() -> None:
    simulation = await judged({**REVENUE, "mode": "Warn"}, ERRORS)
    simulation.prom.answers = refuses
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 300)


async def test_a_metric_that_has_nothing_to_look_at_is_never_a_pass() -> None:
    simulation = await judged({"name": "gone", "invalidInputs": {"feature": "income"}})
    await simulation.live(90)
    assert simulation.outcome("v2") == "InProgress"
    assert "has no feature 'income'" in simulation.condition("Ready")["message"]


async def test_status_tells_arms_ranges_samples_and_evidence() -> None:
    simulation = await judged({**SLOW, "minSamples": 80, "share": 0.004}, behaviour={"slow_rate": 0.01})
    await simulation.live_until(lambda s: row_of(s, "slow").get("verdict") == "Pass", 120)
    row = row_of(simulation, "slow")
    assert row["samples"] >= row["samplesNeeded"] == 80
    assert 0 <= row["evidencePercent"] < 50
    assert row["canaryRange"].count("%") == row["stableRange"].count("%") == 2
    assert "slow of" in row["message"]


TEN = [
    SLOW,
    {"name": "slower", "latency": {"slowerThanSeconds": 1}, "mode": "Warn"},
    UNKNOWN,
    ACCEPTED,
    {**ACCEPTED, "name": "declined"},
    REVENUE,
    {**REVENUE, "name": "profit"},
    DRIFT,
    CPU,
    ERRORS,
]


async def test_a_look_at_ten_metrics_takes_three_round_trips_at_first_and_two_later() -> None:
    simulation = await judged(*TEN)
    simulation.prom.answers = lambda _promql: [Series({}, 150.0, 0.0)]
    trips = []
    for _ in range(3):
        before, taken = simulation.prom.queries, (simulation.status["canary"] or {}).get("lookTakenAt")
        await simulation.live_until(lambda s, taken=taken: (s.status["canary"] or {}).get("lookTakenAt") != taken, 60)
        trips.append(simulation.prom.queries - before)
    assert trips == [3, 2, 2]
    assert len(simulation.status["canary"]["analysis"]) == 10


# ---- slices ------------------------------------------------------------------------------------------------------------

ACCURACY = {"name": "accuracy", "accuracy": {"maxDecrease": 0.02}}
BY_REGION = {**ACCURACY, "slices": {"by": "region", "values": ["north", "south"], "minSamples": 20}}
AS_GOOD = {"north": (0.2, 0.9), "south": (0.8, 0.9)}
WORSE_IN_THE_NORTH = {"north": (0.2, 0.6), "south": (0.8, 0.99)}
"""0.91 of all are right: better than stable's 0.9."""


async def sliced(metric: dict[str, Any], slices: dict[str, tuple[float, float]], accuracy: float) -> Simulation:
    simulation = await serving(calm=30, tells_all=True, analysis=False)
    simulation.change_spec(analysis=judged_by(metric))
    simulation.behave("http://models/v1.onnx", slices=AS_GOOD)
    simulation.behave(V2, slices=slices, accuracy=accuracy)
    await canary(simulation, rollout=rollout(25, hold=20))
    return simulation


IN_SLICES = {
    "right": BY_REGION,
    "far off": {**BY_REGION, "accuracy": None, "absoluteError": {"above": 10, "maxIncrease": 0.02}},
    "its score": {**BY_REGION, "accuracy": None, "score": {"between": [0, 1], "maxDecrease": 0.02}},
}


@pytest.mark.parametrize("metric", IN_SLICES.values(), ids=IN_SLICES)
async def test_a_version_that_is_better_overall_and_worse_in_one_slice_is_rolled_back_by_the_slice(metric) -> None:
    told = {name: value for name, value in metric.items() if value is not None}
    simulation = await sliced(told, WORSE_IN_THE_NORTH, 0.91)
    await simulation.live_until(lambda s: s.condition("Ready")["reason"] == "AnalysisFailed", 400)
    assert "slice region=north: canary" in words(simulation)


async def test_without_slices_the_same_version_is_promoted() -> None:
    simulation = await sliced(ACCURACY, WORSE_IN_THE_NORTH, 0.91)
    await simulation.live_until(lambda s: s.stable == "v2", 300)


async def test_a_version_that_is_as_good_in_each_slice_is_promoted() -> None:
    simulation = await sliced(BY_REGION, AS_GOOD, 0.9)
    await simulation.live_until(lambda s: bool(row_of(s, "accuracy").get("slices")), 120)
    row = row_of(simulation, "accuracy")
    assert [one["slice"] for one in row["slices"]] == ["region=north", "region=south"]
    await simulation.live_until(lambda s: s.stable == "v2", 300)


WAYS_OUT = {
    "labels come without it": ({"(missing)": (1.0, 0.9)}, "came without region"),
    "labels bring values that nobody listed": (
        {"east": (0.0, 0.9), "(other)": (1.0, 0.9)},
        "none of the slices by region",
    ),
    "no pod counts by it yet": ({}, "pods that are older than these slices count none"),
}


@pytest.mark.parametrize(("slices", "says"), WAYS_OUT.values(), ids=WAYS_OUT)
async def test_slices_without_labels_pass_nothing_and_say_what_to_do(slices, says) -> None:
    simulation = await serving(calm=30, tells_all=True, analysis=False)
    simulation.change_spec(analysis=judged_by(BY_REGION))
    for uri in ("http://models/v1.onnx", V2):
        simulation.behave(uri, slices=slices)
    await canary(simulation, rollout=rollout(25, hold=20))
    await simulation.live(120)
    row = row_of(simulation, "accuracy")
    assert row["verdict"] == "Inconclusive"
    assert "slice region=" in row["message"]
    assert says in row["message"]


async def test_a_slice_that_is_missing_is_named_beside_those_that_are_there() -> None:
    simulation = await sliced(BY_REGION, {"south": (1.0, 0.9)}, 0.9)
    await simulation.live(120)
    row = row_of(simulation, "accuracy")
    assert row["verdict"] == "Inconclusive"
    assert row["message"].startswith("slice region=north: 0 of 20 labels in this step; no labels yet")
    assert [one["verdict"] for one in row["slices"]] == ["Inconclusive", "Pass"]
