"""What benchmarks/analysis/chain puts between servers and operator is what stands there: expositions, and Prometheus' answers."""

import asyncio
import re
from collections.abc import Iterator
from time import perf_counter

import numpy as np
import pytest
import yaml
from benchmarks.analysis.chain import operator, pods, traffic
from benchmarks.analysis.chain.cluster import Cluster
from benchmarks.analysis.chain.evaluate import Prometheus
from benchmarks.analysis.chain.made import CANARY, STABLE
from benchmarks.analysis.chain.storage import Storage
from benchmarks.analysis.chain.targets import Target
from benchmarks.analysis.chain.ways import REGIONS, WAYS, Way
from prometheus_client.parser import text_string_to_metric_families
from tests.support.promtool import promtool

from serin_operator.api.kinds.kind import Bounded
from serin_operator.api.kinds.reading import Expression, Shares
from serin_operator.api.kinds.registry import KINDS
from serin_operator.decide.analysis import Arm
from serin_operator.decide.looks import Look
from serin_operator.observe.looks import take
from serin_operator.observe.pairs import asked_of
from serin_operator.observe.prometheus_client import PrometheusRefused
from serin_operator.observe.questions import labels_of
from serin_operator.observe.sliced import Sliced
from serin_server.dataplane.call import Call
from serin_server.dataplane.memory import MemoryBudget
from serin_server.dataplane.plane import DataPlane
from serin_server.feedback.tokens import ControlPart
from serin_server.metrics.clients import WINDOW_SECONDS
from serin_server.pairing.heard import Failed, Predicted, Trouble
from serin_server.refusals import Kind, Refusal

START = 1_795_176_000.0
STEP = 10


def test_every_kind_of_metric_goes_through_the_chain() -> None:
    tried = {way.asked[0].field for way in WAYS}
    assert {kind.field for kind in KINDS} - tried == set(), "add a Way to benchmarks/analysis/chain/ways.py"


def test_whatever_can_be_asked_of_a_kind_in_another_way_goes_through_the_chain() -> None:
    sliced = {way.asked[0].field for way in WAYS if "slices" in way.metric}
    paired = {way.asked[0].field for way in WAYS if way.spec.analysis.paired(way.spec.analysis.metrics[0]) != "Off"}
    alone = {way.asked[0].field for way in WAYS if isinstance(way.asked[0].judged(way.asked[1]), Bounded)}
    assert sliced == {kind.field for kind in KINDS if kind.slices}
    assert paired == {kind.field for kind in KINDS if kind.pairs}
    assert alone == {"accuracy", "score", "disagreement"}
    assert any(way.is_guarded for way in WAYS)


def pod(name: str = "a", revision: str = CANARY, serving=None) -> pods.Pod:
    """One that has counted something of everything; unless said otherwise of a regression."""
    score = {"between": [0, 5], "maxIncrease": 0.1}
    scores = [score] if serving else [{"of": "AbsoluteError", **score}, score]
    metrics = [{"name": f"m{number}", "score": one, **REGIONS} for number, one in enumerate(scores)]
    more = {"pairing": {"sample": 0.1}, "metrics": [*metrics, *([] if serving else [{"name": "e", **FAR}])]}
    serving = serving or {"feedback": {"signing": "Managed"}, "prediction": {"kind": "Regression", "tolerance": 0.5}}
    spec = operator.spec_of({}, analysis=more, serving=serving)
    one = pods.Pod(name, pods.settings_of(spec, revision, name), START - 60, pods.trained(2.0))
    for number in range(40):
        one.answer(START + number, b"client %d" % (number % 3), 0.01 * number, fails=number % 10 == 0)
        told = one.signer.sign(
            START + number, f"r{number}", [1.0], ControlPart(STABLE, [2.0]) if number % 2 else None, number % 3
        )
        one.hear(
            START + 2 * number,
            {"token": told.decode(), "label": number / 10, "score": 1.0, "attributes": {"region": "north"}},
        )
    one.book.count([1.0], Predicted(STABLE, [1.2]))
    one.book.count([1.0], Failed(STABLE))
    one.book.count(None, Trouble.LATE)
    one.see(np.array([0.1, 5.0, np.nan]), np.array([1.0, 2.0, 3.0], np.float32))
    return one


FAR = {"absoluteError": {"above": 1}, **REGIONS}


def test_a_scrape_keeps_what_the_exposition_says() -> None:
    one, storage = pod(), Storage()
    families = text_string_to_metric_families(one.metrics.exposition().decode())
    said = {(each.name, frozenset(each.labels.items())): each.value for family in families for each in family.samples}
    names = frozenset(name for name, _ in said)
    Target(one, START, 10, names).scrape(storage, START)
    added = {"namespace", "pod", "job", "__name__"}
    kept = {
        (each.labels["__name__"], frozenset(item for item in each.labels.items() if item[0] not in added)): each.values[
            -1
        ]
        for name in names
        for each in storage.select(name, ())
    }
    assert kept == said
    assert {"serin_pairs_total", "serin_sliced_feedback_errors_total", "serin_feedback_scores_total"} <= names


