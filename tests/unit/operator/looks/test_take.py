"""A look asks for everything at once, and what one person wrote wrongly spoils nobody else's metric."""

import asyncio
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from serin_operator.api.spec import Analysis
from serin_operator.decide.analysis import (
    Arm,
    Difference,
    Histograms,
    Measurement,
    NoData,
    Proportions,
    QueryFailed,
    Stratum,
    Value,
)
from serin_operator.decide.looks import Look
from serin_operator.observe import written
from serin_operator.observe.looks import take
from serin_operator.observe.prometheus_client import PrometheusError, PrometheusRefused, PrometheusTimeout, Series

T0 = datetime(2026, 11, 20, 12, tzinfo=UTC)
LOOK = Look("ns", "m", "old", "new", T0, T0 + timedelta(seconds=30), T0 - timedelta(seconds=100))
OUTCOME = {"outcome": {"good": 'o_total{k="good"}', "total": "o_total", "revisionLabel": "r"}}


def query(promql="up{r='{{ .canary }}'}", **more):
    return {"query": {"promql": promql, "max": 1, **more}}


class Prometheus:
    """Answers by a function, and remembers what it was asked."""

    def __init__(self, answer):
        self.asked = []
        self.answer = answer

    async def query(self, promql, at):
        self.asked.append((promql, at))
        answered = self.answer(promql)
        if isinstance(answered, Exception):
            raise answered
        return answered


async def look_at(prometheus, *metrics, look=LOOK):
    analysis = Analysis.model_validate({"metrics": [{"name": f"m{n}", **one} for n, one in enumerate(metrics)]})
    return await take(prometheus, look, analysis, 5.0, LOOK.end + timedelta(seconds=10))


def series(promql, counter, where, **ends):
    """The series of one counter at both ends, with the label by which the query tells it from others."""
    found = []
    for number, end in re.findall(
        rf'{counter}{{[^}}]*{re.escape(where)}[^}}]*}}[^"]*"at", "(\d+) (start|end)"', promql
    ):
        found += [Series({"at": f"{number} {end}", **labels}, value, 0.0) for labels, value in ends[end]]
    return found


def at(server="a", revision="old", **labels):
    return {"server_id": server, "model_revision": revision, **labels}


async def test_counters_of_several_kinds_come_in_one_query_and_are_told_apart():
    def answer(promql):
        return [
            *series(
                promql,
                "serin_requests_total",
                "",
                start=[(at(error="false"), 0), (at("b", "new", error="false"), 0)],
                end=[(at(error="false"), 100), (at("b", "new", error="true"), 10)],
            ),
            *series(
                promql,
                "serin_request_duration_seconds_bucket",
                "0[.]25",
                start=[(at(le="+Inf"), 0), (at("b", "new", le="+Inf"), 0)],
                end=[
                    (at(le="0.25"), 98),
                    (at(le="+Inf"), 100),
                    (at("b", "new", le="0.25"), 4),
                    (at("b", "new", le="+Inf"), 10),
                ],
            ),
        ]

    prometheus = Prometheus(answer)
    result = await look_at(prometheus, {"errorRate": {}}, {"latency": {"slowerThanSeconds": 0.25}})
    assert len(prometheus.asked) == 1
    assert result.samples["m0"] == Value(Proportions((Stratum(Arm(10, 10), Arm(0, 100)),)))
    assert result.samples["m1"] == Value(Proportions((Stratum(Arm(6, 10), Arm(2, 100)),)))
    assert result.stable_pods["m1"] == (Arm(2, 100),)


async def test_a_first_look_tells_stables_pods_of_the_time_before():
    def answer(promql):
        ends = {"start": [(at(server, error="true"), 0) for server in "abc"]}
        ends["end"] = [(at(server, error="true"), n) for n, server in enumerate("abc", 1)]
        return series(promql, "serin_requests_total", "", **ends)

    first = replace(LOOK, before=(T0 - timedelta(seconds=240), T0))
    result = await look_at(Prometheus(answer), {"errorRate": {}}, look=first)
    assert result.pods_before["m0"] == (Arm(1, 1), Arm(2, 2), Arm(3, 3))
    assert (await look_at(Prometheus(answer), {"errorRate": {}})).pods_before == {}


