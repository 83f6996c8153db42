"""Series that a pod of another namespace exports in a model's name count nowhere; promtool answers the operator's own queries."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import yaml
from tests.support.promtool import promtool

from serin_operator.api.spec import Metric
from serin_operator.decide.analysis import Arm, NoData, Proportions, Stratum, Value
from serin_operator.decide.looks import Look
from serin_operator.observe import questions, samples
from serin_operator.observe.prometheus_client import Series

T0 = datetime.fromtimestamp(0, UTC)
LOOK = Look(
    "team-a", "m", "old", "new", T0 + timedelta(minutes=5), T0 + timedelta(minutes=10), T0, namespace_label="namespace"
)
READING = Metric(name="m", errorRate={}).asked[0].reads(Metric(name="m", errorRate={}).asked[1])


def series(server: str, revision: str, namespace: str | None, values: str) -> list[dict[str, str]]:
    """One process' requests and its birth, scraped from a pod of a namespace."""
    place = f',namespace="{namespace}"' if namespace else ""
    whose = f'model_namespace="team-a",model_name="m",server_id="{server}"{place}'
    return [
        {"series": f'serin_requests_total{{{whose},model_revision="{revision}",error="false"}}', "values": values},
        {"series": f"serin_process_start_time_seconds{{{whose}}}", "values": "1x20"},
    ]


def counted(folder, found: list[list[dict[str, str]]], look: Look = LOOK) -> list[Series]:
    """What Prometheus answers to the query of a look, found out by promtool: it prints what it got and was not told to expect."""
    query = questions.promql([(READING.counters[0], None)], look, look.start, look.end, 60)
    test = {
        "interval": "1m",
        "input_series": [one for each in found for one in each],
        "promql_expr_test": [{"expr": query, "eval_time": "15m", "exp_samples": [{"labels": "{}", "value": -1}]}],
    }
    file = folder / "test.yaml"
    file.write_text(yaml.safe_dump({"evaluation_interval": "1m", "tests": [test]}))
    told = promtool("test", "rules", str(file))
    return list(_series(told.stdout + told.stderr))


def _series(text: str):
    """`got:` has each series as `{label="value", …} 1E+00`."""
    for labels, value in re.findall(r"\{([^}]*)\} (\S+?)[,\]\s]", text.partition("got:")[2]):
        yield Series(dict(re.findall(r'(\w+)="([^"]*)"', labels)), float(value), 0.0)


def test_without_a_label_to_ask_for_every_series_is_asked_for() -> None:
    everywhere = Look("team-a", "m", "old", "new", LOOK.start, LOOK.end, T0)
    query = questions.promql([(READING.counters[0], None)], everywhere, LOOK.start, LOOK.end, 60)
    assert "team-a" in query
    assert ",namespace" not in query


def test_series_from_elsewhere_alone_are_named_with_the_way_out() -> None:
    claims = Series({"at": "elsewhere", "namespace": "team-b"}, 1.0, 0.0)
    sample = samples.sample_of(READING, [[claims]], LOOK)
    assert isinstance(sample, NoData)
    assert "from pods of namespace team-b only (label namespace)" in sample.why
    assert "prometheus.namespaceLabel" in sample.why


@pytest.mark.slow
@pytest.mark.parametrize(
    "place", [pytest.param("team-a", id="told by discovery"), pytest.param(None, id="told by nobody")]
)
def test_what_another_namespace_exports_in_the_models_name_is_not_counted(place, tmp_path) -> None:
    honest = [series("a", "old", place, "0+10x20"), series("b", "new", place, "0+1x20")]
    forged = [series("c", "new", "team-b", "0+1000x20"), series("b", "new", "team-b", "0+1000x20")]
    answered = questions.answers(counted(tmp_path, [*honest, *forged]), 1)
    assert samples.sample_of(READING, answered, LOOK) == Value(Proportions((Stratum(Arm(0, 5), Arm(0, 50)),)))


@pytest.mark.slow
def test_two_prometheis_that_scrape_the_same_pods_count_once(tmp_path) -> None:
    pair = []
    for replica, values in (("x", "0+10x20"), ("y", "0+10x8 _ 100+10x10")):
        for server, revision in (("a", "old"), ("b", "new")):
            told = series(server, revision, "team-a", values)
            pair.append([{**one, "series": one["series"].replace("}", f',replica="{replica}"}}')} for one in told])
    answered = questions.answers(counted(tmp_path, pair), 1)
    assert samples.sample_of(READING, answered, LOOK) == Value(Proportions((Stratum(Arm(0, 50), Arm(0, 50)),)))
