"""The control plane alone: a real API server in seconds."""

import json
import time

import pytest
from tests.support.kubernetes import Kubernetes, session_name

from localkube import Cluster
from localkube.processes import myself

pytestmark = pytest.mark.cluster


def test_kubectl_talks_to_the_version_that_is_pinned(control_plane: Kubernetes):
    answer = json.loads(control_plane.kubectl("version", "-o", "json"))
    assert answer["serverVersion"]["gitVersion"] == answer["clientVersion"]["gitVersion"] == "v1.36.3"


def test_namespaces_get_their_service_account(control_plane: Kubernetes):
    control_plane.kubectl("create", "namespace", "fresh")
    control_plane.wait_for(
        "the default service account", lambda: control_plane.get("serviceaccounts", "-n", "fresh")["items"]
    )


def test_service_account_tokens_are_accepted(control_plane: Kubernetes):
    token = control_plane.kubectl("create", "token", "default").strip()
    who = control_plane.kubectl(
        "auth", "whoami", "-o", "json", "--token", token, "--client-certificate=", "--client-key="
    )
    assert "system:" in who


def test_garbage_is_collected_with_its_owner(control_plane: Kubernetes):
    control_plane.kubectl("create", "deployment", "owner", "--image=none", "--replicas=0")
    control_plane.wait_for("its ReplicaSet", lambda: control_plane.get("replicasets", "-l", "app=owner")["items"])
    control_plane.kubectl("delete", "deployment", "owner")
    control_plane.wait_for(
        "the ReplicaSet to go", lambda: not control_plane.get("replicasets", "-l", "app=owner")["items"]
    )


def test_a_control_plane_restarts_with_its_data_beside_another_that_has_its_own(control_plane: Kubernetes):
    started = time.monotonic()
    other = Cluster.up(session_name("other"), nodes=0, owner=myself())
    try:
        assert time.monotonic() - started < 15  # 3.5 s on an idle machine
        assert control_plane.local is not None
        assert other.plan.index != control_plane.local.plan.index
        other.kubectl("create", "configmap", "kept", "--from-literal=a=1")
        other.restart_control_plane()
        assert json.loads(other.kubectl("get", "configmap", "kept", "-o", "json"))["data"] == {"a": "1"}
        assert "not found" in control_plane.refused("get", "configmap", "kept")
        before, _ = other.control_plane.box.programs()
        other.stop_apiserver()
        assert other.api.get("/readyz") == (0, "")
        other.start_apiserver()
        assert other.api.is_ready()
        after, _ = other.control_plane.box.programs()
        for name in ("kube-controller-manager", "kube-scheduler"):
            assert after[name] != before[name], f"{name} sits out its backoff"
        assert after["etcd"] == before["etcd"]
    finally:
        other.down()
    assert not other.folder.exists()
