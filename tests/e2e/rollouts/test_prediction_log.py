"""What real pods answered and heard of it lies in the store, though their collector was killed in between."""

import itertools
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
import pytest
from tests.support.claims import a_claim, forget_claim
from tests.support.kubernetes import ROOT
from tests.support.serin import Space, kill_container

from localkube.images.build import build_image
from localkube.reporting import ToTerminal

pytestmark = pytest.mark.e2e

REQUESTS = 200
COLLECTOR = "serin.dev/collector=model"


@pytest.fixture
def logging(space: Space, tmp_path: Path) -> Iterator[Space]:
    """A ModelDeployment that keeps all of its predictions on a claim; its collector's image is built where there is none."""
    a_claim(space, tmp_path)
    assert space.kubernetes.local is not None
    space.kubernetes.local.load_image(build_image("collector", ROOT, ToTerminal()))
    log = {"sample": 1, "store": "pvc://kept/log", "retentionDays": 30, "credentials": {"secretName": "opens"}}
    space.apply("v1", predictionLog=log, serving={"feedback": {"signing": "Managed"}})
    yield space
    forget_claim(space)


class Client:
    """Asks about patients, and tells what was true of them."""

    def __init__(self, space: Space) -> None:
        self._patients = json.loads((space.serin.files / "patients.json").read_text())
        address = space.kubectl("get", "service", space.name, "-o", "jsonpath={.spec.clusterIP}")
        self._model = f"http://{address}/v2/models/{space.name}"
        self.told: dict[str, int] = {}
        """Labels by the id of their request."""

    def ask(self, number: int) -> None:
        """One request, and the label of its answer."""
        row, label = self._patients["features"][number], self._patients["labels"][number]
        features = {"name": "features", "datatype": "FP32", "shape": [1, len(row)], "data": row}
        answer = self._post("infer", {"id": f"request-{number}", "inputs": [features]})
        self._post("feedback", {"token": answer["parameters"]["feedback_token"], "label": label})
        self.told[f"request-{number}"] = label

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        request = urllib.request.Request(f"{self._model}/{path}", data=json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=10) as answer:
            return dict(json.loads(answer.read()))


def the_collector(space: Space) -> dict[str, Any]:
    """Its pod."""
    (pod,) = space.kubernetes.get("pods", "-n", space.namespace, "-l", COLLECTOR)["items"]
    return dict(pod)


def outcomes(space: Space) -> dict[str, int]:
    """What became of the sample, by all servers together."""
    found: dict[str, int] = {}
    for pod in space.pods():
        path = f"/api/v1/namespaces/{space.namespace}/pods/{pod['metadata']['name']}:8082/proxy/metrics"
        for line in space.kubernetes.kubectl("get", "--raw", path).splitlines():
            if line.startswith("serin_prediction_log_records_total{"):
                outcome = line.partition('outcome="')[2].partition('"')[0]
                found[outcome] = found.get(outcome, 0) + int(float(line.rpartition(" ")[2]))
    return found


def rows(folder: Path, table: str) -> list[dict[str, Any]]:
    """All rows of a table, as its readers find them."""
    return list(ds.dataset(folder / table, partitioning="hive").to_table().to_pylist())


def test_what_was_acknowledged_is_in_the_store_with_its_labels_though_the_collector_was_killed(
    logging: Space, tmp_path: Path
) -> None:
    lacks = "Secret opens does not exist"
    logging.wait_until("what is missing is told", lambda: lacks in logging.condition("Degraded")["message"])
    assert logging.condition("Degraded")["reason"] == "PredictionsNotKept"
    logging.wait_until_serves("v1")
    logging.kubectl("create", "secret", "generic", "opens", "--from-literal=unused=")
    logging.wait_until("the collector runs", lambda: logging.condition("Degraded")["status"] == "False")
    client, numbers = Client(logging), iter(range(REQUESTS))
    for number in itertools.islice(numbers, REQUESTS // 2):
        client.ask(number)
    logging.wait_until("the collector has some", lambda: outcomes(logging).get("acknowledged", 0) > 0, 30)
    killed = the_collector(logging)["status"]["containerStatuses"][0]
    kill_container(logging.kubernetes, killed["containerID"].rpartition("/")[2])
    for number in numbers:
        client.ask(number)
    logging.wait_until("all is acknowledged", lambda: outcomes(logging).get("acknowledged") == 2 * REQUESTS, 60)
    assert sum(outcomes(logging).values()) == 2 * REQUESTS, "nothing was dropped"
    assert the_collector(logging)["status"]["containerStatuses"][0]["restartCount"] == 1

    logging.kubectl("delete", "pod", "-l", COLLECTOR, "--wait=true", "--timeout=120s")  # writes what waits, and goes
    folder = tmp_path / "log" / logging.namespace / "model"
    predictions = {(row["prediction_id"], row["row"]): row for row in rows(folder, "predictions")}
    labels = {(row["prediction_id"], row["row"]): row["label"] for row in rows(folder, "labels")}
    assert {row["request_id"]: int(labels[key]) for key, row in predictions.items()} == client.told
    assert {row["serin_version"] for row in predictions.values()} == {"v1"}
    assert len({row["server_id"] for row in predictions.values()}) == 2, "of both pods"
    assert logging.condition("Ready")["status"] == "True"
