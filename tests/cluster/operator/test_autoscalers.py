"""Real HorizontalPodAutoscalers, as far as they go without metrics: they hold a target within their bounds."""

import pytest
from tests.cluster.operator.test_process import a_model_deployment, is_ready

pytestmark = pytest.mark.cluster

MINUTES = 150.0
"""The controller looks every 15 s, and learns of new kinds every 30."""


def an_autoscaler(namespace, target, *, least, most=10):
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "theirs", "namespace": namespace},
        "spec": {"scaleTargetRef": target, "minReplicas": least, "maxReplicas": most},
    }


def without_replicas(namespace):
    obj = a_model_deployment(namespace)
    del obj["spec"]["replicas"]
    return obj


def test_a_real_autoscaler_scales_a_model_that_leaves_replicas_out(kubernetes, kubelet, namespace, start_operator):
    start_operator()
    kubernetes.apply(without_replicas(namespace))
    kubernetes.wait_for("the model to serve", lambda: is_ready(kubernetes, namespace))
    target = {"apiVersion": "serin.dev/v1alpha1", "kind": "ModelDeployment", "name": "m"}
    kubernetes.apply(an_autoscaler(namespace, target, least=3))

    def sizes():
        found = kubernetes.get("mdep", "m", "-n", namespace)
        return found["spec"]["replicas"], found["status"]["replicas"], found["status"]["stable"]["readyReplicas"]

    kubernetes.wait_for("three pods", lambda: sizes() == (3, 3, 3), seconds=MINUTES)
    scale = kubernetes.kubectl("get", "hpa", "theirs", "-n", namespace, "-o", "jsonpath={.status.currentReplicas}")
    kubernetes.apply(without_replicas(namespace))
    assert sizes()[0] == 3, "a manifest without replicas takes nothing back"
    assert scale in {"1", "3"}


def test_an_autoscaler_that_aims_at_a_child_is_left_alone_and_named(kubernetes, kubelet, namespace, start_operator):
    start_operator()
    kubernetes.apply(a_model_deployment(namespace, replicas=1))
    kubernetes.wait_for("the model to serve", lambda: is_ready(kubernetes, namespace))
    revision = kubernetes.get("mdep", "m", "-n", namespace)["status"]["stable"]["revision"]
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": f"m-{revision}"}
    kubernetes.apply(an_autoscaler(namespace, target, least=3))

    def degraded():
        conditions = kubernetes.get("mdep", "m", "-n", namespace)["status"]["conditions"]
        return next(c for c in conditions if c["type"] == "Degraded")

    named = "HorizontalPodAutoscaler theirs scales Deployment"
    kubernetes.wait_for(
        "it to be named",
        lambda: (told := degraded())["reason"] == "ScaledElsewhere" and named in told["message"],
        seconds=MINUTES,
    )
    kubernetes.wait_for("its pods to count as ready", lambda: is_ready(kubernetes, namespace))
    assert kubernetes.get("deployment", f"m-{revision}", "-n", namespace)["spec"]["replicas"] == 3
    events = kubernetes.get("events.events.k8s.io", "-n", namespace)["items"]
    assert not [e for e in events if "had been scaled" in (e.get("note") or "")]
    kubernetes.kubectl("delete", "hpa", "theirs", "-n", namespace)

    def put_right():
        return kubernetes.get("deployment", f"m-{revision}", "-n", namespace)["spec"]["replicas"] == 1

    kubernetes.wait_for("the size of the spec", put_right, seconds=MINUTES)
