"""Watches against a real API server: what they tell, what they leave alone, and what each survives by itself."""

import asyncio
import json
from collections.abc import Callable

import pytest
import yaml
from tests.support.operator import CRD, install_crd

from serin_operator.api.names import API_VERSION, KIND, LABEL_MODEL_DEPLOYMENT
from serin_operator.cluster.client import ApiClient
from serin_operator.cluster.connection import Connection
from serin_operator.cluster.resources import LEASES, MODEL_DEPLOYMENTS, PODS, Scope, scopes_if_there, scopes_of
from serin_operator.runtime.watches import Nobody, Watches

pytestmark = pytest.mark.cluster

NAMES = (
    "modeldeployments.serin.dev,deployments,services,jobs,controllerrevisions,pods,endpointslices,poddisruptionbudgets"
)


class Told:
    """What the watches have told."""

    def __init__(self):
        self.events = []
        self.listings = []
        self.sights = []
        self.failures = []

    def take(self, event_type, obj):
        self.events.append((event_type, obj["kind"], obj["metadata"]["name"], obj))

    def listed(self, scope, uids, _listed_at):
        self.listings.append((scope, uids))

    def has(self, kind, name, *types):
        return any(e[1:3] == (kind, name) and e[0] in (types or {e[0]}) for e in self.events)


async def until(what: str, probe: Callable[[], object], seconds: float = 40.0) -> None:
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
async def start(connection):
    """Starts watches of some namespaces; they end with the test."""
    tasks, sessions = [], []

    async def start(*namespaces, by=connection, lease=None):
        told = Told()
        session = by.new_session()
        sessions.append(session)
        watches = Watches(
            ApiClient(session, by.server),
            namespaces,
            told,
            on_sight=told.sights.append,
            on_failure=told.failures.append,
        )
        if lease is not None:
            watches.lease = watches.add(lease, Nobody())
        tasks.append(asyncio.create_task(watches.run()))
        return told, watches

    yield start
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for session in sessions:
        await session.close()


@pytest.fixture
async def informed(start, namespace):
    told, watches = await start(namespace)
    await until("the first sight", lambda: told.sights)
    return told, watches


class Account:
    """A service account, its token, and its rights, one role a namespace."""

    def __init__(self, kubernetes, home, folder):
        self.kubernetes, self.home, self.folder = kubernetes, home, folder

    async def allow(self, namespace, *, resources=NAMES, verbs="list,watch", name="small"):
        role = ("create", "role", name, f"--verb={verbs}", f"--resource={resources}", "-n", namespace)
        await kubectl(self.kubernetes, *role)
        routes = {"apiGroups": ["gateway.networking.k8s.io"], "resources": ["httproutes"], "verbs": verbs.split(",")}
        # The cluster does not have the kind, which kubectl would not let pass.
        more = json.dumps([{"op": "add", "path": "/rules/-", "value": routes}])
        await kubectl(self.kubernetes, "patch", "role", name, "--type=json", "-p", more, "-n", namespace)
        subject = f"--serviceaccount={self.home}:small"
        await kubectl(self.kubernetes, "create", "rolebinding", name, f"--role={name}", subject, "-n", namespace)

    async def forbid(self, namespace, name="small"):
        await kubectl(self.kubernetes, "delete", "rolebinding", name, "-n", namespace)
        await kubectl(self.kubernetes, "delete", "role", name, "-n", namespace)

    async def connect(self):
        token = (await kubectl(self.kubernetes, "create", "token", "small", "-n", self.home)).strip()
        config = yaml.safe_load(await kubectl(self.kubernetes, "config", "view", "--raw", "--flatten", "--minify"))
        config["users"] = [{"name": "small", "user": {"token": token}}]
        config["contexts"][0]["context"]["user"] = "small"
        (self.folder / "kubeconfig").write_text(yaml.safe_dump(config))
        return await Connection.load({"KUBECONFIG": str(self.folder / "kubeconfig")})


@pytest.fixture
async def account(kubernetes, namespace, tmp_path):
    await kubectl(kubernetes, "create", "serviceaccount", "small", "-n", namespace)
    return Account(kubernetes, namespace, tmp_path)


async def test_creations_changes_and_deletions_are_told(kubernetes, informed, namespace):
    told, _ = informed
    await kubectl(kubernetes, "apply", "-f", "-", text=a_model_deployment(namespace, "m"))
    await until("the creation", lambda: told.has(KIND, "m", "ADDED"))
    await kubectl(kubernetes, "annotate", "modeldeployment", "m", "-n", namespace, "a=b")
    await until("the change", lambda: told.has(KIND, "m", "MODIFIED"))
    await kubectl(kubernetes, "delete", "modeldeployment", "m", "-n", namespace)
    await until("the deletion", lambda: told.has(KIND, "m", "DELETED"))


async def test_what_was_there_before_is_told_by_the_listing(kubernetes, start, namespace):
    await kubectl(kubernetes, "apply", "-f", "-", text=a_model_deployment(namespace, "m"))
    told, _ = await start(namespace)
    await until("the listing", lambda: told.has(KIND, "m", None))
    await until("its end", lambda: any(s.resource == MODEL_DEPLOYMENTS and uids for s, uids in told.listings))


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


