"""What people and clusters get wrong: each ends in a condition to act on, and the version that served serves on.

One ModelDeployment under steady traffic takes all the broken versions, one after the other; `serving` makes sure after
each that not a request was lost and not a pod of the stable version was touched.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from onnx import TensorProto, helper
from tests.support.serin import STORE, Serin, Space

pytestmark = pytest.mark.e2e

QUICK: dict[str, Any] = {"steps": [{"weight": 50, "holdSeconds": 2}], "bakeSeconds": 0, "progressDeadlineSeconds": 10}
PATIENT = {**QUICK, "progressDeadlineSeconds": 60}


def future_model() -> bytes:
    """An opset that nobody knows yet."""
    return _model(helper.make_node("Identity", ["x"], ["y"]), opset=999)


def _model(*nodes: Any, opset: int = 17) -> bytes:
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 3])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    graph = helper.make_graph(list(nodes), "broken", inputs, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    return model.SerializeToString()  # type: ignore[no-any-return]


def greedy_model() -> bytes:
    """A file of some hundred bytes that wants two gigabytes as soon as it runs."""
    return _model(
        helper.make_node("ReduceMax", ["x"], ["top"], keepdims=0),
        helper.make_node(
            "Constant", [], ["many"], value=helper.make_tensor("n", TensorProto.INT64, [1], [500_000_000])
        ),
        helper.make_node("Expand", ["top", "many"], ["wide"]),
        helper.make_node("Exp", ["wide"], ["grown"]),
        helper.make_node("ReduceSum", ["grown"], ["y"], keepdims=0),
    )


@pytest.fixture(scope="module")
def serving(serin: Serin) -> Iterator[Space]:
    """v1 on two pods under traffic, and a store with broken files."""
    whole = (serin.files / "v2/model.onnx").read_bytes()
    files = {
        "truncated.onnx": whole[: len(whole) // 2],
        "page.onnx": b"<html>404, but with a smile</html>",
        "future.onnx": future_model(),
        "greedy.onnx": greedy_model(),
    }
    serin.put_models(files)
    namespace = "broken-inputs"
    serin.kubernetes.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    space = Space(serin, namespace)
    space.apply("v1")
    space.wait_until_serves("v1")
    space.start_traffic(requests_per_second=10)
    yield space
    serin.kubernetes.kubectl("delete", "namespace", namespace, "--wait=false")


CHECK = """
import os, sys
assert os.path.getsize("/model/model.onnx") and os.environ["SERIN_MODEL_NAME"] == "model"
assert os.getuid() != 0 and not os.path.exists("/var/run/secrets/kubernetes.io/serviceaccount")
for place in ("/model/x", "/x"):
    try:
        open(place, "w")
        sys.exit(place + " can be written")
    except OSError:
        pass
open("/tmp/x", "w").close()
print("x" * 79 + chr(10), end="", flush=True)
for _ in range(10_000):
    print("x" * 1000)
