"""kopf as an informer: what it tells, and what it must not do."""

import asyncio
from collections.abc import Callable

import pytest
import yaml

from serin_operator.api.names import API_VERSION, KIND, LABEL_MODEL_DEPLOYMENT
from serin_operator.cluster.connection import Connection
from serin_operator.runtime.informer import Informer

pytestmark = pytest.mark.cluster


class Told:
    """What the informer has told, by object name."""

    def __init__(self):
        self.events = []
        self.restarts = 0

    def event(self, event_type, obj):
        self.events.append((event_type, obj["kind"], obj["metadata"]["name"], obj))

    def restarted(self):
        self.restarts += 1

    def has(self, kind, name, *types):
        return any(e[1:3] == (kind, name) and e[0] in (types or {e[0]}) for e in self.events)


async def until(what: str, probe: Callable[[], object], seconds: float = 30.0) -> None:
    try:
        async with asyncio.timeout(seconds):
            while not probe():  # noqa: ASYNC110 - nothing to wait for but the world
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"not within {seconds:.0f} s: {what}") from None


async def kubectl(kubernetes, *arguments, text=None):
    return await asyncio.to_thread(kubernetes.kubectl, *arguments, text=text)


def a_model_deployment(namespace, name):
    metadata = {"name": name, "namespace": namespace}
    spec = {"model": {"version": "v1", "uri": "file:///m.onnx"}}
    return yaml.safe_dump({"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": spec})


@pytest.fixture
async def informed(connection, namespace):
    told = Told()
    informer = Informer(connection, (namespace,), told.event, told.restarted)
    informer.start()
    yield told, informer
    await informer.stop()
    assert not informer.is_alive


async def test_creations_changes_and_deletions_are_told(kubernetes, informed, namespace):
    told, _ = informed
    await kubectl(kubernetes, "apply", "-f", "-", text=a_model_deployment(namespace, "m"))
    await until("the creation", lambda: told.has(KIND, "m"))
    await kubectl(kubernetes, "annotate", "modeldeployment", "m", "-n", namespace, "a=b")
    await until("the change", lambda: told.has(KIND, "m", "MODIFIED"))
    await kubectl(kubernetes, "delete", "modeldeployment", "m", "-n", namespace)
    await until("the deletion", lambda: told.has(KIND, "m", "DELETED"))


async def test_a_user_without_a_name_is_enough(kubernetes, connection, namespace, monkeypatch):
    # As in a container that runs as 65532, which no /etc/passwd knows.
    def getuser():
        raise KeyError("getpwuid(): uid not found: 65532")

    monkeypatch.setattr("getpass.getuser", getuser)
    told = Told()
    informer = Informer(connection, (namespace,), told.event, told.restarted)
    informer.start()
    try:
        await kubectl(kubernetes, "apply", "-f", "-", text=a_model_deployment(namespace, "m"))
        await until("the creation", lambda: told.has(KIND, "m"))
        assert informer.failures_in_a_row == 0
    finally:
        await informer.stop()


async def test_only_children_with_our_label_are_watched_at_all(kubernetes, informed, namespace):
    told, _ = informed
    for name in ("stranger", "child"):
        await kubectl(kubernetes, "create", "configmap", f"unrelated-{name}", "-n", namespace)
        await kubectl(kubernetes, "create", "deployment", name, "--image=none", "--replicas=0", "-n", namespace)
    await kubectl(kubernetes, "label", "deployment", "child", f"{LABEL_MODEL_DEPLOYMENT}=m", "-n", namespace)
    await until("the child", lambda: told.has("Deployment", "child"))
    await kubectl(kubernetes, "label", "deployment", "child", f"{LABEL_MODEL_DEPLOYMENT}-", "-n", namespace)
    await until("the loss of the label", lambda: told.has("Deployment", "child", "DELETED"))
    assert not told.has("Deployment", "stranger")


async def test_objects_are_left_untouched(kubernetes, informed, namespace):
    told, _ = informed
    await kubectl(kubernetes, "apply", "-f", "-", text=a_model_deployment(namespace, "m"))
    await until("the creation", lambda: told.has(KIND, "m"))
    before = await asyncio.to_thread(kubernetes.get, "modeldeployment", "m", "-n", namespace, "--show-managed-fields")
    await kubectl(kubernetes, "delete", "modeldeployment", "m", "-n", namespace)
    await until("the deletion", lambda: told.has(KIND, "m", "DELETED"))
    versions = {obj["metadata"]["resourceVersion"] for _, kind, _, obj in told.events[:-1] if kind == KIND}
    assert versions == {before["metadata"]["resourceVersion"]}
    assert "finalizers" not in before["metadata"]
    assert [entry["manager"] for entry in before["metadata"]["managedFields"]] == ["kubectl-client-side-apply"]


async def test_watches_that_are_begun_again_tell_what_is_there(kubernetes, informed, namespace):
    told, informer = informed
    await kubectl(kubernetes, "apply", "-f", "-", text=a_model_deployment(namespace, "m"))
    await until("the creation", lambda: told.has(KIND, "m"))
    told.events.clear()
    informer.restart()
    await until("the listing", lambda: told.has(KIND, "m", None))
    assert told.restarts == 1


async def test_no_right_outside_the_namespaces_is_needed(kubernetes, namespace, tmp_path):
    resources = "modeldeployments.serin.dev,deployments,services,jobs,controllerrevisions,pods,endpointslices,poddisruptionbudgets"
    account = f"system:serviceaccount:{namespace}:small"
    await kubectl(kubernetes, "create", "serviceaccount", "small", "-n", namespace)
    await kubectl(
        kubernetes, "create", "role", "small", "--verb=list,watch", f"--resource={resources}", "-n", namespace
    )
    await kubectl(
        kubernetes,
        *("create", "rolebinding", "small", "--role=small", f"--serviceaccount={namespace}:small", "-n", namespace),
    )
    assert (await asyncio.to_thread(kubernetes.run, "kubectl", "auth", "can-i", "list", "pods", "-A", f"--as={account}", check=False)).returncode  # fmt: skip
    token = (await kubectl(kubernetes, "create", "token", "small", "-n", namespace)).strip()
    config = yaml.safe_load(await kubectl(kubernetes, "config", "view", "--raw", "--flatten", "--minify"))
    config["users"] = [{"name": "small", "user": {"token": token}}]
    config["contexts"][0]["context"]["user"] = "small"
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
    told = Told()
    connection = await Connection.load({"KUBECONFIG": str(tmp_path / "kubeconfig")})
    informer = Informer(connection, (namespace,), told.event, told.restarted)
    informer.start()
    try:
        await kubectl(kubernetes, "apply", "-f", "-", text=a_model_deployment(namespace, "m"))
        await until("the creation", lambda: told.has(KIND, "m"))
        assert informer.failures_in_a_row == 0
    finally:
        await informer.stop()
