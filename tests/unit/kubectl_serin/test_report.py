"""The report says what was decided and why, what clients see of the new version, and draws what Prometheus knows."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html.parser import HTMLParser

from kubectl_serin.prometheus import Series
from kubectl_serin.reading import Model
from kubectl_serin.report.html import table
from kubectl_serin.report.page import page_of
from kubectl_serin.report.series import PICTURES, plots_of

NOW = datetime(2026, 11, 27, 12, 30, tzinfo=UTC)
TENSOR = {"name": "features", "datatype": "FP32", "shape": "[-1,30]"}
SAID = "accuracy: canary 85.0 % right of 261 labels, stable 97.5 % right of 439 labels; evidence 2,152 of 100 needed"


def entry(version, outcome, **more):
    began = {
        "startedAt": "2026-11-27T12:00:00Z",
        "endedAt": "2026-11-27T12:20:00Z",
        "promotedAt": "2026-11-27T12:10:00Z",
    }
    signature = {"inputs": [TENSOR], "outputs": [{"name": "label", "datatype": "INT64", "shape": "[-1]"}]}
    return {
        "version": version,
        "revision": f"{version}-r",
        "outcome": outcome,
        "uri": "s3://m",
        **began,
        "signature": signature,
        **more,
    }


def model(*versions, **status):
    return Model(
        {
            "metadata": {"name": "m", "namespace": "scoring"},
            "spec": {"model": {"version": "v3"}},
            "status": {"versions": list(versions), **status},
        }
    )


def words(page):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.partition("<main>")[2]))


@dataclass
class Told:
    """A Prometheus that has the series it is given, by a word of the query."""

    series: dict[str, list[Series]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def range(self, promql, *_):
        self.asked.append(promql)
        return next((found for word, found in self.series.items() if word in promql), [])


def test_the_last_decision_is_told_with_its_numbers_and_what_they_mean():
    page = words(
        page_of(
            model(entry("v3", "RolledBack", reason="AnalysisFailed", message=SAID), entry("v2", "Promoted")),
            NOW,
            [],
            None,
        )
    )
    assert "v3 was rolled back at 12:20:00 UTC" in page
    assert SAID in page
    assert "2,152 times likelier if it is worse than the margin allows" in page
    assert "AnalysisFailed: " in page


def test_a_rollout_that_goes_on_has_no_decision_yet():
    canary = {"version": "v3", "revision": "v3-r", "weight": 25}
    assert "The last decision" not in page_of(
        model(entry("v3", "InProgress"), entry("v2", "Promoted"), canary=canary), NOW, [], None
    )


def test_what_clients_see_is_told_beside_the_version_that_served_before():
    narrower = {
        "inputs": [{**TENSOR, "shape": "[-1,10]"}],
        "outputs": [{"name": "label", "datatype": "INT64", "shape": "[-1]"}],
    }
    page = words(page_of(model(entry("v3", "Promoted", signature=narrower), entry("v2", "Promoted")), NOW, [], None))
    assert "input features FP32 [-1,30] FP32 [-1,10] differs" in page
    assert "output label INT64 [-1] INT64 [-1] " in page


def test_evidence_is_drawn_against_its_bound_and_what_nobody_measured_is_left_out():
    told = Told({"evidence_percent": [Series({"metric": "accuracy"}, ((1795780800.0, 20.0), (1795781400.0, 120.0)))]})
    drawn = "".join(plots_of(model(entry("v3", "RolledBack")), told, NOW))
    assert "evidence against the new version" in drawn
    assert 'class="bound"' in drawn
    assert "pairs a minute" not in drawn
    assert "requests a second" in drawn, "what every model has is drawn also where nothing was measured"
    assert len(told.asked) == len(PICTURES)
    assert all(
        'model_namespace="scoring"' in promql and "WHERE" not in promql and "WINDOW" not in promql
        for promql in told.asked
    )


def test_labels_are_told_by_version_though_servers_count_them_by_revision():
    told = Told({"60 * sum by (predicted_revision)": [Series({"predicted_revision": "v3-r"}, ((1795780800.0, 20.0),))]})
    drawn = "".join(plots_of(model(entry("v3", "RolledBack")), told, NOW))
    assert ">v3<" in drawn


def test_every_element_is_closed():
    class Closed(HTMLParser):
        def __init__(self):
            super().__init__()
            self.open = []

        def handle_starttag(self, tag, attrs):
            self.open += [tag] if tag not in {"meta", "input", "br"} else []

        def handle_endtag(self, tag):
            assert self.open.pop() == tag

    seen = Closed()
    told = Told({"evidence_percent": [Series({"metric": "a"}, ((1795780800.0, 20.0),))]})
    one = model(entry("v3", "RolledBack", message=SAID), entry("v2", "Promoted"))
    seen.feed(page_of(one, NOW, plots_of(one, told, NOW), None))
    assert seen.open == []


def test_addresses_are_shown_without_what_may_open_them():
    told = page_of(model(entry("v2", "Promoted", uri="https://me:hunter2@models/m.onnx?sig=hunter3")), NOW, (), None)
    assert "https://…@models/m.onnx?…" in told
    assert "hunter" not in told


def test_a_table_that_scrolls_is_reached_by_keyboard():
    assert 'class="wide" tabindex="0"' in table(["a"], [["b"]])