async def test_a_watch_that_is_begun_again_tells_what_is_there_and_the_others_go_on(kubernetes, informed, namespace):
    told, watches = informed
    await kubectl(kubernetes, "apply", "-f", "-", text=a_model_deployment(namespace, "m"))
    await until("the creation", lambda: told.has(KIND, "m"))
    told.events.clear()
    told.listings.clear()
    told.sights.clear()
    watches.restart(Scope(MODEL_DEPLOYMENTS, namespace))
    assert "have not been listed yet" in watches.blind_spot(namespace)
    await until("the listing", lambda: told.has(KIND, "m", None))
    await until("sight", lambda: told.sights == [namespace])
    assert [scope.resource for scope, _ in told.listings] == [MODEL_DEPLOYMENTS]


async def test_no_right_outside_the_namespaces_is_needed(kubernetes, start, account, namespace):
    await account.allow(namespace)
    token = f"--as=system:serviceaccount:{namespace}:small"
    assert (await asyncio.to_thread(kubernetes.run, "kubectl", "auth", "can-i", "list", "pods", "-A", token, check=False)).returncode  # fmt: skip
    told, _ = await start(namespace, by=await account.connect())
    await until("the first sight", lambda: told.sights == [namespace])
    await kubectl(kubernetes, "apply", "-f", "-", text=a_model_deployment(namespace, "m"))
    await until("the creation", lambda: told.has(KIND, "m"))
    assert told.failures == []


async def test_a_namespace_that_is_forbidden_or_missing_keeps_no_other_from_being_seen(
    kubernetes, start, account, namespace
):
    await account.allow(namespace)
    later = f"{namespace}-later"
    told, watches = await start(namespace, later, by=await account.connect())
    await until("the first sight", lambda: told.sights == [namespace])
    all_of_it = (*scopes_of((later,)), *scopes_if_there((later,)))
    await until("the refusals", lambda: len(watches.refusals()) == len(all_of_it))
    assert f'in the namespace "{later}"' in watches.blind_spot(later)
    assert watches.blind_spot(namespace) is None
    assert watches.dead() is None
    await kubectl(kubernetes, "create", "namespace", later)
    try:
        await account.allow(later)
        await kubectl(kubernetes, "apply", "-f", "-", text=a_model_deployment(later, "m"))
        await until("the new namespace", lambda: told.sights == [namespace, later])
        assert told.has(KIND, "m")
        await until("the end of the refusals", lambda: watches.refusals() == [])
    finally:
        await kubectl(kubernetes, "delete", "namespace", later, "--wait=false")


async def test_a_kind_that_may_not_be_watched_is_tried_again_alone(kubernetes, start, account, namespace):
    others = NAMES.replace(",pods", "")
    await account.allow(namespace, resources=others, name="others")
    told, watches = await start(namespace, by=await account.connect())
    pods = Scope(PODS, namespace, LABEL_MODEL_DEPLOYMENT)
    await until("the others", lambda: all(watches.is_well(s) == (s != pods) for s in watches.scopes))
    assert told.sights == []
    assert "pods is forbidden" in watches.blind_spot(namespace)
    assert set(told.failures) == {pods}
    await account.allow(namespace, resources="pods", name="pods")
    await until("pods", lambda: told.sights == [namespace])


async def test_rights_that_are_taken_away_and_given_back_are_noticed_both_times(kubernetes, start, account, namespace):
    await account.allow(namespace)
    told, watches = await start(namespace, by=await account.connect())
    await until("the first sight", lambda: told.sights)
    await account.forbid(namespace)
    for scope in watches.scopes:
        watches.restart(scope)  # a stream that is open goes on; the next request is refused
    await until("the refusals", lambda: len(watches.refusals()) == len(watches.scopes))
    await account.allow(namespace)
    await until("the second sight", lambda: told.sights == [namespace, namespace])


async def test_a_crd_that_goes_and_comes_back_is_watched_again(kubernetes, informed, namespace):
    told, watches = informed
    await kubectl(kubernetes, "apply", "-f", "-", text=a_model_deployment(namespace, "before"))
    await until("the creation", lambda: told.has(KIND, "before"))
    await kubectl(kubernetes, "delete", "-f", str(CRD), "--timeout=60s")
    try:
        await until("the deletion", lambda: told.has(KIND, "before", "DELETED"))
        mine = Scope(MODEL_DEPLOYMENTS, namespace)
        await until("the refusal", lambda: not watches.is_open(mine))
        assert all(watches.is_well(scope) for scope in watches.scopes if scope != mine)
    finally:
        await asyncio.to_thread(install_crd, kubernetes)
    await kubectl(kubernetes, "apply", "-f", "-", text=a_model_deployment(namespace, "after"))
    await until("the new object", lambda: told.has(KIND, "after"))
    assert watches.dead() is None


async def test_a_lease_that_is_renewed_is_heard_of(kubernetes, start, namespace):
    lease = Scope(LEASES, namespace, field_selector="metadata.name=serin-operator")
    told, watches = await start(namespace, lease=lease)
    await until("the first sight", lambda: told.sights)
    await until("the lease's watch", lambda: watches.is_open(lease))
    body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "serin-operator"}}
    await kubectl(kubernetes, "apply", "-n", namespace, "-f", "-", text=yaml.safe_dump(body))
    made = await asyncio.to_thread(kubernetes.get, "lease", "serin-operator", "-n", namespace)
    watches.lease.expect(made["metadata"]["resourceVersion"])
    await until("the proof", lambda: watches.lease.overdue_seconds == 0.0)
