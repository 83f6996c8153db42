"""Secrets are made and never read; what a pod waits for is read from its events. At a real API server."""

import base64

import pytest

from serin_operator.act.errors import AlreadyExists
from serin_operator.act.events import EventRecorder
from serin_operator.act.keys import new_line
from serin_operator.act.kubernetes import KubernetesWriter
from serin_operator.api.names import LABEL_MODEL_DEPLOYMENT
from serin_operator.cluster.store import Key, Store
from serin_operator.observe.kubernetes import KubernetesReader
from serin_operator.observe.mounts import unmounted

pytestmark = pytest.mark.cluster

LABELS = {LABEL_MODEL_DEPLOYMENT: "credit"}


@pytest.fixture
def store():
    return Store(lambda: 0.0)


async def test_a_secret_is_made_once_and_what_it_holds_is_kept_nowhere(kubernetes, client, store, namespace):
    writer = KubernetesWriter(client, store, EventRecorder(client))
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "credit-feedback", "namespace": namespace, "labels": LABELS},
    }
    line = new_line()
    await writer.create_secret({**secret, "stringData": {"keys": line}})
    with pytest.raises(AlreadyExists):
        await writer.create_secret({**secret, "stringData": {"keys": new_line()}})
    found = kubernetes.get("secret", "credit-feedback", "-n", namespace)
    assert base64.b64decode(found["data"]["keys"]).decode() == line
    assert len(store) == 0


async def test_what_a_pod_waits_for_is_read_from_its_events(kubernetes, client, store, namespace):
    now = [0.0]
    reader = KubernetesReader(client, store, lambda: now[0])
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "credit-a", "namespace": namespace, "labels": LABELS},
        "spec": {
            "nodeName": "node1",
            "automountServiceAccountToken": False,
            "containers": [{"name": "server", "image": "none"}],
            "volumes": [{"name": "tls", "secret": {"secretName": "credit-tls"}}],
        },
    }
    kubernetes.apply(pod)
    live = kubernetes.get("pod", "credit-a", "-n", namespace)
    store.put(live)
    about = {
        "apiVersion": "v1",
        "kind": "Pod",
        "name": "credit-a",
        "namespace": namespace,
        "uid": live["metadata"]["uid"],
    }
    kubernetes.apply(
        {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": "credit-a.1", "namespace": namespace},
            "involvedObject": about,
            "reason": "FailedMount",
            "message": 'MountVolume.SetUp failed for volume "tls" : secret "credit-tls" not found',
            "type": "Warning",
        }
    )
    client.calls.clear()
    assert (await reader.children(namespace, "credit", "uid")).events_about_pods == []
    assert client.calls == [], "a pod that has just come is not asked after"
    now[0] = 4.0
    children = await reader.children(namespace, "credit", "uid")
    (problem,) = unmounted(store.children(Key(namespace, "credit"))["Pod"][0], children.events_about_pods)
    assert (problem.kind, problem.name, problem.message) == ("Secret", "credit-tls", 'secret "credit-tls" not found')
    calls = len(client.calls)
    await reader.children(namespace, "credit", "uid")
    assert len(client.calls) == calls, "the answer is remembered for a while"


def test_a_spec_with_tls_and_signed_feedback_is_served_as_it_says(kubernetes, kubelet, namespace, start_operator):
    start_operator()
    serving = {
        "tls": {"secretName": "credit-tls", "clientCA": {"configMapKeyRef": {"name": "ca", "key": "ca.crt"}}},
        "feedback": {"signing": "Managed"},
    }
    kubernetes.apply(
        {
            "apiVersion": "serin.dev/v1alpha1",
            "kind": "ModelDeployment",
            "metadata": {"name": "credit", "namespace": namespace},
            "spec": {"model": {"version": "v1", "uri": "file:///models/v1.onnx"}, "serving": serving},
        }
    )

    def served():
        return kubernetes.get("mdep", "credit", "-n", namespace).get("status", {}).get("stable")

    kubernetes.wait_for("v1 to serve", served)
    mdep = kubernetes.get("mdep", "credit", "-n", namespace)
    assert mdep["status"]["url"] == f"https://credit.{namespace}.svc"
    secret = kubernetes.get("secret", "credit-feedback", "-n", namespace)
    assert [owner["uid"] for owner in secret["metadata"]["ownerReferences"]] == [mdep["metadata"]["uid"]]
    assert list(secret["data"]) == ["keys"]
    ports = kubernetes.get("service", "credit", "-n", namespace)["spec"]["ports"]
    assert {port["name"]: port["port"] for port in ports} == {"http": 80, "grpc": 8081, "https": 443, "grpcs": 8443}
    deployment = kubernetes.get("deployment", f"credit-{mdep['status']['stable']['revision']}", "-n", namespace)
    pod = deployment["spec"]["template"]["spec"]
    folders = {mount["name"]: mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
    assert {"tls", "client-ca", "feedback"} <= set(folders)
    probes = [pod["containers"][0][f"{kind}Probe"]["httpGet"] for kind in ("startup", "readiness", "liveness")]
    assert {(probe["port"], probe["scheme"]) for probe in probes} == {("metrics", "HTTP")}
    before = mdep["metadata"]["resourceVersion"]
    kubernetes.kubectl("annotate", "mdep", "credit", "-n", namespace, "note=looked-at-again")
    kubernetes.wait_for(
        "another look",
        lambda: kubernetes.get("mdep", "credit", "-n", namespace)["metadata"]["resourceVersion"] != before,
    )
    again = kubernetes.get("deployment", deployment["metadata"]["name"], "-n", namespace)
    assert again["metadata"]["generation"] == deployment["metadata"]["generation"]
