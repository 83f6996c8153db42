"""The registry of kinds: what each reads exists, and its counts become what its test judges."""

from datetime import UTC, datetime

import pytest

from serin_operator.api.kinds.kind import Mode
from serin_operator.api.kinds.of_labels import ERROR_BOUNDS
from serin_operator.api.kinds.of_requests import LATENCY_BOUNDS
from serin_operator.api.kinds.reading import Counter, Expression, Shares, bucket, spellings
from serin_operator.api.kinds.registry import KINDS
from serin_operator.api.spec import Analysis, Metric, ModelDeploymentSpec
from serin_operator.decide.analysis import (
    AnalysisState,
    Arm,
    InvalidAnalysis,
    Proportions,
    Role,
    Stratum,
    Value,
    judge_look,
)
from serin_operator.decide.analysis.wording import level, limit, share
from serin_operator.decide.judging.config import config_of
from serin_operator.decide.judging.rows import rows_of
from serin_operator.decide.manifests import serving
from serin_operator.observe.counts import counted
from serin_operator.observe.prometheus_client import Series
from serin_server.metrics import instruments, server
from serin_server.scoring import scores_in
from serin_server.slicing import bounds_in, slicings_in

EACH = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.field)
OTHERS = {"kind": "kind", "bin": "bin"}


def reading(field, said):
    kind, about = Metric.model_validate({"name": "m", field: said}).asked
    return kind.reads(about)


def analysis(*metrics, **more):
    return Analysis.model_validate({"metrics": [{"name": f"m{n}", **one} for n, one in enumerate(metrics)], **more})


@EACH
def test_the_example_of_a_kind_is_judged_as_its_entry_says(kind):
    wanted = analysis({kind.field: kind.example})
    (metric,) = config_of(wanted).metrics
    assert metric.role is (Role.WARNING if kind.mode == "Warn" else Role.GATE)
    assert wanted.metrics[0].asked[0] is kind


@EACH
def test_what_a_kind_reads_is_exported_by_the_servers(kind):
    read = reading(kind.field, kind.example)
    counters = () if isinstance(read, Expression) else read.counters
    for counter in counters:
        if not counter.is_foreign:
            assert counter.name in server.HELP, counter.name


def test_bounds_are_those_at_which_the_servers_count():
    assert LATENCY_BOUNDS == instruments.LATENCY_BOUNDS
    assert ERROR_BOUNDS == server.ERROR_BOUNDS


@pytest.mark.parametrize("bound", [1.0, 0.25, 10.0, 0.0001])
def test_a_bucket_is_found_however_prometheus_spells_its_bound(bound):
    import re

    for text in (f"{bound:g}", repr(bound), str(int(bound)) if bound >= 1 else repr(bound), "+Inf"):
        assert re.fullmatch(spellings(bound), text), text
    assert not re.fullmatch(spellings(bound), "2.5")


def told(*counts):
    return list(counts)


def test_answers_above_the_bound_are_bad_and_all_are_counted():
    arm = reading("latency", {"slowerThanSeconds": 1}).arm
    assert arm(told({bucket(1): 90.0, bucket(float("inf")): 100.0})) == (10, 100)
    assert arm(told({})) == (0, 0)
    with pytest.raises(LookupError, match="no bucket with the bound 1"):
        arm(told({bucket(float("inf")): 100.0}))


def test_outcomes_that_are_not_good_are_bad_and_more_good_ones_than_there_are_is_told():
    arm = reading("outcome", {"good": "a", "total": "b"}).arm
    assert arm(told({"": 30.0}, {"": 100.0})) == (70, 100)
    with pytest.raises(LookupError, match="5 good outcomes of 4: count an outcome in good and in total"):
        arm(told({"": 5.0}, {"": 4.0}))


def test_a_value_that_is_no_number_is_in_no_bin_and_is_counted_all_the_same():
    arm = reading("invalidInputs", {"feature": "age"}).arm
    assert arm(told({"": 100.0}, {"nan": 5.0, "out_of_range": 2.0, "unknown": 0.0})) == (7, 105)


