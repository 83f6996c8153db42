"""Counts of a look, from raw counters at both ends."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from serin_operator.api.spec import Metric
from serin_operator.decide.analysis import Arm, NoData, Proportions, QueryFailed, Stratum, Value
from serin_operator.decide.looks import Look, Span
from serin_operator.observe import questions, samples
from serin_operator.observe.prometheus_client import Series

T0 = datetime(2026, 11, 20, 12, tzinfo=UTC)
LOOK = Look("ns", "m", "old", "new", T0, T0 + timedelta(seconds=30), T0 - timedelta(seconds=100))


def reading(**kind):
    """What a metric reads."""
    found, said = Metric(name="m", **kind).asked
    return found.reads(said)


ERROR_RATE, ACCURACY = reading(errorRate={}), reading(accuracy={})


def sample_of(asked, series, look):
    return samples.sample_of(asked, [series], look)


def before_of(asked, series, look):
    return samples.before_of(asked, [series], look)


def stable_pods_of(asked, series, look):
    return samples.stable_pods_of(asked, [series], look.stable, look.start)


def promql(asked, look, start, end, scrape_seconds):
    counters = [(one, getattr(asked, "age", None)) for one in asked.counters]
    return questions.promql(counters, look, start, end, scrape_seconds)


LONG_AGO, SINCE_THEN = T0.timestamp() - 3600, T0.timestamp() + 5


def requests(at: str, server: str, revision: str, error: str, value: float) -> Series:
    labels = {"at": at, "server_id": server, "model_revision": revision, "error": error}
    return Series(labels, value, 0.0)


def feedback(at: str, server: str, revision: str, outcome: str, age: str, value: float) -> Series:
    labels = {"at": at, "server_id": server, "predicted_revision": revision, "outcome": outcome, "age_le": age}
    return Series(labels, value, 0.0)


def born(server: str, when: float) -> Series:
    return Series({"at": "born", "server_id": server}, when, 0.0)


def test_counters_are_subtracted_by_process_and_summed_by_version() -> None:
    series = [
        requests("start", "a", "old", "false", 100),
        requests("start", "a", "old", "true", 3),
        requests("end", "a", "old", "false", 150),
        requests("end", "a", "old", "true", 4),
        requests("start", "b", "old", "false", 10),
        requests("end", "b", "old", "false", 20),
        requests("start", "c", "new", "false", 0),
        requests("end", "c", "new", "false", 12),
    ]
    assert sample_of(ERROR_RATE, series, LOOK) == Value(Proportions((Stratum(Arm(0, 12), Arm(1, 61)),)))


def test_a_process_born_within_the_look_counts_from_zero() -> None:
    series = [requests("end", "c", "new", "false", 12), born("c", SINCE_THEN)]
    assert sample_of(ERROR_RATE, series, LOOK) == Value(Proportions((Stratum(Arm(0, 12), Arm()),)))


def test_a_label_that_is_new_on_a_known_process_counts_from_zero() -> None:
    series = [
        requests("start", "a", "new", "false", 5),
        requests("end", "a", "new", "false", 9),
        requests("end", "a", "new", "true", 2),
        born("a", LONG_AGO),
    ]
    assert sample_of(ERROR_RATE, series, LOOK) == Value(Proportions((Stratum(Arm(2, 6), Arm()),)))


def test_a_missed_scrape_at_the_start_is_no_data() -> None:
    series = [requests("end", "a", "old", "false", 1_000_000), born("a", LONG_AGO)]
    sample = sample_of(ERROR_RATE, series, LOOK)
    assert isinstance(sample, NoData)
    assert "a scrape was missed" in sample.why


def test_a_pod_that_died_has_left_its_last_counts() -> None:
    series = [requests("start", "a", "old", "false", 5), requests("end", "a", "old", "false", 25)]
    assert sample_of(ERROR_RATE, series, LOOK) == Value(Proportions((Stratum(Arm(), Arm(0, 20)),)))


def test_nothing_at_all_is_no_data() -> None:
    sample = sample_of(ERROR_RATE, [], LOOK)
    assert isinstance(sample, NoData)
    assert "no requests" in sample.why


def labels(age: str) -> list[Series]:
    return [
        feedback(at, "x", revision, outcome, age, value)
        for revision in ("old", "new")
        for outcome, total in (("correct", 9), ("wrong", 1))
        for at, value in (("start", 0), ("end", total))
    ]


def test_labels_are_strata_by_age() -> None:
    both = Stratum(Arm(1, 10), Arm(1, 10))
    assert sample_of(ACCURACY, labels("4") + labels("8"), LOOK) == Value(Proportions((both, both)))


def test_labels_of_predictions_before_the_canary_only_tell_the_base_rate() -> None:
    assert sample_of(ACCURACY, labels("128"), LOOK) == Value(Proportions((), Arm(1, 10)))


def test_labels_of_unknown_age_are_never_compared() -> None:
    assert sample_of(ACCURACY, labels("+Inf"), LOOK) == Value(Proportions((), Arm(1, 10)))


@pytest.mark.parametrize(
    ("start", "end", "compared"),
    [(-20, -10, True), (-2, -1, False), (-20, -3, False), (10, 11, False), (40, 41, True), (-60, 60, False)],
)
def test_labels_whose_predictions_span_a_weight_change_are_not_compared(start: int, end: int, compared: bool) -> None:
    change = Span(T0 + timedelta(seconds=start), T0 + timedelta(seconds=end))
    look = Look("ns", "m", "old", "new", LOOK.start, LOOK.end, LOOK.canary_since, (change,))
    sample = sample_of(ACCURACY, labels("4"), look)
    assert isinstance(sample, Value)
    assert isinstance(sample.observed, Proportions)
    assert bool(sample.observed.strata) is compared


def test_the_time_before_counts_stable_only() -> None:
    look = Look("ns", "m", "old", "new", T0, LOOK.end, T0, (), (T0 - timedelta(seconds=60), T0))
    series = [
        requests("start", "a", "old", "false", 0),
        requests("end", "a", "old", "false", 90),
        requests("start", "a", "old", "true", 0),
        requests("end", "a", "old", "true", 10),
    ]
    assert before_of(ERROR_RATE, series, look) == Value(Proportions((), Arm(10, 100)))


def test_one_query_asks_for_both_ends_at_fixed_times() -> None:
    query = promql(ERROR_RATE, LOOK, LOOK.start, LOOK.end, 5)
    assert f"[35000ms] @ {LOOK.end.timestamp():.3f}" in query
    assert f"[10000ms] @ {LOOK.start.timestamp():.3f}" in query
    assert 'model_revision=~"old|new"' in query
    assert "max by (model_revision, server_id, error, code)" in query


def test_spans_are_written_and_read_as_iso_intervals() -> None:
    span = Span(T0, T0 + timedelta(seconds=1, microseconds=5))
    assert Span.parse(str(span)) == span


def test_the_spread_between_stable_pods_is_counted_by_process_and_labels_tell_nothing_about_it() -> None:
    series = [
        *(requests("start", server, "old", "true", 0) for server in "abc"),
        *(requests("end", server, "old", "true", n) for server, n in zip("abc", (1, 2, 30), strict=True)),
        *(requests("start", server, "old", "false", 0) for server in "abc"),
        *(requests("end", server, "old", "false", 100) for server in "abc"),
        requests("end", "d", "new", "true", 5),
    ]
    assert stable_pods_of(ERROR_RATE, series, LOOK) == (Arm(1, 101), Arm(2, 102), Arm(30, 130))
    assert stable_pods_of(ACCURACY, labels("4"), LOOK) == ()


def test_a_stable_pod_whose_scrape_was_missed_keeps_its_place_among_them() -> None:
    series = [
        *(requests("start", server, "old", "true", 0) for server in "ac"),
        *(requests("end", server, "old", "true", 2) for server in "abc"),
        born("b", LONG_AGO),
    ]
    assert stable_pods_of(ERROR_RATE, series, LOOK) == (Arm(2, 2), Arm(), Arm(2, 2))


def without(label: str, series: Series) -> Series:
    return Series({k: v for k, v in series.labels.items() if k != label}, series.value, series.at)


FINE = requests("end", "a", "new", "false", 9)
ODD = {
    "without the process": without("server_id", FINE),
    "without the version": without("model_revision", FINE),
    "without the outcome": without("error", FINE),
    "not a number": requests("end", "a", "new", "false", float("nan")),
    "without end": requests("start", "a", "new", "false", float("inf")),
    "below zero": requests("end", "a", "new", "false", -1),
    "a birth without the process": without("server_id", born("a", SINCE_THEN)),
    "a birth that is no time": born("a", float("nan")),
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_a_series_that_no_server_wrote_so_is_named_and_nothing_is_counted(odd: Series) -> None:
    sample = sample_of(ERROR_RATE, [FINE, odd, born("a", SINCE_THEN)], LOOK)
    assert isinstance(sample, QueryFailed)
    assert re.match(r"series serin_\w+\{.*\} (has no label|is )", sample.why), sample.why
    assert stable_pods_of(ERROR_RATE, [requests("end", "a", "old", "false", float("nan"))], LOOK) == ()
    assert before_of(ERROR_RATE, [odd], LOOK) == sample_of(ERROR_RATE, [odd], LOOK)


@pytest.mark.parametrize("age", ["", "soon", "NaN"])
def test_a_label_without_an_age_is_named(age: str) -> None:
    series = feedback("end", "x", "new", "wrong", age, 1)
    sample = sample_of(ACCURACY, [*labels("4"), series if age else without("age_le", series)], LOOK)
    assert isinstance(sample, QueryFailed)
    assert "age_le" in sample.why


def test_a_counter_that_falls_within_one_process_is_no_data_and_named() -> None:
    sample = sample_of(
        ERROR_RATE, [requests("start", "a", "old", "true", 9), requests("end", "a", "old", "true", 4)], LOOK
    )
    assert isinstance(sample, NoData)
    assert 'serin_requests_total{error="true", model_revision="old", server_id="a"} fell from 9 to 4' in sample.why


@pytest.mark.parametrize(
    ("every", "words"),
    [(60, "every 60 s, and prometheus.scrapeIntervalSeconds of the chart says 15: set it to 60"), (16, "was missed")],
)
def test_seldom_scrapes_are_told_from_a_missed_one(every: float, words: str) -> None:
    interval = Series({"at": "interval", "server_id": "a", "configured": "15"}, every, 0.0)
    another = Series({"at": "interval", "server_id": "b", "configured": "15"}, 99, 0.0)
    sample = sample_of(
        ERROR_RATE, [requests("end", "a", "old", "false", 9), born("a", LONG_AGO), another, interval], LOOK
    )
    assert isinstance(sample, NoData)
    assert words in sample.why


def test_pods_that_are_not_scraped_are_told_from_pods_that_get_no_requests() -> None:
    known, unknown = sample_of(ERROR_RATE, [born("a", LONG_AGO)], LOOK), sample_of(ERROR_RATE, [], LOOK)
    assert isinstance(known, NoData)
    assert isinstance(unknown, NoData)
    assert "scrape" not in known.why
    assert "does not scrape its pods" in unknown.why


def test_where_no_label_came_it_is_said_how_they_come() -> None:
    told = sample_of(ACCURACY, [born("a", LONG_AGO)], LOOK)
    assert told == NoData(
        "no labels of either version in this look: they come back as feedback, with the token of each answer"
    )
