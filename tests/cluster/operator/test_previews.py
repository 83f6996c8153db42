"""A version aside, with a real API server and real EndpointSlices: who is led where, and whose a name is."""

import json

import pytest

pytestmark = pytest.mark.cluster


def a_model(namespace, name="m", version="v1", **rollout):
    return {
        "apiVersion": "serin.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "replicas": 2,
            "model": {"version": version, "uri": f"file:///models/{version}.onnx"},
            "rollout": {"bakeSeconds": 2, **rollout},
        },
    }


def blue_green(namespace, version, hold):
    return a_model(namespace, version=version, strategy="BlueGreen", blueGreen={"holdSeconds": hold})


class Watched:
    """What a test asks of a namespace."""

    def __init__(self, kubernetes, namespace):
        self.kubernetes, self.namespace = kubernetes, namespace

    def status(self, name="m"):
        return self.kubernetes.get("modeldeployment", name, "-n", self.namespace).get("status", {})

    def stable(self, name="m"):
        return self.status(name).get("stable", {}).get("version")

    def reason(self, name="m", kind="Ready"):
        return next((c["reason"] for c in self.status(name).get("conditions", []) if c["type"] == kind), None)

    def revisions(self, service):
        """Revisions of the pods that a Service's slices name as ready."""
        label = f"kubernetes.io/service-name={service}"
        slices = self.kubernetes.get("endpointslices", "-n", self.namespace, "-l", label)["items"]
        endpoints = [e for s in slices for e in s.get("endpoints") or [] if e["conditions"].get("ready")]
        pods = {p["metadata"]["name"]: p for p in self.kubernetes.get("pods", "-n", self.namespace)["items"]}
        found = [pods[e["targetRef"]["name"]] for e in endpoints if e["targetRef"]["name"] in pods]
        return {p["metadata"]["labels"]["serin.dev/revision"] for p in found}

    def has_service(self, name):
        return name in self.kubernetes.kubectl("get", "services", "-n", self.namespace, "-o", "name")


@pytest.fixture
def watched(kubernetes, kubelet, namespace, start_operator):
    start_operator()
    watched = Watched(kubernetes, namespace)
    kubernetes.apply(blue_green(namespace, "v1", 3))
    kubernetes.wait_for("v1 to serve", lambda: watched.stable() == "v1")
    return watched


def test_the_preview_leads_to_the_new_version_alone_and_clients_to_the_old_until_the_switch(
    kubernetes, namespace, watched
):
    old = watched.status()["stable"]["revision"]
    kubernetes.apply(blue_green(namespace, "v2", 6))
    kubernetes.wait_for("the preview to be held", lambda: watched.reason() == "Previewed")
    new = watched.status()["canary"]["revision"]
    kubernetes.wait_for("slices of the preview", lambda: watched.revisions("m-preview") == {new})
    assert watched.revisions("m") == {old}
    assert watched.status()["canary"]["previewUrl"] == f"http://m-preview.{namespace}.svc"
    kubernetes.wait_for("v2 to be stable", lambda: watched.stable() == "v2")
    assert watched.revisions("m") == {new}
    assert not watched.has_service("m-preview")


def test_a_name_that_is_somebody_elses_holds_the_rollout_until_it_is_free(kubernetes, namespace, watched):
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "m-preview", "namespace": namespace},
        "spec": {"selector": {"app": "theirs"}, "ports": [{"port": 80}]},
    }
    kubernetes.apply(service)
    kubernetes.apply(blue_green(namespace, "v2", 1))
    kubernetes.wait_for("it to be told", lambda: watched.reason(kind="Stalled") == "NameTaken")
    assert watched.stable() == "v1"
    selector = kubernetes.get("service", "m-preview", "-n", namespace)["spec"]["selector"]
    assert selector == {"app": "theirs"}
    kubernetes.kubectl("delete", "service", "m-preview", "-n", namespace)
    kubernetes.wait_for("v2 to be stable", lambda: watched.stable() == "v2")


def test_a_model_of_that_name_waits_for_it_and_says_so(kubernetes, namespace, watched):
    kubernetes.apply(blue_green(namespace, "v2", 600))
    kubernetes.wait_for("the preview to be held", lambda: watched.reason() == "Previewed")
    kubernetes.apply(a_model(namespace, name="m-preview"))
    kubernetes.wait_for("it to be told", lambda: watched.reason("m-preview", "Stalled") == "NameTaken")
    patch = json.dumps({"spec": {"rollout": {"blueGreen": {"holdSeconds": 0}}}})
    kubernetes.kubectl("patch", "mdep", "m", "-n", namespace, "--type", "merge", "-p", patch)
    kubernetes.wait_for("v2 to be stable", lambda: watched.stable() == "v2")
    kubernetes.wait_for("the other to serve", lambda: watched.stable("m-preview") == "v1")
    assert watched.stable() == "v2"
