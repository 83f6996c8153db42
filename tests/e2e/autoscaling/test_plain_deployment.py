"""Metrics of pods, with nothing of Serin's: kubectl top answers, and an autoscaler moves a Deployment by them."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.addons import autoscaler
from tests.support.kubernetes import Kubernetes

pytestmark = pytest.mark.e2e

NAMESPACE = "scaled"


@pytest.fixture(scope="module")
def pods(cluster: Kubernetes, metrics_server: Kubernetes) -> Iterator[Kubernetes]:
    """A Deployment of one small pod, and an autoscaler that has no reason to want more."""
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    cluster.apply(deployment())
    aim(cluster, "1Gi")
    yield cluster
    cluster.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def test_kubectl_top_tells_of_nodes_and_pods(pods: Kubernetes) -> None:
    def usage() -> str:
        return pods.run("kubectl", "-n", NAMESPACE, "top", "pods", "--no-headers", check=False).stdout

    pods.wait_for("metrics of the pod", lambda: usage().startswith("small-"), 60)
    _name, cpu, memory = usage().split()
    assert cpu.endswith("m")
    assert memory.endswith("Mi")
    assert "node1" in pods.kubectl("top", "nodes")


def test_an_autoscaler_moves_a_deployment_up_and_down(pods: Kubernetes) -> None:
    pods.wait_for("a metric", lambda: status(pods).get("currentMetrics"), 60)
    aim(pods, "1Ki")
    pods.wait_for("three pods", lambda: replicas(pods) == 3, 60)
    aim(pods, "1Gi")
    pods.wait_for("one pod", lambda: replicas(pods) == 1, 90)


def aim(pods: Kubernetes, memory: str) -> None:
    """How much memory a pod should have on average: little makes the autoscaler want many, and costs this machine nothing."""
    pods.apply(autoscaler("small", "apps/v1", "Deployment", (1, 3), memory, NAMESPACE))


def replicas(pods: Kubernetes) -> int:
    return int(pods.get("-n", NAMESPACE, "deployment", "small")["spec"]["replicas"])


def status(pods: Kubernetes) -> dict[str, Any]:
    return pods.get("-n", NAMESPACE, "hpa", "small").get("status", {})  # type: ignore[no-any-return]


def deployment() -> dict[str, Any]:
    container = {
        "name": "main",
        "image": "localhost/busybox:local",
        "imagePullPolicy": "Never",
        "command": ["sleep", "3600"],
    }
    template = {
        "metadata": {"labels": {"app": "small"}},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": [container]},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "small", "namespace": NAMESPACE},
        "spec": {"selector": {"matchLabels": {"app": "small"}}, "template": template},
    }
