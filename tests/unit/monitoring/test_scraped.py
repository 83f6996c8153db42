"""A real Prometheus scrapes what servers and operator really tell, computes the chart's rules, and answers every dashboard."""

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
import yaml
from tests.support.ports import free_port
from tests.support.promtool import RULES
from tests.unit.monitoring.known import collector, operator, server
from tests.unit.monitoring.test_dashboards import QUERIES

from generate.monitoring.pages import every_alert, every_recording
from localkube.binaries.bundles import prometheus
from localkube.binaries.find import programs_folder
from localkube.reporting import Quiet

pytestmark = pytest.mark.slow

PATIENCE_SECONDS = 120
OBJECT = {
    "spec": {"analysis": {"intervalSeconds": 5}},
    "status": {
        "conditions": [
            {"type": "Available", "status": "True", "reason": "Serving"},
            {"type": "Degraded", "status": "True", "reason": "PodsNotReady"},
        ],
        "stable": {"version": "x", "revision": "x", "weight": 75},
        "canary": {
            "version": "y", "revision": "y", "weight": 25, "phase": "Holding", "lastLookAt": "2026-11-20T12:00:00Z",
            "analysis": [{"metric": "e", "verdict": "Pass", "reason": "NoEvidenceAgainst", "evidencePercent": 3}],
        },
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def targets() -> Iterator[int]:
    """The expositions behind one port."""
    serving, acting, collecting = server(), operator(), collector()
    acting.fleet.see("x", "x", OBJECT)
    acting.count_request("GET", "200")
    for counter in (acting.reconciles, acting.prometheus_queries):
        counter.labels("success").inc()
    told = {"/server": serving.exposition, "/operator": acting.exposition, "/collector": collecting.exposition}

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            with suppress(ConnectionError):  # a scrape that is over before it was answered
                self.wfile.write(told[self.path]())

        def log_message(self, *_arguments):
            """Says nothing."""

    pages = ThreadingHTTPServer(("127.0.0.1", free_port()), Pages)
    threading.Thread(target=pages.serve_forever, daemon=True).start()
    yield pages.server_address[1]
    pages.shutdown()
    pages.server_close()


@pytest.fixture(scope="module")
def ask(targets, tmp_path_factory):
    """Asks its API; every rule is computed each second."""
    folder = tmp_path_factory.mktemp("prometheus")
    rules = yaml.safe_load(RULES.read_text())
    for group in rules["groups"]:
        group["interval"] = "1s"
    (folder / "rules.yaml").write_text(yaml.safe_dump(rules))
    jobs = [
        {
            "job_name": path,
            "metrics_path": f"/{path}",
            "static_configs": [{"targets": [f"127.0.0.1:{targets}"], "labels": {"namespace": "serin", "pod": path}}],
        }
        for path in ("server", "operator", "collector")
    ]
    configuration = {"global": {"scrape_interval": "2s", "scrape_timeout": "2s"}, "scrape_configs": jobs}
    (folder / "prometheus.yml").write_text(
        yaml.safe_dump({**configuration, "rule_files": [str(folder / "rules.yaml")]})
    )
    program, port = programs_folder(prometheus(), ["prometheus"], Quiet()) / "prometheus", free_port()
    command = [
        str(program),
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(command, stdout=log, stderr=log) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1") as client,
    ):
        try:
            yield (
                lambda path, **parameters: (
                    client.get(path, params=parameters, timeout=30).raise_for_status().json()["data"]
                )
            )
        finally:
            process.terminate()


def until(answer, holds):
    """What a question gives once it is as it should be; Prometheus starts and scrapes meanwhile."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            found = answer()
        except httpx.HTTPError:
            found = None
        if found is not None and holds(found):
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.5)


def instant(ask, query):
    return ask("/query", query=query)["result"]


def test_every_rule_is_computed_without_an_error_and_records_something(ask):
    found = until(
        lambda: [rule for group in ask("/rules")["groups"] for rule in group["rules"]],
        lambda rules: rules and all(rule["health"] == "ok" for rule in rules),
    )
    assert {rule["name"] for rule in found} == {r.record for r in every_recording()} | {a.name for a in every_alert()}
    for recording in every_recording():
        until(lambda name=recording.record: instant(ask, name), bool)


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_every_panel_is_answered(ask, query):
    chosen = {"$__rate_interval": "1m", "$namespace": "x", "$model": "x"}
    for variable, value in chosen.items():
        query = query.replace(variable, value)
    is_about_trouble = query.endswith("> 0")
    until(lambda: instant(ask, query), lambda found: is_about_trouble or found)


def test_what_the_operator_says_of_a_namespace_is_told_apart_from_where_it_runs(ask):
    (series, *_) = until(lambda: instant(ask, "serin_operator_model_phase"), bool)
    assert (series["metric"]["model_namespace"], series["metric"]["namespace"]) == ("x", "serin")
