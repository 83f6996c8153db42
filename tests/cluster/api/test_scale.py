"""``/scale`` of a ModelDeployment, as autoscalers, people and GitOps tools use it, at a real API server."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from tests.support.kubernetes import Kubernetes
from tests.support.operator import CRD, install_crd

pytestmark = pytest.mark.cluster

MODEL = {"model": {"version": "v1", "uri": "file:///models/v1.onnx"}}
SERVER_SIDE = ("--server-side", "--field-manager=argocd-controller")
HPA = "--field-manager=kube-controller-manager"


@pytest.fixture(scope="module")
def namespace(control_plane: Kubernetes) -> str:
    install_crd(control_plane)
    control_plane.kubectl("create", "namespace", "scaling")
    return "scaling"


@pytest.fixture
def path(control_plane: Kubernetes, namespace: str) -> Iterator[str]:
    """Of the subresource of an object that leaves ``spec.replicas`` out."""
    apply(control_plane, namespace)
    yield f"/apis/serin.dev/v1alpha1/namespaces/{namespace}/modeldeployments/m/scale"
    control_plane.kubectl("delete", "mdep", "-n", namespace, "m")


def apply(control_plane: Kubernetes, namespace: str, *how: str, **spec: Any) -> str:
    """``kubectl apply`` of the model, with more in its spec."""
    metadata = {"name": "m", "namespace": namespace}
    obj = {
        "apiVersion": "serin.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": metadata,
        "spec": {**MODEL, **spec},
    }
    return control_plane.kubectl("apply", *how, "-f", "-", text=yaml.safe_dump(obj))


def replicas_of(control_plane: Kubernetes, namespace: str) -> int:
    return int(control_plane.get("mdep", "-n", namespace, "m")["spec"]["replicas"])


def test_scale_can_be_read_of_an_object_that_leaves_replicas_out(control_plane: Kubernetes, path: str) -> None:
    found = json.loads(control_plane.kubectl("get", "--raw", path))
    assert (found["kind"], found["spec"]) == ("Scale", {"replicas": 1})


def test_scale_says_what_status_says_of_selector_and_pods(control_plane: Kubernetes, namespace: str, path: str) -> None:
    status = {"replicas": 4, "selector": "serin.dev/model-deployment=m,serin.dev/revision=abc"}
    patch = ("patch", "mdep", "-n", namespace, "m", "--subresource=status", "--type=merge", "-p")
    control_plane.kubectl(*patch, json.dumps({"status": status}))
    assert json.loads(control_plane.kubectl("get", "--raw", path))["status"] == status


@pytest.mark.parametrize("replicas", [0, 6])
def test_kubectl_scale_writes_it(control_plane: Kubernetes, namespace: str, path: str, replicas: int) -> None:
    del path
    control_plane.kubectl("scale", "-n", namespace, "mdep/m", f"--replicas={replicas}")
    assert replicas_of(control_plane, namespace) == replicas


def test_fewer_than_none_are_refused(control_plane: Kubernetes, namespace: str, path: str) -> None:
    del path
    patch = ("patch", "mdep", "-n", namespace, "m", "--subresource=scale", "--type=merge", "-p")
    assert "spec.replicas" in control_plane.refused(*patch, json.dumps({"spec": {"replicas": -1}}))


@pytest.mark.parametrize("how", [(), SERVER_SIDE], ids=["client-side", "server-side"])
def test_what_an_autoscaler_wrote_stays_when_git_leaves_it_out(
    control_plane: Kubernetes, namespace: str, how: tuple[str, ...]
) -> None:
    apply(control_plane, namespace, *how)
    try:
        autoscale(control_plane, namespace, 6)
        for _ in range(2):
            apply(control_plane, namespace, *how)
        assert replicas_of(control_plane, namespace) == 6
        assert managers_of_replicas(control_plane, namespace) <= {"kube-controller-manager"}
    finally:
        control_plane.kubectl("delete", "mdep", "-n", namespace, "m")


@pytest.mark.parametrize("how", [(), SERVER_SIDE], ids=["client-side", "server-side"])
def test_git_that_says_a_number_wins_or_is_told_of_the_conflict(
    control_plane: Kubernetes, namespace: str, how: tuple[str, ...]
) -> None:
    apply(control_plane, namespace, *how, replicas=3)
    try:
        autoscale(control_plane, namespace, 6)
        if how:
            with pytest.raises(Exception, match=r"conflict with \"kube-controller-manager\" .*\.spec\.replicas"):
                apply(control_plane, namespace, *how, replicas=3)
            apply(control_plane, namespace, *how, "--force-conflicts", replicas=3)
        else:
            apply(control_plane, namespace, *how, replicas=3)
        assert replicas_of(control_plane, namespace) == 3
    finally:
        control_plane.kubectl("delete", "mdep", "-n", namespace, "m")


@pytest.mark.parametrize(
    ("how", "left"), [((), 1), (SERVER_SIDE, 6)], ids=["client-side falls to the default", "server-side keeps it"]
)
def test_a_number_that_is_taken_out_of_git_when_an_autoscaler_has_written(
    control_plane: Kubernetes, namespace: str, how: tuple[str, ...], left: int
) -> None:
    apply(control_plane, namespace, *how, replicas=3)
    try:
        autoscale(control_plane, namespace, 6)
        apply(control_plane, namespace, *how)
        assert replicas_of(control_plane, namespace) == left
    finally:
        control_plane.kubectl("delete", "mdep", "-n", namespace, "m")


def test_an_object_from_before_the_default_can_be_scaled_after_the_upgrade(
    control_plane: Kubernetes, namespace: str
) -> None:
    path = f"/apis/serin.dev/v1alpha1/namespaces/{namespace}/modeldeployments/m/scale"
    with_crd(control_plane, lambda replicas: replicas.pop("default"))
    try:
        apply(control_plane, namespace)
        control_plane.wait_for(
            "the CRD of before", lambda: "does not exist" in control_plane.refused("get", "--raw", path)
        )
        assert "replicas" not in control_plane.get("mdep", "-n", namespace, "m")["spec"]
        control_plane.kubectl("apply", "-f", str(CRD))
        control_plane.wait_for("the default", lambda: replicas_if_any(control_plane, namespace) == 1)
        assert json.loads(control_plane.kubectl("get", "--raw", path))["spec"] == {"replicas": 1}
        autoscale(control_plane, namespace, 5)
        assert replicas_of(control_plane, namespace) == 5
    finally:
        control_plane.kubectl("apply", "-f", str(CRD))
        control_plane.kubectl("delete", "mdep", "-n", namespace, "m")


def with_crd(control_plane: Kubernetes, change: Callable[[dict[str, Any]], Any]) -> None:
    """Install the CRD with another schema of ``spec.replicas``."""
    crd = yaml.safe_load(CRD.read_text())
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    change(schema["properties"]["spec"]["properties"]["replicas"])
    control_plane.kubectl("apply", "-f", "-", text=yaml.safe_dump(crd))


def autoscale(control_plane: Kubernetes, namespace: str, replicas: int) -> None:
    """Write /scale as the HPA controller does, under its name."""
    patch = ("patch", "mdep", "-n", namespace, "m", "--subresource=scale", "--type=merge", HPA, "-p")
    control_plane.kubectl(*patch, json.dumps({"spec": {"replicas": replicas}}))


def replicas_if_any(control_plane: Kubernetes, namespace: str) -> int | None:
    return control_plane.get("mdep", "-n", namespace, "m")["spec"].get("replicas")


def managers_of_replicas(control_plane: Kubernetes, namespace: str) -> set[str]:
    live = json.loads(control_plane.kubectl("get", "mdep", "-n", namespace, "m", "-o", "json", "--show-managed-fields"))
    fields = live["metadata"]["managedFields"]
    return {entry["manager"] for entry in fields if "f:replicas" in entry["fieldsV1"].get("f:spec", {})}
