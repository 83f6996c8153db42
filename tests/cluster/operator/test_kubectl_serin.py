"""`kubectl serin` as people run it: the program itself, kubectl, and a real API server, in good days and bad ones."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml
from tests.support.kubernetes import Kubernetes
from tests.unit.kubectl_serin.schemas import SCHEMAS

pytestmark = pytest.mark.cluster

Ran = subprocess.CompletedProcess[str]
Serin = Callable[..., Ran]


def a_version(namespace: str, version: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "serin.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": "credit-risk", "namespace": namespace},
        "spec": {
            "replicas": 1,
            "model": {"version": version, "uri": f"file:///models/{version}.onnx"},
            "rollout": {"strategy": "Immediate", "bakeSeconds": 0},
            **spec,
        },
    }


def ran(kubernetes: Kubernetes, *arguments: str) -> Ran:
    """`kubectl serin …`, found by kubectl itself as its plugin."""
    path = f"{Path(sys.executable).parent}:{kubernetes.environment['PATH']}"
    environment = {**kubernetes.environment, "PATH": path}
    return subprocess.run(
        ["kubectl", "serin", *arguments], env=environment, text=True, capture_output=True, check=False
    )


@pytest.fixture
def serin(kubernetes: Kubernetes, namespace: str) -> Serin:
    return lambda *arguments: ran(kubernetes, *arguments, "-n", namespace)


@pytest.fixture
def two_versions(kubernetes: Kubernetes, kubelet: None, namespace: str, start_operator: Any, serin: Serin) -> None:
    """v1 served, and v2 serves."""
    start_operator()
    for version in ("v1", "v2"):
        kubernetes.apply(a_version(namespace, version))
        done = serin("status", "credit-risk", "--wait", "--timeout", "180")
        assert (done.returncode, f"{version} serves" in done.stdout) == (0, True), done


def document(done: Ran, command: str) -> Any:
    told = json.loads(done.stdout)
    jsonschema_rs.validate(SCHEMAS[command], told)
    return told


def test_the_five_questions_of_the_night_are_answered(
    kubernetes: Kubernetes, namespace: str, two_versions: None, serin: Serin, tmp_path: Path
) -> None:
    # what serves?
    assert "serves v2" in serin("get", "credit-risk").stdout
    # a version that cannot be: why was it refused?
    kubernetes.apply(a_version(namespace, "v3", model={"version": "v3", "uri": "file:///models/missing"}))
    refused = serin("status", "credit-risk", "--wait", "--timeout", "180")
    assert (refused.returncode, "v3 stalled" in refused.stdout) == (1, True)
    why = serin("why", "credit-risk", "v3").stdout
    assert "v3 was refused before it got a pod" in why
    assert "SourceNotFound" in why
    # what does it wait for?
    assert "stands because of" in serin("get", "credit-risk").stdout
    # go back to v1
    back = serin("rollback", "credit-risk", "v1", "--wait", "--timeout", "180")
    assert (back.returncode, "Done" in back.stdout) == (0, True), back
    assert "serves v1" in serin("get", "credit-risk").stdout
    assert "kubectl-serin" in serin("history", "credit-risk").stdout
    # what would this file do?
    file = tmp_path / "v4.yaml"
    file.write_text(yaml.safe_dump(a_version(namespace, "v4")))
    assert "all requests as soon as its pods are ready" in ran(kubernetes, "lint", str(file)).stdout


def test_each_command_that_sees_says_to_programs_what_was_promised(
    kubernetes: Kubernetes, two_versions: None, serin: Serin
) -> None:
    for command in ("get", "get credit-risk", "status credit-risk", "why credit-risk", "history credit-risk", "doctor"):
        document(serin(*command.split(), "-o", "json"), command)
    different = document(serin("diff", "credit-risk", "v1", "v2", "-o", "json"), "diff credit-risk")["different"]
    assert {"revision", "uri", "sha256"} <= {one["what"] for one in different}
    assert {each["check"]: each["state"] for each in document(serin("doctor", "-o", "json"), "doctor")["items"]} == {
        "cluster": "ok",
        "definition": "ok",
        "operator": "bad",
        "rights": "ok",
        "namespace": "ok",
        "gateway": "note",
        "prometheus": "note",
    }


@pytest.mark.parametrize("verb", ["promote", "skip-step", "pause", "resume", "abort", "retry"])
def test_each_verb_is_heard_by_a_real_operator_which_says_what_came_of_it(
    kubernetes: Kubernetes, kubelet: None, namespace: str, start_operator: Any, serin: Serin, verb: str
) -> None:
    start_operator()
    steps = {"steps": [{"weight": 50, "holdSeconds": 3600}, {"weight": 60, "holdSeconds": 3600}], "bakeSeconds": 0}
    kubernetes.apply(a_version(namespace, "v1", rollout=steps))
    assert serin("status", "credit-risk", "--wait", "--timeout", "180").returncode == 0
    kubernetes.apply(a_version(namespace, "v2", rollout=steps))
    kubernetes.wait_for("a step", lambda: "Holding" in serin("get", "credit-risk").stdout, seconds=120)
    done = serin(verb, "credit-risk", "--timeout", "120", "-o", "json")
    told = document(done, "pause credit-risk")
    assert told["action"].startswith(f"{verb}@")
    assert told["by"] == "kubectl-serin"
    expected = {"resume": ("Ignored", 1)}.get(verb)
    assert (told["outcome"], done.returncode) == expected if expected else done.returncode == 0, told


@pytest.fixture
def without_rights(kubernetes: Kubernetes, namespace: str) -> Serin:
    """A person whom nobody has given anything."""
    return lambda *arguments: ran(kubernetes, *arguments, "-n", namespace, "--as", "ada")


COMMANDS = (
    "get", "get credit-risk", "status credit-risk", "why credit-risk", "history credit-risk", "diff credit-risk",
    "promote credit-risk", "rollback credit-risk", "rollback credit-risk v1", "predict credit-risk",
    "feedback credit-risk -d []", "report credit-risk", "top",
    "skip-step credit-risk", "pause credit-risk", "resume credit-risk", "abort credit-risk", "retry credit-risk",
)  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_without_rights_a_sentence_names_the_way_out(without_rights: Serin, command: str) -> None:
    done = without_rights(*command.split())
    assert done.returncode == 5
    assert "you may not" in done.stderr
    assert "role view" in done.stderr
    assert done.stdout == ""


def test_without_rights_the_doctor_says_what_may_not_be_seen(without_rights: Serin) -> None:
    told = json.loads(without_rights("doctor", "-o", "json").stdout)["items"]
    assert "unknown" in {each["state"] for each in told}
    assert any("you may not see" in each["says"] for each in told)


@pytest.mark.parametrize("command", [each for each in COMMANDS if each not in {"get", "top"}])
def test_what_is_not_there_is_said_to_be_not_there(serin: Serin, command: str) -> None:
    done = serin(*command.split())
    assert done.returncode == 4
    assert "credit-risk" in done.stderr
    assert "kubectl serin get -A" in done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_offline_a_sentence_says_that_the_cluster_does_not_answer(kubernetes: Kubernetes, command: str) -> None:
    done = ran(kubernetes, *command.split(), "--server", "https://127.0.0.1:1", "--request-timeout", "5s")
    assert done.returncode == 6
    assert done.stderr.startswith("the cluster does not answer")
    assert len(done.stderr) < 400


@pytest.fixture
def without_definition(kubernetes: Kubernetes) -> Iterator[Kubernetes]:
    """A cluster in which nobody has installed Serin."""
    definition = kubernetes.kubectl("get", "crd", "modeldeployments.serin.dev", "-o", "yaml")
    kubernetes.kubectl("delete", "crd", "modeldeployments.serin.dev", "--timeout=60s")
    try:
        yield kubernetes
    finally:
        found = yaml.safe_load(definition)
        kubernetes.apply({**found, "metadata": {"name": found["metadata"]["name"]}, "status": {}})
        established = ("wait", "--for=condition=Established", "crd/modeldeployments.serin.dev", "--timeout=20s")
        kubernetes.wait_for("the CRD", lambda: kubernetes.kubectl(*established))


def test_without_serin_in_the_cluster_every_command_says_so(without_definition: Kubernetes) -> None:
    for command in COMMANDS:
        done = ran(without_definition, *command.split())
        assert done.returncode == 4, (command, done)
        assert "knows no ModelDeployments" in done.stderr
        assert "docs/install.md" in done.stderr
    told = json.loads(ran(without_definition, "doctor", "-o", "json").stdout)["items"]
    assert next(each for each in told if each["check"] == "definition")["state"] == "bad"


def test_names_are_completed_by_kubectl(kubernetes: Kubernetes, namespace: str) -> None:
    kubernetes.apply(a_version(namespace, "v1"))
    path = f"{Path(sys.executable).parent}:{kubernetes.environment['PATH']}"
    environment = {**kubernetes.environment, "PATH": path}
    done = subprocess.run(
        ["kubectl", "__complete", "serin", "ro"], env=environment, text=True, capture_output=True, check=False
    )
    assert "rollback" in done.stdout