@pytest.mark.parametrize("fails", [False, True])
def test_a_request_counts_as_the_servers_data_plane_counts_it(fails) -> None:
    settings = pods.settings_of(operator.spec_of({"errorRate": {}}), CANARY, "a")
    ours, theirs = pods.Pod("a", settings, START), pods.Pod("b", settings, START)
    plane, client = DataPlane(theirs.metrics, 10, MemoryBudget(1000)), theirs.metrics.clients.client(b"one")
    theirs.metrics.clients.window, theirs.metrics.in_flight = int(START / WINDOW_SECONDS), 1
    ours.answer(START, b"one", 0.0, fails=fails)
    if fails:
        plane.refused(Refusal(Kind.MODEL_FAILED, ""), 500, perf_counter(), was_submitted=True, client=client)
    else:
        call = Call([], 1, None, "r")
        call.client = client
        plane.succeeded(call)
    for told in ("requests", "control_requests"):
        assert getattr(ours.metrics, told).values == getattr(theirs.metrics, told).values
    assert ours.metrics.clients.sums == theirs.metrics.clients.sums
    assert sum(ours.metrics.request_duration.counts) == sum(theirs.metrics.request_duration.counts) == 1


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_no_label_that_tells_series_of_a_server_apart_is_dropped_by_a_query(way) -> None:
    """Of series that differ in a label that is dropped the largest would be taken for their sum."""
    one = pod() if way.traffic.is_regression else pod(serving={"feedback": {"signing": "Managed"}})
    families = text_string_to_metric_families(one.metrics.exposition().decode())
    samples = [each for family in families for each in family.samples]
    for counter, age in counters_of(way):
        found = [each.labels for each in samples if each.name == counter.series]
        assert found or counter.is_foreign, counter.series
        pinned = {matcher.split("=")[0] for matcher in counter.where} | {counter.against}
        for labels in found:
            assert set(labels) - CONSTANT - pinned <= set(labels_of(counter, age))


CONSTANT = {"model_namespace", "model_name", "model_version", "model_revision", "server_id"}


def counters_of(way: Way):
    """All that a look asks of servers for a metric, each with its label of ages."""
    kind, said = way.asked
    (metric,) = way.spec.analysis.metrics
    reading, sliced = kind.reads(said), Sliced.of(metric)
    if isinstance(reading, Expression):
        return
    age = reading.age if isinstance(reading, Shares) else None
    yield from ((one, age) for one in reading.counters)
    yield from asked_of(kind.pairs) if way.spec.analysis.pairing and kind.pairs else ()
    yield from sliced.asked if sliced else ()
    more = (reading.clients, reading.predictions) if isinstance(reading, Shares) else ()
    yield from ((one, None) for one in more if one)


def test_errors_of_several_codes_and_values_of_several_bins_are_summed() -> None:
    storage, counted = Storage(), {}
    for revision in (STABLE, CANARY):
        one = pod(revision=revision)
        target = Target(one, START, STEP, frozenset({*WANTED, "serin_process_start_time_seconds"}))
        target.scrape(storage, START)
        for code, number in (("400", 30), ("500", 20), ("504", 10)):
            one.metrics.requests.add(code, "true", amount=number)
        one.metrics.requests.add("200", "false", amount=40)
        one.see(np.linspace(-1.5, 4, 100), np.zeros(100, np.float32))
        target.scrape(storage, START + 30)
    for field, said in (("errorRate", {}), ("invalidInputs", {"feature": "x"})):
        spec = operator.spec_of({field: said})
        look = Look(pods.NAMESPACE, pods.MODEL, STABLE, CANARY, *map(operator.moment, (START + 1, START + 31, START)))
        taken = asyncio.run(take(Prometheus(storage), look, spec.analysis, STEP * 2, operator.moment(START + 60)))
        counted[field] = taken.samples["m"].observed.strata[0].canary
    invalid = int((np.linspace(-1.5, 4, 100) > pods.trained(2.0).features[0].most).sum())
    assert counted == {"errorRate": Arm(60, 100), "invalidInputs": Arm(invalid, 100)}


WANTED = ("serin_requests_total", "serin_feature_values_total", "serin_feature_invalid_total")


def test_a_scrape_keeps_no_series_that_nobody_asks_for() -> None:
    storage = Storage()
    Target(pod(), START, 10, frozenset({"serin_requests_total"})).scrape(storage, START)
    assert storage.select("serin_requests_total", ())
    assert not storage.select("serin_pairs_total", ())