def test_cost_is_cpu_time_times_its_price():
    value = reading("cost", {"cpuHourPrice": 3.6, "maxIncrease": 1}).value
    assert value(told({"": 50.0}, {"false": 900.0, "true": 100.0})) == pytest.approx(0.05)
    assert value(told({"": 50.0}, {})) is None


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("offers_total", Counter("offers_total", arm="r", is_foreign=True)),
        ('offers_total{kind="a",}', Counter("offers_total", where=('kind="a"',), arm="r", is_foreign=True)),
        ("offers_total{}", Counter("offers_total", arm="r", is_foreign=True)),
    ],
)
def test_a_selector_is_read_as_promql_reads_it(selector, expected):
    asked = reading("outcome", {"good": selector, "total": "all", "revisionLabel": "r"})
    assert asked.counters[0] == expected


def test_a_category_may_be_the_empty_text_which_prometheus_leaves_out():
    (values, _) = reading("invalidInputs", {"feature": "colour"}).counters
    labels = {"server_id": "a", "model_revision": "new"}
    ends = [({}, 30.0), ({"bin": "red"}, 70.0)]
    series = [
        Series({**labels, **more, "at": at}, n, 0.0) for more, end in ends for at, n in (("start", 0), ("end", end))
    ]
    assert counted(values, None, series, datetime(2026, 11, 20, tzinfo=UTC)) == {("new", "", ""): 100.0}


def test_a_features_name_cannot_leave_its_quotes():
    (values, _) = reading("invalidInputs", {"feature": 'a"} or vector(1) #\n\\'}).counters
    assert values.where == ('feature="a\\"} or vector(1) #\\n\\\\"',)


# ---- shares of the false-rollback rate, samples and modes -------------------------------------------------------------


def test_shares_are_kept_and_gates_without_one_divide_the_rest():
    config = config_of(
        analysis({"errorRate": {}, "share": 0.004}, {"accuracy": {}}, {"latency": {"slowerThanSeconds": 1}})
    )
    assert [config.false_alarm_share(f"m{n}") for n in range(3)] == pytest.approx([0.004, 0.003, 0.003])


def test_warnings_and_kinds_without_an_error_rate_take_no_share():
    query = {"query": {"promql": "{{ .canary }}", "max": 1}}
    config = config_of(analysis({"errorRate": {}}, {"accuracy": {}, "mode": "Warn"}, query))
    assert config.false_alarm_share("m0") == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("metrics", "words"),
    [
        ([{"errorRate": {}, "share": 0.006}, {"accuracy": {}, "share": 0.005}], "more than the false-rollback rate"),
        ([{"errorRate": {}, "share": 0.01}, {"accuracy": {}}], "m1.*leave it nothing"),
        ([{}], "of no kind that this release of the operator knows"),
    ],
)
def test_shares_that_cannot_be_are_refused_by_name(metrics, words):
    with pytest.raises(InvalidAnalysis, match=words):
        config_of(analysis(*metrics))


def test_a_metrics_own_samples_win_over_the_steps_and_the_analysis():
    config = config_of(analysis({"errorRate": {}, "minSamples": 7}, {"accuracy": {}}, minSamples=50), min_samples=20)
    assert [config.samples_needed(metric) for metric in config.metrics] == [7, 20]


@EACH
def test_a_kind_that_shares_the_rate_has_a_test_with_one(kind):
    read = reading(kind.field, kind.example)
    assert kind.has_rate == isinstance(read, Shares)


@EACH
def test_a_kind_that_warns_by_itself_has_no_rate_as_the_schema_takes_for_granted(kind):
    assert not (kind.has_rate and kind.mode is Mode.WARN)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.has_rate], ids=lambda kind: kind.field)
@pytest.mark.parametrize("share", [{}, {"share": 0.009}], ids=["", "a share that an earlier release took"])
def test_a_gate_that_never_rolls_back_at_a_promised_rate_leaves_all_of_it_to_the_others(kind, share):
    mode = {"mode": "Gate"} if kind.may_gate else {}
    config = config_of(analysis({"errorRate": {}}, {kind.field: dict(kind.example), **mode, **share}))
    assert config.false_alarm_share("m0") == pytest.approx(0.01)


