"""Rules name what exists, each alert has a page that helps, and the chart's file is the one for plain Prometheus."""

import re
from pathlib import Path

import pytest
import yaml
from tests.unit.monitoring.known import known, mistakes

from generate.monitoring.alerts import ALERTS
from generate.monitoring.pages import every_alert, rules
from generate.monitoring.recordings import BUDGET_EXPR, RECORDINGS
from generate.monitoring.rules import RUNBOOKS

ROOT = Path(__file__).parents[3]
PAGES = ROOT / "docs/runbooks"
EVERY = [rule for group in (*RECORDINGS, *ALERTS) for rule in group.rules]


@pytest.fixture(scope="module")
def labels():
    return known()


@pytest.mark.parametrize("rule", EVERY, ids=lambda rule: getattr(rule, "record", None) or rule.name)
def test_a_rule_asks_only_for_metrics_and_labels_that_exist(rule, labels):
    assert list(mistakes(rule.expr, labels)) == []


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("rate(serin_request_total[5m])", "serin_request_total does not exist"),
        ('serin_requests_total{status="200"}', "serin_requests_total has no label status"),
        ("sum by (model) (serin_requests_total)", "nothing has a label model"),
        ('serin_operator_watch_up{verb="get"}', "serin_operator_watch_up has no label verb"),
    ],
)
def test_a_name_or_label_that_does_not_exist_is_found(query, said, labels):
    assert list(mistakes(query, labels)) == [said]


@pytest.mark.parametrize("alert", every_alert(), ids=lambda alert: alert.name)
def test_an_alert_has_a_page_that_says_what_it_means_where_to_look_and_what_to_do(alert):
    page = (PAGES / f"{alert.name}.md").read_text()
    assert page.startswith(f"# {alert.name}\n\n`{alert.severity}`")
    assert re.findall(r"^## (.*)$", page, re.MULTILINE) == ["What it means", "Look first", "Make it right"]
    assert re.search(r"^kubectl ", page, re.MULTILINE)


def test_no_page_speaks_of_an_alert_that_does_not_exist():
    assert {page.stem for page in PAGES.glob("Serin*.md")} == {alert.name for alert in every_alert()}


def test_what_the_chart_replaces_stands_in_the_file_and_in_its_template():
    template = (ROOT / "charts/serin/templates/alerts.yaml").read_text()
    values = yaml.safe_load((ROOT / "charts/serin/values.yaml").read_text())["alerts"]
    assert rules().count(BUDGET_EXPR) == 1
    assert f'"{BUDGET_EXPR}"' in template
    assert f'"{RUNBOOKS}"' in template
    assert f"vector({values['errorBudget']})" == BUDGET_EXPR
    assert values["runbooks"] == RUNBOOKS