def test_what_a_pod_told_before_and_does_not_any_more_is_gone() -> None:
    storage, one = Storage(), pods.Exporter("shop")
    target = Target(one, START, 10, frozenset({"shop_offers_total"}))
    one.offers.add("accepted", "v1")
    target.scrape(storage, START)
    one.offers.values.clear()
    target.scrape(storage, START + 10)
    (series,) = storage.select("shop_offers_total", ())
    assert series.at(START + 5) == (START, 1.0)
    assert series.at(START + 10) is None
    assert next(series.within(START + 10, 30)) == (START, 1.0)


@pytest.mark.parametrize("wrong", ["up{", "sum(", 'label_replace(up, "a", "b")', "up[5m]", "1 +", "%", "sum(1)"])
async def test_a_query_that_is_not_understood_is_refused(wrong) -> None:
    with pytest.raises(PrometheusRefused):
        await Prometheus(Storage()).query(wrong, START)


def lived(seed: int, way_name: str) -> tuple[Cluster, Way]:
    """Pods that were scraped for a while, all at the same moments, and what is asked about them."""
    way = next(one for one in WAYS if one.name == way_name)
    versions = {STABLE: traffic.Version(), CANARY: way.canary(is_worse=True)}
    cluster = Cluster(np.random.default_rng(seed), way.spec, versions, way.traffic, way.wanted, START)
    for revision, number in ((STABLE, 2), (CANARY, 1)):
        cluster.start(revision, number, age=100)
        cluster.lead_to(revision)
    for target in cluster.targets:
        target.next = START + STEP
    cluster.advance(START + 95)
    cluster.begin_anew(cluster.serving[0])
    cluster.reset_exporter()
    for target in cluster.targets:
        target.next = START + 100
    cluster.advance(START + 165)
    return cluster, way


class Asked:
    """Remembers queries and what was answered."""

    def __init__(self, prometheus: Prometheus) -> None:
        self._prometheus, self.answers = prometheus, []

    async def query(self, promql: str, at: float):
        answer = await self._prometheus.query(promql, at)
        self.answers.append((promql, at, answer))
        return answer


@pytest.mark.slow
@pytest.mark.parametrize("way_name", ["errorRate", "accuracy, by slice", "disagreement", "outcome", "query"])
def test_queries_are_answered_as_prometheus_own_tool_answers_them(way_name, tmp_path) -> None:
    cluster, way = lived(3, way_name)
    start, end = operator.moment(START + 60), operator.moment(START + 140)
    look = Look(pods.NAMESPACE, pods.MODEL, STABLE, CANARY, start, end, start, namespace_label="namespace")
    asked = Asked(Prometheus(cluster.storage))
    asyncio.run(take(asked, look, way.spec.analysis, STEP, operator.moment(START + 165)))
    assert asked.answers
    for promql, at, answer in asked.answers:
        ours = {frozenset(one.labels.items()): one.value for one in answer}
        assert ours == pytest.approx(by_promtool(tmp_path, cluster, promql, at), rel=1e-9)
        assert ours


def by_promtool(folder, cluster: Cluster, promql: str, at: float) -> dict[frozenset[tuple[str, str]], float]:
    """The same series and the same query; the tool prints what it got and was not told to expect. Its time begins at 0."""
    steps = round((at - START) / STEP) + 1
    query = re.sub(r"@ ([0-9.]+)", lambda found: f"@ {float(found[1]) - START:.3f}", promql)
    series = [
        {"series": selector(one.labels), "values": " ".join(values(one, steps))}
        for name in sorted(cluster.wanted)
        for one in cluster.storage.select(name, ())
    ]
    test = {
        "interval": f"{STEP}s",
        "input_series": series,
        "promql_expr_test": [
            {"expr": query, "eval_time": f"{at - START:.0f}s", "exp_samples": [{"labels": "{}", "value": -1}]}
        ],
    }
    file = folder / "test.yaml"
    file.write_text(yaml.safe_dump({"evaluation_interval": f"{STEP}s", "tests": [test]}))
    told = promtool("test", "rules", str(file))
    text = (told.stdout + told.stderr).partition("got:")[2]
    return {
        frozenset([*re.findall(r'(\w+)="([^"]*)"', labels), *([("__name__", name)] if name else [])]): float(value)
        for name, labels, value in re.findall(r"(\w*)\{([^}]*)\} (\S+?)[,\]\s]", text)
    }


def selector(labels: dict[str, str]) -> str:
    own = ",".join(f'{label}="{value}"' for label, value in labels.items() if label != "__name__")
    return f"{labels['__name__']}{{{own}}}"


def values(series, steps: int) -> Iterator[str]:
    """As the tool reads them: a step each, nothing where there was no scrape."""
    known = {round((moment - START) / STEP): value for moment, value in zip(series.times, series.values, strict=True)}
    for step in range(steps):
        yield "_" if step not in known else "stale" if known[step] is None else repr(known[step])
