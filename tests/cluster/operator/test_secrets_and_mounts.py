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