print("rows are missing")
sys.exit(1)
"""


def commanded(*command: str, **more: Any) -> dict[str, Any]:
    """A preflight with a command in the serving image."""
    return {"preflight": {"command": {"command": list(command), "timeoutSeconds": 10, **more}}}


@dataclass(frozen=True)
class Row:
    case: str
    uri: str
    reason: str
    says: str
    """Part of the message: what a person needs in order to act."""
    spec: dict[str, Any] = field(default_factory=dict)
    rollout: dict[str, Any] = field(default_factory=lambda: PATIENT)


HTTP = f"http://models.{STORE}.svc"
ROWS = [
    Row("a missing file", "file:///models/none.onnx", "SourceNotFound", "check the path"),
    Row("an address that answers 404", f"{HTTP}/none.onnx", "SourceNotFound", "answered 404"),
    Row(
        "a source that never answers",
        "http://192.0.2.1/model.onnx",
        "SourceUnreachable",
        "did not answer in time",
        # The pod has to start and to give up connecting before that, also on a machine that is busy.
        rollout={**QUICK, "progressDeadlineSeconds": 25},
    ),
    Row(
        "a wrong digest",
        f"{HTTP}/v2.onnx",
        "DigestMismatch",
        "correct the digest",
        {"model": {"sha256": hashlib.sha256(b"another").hexdigest()}},
    ),
    Row("a truncated file", f"{HTTP}/truncated.onnx", "ModelInvalid", "cut short"),
    Row("a file that is not ONNX", f"{HTTP}/page.onnx", "ModelInvalid", "not an ONNX model"),
    Row("an opset from the future", f"{HTTP}/future.onnx", "ModelUnsupported", "older opset"),
    Row("a model over the memory limit", f"{HTTP}/greedy.onnx", "OutOfMemory", "runtime.resources.limits.memory"),
    Row(
        "an image that does not exist",
        f"{HTTP}/v2.onnx",
        "ImagePullFailed",
        "localhost/none:1",
        {"runtime": {"image": "localhost/none:1"}},
        QUICK,
    ),
    Row(
        "a budget that is too small",
        f"{HTTP}/v2.onnx",
        "OverBudget",
        "MiB of memory, at most 8",
        {"preflight": {"budget": {"maxMemory": "8Mi"}}},
    ),
    Row(
        "a command that finds fault",
        f"{HTTP}/v2.onnx",
        "PreflightCommandFailed",
        "exit code 1: rows are missing",
        commanded("python", "-c", CHECK),
    ),
    Row(
        "a command that hangs",
        f"{HTTP}/v2.onnx",
        "PreflightCommandFailed",
        "not ended within 3 s",
        commanded("sleep", "1000", timeoutSeconds=3),
    ),
    Row(
        "a command of no image",
        f"{HTTP}/v2.onnx",
        "PreflightCommandFailed",
        "localhost/none:1",
        # A kubelet that could not pull says so at its next try, ten seconds later.
        commanded("true", image="localhost/none:1", timeoutSeconds=25),
    ),
    Row(
        "a command that is not there", f"{HTTP}/v2.onnx", "PreflightCommandFailed", "exit code 128", commanded("/none")
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.case)
def test_a_broken_version_is_refused_with_a_reason_and_stable_serves_on(serving: Space, row: Row) -> None:
    pods = serving.pods()
    version = row.case.replace(" ", "-")
    serving.apply(version, row.uri, rollout=row.rollout, **row.spec)
    entry = serving.wait_for_outcome(version, "FailedPreflight", 60)
    assert entry["reason"] == row.reason
    for kind in ("Stalled", "Degraded"):
        condition = serving.condition(kind)
        assert (condition["status"], condition["reason"]) == ("True", row.reason)
        assert row.says in condition["message"]
        assert "v1 serves on" in condition["message"]
        assert "retry@" in condition["message"]
    assert_untouched(serving, pods)


def assert_untouched(space: Space, pods: list[dict[str, Any]]) -> None:
    """The stable version has its pods, never restarted, all of them behind the Service, and no request was lost."""
    expected = {p["metadata"]["name"] for p in pods}
    stable = space.status()["stable"]["revision"]
    now = [p for p in space.pods() if p["metadata"]["labels"]["serin.dev/revision"] == stable]
    assert {p["metadata"]["name"] for p in now} == expected
    assert not any(p["status"]["containerStatuses"][0]["restartCount"] for p in now)
    assert space.condition("Available")["status"] == "True"
    space.wait_until("stable alone is behind the Service", lambda: space.endpoints() == expected, 30)
    assert space.lost_requests() == ""


def test_a_command_that_is_content_lets_a_version_pass_with_its_last_line(space: Space) -> None:
    told = "open('/dev/termination-log', 'w').write('all is well')"
    space.apply("v1", **commanded("python", "-c", told))
    space.wait_until_serves("v1")
    (row,) = space.status()["versions"][0]["preflight"]
    assert row == {"name": "command", "verdict": "Pass", "message": "all is well"}


def quota(pods: int) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "small", "namespace": "broken-inputs"},
        "spec": {"hard": {"pods": str(pods)}},
    }


def test_a_quota_is_told_wherever_it_bites_and_stable_serves_on(serving: Space) -> None:
    serving.apply("v1")
    serving.wait_until_serves("v1")
    everything = ("pods", "-n", serving.namespace)
    serving.wait_until("nothing else runs", lambda: len(serving.kubernetes.get(*everything)["items"]) == 3, 120)
    pods = serving.pods()
    serving.kubernetes.apply(quota(3))  # two that serve, and the clients'

    serving.apply("v1", replicas=3)
    serving.wait_until(
        "the third pod is missed", lambda: serving.condition("Degraded")["reason"] == "QuotaExceeded", 30
    )
    assert "v1 serves on 2 of 3 pods" in serving.condition("Degraded")["message"]
    assert "exceeded quota: small" in serving.condition("Degraded")["message"]
    serving.apply("v1")
    serving.wait_until_serves("v1")

    serving.apply("no-job", f"{HTTP}/v2.onnx", rollout=QUICK)
    entry = serving.wait_for_outcome("no-job", "FailedPreflight", 60)
    assert entry["reason"] == "QuotaExceeded"
    assert "exceeded quota: small" in entry["message"]

    serving.kubernetes.apply(quota(4))
    serving.apply("no-canary", f"{HTTP}/v2.onnx", rollout=QUICK, runtime={"threads": 1})
    entry = serving.wait_for_outcome("no-canary", "RolledBack", 60)
    assert entry["reason"] == "ProgressDeadlineExceeded"
    assert "exceeded quota: small" in entry["message"]
    assert_untouched(serving, pods)
