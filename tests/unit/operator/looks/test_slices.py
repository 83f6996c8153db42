"""Slices of one look: one counter for all of them, and where there is nothing the way out."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from serin_operator.api.spec import Analysis
from serin_operator.decide.analysis import Arm, NoData, QueryFailed, Stratum
from serin_operator.decide.looks import Look
from serin_operator.observe.looks import take
from serin_operator.observe.prometheus_client import PrometheusError, Series

T0 = datetime(2026, 11, 20, 12, tzinfo=UTC)
BEFORE = (T0 - timedelta(seconds=300), T0 - timedelta(seconds=100))
LOOK = Look("ns", "m", "old", "new", T0, T0 + timedelta(seconds=30), T0 - timedelta(seconds=100))
METRIC = {"name": "a", "accuracy": {}, "slices": {"by": "region", "values": ["north", "south"]}}


class Prometheus:
    """Counters that were 0 at the start of the look, of one process that was there."""

    def __init__(self, counts):
        self.counts = counts
        self.asked = []

    async def query(self, promql, at):
        self.asked.append(promql)
        found = [Series({"at": at_, "server_id": "p"}, 1.0, 0.0) for at_ in ("born", "alive")]
        for name, number, end in re.findall(r'(serin_\w+)\{[^}]*\}[^"]*"at", "(\d+) (start|end)"', promql):
            for (counter, revision, told, outcome), value in self.counts.items():
                if counter == name:
                    labels = {"predicted_revision": revision, "age_le": "8", "outcome": outcome, "server_id": "p"}
                    labels |= {"slice": told} if told else {}
                    found.append(Series({"at": f"{number} {end}", **labels}, value if end == "end" else 0.0, 0.0))
        return found


def labels(slices):
    """Wrong and right labels by revision and slice, beside those of the whole."""
    counts = {}
    for revision in ("old", "new"):
        for outcome in ("wrong", "correct"):
            counts["serin_feedback_total", revision, "", outcome] = 100.0
    for (revision, name), (wrong, right) in slices.items():
        counts["serin_sliced_feedback_total", revision, name, "wrong"] = wrong
        counts["serin_sliced_feedback_total", revision, name, "correct"] = right
    return Prometheus(counts)


async def look_at(prometheus, *metrics, look=LOOK):
    analysis = Analysis.model_validate({"metrics": list(metrics or (METRIC,))})
    return await take(prometheus, look, analysis, 5.0, LOOK.end + timedelta(seconds=10))


def strata(sample):
    return sample.observed.strata


async def test_each_slice_has_the_counts_of_its_own_label_by_the_age_of_predictions():
    prometheus = labels(
        {
            ("old", "north"): (1, 9),
            ("new", "north"): (2, 3),
            ("old", "south"): (5, 5),
            ("new", "south"): (0, 4),
            ("new", "(other)"): (50, 50),
        }
    )
    seen = (await look_at(prometheus)).samples
    assert strata(seen["a/region=north"]) == (Stratum(Arm(2, 5), Arm(1, 10)),)
    assert strata(seen["a/region=south"]) == (Stratum(Arm(0, 4), Arm(5, 10)),)
    assert strata(seen["a"]) == (Stratum(Arm(100, 200), Arm(100, 200)),)
    (asked,) = prometheus.asked
    assert 'attribute="region"' in asked
    assert "max by (predicted_revision, server_id, outcome, age_le, slice)" in asked


OTHER_KINDS = {
    "scores": ("serin_sliced_feedback_scores_total", {"score": {"between": [0, 1], "maxDecrease": 0.1}}, "low", "high"),
    "distances": ("serin_sliced_feedback_errors_total", {"absoluteError": {"above": 10}}, "far", "near"),
}


@pytest.mark.parametrize(("counter", "kind", "bad", "good"), OTHER_KINDS.values(), ids=OTHER_KINDS)
async def test_slices_of_other_kinds_are_read_from_counters_of_their_own(counter, kind, bad, good):
    counts = {("old", bad): 1, ("old", good): 9, ("new", bad): 2, ("new", good): 3}
    prometheus = Prometheus({(counter, revision, "north", told): n for (revision, told), n in counts.items()})
    seen = (await look_at(prometheus, {"name": "a", **kind, "slices": METRIC["slices"]})).samples
    assert strata(seen["a/region=north"]) == (Stratum(Arm(2, 5), Arm(1, 10)),)
    assert isinstance(seen["a/region=south"], NoData)


async def test_metrics_that_slice_by_the_same_read_it_once():
    other = {"name": "b", "accuracy": {"minimum": 0.8}, "slices": METRIC["slices"]}
    prometheus = labels({("old", "north"): (1, 9), ("new", "north"): (2, 3)})
    seen = (await look_at(prometheus, METRIC, other)).samples
    assert strata(seen["b/region=north"]) == strata(seen["a/region=north"])
    assert prometheus.asked[0].count('attribute="region"') == 2, "at both ends of the look"


@pytest.mark.parametrize(
    ("slices", "says"),
    [
        pytest.param({("old", "(missing)"): (5, 5), ("new", "(missing)"): (1, 1)}, "12 labels of this look came without region", id="missing"),
        pytest.param({("old", "(other)"): (5, 5)}, "10 labels of this look belong to none of the slices by region", id="other"),
        pytest.param({}, "pods that are older than these slices count none", id="nothing at all"),
    ],
)  # fmt: skip
async def test_where_no_slice_has_a_label_the_way_out_is_told(slices, says):
    seen = (await look_at(labels(slices))).samples
    for name in ("a/region=north", "a/region=south"):
        assert isinstance(seen[name], NoData)
        assert says in seen[name].why


async def test_a_slice_that_alone_has_nothing_says_no_more_than_that():
    seen = (await look_at(labels({("old", "south"): (5, 5), ("new", "south"): (1, 1)}))).samples
    assert seen["a/region=north"] == NoData("none of its labels came in this look")


async def test_the_time_before_the_canary_tells_how_each_slice_of_stable_is():
    look = Look(**{**{name: getattr(LOOK, name) for name in LOOK.__dataclass_fields__}, "before": BEFORE})
    told = (await look_at(labels({("old", "north"): (1, 9)}), look=look)).before
    assert told["a/region=north"].observed.stable_alone == Arm(1, 10)
    assert isinstance(told["a/region=south"], NoData)


async def test_where_the_query_fails_the_metric_says_so_and_slices_nothing():
    class Silent:
        async def query(self, promql, at):
            raise PrometheusError("away")

    seen = (await look_at(Silent())).samples
    assert seen == {"a": QueryFailed("away")}
