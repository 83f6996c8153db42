"""Every command of `kubectl serin` against pods, Prometheus and an operator as the quickstart has them, read as programs read it."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from tests.cluster.operator.test_kubectl_serin import ran
from tests.support.serin import Space
from tests.unit.kubectl_serin.schemas import SCHEMAS

pytestmark = pytest.mark.e2e

LONG: dict[str, Any] = {
    "steps": [{"weight": 50, "holdSeconds": 3600}, {"weight": 75, "holdSeconds": 3600}],
    "bakeSeconds": 1,
    "progressDeadlineSeconds": 120,
}
ERRORS = {"analysis": {"intervalSeconds": 5, "metrics": [{"name": "errors", "errorRate": {}}]}}


class Person:
    """Somebody with a terminal; `-o json` of each command is checked as it comes."""

    def __init__(self, space: Space) -> None:
        self._space = space

    def reads(self, command: str, *arguments: str, schema: str = "", code: int = 0) -> Any:
        where = () if command in {"lint", "simulate"} else ("-n", self._space.namespace)  # those ask no cluster
        done = ran(self._space.kubernetes, command, *arguments, *where, "-o", "json")
        assert done.returncode == code, (command, done)
        told = json.loads(done.stdout)
        if schema:
            jsonschema_rs.validate(SCHEMAS[schema], told)
        return told

    def acts(self, verb: str, *arguments: str) -> Any:
        told = self.reads(verb, self._space.name, *arguments, "--timeout", "120", schema="pause credit-risk")
        assert told["outcome"] in {"Done", "Begun"}, told
        return told

    def sees(self, command: str) -> Any:
        return self.reads(command, self._space.name, schema=f"{command} credit-risk")


def is_holding(space: Space, version: str) -> bool:
    canary = space.status().get("canary") or {}
    return (canary.get("version"), canary.get("phase")) == (version, "Holding")


def test_what_serves_can_be_seen_asked_steered_and_reported(space: Space, tmp_path: Path) -> None:
    person, name = Person(space), space.name
    space.apply("v1", rollout=LONG, **ERRORS)
    space.wait_until_serves("v1")
    space.start_traffic(requests_per_second=20)

    patients = json.loads((space.serin.files / "patients.json").read_text())
    assert person.reads("predict", name)["inputs"][0]["name"] == "features"
    answer = person.reads("predict", name, "-d", json.dumps(patients["features"][:1]))
    assert answer["parameters"]["serin_version"] == "v1"
    told = {"model_version": answer["model_version"], "predicted_at": answer["parameters"]["predicted_at"]}
    (predicted,) = next(each["data"] for each in answer["outputs"] if each["name"] == "label")
    row = {**told, "prediction": predicted, "label": patients["labels"][0]}
    assert person.reads("feedback", name, "-d", json.dumps(row))["accepted"] == 1
    assert person.reads("get", schema="get")["items"][0]["name"] == name
    states = {each["check"]: each["state"] for each in person.reads("doctor", schema="doctor")["items"]}
    assert {states[check] for check in ("cluster", "definition", "operator", "rights", "prometheus")} == {"ok"}

    file = tmp_path / "v2.yaml"
    file.write_text(json.dumps(space.manifest("v2", rollout=LONG, **ERRORS)))
    assert person.reads("lint", str(file), schema="lint")["items"][0]["mistakes"] == []
    person.reads("simulate", str(file), "--world", "rate=20,errors-by=0.2", schema="simulate", code=1)
    space.kubectl("apply", "-f", str(file))
    space.wait_until("a step", lambda: is_holding(space, "v2"))
    assert person.sees("get")["canary"]["version"] == "v2"
    assert person.reads("status", name, schema="status credit-risk", code=3)["outcome"] == "under way"
    for verb in ("pause", "resume", "skip-step"):
        person.acts(verb)
    person.acts("promote", "--wait")
    space.wait_until_serves("v2")
    person.acts("rollback", "v1", "--wait")
    assert person.sees("get")["stable"]["version"] == "v1"
    different = person.reads("diff", name, "v1", "v2", schema="diff credit-risk")["different"]
    assert {"revision", "uri", "sha256"} <= {each["what"] for each in different}
    space.apply("v3", rollout=LONG, **ERRORS)
    space.wait_until("a step", lambda: is_holding(space, "v3"))
    person.acts("abort")
    space.wait_for_outcome("v3", "Aborted")
    assert person.sees("why")["outcome"] == "Aborted"
    person.acts("retry")
    actions = [each["action"].partition("@")[0] for each in person.sees("history")["actions"]]
    assert actions[0] == "retry"

    def requests() -> float:
        rows = person.reads("top", schema="top")["items"]
        return max((each["requests"] or 0.0 for each in rows), default=0.0)

    space.wait_until("Prometheus tells of requests", lambda: requests() > 0)
    page = tmp_path / "report.html"
    done = ran(space.kubernetes, "report", name, "-n", space.namespace, "-o", str(page))
    assert (done.returncode, done.stderr) == (0, "")
    assert "v3" in page.read_text()
