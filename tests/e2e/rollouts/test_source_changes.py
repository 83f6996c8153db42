"""A source that changes or loses a model that is in service: told as a condition, never a rollback (MECHANICS 17)."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.claims import a_claim, forget_claim
from tests.support.serin import Space

pytestmark = pytest.mark.e2e

RESTRICTED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True}
SOURCE: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "source", "labels": {"app": "source"}},
    "spec": {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 1,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": "http",
                "image": "localhost/serin-server:dev",
                "imagePullPolicy": "IfNotPresent",
                "command": ["python", "-m", "http.server", "8000", "--directory", "/models"],
                "securityContext": RESTRICTED,
                "readinessProbe": {"httpGet": {"path": "/", "port": 8000}, "periodSeconds": 1},
                "volumeMounts": [{"name": "models", "mountPath": "/models"}],
            }
        ],
        "volumes": [{"name": "models", "emptyDir": {}}],
    },
}
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "source"},
    "spec": {"selector": {"app": "source"}, "ports": [{"port": 80, "targetPort": 8000}]},
}


class Source:
    """A web server with one model, of which the test can change the bytes."""

    def __init__(self, space: Space) -> None:
        self._space = space
        for each in (SOURCE, SERVICE):
            space.kubectl("apply", "-f", "-", text=json.dumps(each))
        space.kubectl("wait", "--for=condition=Ready", "pod/source", "--timeout=60s")
        self.uri = f"http://source.{space.namespace}.svc/model.onnx"

    def has(self, content: bytes | None) -> None:
        """Put these bytes there; None takes the file away."""
        if content is None:
            self._space.kubectl("exec", "source", "--", "rm", "/models/model.onnx")
            return
        program = "import base64, sys; open('/models/model.onnx', 'wb').write(base64.b64decode(sys.stdin.read()))"
        text = base64.b64encode(content).decode()
        self._space.kubectl("exec", "-i", "source", "--", "python", "-c", program, text=text)


def test_a_source_that_changes_or_disappears_in_service_is_told_and_stable_serves_on(space: Space) -> None:
    right = (space.serin.files / "v1/model.onnx").read_bytes()
    source = Source(space)
    source.has(right)
    space.apply("v1", source.uri)
    space.wait_until_serves("v1")
    for content, reason, words in (
        ((space.serin.files / "v2/model.onnx").read_bytes(), "SourceChanged", "put the recorded bytes back"),
        (None, "SourceNotFound", "answered 404"),
    ):
        source.has(content)
        kept, lost = (p["metadata"]["name"] for p in sorted(space.pods(), key=_restarts))
        space.kubectl("delete", "pod", lost, "--wait=false")
        space.wait_until(reason, lambda reason=reason: space.condition("Degraded")["reason"] == reason, 60)
        assert words in space.condition("Degraded")["message"]
        assert source.uri in space.condition("Degraded")["message"]
        assert space.condition("Available")["status"] == "True"
        assert space.condition("Stalled")["status"] == "False"
        assert kept in space.endpoints()
        assert space.outcome("v1") == "Promoted"
        source.has(right)
        space.wait_until_serves("v1", 60)
        assert sorted(map(_restarts, space.pods())) == [0, 1], "it ended once to tell, and then waited"


def test_with_a_store_every_pod_can_be_replaced_though_its_source_is_gone(space: Space, tmp_path: Path) -> None:
    a_claim(space, tmp_path)
    source = Source(space)
    source.has((space.serin.files / "v1/model.onnx").read_bytes())
    space.apply("v1", source.uri, model={"store": {"uri": "pvc://kept/models"}})
    space.wait_until_serves("v1")
    (row,) = [row for row in space.status()["versions"][0]["preflight"] if row["name"] == "store"]
    assert row == {"name": "store", "verdict": "Pass", "message": "kept in pvc://kept/models, and read back"}
    source.has(None)
    before = {pod["metadata"]["uid"] for pod in space.pods()}
    space.kubectl("delete", "pod", "-l", "serin.dev/model-deployment=model", "--wait=true")
    space.wait_until_serves("v1", 90)
    assert before.isdisjoint(pod["metadata"]["uid"] for pod in space.pods())
    assert sorted(map(_restarts, space.pods())) == [0, 0]
    assert space.condition("Degraded")["status"] == "False"
    forget_claim(space)


def _restarts(pod: dict[str, Any]) -> int:
    return int(pod["status"]["containerStatuses"][0]["restartCount"])
