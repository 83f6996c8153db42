"""From ModelDeployments at a real API server to a store that is swept: what the chart's CronJob does."""

import asyncio
import json
from pathlib import Path

import pytest
import yaml
from tests.support.kubernetes import Kubernetes

from serin_operator.runtime.ledgers import main
from serin_server.cli import main as server

pytestmark = pytest.mark.cluster
USED, UNNAMED = "a" * 64, "b" * 64


@pytest.fixture
def as_administrator(kubernetes: Kubernetes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", kubernetes.kubeconfig)


def listed(*arguments: str) -> int:
    """Runs it as a process would, where no loop runs."""
    return asyncio.run(asyncio.to_thread(main, arguments))


def test_what_a_ledger_names_stays_and_the_rest_is_swept(
    kubernetes: Kubernetes, namespace: str, as_administrator: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mdep = {
        "apiVersion": "serin.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": "credit"},
        "spec": {"model": {"version": "v1", "uri": "pvc://models/credit", "sha256": USED}},
    }
    kubernetes.kubectl("apply", "-n", namespace, "-f", "-", text=yaml.safe_dump(mdep))
    file = tmp_path / "in-use.json"
    assert listed(str(file), namespace) == 0
    assert json.loads(file.read_text()) == {"digests": [USED]}
    for digest in (USED, UNNAMED):
        (tmp_path / "store/sha256" / digest).mkdir(parents=True)
        (tmp_path / "store/sha256" / digest / "manifest.json").write_text("{}")
    asked = ("sweep", "--store", f"file://{tmp_path}/store", "--sweep-in-use", str(file))
    assert server(asked) == 0
    assert "2 models, 1 in use, 1 younger than 168 h, 0 of" in capsys.readouterr().out
    assert listed(str(tmp_path / "none" / "list"), namespace) == 1
