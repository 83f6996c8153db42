"""People steer with kubectl, at a real API server: it says who wrote the annotation, and takes what status then says."""

import pytest

pytestmark = pytest.mark.cluster


def a_version(namespace, version):
    return {
        "apiVersion": "serin.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": "m", "namespace": namespace},
        "spec": {
            "replicas": 1,
            "model": {"version": version, "uri": f"file:///models/{version}.onnx"},
            "rollout": {"strategy": "Immediate", "bakeSeconds": 0},
        },
    }


def test_a_rollback_is_carried_out_held_and_let_go_and_status_says_by_whom(
    kubernetes, kubelet, namespace, start_operator
):
    def status():
        return kubernetes.get("modeldeployment", "m", "-n", namespace).get("status", {})

    def ready():
        return next((c for c in status().get("conditions", []) if c["type"] == "Ready"), {})

    def annotate(action):
        kubernetes.kubectl("annotate", "mdep", "m", "-n", namespace, "--overwrite", f"serin.dev/action={action}")

    start_operator()
    for version in ("v1", "v2"):
        kubernetes.apply(a_version(namespace, version))
        kubernetes.wait_for(
            f"{version} to serve",
            lambda v=version: ready().get("status") == "True" and status()["stable"]["version"] == v,
        )
    annotate("rollback=v1@night")
    kubernetes.wait_for("v1 to be held", lambda: ready().get("reason") == "HeldByRollback")
    assert status()["stable"]["version"] == "v1"
    assert status()["hold"]["by"] == "kubectl-annotate"
    assert [(a["action"], a["by"], a["outcome"]) for a in status()["actions"]] == [
        ("rollback=v1@night", "kubectl-annotate", "Done")
    ]
    assert "HeldByRollback" in kubernetes.kubectl("get", "mdep", "m", "-n", namespace)
    kubernetes.apply(a_version(namespace, "v2"))
    annotate("resume@morning")
    kubernetes.wait_for(
        "v2 to serve", lambda: ready().get("status") == "True" and status()["stable"]["version"] == "v2"
    )
    assert "hold" not in status()