SLICES = (
    {"by": "region", "values": ["north", "São Paulo", "$(HOME)"]},
    {"by": "age", "cuts": [-1e-9, 0, 0.1, 30, 1234567.5]},
    {"by": "n", "values": ["1", "true"], "minSamples": 7},
)


def test_pods_are_told_of_slices_and_spell_them_as_the_operator_does():
    metrics = [{"accuracy": {}, "slices": one} for one in (*SLICES, SLICES[0])]
    spec = ModelDeploymentSpec.model_validate(
        {"model": {"version": "v1", "uri": "https://m/v1.onnx"}, "analysis": analysis(*metrics)}
    )
    (text,) = serving.slices(spec).values()
    assert "$$(HOME)" in text, "as the kubelet wants a dollar that is none"
    told = slicings_in(text.replace("$$(", "$("))
    assert [(one.by, one.names) for one in told] == [(m.slices.by, m.slices.names) for m in spec.analysis.metrics[:3]]


def test_pods_are_told_nothing_where_nobody_slices():
    model = {"version": "v1", "uri": "https://m/v1.onnx"}
    for more in ({}, {"analysis": analysis({"accuracy": {}})}):
        assert serving.slices(ModelDeploymentSpec.model_validate({"model": model, **more})) == {}


@EACH
def test_what_is_read_of_slices_is_exported_by_the_servers(kind):
    if kind.slices is None:
        return
    reading = kind.slices(kind.spec.model_validate(kind.example), "region")
    (counter,) = reading.counters
    labels = {where.partition("=")[0] for where in counter.where} | {counter.slices_by, counter.told_by, reading.age}
    assert counter.name in server.HELP
    assert labels in [set(each) for each in (server.SLICE_LABELS, server.ERROR_SLICE_LABELS, server.SCORE_SLICE_LABELS)]


def test_servers_count_all_the_distances_that_a_spec_may_ask_for():
    by_region = {"slices": {"by": "region", "values": ["north"]}}
    wanted = analysis(*({"absoluteError": {"above": above}, **by_region} for above in ERROR_BOUNDS))
    spec = ModelDeploymentSpec.model_validate(
        {"model": {"version": "v1", "uri": "https://m/v1.onnx"}, "analysis": wanted}
    )
    assert bounds_in(serving.bounds(spec)["SERIN_FEEDBACK_BOUNDS"]) == ERROR_BOUNDS


def test_pods_are_told_above_which_distances_to_count_by_slice_and_spell_them_as_the_operator_does():
    by_region = {"slices": {"by": "region", "values": ["north"]}}
    asked = [{"absoluteError": {"above": above}, **by_region} for above in (10, 0.1, 10.0)]
    wanted = analysis(*asked, {"absoluteError": {"above": 5}})
    spec = ModelDeploymentSpec.model_validate(
        {"model": {"version": "v1", "uri": "https://m/v1.onnx"}, "analysis": wanted}
    )
    bounds = bounds_in(serving.bounds(spec)["SERIN_FEEDBACK_BOUNDS"])
    assert bounds == (10.0, 0.1), "what two metrics ask for is counted once, and only where there are slices"
    for bound, metric in zip(bounds, wanted.metrics, strict=False):
        kind, said = metric.asked
        (counter,) = kind.slices(said, "region").counters
        assert f'above="{bound:.12g}"' in counter.where
    assert kind.slices(said, "region").arm([{"far": 3.0, "near": 7.0}]) == (3, 10)


SCORES = (
    {"between": [1, 5], "maxDecrease": 0.04},
    {"between": [0, 0.1 + 0.2], "of": "SquaredError", "maxIncrease": 0.01},
    {"between": [-1e12, 1e12], "of": "AbsoluteError", "maximum": 3},
    {"between": [1.0, 5.0], "minimum": 2},
)


