"""Each alert fires when it should, is silent when it should be, and nothing else fires beside it."""

import pytest
from tests.support.promtool import RULES, promtool, tried
from tests.unit.monitoring.cases import FIRING, SILENT, Case, condition

from generate.monitoring.alerts import ALERTS
from generate.monitoring.pages import every_alert
from generate.monitoring.recordings import RECORDINGS

pytestmark = pytest.mark.slow

ORDER = [group.name for group in (*RECORDINGS, *ALERTS)]


def a_test(case: Case, **checks):
    series = {**case.surroundings, **case.series}
    told = [{"series": name, "values": values} for name, values in series.items()]
    return {"interval": case.interval, "input_series": told, **checks}


def firing(case: Case):
    samples = [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in case.fires]
    query = 'count by (alertname) (ALERTS{alertstate="firing"})'
    return a_test(case, promql_expr_test=[{"expr": query, "eval_time": case.at, "exp_samples": samples}])


@pytest.mark.parametrize("case", FIRING.values(), ids=FIRING)
def test_it_fires_when(case, tmp_path):
    assert tried(tmp_path, [firing(case)], ORDER) == ""


@pytest.mark.parametrize("case", SILENT.values(), ids=SILENT)
def test_nothing_fires_when(case, tmp_path):
    assert tried(tmp_path, [firing(case)], ORDER) == ""


def test_every_alert_has_a_case_in_which_it_fires():
    assert {alert.name for alert in every_alert()} == {name for case in FIRING.values() for name in case.fires}


def test_prometheus_takes_the_rules():
    done = promtool("check", "rules", "--lint=all", "--lint-fatal", str(RULES))
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_alert_tells_whose_it_is_the_reason_in_status_where_to_begin_and_its_runbook(tmp_path):
    case = Case(condition("Stalled", "AnalysisFailed"), "6m")
    alert = {
        "exp_labels": {"severity": "warning", "model_namespace": "scoring", "model_name": "credit"},
        "exp_annotations": {
            "summary": "scoring/credit: nothing moves until a person acts",
            "description": "Reason: AnalysisFailed. The version before serves on. Begin with: kubectl serin why credit -n scoring",
            "runbook_url": "https://github.com/serin-dev/serin/blob/main/docs/runbooks/SerinRolloutStalled.md",
        },
    }
    check = {"alertname": "SerinRolloutStalled", "eval_time": case.at, "exp_alerts": [alert]}
    assert tried(tmp_path, [a_test(case, alert_rule_test=[check])], ORDER) == ""