async def test_a_counter_that_two_metrics_read_is_asked_for_once():
    prometheus = Prometheus(lambda _: [])
    await look_at(
        prometheus, {"errorRate": {}}, {"errorRate": {"maxIncrease": 0.1}}, {"resourceUse": {"maxIncrease": 1}}
    )
    assert prometheus.asked[0][0].count("serin_requests_total") == 2  # both ends


async def test_a_query_gets_the_versions_and_the_looks_length_at_its_end():
    prometheus = Prometheus(lambda _: [Series({}, 0.5, 0.0)])
    result = await look_at(
        prometheus, query('a{r="{{ .canary }}"} / b{r="{{ .stable }}",n="{{ .namespace }}/{{ .name }}"}[{{ .window }}]')
    )
    assert prometheus.asked == [('a{r="new"} / b{r="old",n="ns/m"}[30000ms]', LOOK.end.timestamp())]
    assert result.samples["m0"] == Value(Measurement(0.5))


def of(promql, number, *values):
    """The answer to one of several joined queries."""
    assert f'"of", "{number}"' in promql
    return [Series({"of": str(number), "pod": str(n)}, value, 0.0) for n, value in enumerate(values)]


async def test_queries_of_people_are_joined_and_a_comment_at_the_end_of_one_hides_no_other():
    prometheus = Prometheus(lambda promql: [*of(promql, 0, 0.1), *of(promql, 1, 0.2, 0.3)])
    result = await look_at(prometheus, query("a{r='{{ .canary }}'} # mine"), query())
    assert "# mine\n)" in prometheus.asked[0][0]
    assert len(prometheus.asked) == 1
    assert result.samples["m0"] == Value(Measurement(0.1))
    assert result.samples["m1"].why.startswith("spec.analysis.metrics[m1].query.promql gives 2 series")


async def test_the_query_that_does_not_parse_is_named_and_the_others_are_answered():
    def answer(promql):
        return PrometheusRefused("parse error") if "bad{" in promql else [Series({}, 0.1, 0.0)]

    prometheus = Prometheus(answer)
    result = await look_at(prometheus, query("bad{'{{ .canary }}'"), query(), {"errorRate": {}})
    assert result.samples["m0"] == NoData("spec.analysis.metrics[m0].query.promql: parse error; mend it there")
    assert result.samples["m1"] == Value(Measurement(0.1))
    assert not isinstance(result.samples["m2"], QueryFailed)


@pytest.mark.parametrize("error", [PrometheusTimeout("late"), None], ids=["the client's", "the look's"])
async def test_a_slow_query_of_people_is_no_data_and_never_taken_for_a_prometheus_that_hangs(error, monkeypatch):
    monkeypatch.setattr(written, "PATIENCE_SECONDS", 0.01)

    class Slow(Prometheus):
        async def query(self, promql, at):
            if "serin_" not in promql:
                if error:
                    raise error
                await asyncio.Event().wait()
            return await super().query(promql, at)

    result = await look_at(Slow(lambda _: []), query(), {"errorRate": {}})
    assert "make it cheaper, with a recording rule" in result.samples["m0"].why
    assert isinstance(result.samples["m0"], NoData)


async def test_a_prometheus_that_cannot_be_reached_is_a_query_that_failed_for_all():
    result = await look_at(Prometheus(lambda _: PrometheusError("gone")), query(), query(), OUTCOME, {"errorRate": {}})
    assert set(result.samples.values()) == {QueryFailed("gone")}


def outcome_series(promql, start, end):
    found = []
    for number, when, where in ((0, "start", start), (0, "end", end), (1, "start", start), (1, "end", end)):
        for (revision, pod, kind), value in where.items():
            if number == 1 or kind == "good":
                labels = {"at": f"{number} {when}", "r": revision, "instance": pod, "k": kind}
                found.append(Series(labels, value, 0.0))
    return found


async def test_counters_of_ones_own_are_subtracted_series_by_series_and_one_that_fell_has_begun_anew():
    start = {("old", "a", "good"): 100, ("old", "a", "bad"): 100, ("new", "b", "good"): 50}
    end = {
        ("old", "a", "good"): 140,
        ("old", "a", "bad"): 160,
        ("new", "b", "good"): 5,  # its process is new
        ("new", "b", "bad"): 3,  # its first
    }
    prometheus = Prometheus(lambda promql: outcome_series(promql, start, end))
    result = await look_at(prometheus, OUTCOME)
    assert 'o_total{k="good",r=~"old|new"}' in prometheus.asked[0][0]
    assert result.samples["m0"] == Value(Proportions((Stratum(Arm(3, 8), Arm(60, 100)),)))
    assert result.stable_pods["m0"] == ()