def test_pods_are_told_of_scores_and_spell_them_as_the_operator_does():
    wanted = analysis(*({"score": one} for one in SCORES))
    spec = ModelDeploymentSpec.model_validate(
        {"model": {"version": "v1", "uri": "https://m/v1.onnx"}, "analysis": wanted}
    )
    told = scores_in(serving.scores(spec)["SERIN_FEEDBACK_SCORES"])
    assert len(told) == 3, "what two metrics ask for is counted once"
    for one, metric in zip(told, wanted.metrics, strict=False):
        kind, said = metric.asked
        (counter,) = kind.reads(said).counters
        assert counter.where == (f'of="{one.of.value}"', f'between="{one.between}"')
        assert {"of", "between", counter.told_by, kind.reads(said).age} == set(server.SCORE_LABELS)


def test_pods_are_told_of_no_score_where_none_is_judged():
    spec = ModelDeploymentSpec.model_validate({"model": {"version": "v1", "uri": "https://m/v1.onnx"}})
    assert serving.scores(spec) == {}


@pytest.mark.parametrize(
    ("said", "bad"),
    [(SCORES[0], 60), (SCORES[1], 40)],
    ids=["more is better", "less is better"],
)
def test_coins_on_the_worse_side_are_bad(said, bad):
    counts = {"high": 30.0, "above": 10.0, "low": 55.0, "below": 5.0}
    assert reading("score", said).arm(told(counts)) == (bad, 100)


@pytest.mark.parametrize(
    ("said", "margin", "mean", "bound"),
    [
        (SCORES[0], 0.01, "mean 2.6 of 100 scores", None),
        ({"between": [1, 5], "minimum": 2}, 0.75, "mean 2.6 of 100 scores", "at least 2 is asked for"),
        ({"between": [0, 10], "maximum": 2.5}, 0.25, "mean 6 of 100 scores", "at most 2.5 is asked for"),
        (
            {"of": "SquaredError", "between": [0, 1], "maximum": 0.2},
            0.2,
            "mean squared error 0.6 of 100 scores",
            "at most 0.2 is asked for",
        ),
        (
            {"of": "AbsoluteError", "between": [0, 10], "maximum": 2},
            0.2,
            "mean absolute error 6 of 100 scores",
            "at most 2 is asked for",
        ),
    ],
    ids=["against stable", "a least mean", "a greatest mean", "a squared error", "an absolute error"],
)
def test_a_score_is_judged_by_its_place_in_the_range_and_told_in_its_own_unit(said, margin, mean, bound):
    (metric,) = config_of(analysis({"score": said})).metrics
    rule = metric.rule
    if bound is None:
        assert rule.margin.increase == pytest.approx(margin)
    else:
        assert rule.max_bad_rate == pytest.approx(margin)
        assert limit(rule.max_bad_rate, rule.words) == bound
    assert share(Arm(60, 100), rule.words) == mean
    assert level(0.0, rule.words) == f"{said['between'][0 if 'maximum' in said else 1]}"


def test_evidence_of_a_score_begins_anew_with_another_range():
    one, other = (config_of(analysis({"score": {"between": [0, top], "minimum": top / 2}})) for top in (1, 2))
    assert one.fingerprint_of(one.metrics[0]) != other.fingerprint_of(other.metrics[0])


@pytest.mark.parametrize(
    "said",
    [
        {"between": [1, 5], "maxDecrease": 4},
        {"between": [1, 5], "minimum": 5},
        {"between": [1, 5], "maximum": 0},
        {"between": [5, 5], "maxIncrease": 1},
    ],
    ids=["a margin as wide as the range", "a bound at its end", "a bound beyond it", "no range"],
)
def test_a_score_whose_margin_or_bound_is_not_within_its_range_is_refused_by_name(said):
    with pytest.raises(InvalidAnalysis, match=r"metrics\[m0\]\.score: its margin or bound is none within its range"):
        config_of(analysis({"score": said}))


def test_status_tells_the_mean_of_a_score_and_its_interval_in_ascending_order():
    config = config_of(analysis({"score": SCORES[0]}))
    look = Value(Proportions((Stratum(Arm(40, 100), Arm(80, 400)),)))
    state, verdicts = judge_look(config, AnalysisState(), {"m0": look})
    (row,) = rows_of(config, state, verdicts)
    assert (row.canary, row.stable) == ("mean 3.4 of 100", "mean 4.2 of 400")
    low, _, high = (row.canary_range or "").partition(" to ")
    assert 3.0 < float(low) < 3.4 < float(high) < 3.8
