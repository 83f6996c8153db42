"""Dashboards ask for what exists, every panel says what to do, and Grafana finds each where it can be drawn."""

import json
from pathlib import Path

import pytest
from tests.support.promtool import tried
from tests.unit.monitoring.known import known, mistakes
from tests.unit.monitoring.test_alerts import ORDER
from tests.unit.monitoring.world import WORLD

from generate.monitoring.dashboards.fleet import FLEET
from generate.monitoring.dashboards.model import ONE_MODEL
from generate.monitoring.dashboards.panels import Kind, as_json
from generate.monitoring.pages import DASHBOARDS

PANELS = {f"{board.uid}: {panel.title}": panel for board in DASHBOARDS for panel in board.panels}
QUERIES = {f"{name} {n}": query.expr for name, panel in PANELS.items() for n, query in enumerate(panel.queries)}
UNITS = {"short", "percent", "percentunit", "reqps", "ops", "s", "bytes"}
CHOSEN = {"$__rate_interval": "5m", "$namespace": "scoring", "$model": "credit"}
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def labels():
    return known()


def as_asked(query):
    """With what people have chosen above the panels."""
    for variable, value in CHOSEN.items():
        query = query.replace(variable, value)
    return query


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_a_panel_asks_only_for_metrics_and_labels_that_exist(query, labels):
    assert "$" not in as_asked(query)
    assert list(mistakes(as_asked(query), labels)) == []


@pytest.mark.parametrize("panel", PANELS.values(), ids=PANELS)
def test_a_panel_says_in_a_sentence_or_two_what_it_shows_and_what_to_do(panel):
    assert 60 <= len(panel.says) <= 260
    assert panel.says.count(". ") + panel.says.count(": ") >= 1
    assert panel.says.endswith(".")
    assert panel.unit in UNITS
    assert (panel.columns is not None) == (panel.kind is Kind.TABLE)


@pytest.mark.parametrize("panel", [p for p in PANELS.values() if p.columns], ids=lambda panel: panel.title)
def test_a_table_shows_labels_that_its_metric_has(panel, labels):
    (query,) = panel.queries
    assert set(panel.columns) - {"Value"} <= labels[query.expr.partition("{")[0]]


@pytest.mark.parametrize("board", DASHBOARDS, ids=lambda board: board.uid)
def test_panels_lie_side_by_side_in_24_columns_and_none_covers_another(board):
    made = json.loads(as_json(board))
    taken = set()
    for panel in made["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert all(x < 24 for x, _ in cells), panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in made["panels"]}) == len(made["panels"])
    titles = [panel["title"] for panel in made["panels"]]
    assert len(titles) == len(set(titles))


@pytest.mark.parametrize("board", DASHBOARDS, ids=lambda board: board.uid)
def test_the_source_of_data_is_chosen_above_the_panels_and_named_in_none(board):
    made = json.loads(as_json(board))
    assert made["templating"]["list"][0]["type"] == "datasource"
    panels = [panel for panel in made["panels"] if panel["type"] != "row"]
    sources = [each["datasource"] for panel in panels for each in (panel, *panel["targets"])]
    assert all(source == {"type": "prometheus", "uid": "${datasource}"} for source in sources)


def test_a_click_in_the_fleet_opens_the_model_with_its_variables():
    links = {panel.link for panel in FLEET.panels if panel.link}
    namespace, model = ONE_MODEL.variables
    chosen = f"var-{namespace.name}=${{__data.fields.namespace}}&var-{model.name}=${{__data.fields.model}}"
    assert links == {f"/d/{ONE_MODEL.uid}?{chosen}"}
    renamed = {name for panel in FLEET.panels if panel.link for name in panel.columns.values()}
    assert {"namespace", "model"} <= renamed


@pytest.mark.slow
def test_prometheus_reads_every_query_and_finds_something_while_a_model_is_rolled_out(tmp_path):
    checks = [
        {
            "expr": f"count({as_asked(query)}) > bool 0",
            "eval_time": "110m",
            "exp_samples": [{"labels": "{}", "value": 1}],
        }
        for query in QUERIES.values()
    ]
    series = [{"series": name, "values": values} for name, values in WORLD.items()]
    assert tried(tmp_path, [{"interval": "1m", "input_series": series, "promql_expr_test": checks}], ORDER) == ""