async def test_a_first_look_asks_for_the_time_before_in_the_same_query_of_people():
    prometheus = Prometheus(lambda _: [])
    first = Look("ns", "m", "old", "new", T0, LOOK.end, T0, (), (T0 - timedelta(seconds=60), T0))
    await look_at(prometheus, {"errorRate": {}}, OUTCOME, query(), look=first)
    assert len(prometheus.asked) == 3


def bins(promql, **ends):
    return series(promql, "serin_prediction_values_total", "", **ends)


async def test_predictions_are_compared_bin_by_bin_in_the_order_of_their_bounds():
    def answer(promql):
        return bins(
            promql,
            start=[(at(bin="10"), 0), (at("b", "new", bin="10"), 0)],
            end=[
                *((at(bin=name), n) for name, n in (("10", 5), ("2", 7), ("+Inf", 1))),
                *((at("b", "new", bin=name), n) for name, n in (("10", 50), ("2", 70), ("+Inf", 10))),
            ],
        )

    result = await look_at(Prometheus(answer), {"predictionDrift": {}})
    assert result.samples["m0"] == Value(Histograms((70, 50, 10), (7, 5, 1)))


async def test_other_bins_are_not_compared():
    def answer(promql):
        return bins(
            promql,
            start=[(at(bin="1"), 0), (at("b", "new", bin="2"), 0)],
            end=[(at(bin="1"), 9), (at("b", "new", bin="2"), 9)],
        )

    result = await look_at(Prometheus(answer), {"predictionDrift": {}})
    assert "other bins ('1' is in one only)" in result.samples["m0"].why


async def test_inputs_are_compared_with_the_canarys_own_training_rows():
    def answer(promql):
        return [
            *series(
                promql,
                "serin_feature_values_total",
                "age",
                start=[(at("b", "new", bin="1"), 0)],
                end=[(at("b", "new", bin="1"), 9), (at("b", "new", bin="+Inf"), 4)],
            ),
            *series(
                promql,
                "serin_baseline_feature_rows",
                "age",
                end=[(at(s, "new", bin=b), n) for s in "bc" for b, n in (("1", 900), ("+Inf", 400))],
            ),
        ]

    result = await look_at(Prometheus(answer), {"inputDrift": {"feature": "age"}})
    assert result.samples["m0"] == Value(Histograms((9, 4), (900, 400)))


async def test_cpu_time_is_divided_by_requests():
    def answer(promql):
        return [
            *series(
                promql,
                "serin_process_cpu_seconds_total",
                "",
                start=[(at(), 1.0), (at("b", "new"), 2.0)],
                end=[(at(), 1.5), (at("b", "new"), 2.25)],
            ),
            *series(
                promql,
                "serin_requests_total",
                "",
                start=[(at(error="false"), 0), (at("b", "new", error="false"), 0)],
                end=[(at(error="false"), 100), (at("b", "new", error="false"), 10)],
            ),
        ]

    result = await look_at(Prometheus(answer), {"resourceUse": {"maxIncrease": 1}})
    assert result.samples["m0"] == Value(Difference(25.0, 5.0))


async def test_a_series_that_comes_with_its_first_event_counts_from_zero_on_a_process_that_was_scraped_before():
    labels = {"server_id": "a", "predicted_revision": "new", "age_le": "4", "le": "+Inf"}

    def answer(promql):
        number, _predictions = re.findall(r'"at", "(\d+) end"', promql)
        known = [
            Series({"at": "born", "server_id": "a"}, 1.0, 0.0),
            Series({"at": "alive", "server_id": "a"}, 1.0, 0.0),
        ]
        near = {**labels, "le": "10.0"}
        return [*known, *(Series({"at": f"{number} end", **one}, n, 0.0) for one, n in ((labels, 9), (near, 7)))]

    result = await look_at(Prometheus(answer), {"absoluteError": {"above": 10}})
    assert result.samples["m0"] == Value(Proportions((Stratum(Arm(2, 9), Arm(0, 0)),)))
