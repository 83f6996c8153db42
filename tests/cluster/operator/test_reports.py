"""Reports are kept of what ends before a real API server, with the rights of the chart and no others; in a bucket and beside the model."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from tests.support import stores
from tests.support.kubernetes import Kubernetes
from tests.support.ports import free_port

pytestmark = pytest.mark.cluster

CHART = Path(__file__).parents[3] / "charts/serin"
STARTED = "2026-11-27T12:00:00Z"


class Reporter:
    """A running serin-reporter."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process = process
        self.log = log
        self._port = port

    def metric(self, series: str) -> float:
        lines = httpx.get(f"http://127.0.0.1:{self._port}/metrics").text.splitlines()
        return next((float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(f"{series} ")), 0.0)

    def is_up(self) -> bool:
        try:
            return self.metric('serin_reports_watch_up{namespace="reports"}') == 1.0
        except httpx.TransportError:
            return False


@pytest.fixture(scope="module")
def team(kubernetes: Kubernetes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A namespace with a model, and a service account with what the chart gives who keeps reports in ConfigMaps."""
    kubernetes.kubectl("create", "namespace", "reports")
    values = {"namespaces": ["reports"], "report": {"store": "ConfigMap"}, "rbac": {"skipMissingNamespaces": False}}
    rendered = kubernetes.run(
        "helm", "template", "serin", str(CHART), "-n", "reports", "-s", "templates/report.yaml", "--values", "-",
        text=yaml.safe_dump(values),
    ).stdout  # fmt: skip
    rights = [each for each in yaml.safe_load_all(rendered) if each and each["kind"] != "Deployment"]
    kubernetes.apply(*rights)
    folder = tmp_path_factory.mktemp("reports")
    (cluster,) = yaml.safe_load(Path(kubernetes.kubeconfig).read_text())["clusters"]
    (folder / "ca.crt").write_bytes(base64.b64decode(cluster["cluster"]["certificate-authority-data"]))
    (folder / "token").write_text(kubernetes.kubectl("create", "token", "serin-reports", "-n", "reports").strip())
    yield {
        "SERIN_REPORTS_API": cluster["cluster"]["server"],
        "SERIN_REPORTS_API_CA": str(folder / "ca.crt"),
        "SERIN_REPORTS_TOKEN_FILE": str(folder / "token"),
        "SERIN_REPORTS_NAMESPACES": "reports",
        "SERIN_REPORTS_SETTLE_SECONDS": "0",
    }
    kubernetes.kubectl("delete", "namespace", "reports", "--wait=false")


@contextmanager
def reporting(team: dict[str, str], log: Path, store: str, **more: str) -> Iterator[Reporter]:
    port = free_port()
    environment = {**os.environ, **team, "SERIN_REPORTS_PORT": str(port), "SERIN_REPORTS_STORE": store, **more}
    with log.open("ab") as out:
        process = subprocess.Popen(
            [Path(sys.executable).parent / "serin-reporter"], env=environment, stdout=out, stderr=out
        )
    try:
        yield Reporter(process, port, log)
    finally:
        if process.poll() is None:
            process.terminate()
            assert process.wait(15) == 0, log.read_text()


def a_model(kubernetes: Kubernetes, name: str) -> None:
    spec = {"replicas": 1, "model": {"version": "v2", "uri": "file:///models/v2.onnx"}}
    metadata = {"name": name, "namespace": "reports"}
    kubernetes.apply(
        {"apiVersion": "serin.dev/v1alpha1", "kind": "ModelDeployment", "metadata": metadata, "spec": spec}
    )


def said(kubernetes: Kubernetes, name: str, **status: Any) -> None:
    """What an operator writes."""
    patch = json.dumps({"status": status})
    where = ("-n", "reports", "--subresource=status", "--type=merge")
    kubernetes.kubectl("patch", "mdep", name, *where, "-p", patch)


def stamp() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


def entry(outcome: str, **more: Any) -> dict[str, Any]:
    entry = {"version": "v2", "revision": "0123456789", "uri": "file:///models/v2.onnx", "startedAt": STARTED}
    return {**entry, "outcome": outcome, **more}


def rolled_back() -> dict[str, Any]:
    return entry("RolledBack", reason="AnalysisFailed", message="evidence 2,152 of 100 needed", endedAt=stamp())


LEANS = {"metric": "errors", "verdict": "Inconclusive", "reason": "Leaning", "message": "evidence 12 of 100 needed"}
CANARY = {
    "version": "v2", "revision": "0123456789", "kind": "Canary", "phase": "Holding", "weight": 25, "readyReplicas": 1,
    "replicas": 1, "startedAt": STARTED, "attempt": 0, "observed": {"at": STARTED}, "analysis": [LEANS],
}  # fmt: skip


def test_an_end_is_summed_up_once_beside_the_model_that_owns_it(
    kubernetes: Kubernetes, team: dict[str, str], tmp_path: Path
) -> None:
    a_model(kubernetes, "beside")
    with reporting(team, tmp_path / "log", "ConfigMap") as reporter:
        kubernetes.wait_for("models to be seen", reporter.is_up)
        said(kubernetes, "beside", versions=[entry("InProgress")], canary=CANARY)
        ended = rolled_back()
        said(kubernetes, "beside", versions=[ended], canary=None)
        kubernetes.wait_for("a report", lambda: reporter.metric('serin_reports_total{result="written"}') == 1.0)
    found = kubernetes.get("configmap", "beside-reports", "-n", "reports")
    ((key, text),) = found["data"].items()
    assert key.startswith("v2-0123456789-")
    told = json.loads(text)
    assert (told["outcome"], told["message"], told["endedAt"]) == ("RolledBack", ended["message"], ended["endedAt"])
    assert told["lastSeen"]["weight"] == 25
    assert told["lastSeen"]["metrics"] == [LEANS]
    assert found["metadata"]["ownerReferences"][0]["name"] == "beside"
    with reporting(team, tmp_path / "log", "ConfigMap") as again:
        kubernetes.wait_for(
            "it to be known", lambda: again.is_up() and again.metric('serin_reports_total{result="there"}')
        )


def test_pages_lie_in_a_bucket_also_when_it_was_away_and_the_process_was_killed(
    kubernetes: Kubernetes, team: dict[str, str], tmp_path: Path
) -> None:
    a_model(kubernetes, "kept")
    said(kubernetes, "kept", versions=[rolled_back()])
    with stores.s3(tmp_path) as variables:
        buckets = tmp_path / "buckets"
        with reporting(team, tmp_path / "log", "s3://reports/eu-1", **variables) as reporter:
            kubernetes.wait_for(
                "a failure", lambda: reporter.is_up() and reporter.metric("serin_reports_failures_total")
            )
            reporter.process.kill()
            reporter.process.wait(10)
        assert "there is no such bucket" in (tmp_path / "log").read_text()
        (buckets / "reports").mkdir()
        kept = buckets / "reports/eu-1/reports/kept"
        with reporting(team, tmp_path / "log", "s3://reports/eu-1", **variables):
            (summary,) = kubernetes.wait_for("a report", lambda: list(kept.glob("*.json")))
        (page,) = kept.glob("*.html")
        assert summary.stem == page.stem
        assert json.loads(summary.read_text())["message"] == "evidence 2,152 of 100 needed"
        assert "v2: RolledBack. evidence 2,152 of 100 needed" in page.read_text()
        assert stores.SECRET_KEY not in (tmp_path / "log").read_text()
