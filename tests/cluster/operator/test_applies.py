"""Nothing is applied that would change nothing, as the real API server sees it: its defaults, its owners, its merging."""

import json

import pytest
from tests.golden.pods.test_pod_templates import CONFIG, SPECS

from serin_operator.act.events import EventRecorder
from serin_operator.act.kubernetes import KubernetesWriter
from serin_operator.act.ownership import APPLY, ours
from serin_operator.act.unchanged import AsItIs, change_of, marked
from serin_operator.api.names import LABEL_MODEL_DEPLOYMENT
from serin_operator.cluster.client import APPLY_PATCH
from serin_operator.cluster.resources import (
    DEPLOYMENTS,
    NETWORK_POLICIES,
    POD_DISRUPTION_BUDGETS,
    SERVICES,
    path_of,
    resource_of,
)
from serin_operator.cluster.store import Store, ref_of
from serin_operator.decide.manifests import children as make
from serin_operator.decide.manifests import collector
from serin_operator.decide.manifests.pod import template
from serin_operator.observe import views

pytestmark = pytest.mark.cluster

FORCED = {"fieldManager": "serin-operator", "force": "true"}


def a_model(namespace, spec):
    metadata = {"namespace": namespace, "name": "credit-risk", "uid": "no-such-owner", "resourceVersion": "1"}
    return views.model_deployment({"metadata": metadata, "spec": spec})


def intents_of(namespace, spec):
    owner = a_model(namespace, spec)
    log = owner.spec.prediction_log
    intents = [
        make.deployment(owner, "rev1", template(owner, CONFIG, "rev1", "0" * 64)),
        make.client_service(owner, "rev1", secure=True),
        make.revision_service(owner, "rev1"),
        make.disruption_budget(owner),
        make.preview_service(owner, "rev1"),
        *([collector.service(owner), collector.deployment(owner, log, CONFIG)] if log else []),
        *([collector.network_policy(owner, [{"namespaceSelector": {}}])] if log else []),
    ]
    for intent in intents:  # the garbage collector would take what has an owner that is not there
        intent["metadata"]["ownerReferences"] = []
    return intents


class Restarted:
    """A process that has just begun: its store is what a LIST told, and it has applied nothing yet."""

    def __init__(self, client, namespace):
        self.client, self.namespace = client, namespace

    async def __aenter__(self):
        self.store = Store(lambda: 0.0)
        for resource in (DEPLOYMENTS, SERVICES, POD_DISRUPTION_BUDGETS, NETWORK_POLICIES):
            for obj in (await self.client.list_all(resource, self.namespace))[0]:
                self.store.put(obj)
        self.client.calls.clear()
        return self

    async def __aexit__(self, *_):
        pass

    async def apply(self, intent):
        writer = KubernetesWriter(self.client, self.store, EventRecorder(self.client))
        return await writer.apply(intent, resource_version=None)

    @property
    def writes(self):
        return [verb for verb, _ in self.client.calls if verb != "GET"]

    @property
    def refused(self):
        """Of the writes, those that met one of somebody else."""
        return [verb for verb, code in self.client.calls if verb != "GET" and code == "409"]


async def create(client, intent, *, replicas=3):
    if intent["kind"] == "Deployment":
        intent = {**intent, "spec": {**intent["spec"], "replicas": replicas}}
    return await KubernetesWriter(client, Store(lambda: 0.0), EventRecorder(client)).create(intent)


async def as_before_the_mark(client, intent):
    """As operators did it that put no mark on what they wrote: created, and applied once after that."""
    resource = resource_of(intent["apiVersion"], intent["kind"])
    path = resource.path(intent["metadata"]["namespace"])
    born = {**intent, "spec": {**intent["spec"], "replicas": 3}} if intent["kind"] == "Deployment" else intent
    await client.call("POST", path, what="create", params={"fieldManager": "serin-operator"}, body=born)
    what = {"what": "apply", "params": FORCED, "content_type": APPLY_PATCH}
    await client.call("PATCH", path_of(ref_of(intent)), body=intent, **what)


async def live(client, intent):
    return await client.call("GET", path_of(ref_of(intent)), what="get")


def wait_until_taken_up(kubernetes, intent, replicas=3):
    """Wait until the Deployment's controller has said what it has to say, so that hardly a write meets one of its own."""
    metadata = intent["metadata"]

    def missing():
        found = kubernetes.get("deployment", metadata["name"], "-n", metadata["namespace"])
        return found.get("status", {}).get("unavailableReplicas") == replicas

    kubernetes.wait_for("the Deployment to be taken up", missing)


@pytest.mark.parametrize("spec", SPECS)
async def test_what_was_created_needs_no_write_after_a_restart(client, namespace, spec):
    intents = intents_of(namespace, SPECS[spec])
    for intent in intents:
        await create(client, intent)
    async with Restarted(client, namespace) as process:
        for intent in intents:
            assert isinstance(await process.apply(intent), AsItIs)
        assert process.writes == []


@pytest.mark.parametrize("spec", SPECS)
async def test_an_apply_changes_nothing_where_nothing_was_found_to_change(client, namespace, spec):
    # The judgement itself, without the mark and against the API server's own: a dry run of the apply moves nothing.
    for intent in intents_of(namespace, SPECS[spec]):
        await as_before_the_mark(client, intent)
        before = await live(client, intent)
        assert change_of(marked(intent), before) is None
        what = {"what": "apply", "params": FORCED, "content_type": APPLY_PATCH}
        after = await client.call("PATCH", path_of(ref_of(intent)), body=intent, **what)
        assert after["metadata"].get("generation") == before["metadata"].get("generation")
        assert after["spec"] == before["spec"]


async def test_what_operators_of_before_wrote_needs_no_write(client, namespace):
    intents = intents_of(namespace, SPECS["everything_of_serving"])
    for intent in intents:
        await as_before_the_mark(client, intent)
    async with Restarted(client, namespace) as process:
        for intent in intents:
            assert isinstance(await process.apply(intent), AsItIs)
        assert process.writes == []


async def test_a_service_of_one_family_is_written_once_and_keeps_its_address(client, namespace):
    _, service, *_ = intents_of(namespace, SPECS["as_little_as_possible"])
    before = {**service, "spec": {name: value for name, value in service["spec"].items() if name != "ipFamilyPolicy"}}
    born = await create(client, before)
    async with Restarted(client, namespace) as process:
        assert not isinstance(await process.apply(service), AsItIs)
    found = await live(client, service)
    assert found["spec"]["ipFamilyPolicy"] == "PreferDualStack"
    assert found["spec"]["clusterIP"] == born["spec"]["clusterIP"]
    async with Restarted(client, namespace) as process:
        assert isinstance(await process.apply(service), AsItIs)
    # An operator of before finds nothing there that it cannot live with.
    async with Restarted(client, namespace) as process:
        await process.apply(before)
    assert (await live(client, service))["spec"]["clusterIP"] == born["spec"]["clusterIP"]


def kubectl_patch(kubernetes, intent, patch, kind="strategic"):
    what = (intent["kind"], intent["metadata"]["name"], "-n", intent["metadata"]["namespace"])
    kubernetes.kubectl("patch", *what, "--type", kind, "-p", json.dumps(patch))


async def test_what_others_add_costs_nothing(kubernetes, client, namespace):
    deployment, service, _, budget, _ = intents = intents_of(namespace, SPECS["all_of_runtime_at_first"])
    for intent in intents:
        await create(client, intent)
        kubectl_patch(kubernetes, intent, {"metadata": {"labels": {"team": "risk"}, "annotations": {"seen": "yes"}}})
    sidecar = {"containers": [{"name": "mesh", "image": "mesh", "env": [{"name": "A", "value": "1"}]}]}
    kubectl_patch(kubernetes, deployment, {"spec": {"replicas": 7, "template": {"spec": sidecar}}})
    kubectl_patch(kubernetes, service, {"spec": {"ports": [{"name": "more", "port": 99, "targetPort": 99}]}})
    kubectl_patch(kubernetes, budget, {"metadata": {"finalizers": ["example.com/keep"]}}, "merge")
    async with Restarted(client, namespace) as process:
        for intent in intents:
            await process.apply(intent)
        assert process.writes == []
    kubectl_patch(kubernetes, budget, {"metadata": {"finalizers": []}}, "merge")


EDITS = {
    "the image": (0, {"spec": {"template": {"spec": {"containers": [{"name": "server", "image": "evil"}]}}}}),
    "a variable": (
        0,
        {
            "spec": {
                "template": {
                    "spec": {
                        "containers": [
                            {"name": "server", "env": [{"name": "SERIN_MODEL_URI", "value": "file:///evil"}]}
                        ]
                    }
                }
            }
        },
    ),
    "a pause": (0, {"spec": {"paused": True}}),
    "the selector of clients": (1, {"spec": {"selector": {"app": "evil"}}}),
    "a label of ours": (2, {"metadata": {"labels": {LABEL_MODEL_DEPLOYMENT: "other"}}}),
    "what makes a budget impossible": (3, {"spec": {"maxUnavailable": None, "minAvailable": 5}}),
}


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("applied", [False, True], ids=["created", "applied"])
async def test_an_edit_of_what_is_ours_is_put_right_by_one_write(kubernetes, client, namespace, edit, applied):
    which, patch = EDITS[edit]
    intent = intents_of(namespace, SPECS["as_little_as_possible"])[which]
    await (as_before_the_mark if applied else create)(client, intent)
    before = await live(client, intent)
    kubectl_patch(kubernetes, intent, patch)
    async with Restarted(client, namespace) as process:
        if "labels" in patch.get("metadata", {}):
            process.store.put(
                {
                    **await live(client, intent),
                    "metadata": before["metadata"] | {"labels": {LABEL_MODEL_DEPLOYMENT: "other"}},
                }
            )
        await process.apply(intent)
        assert process.writes == ["PATCH"]
    after = await live(client, intent)
    assert after["spec"] == before["spec"]
    assert after["metadata"]["labels"] == before["metadata"]["labels"]


@pytest.mark.parametrize("applied", [False, True], ids=["created", "applied"])
async def test_what_the_intent_gives_up_is_removed_and_the_size_stays(kubernetes, client, namespace, applied):
    intent = intents_of(namespace, SPECS["all_of_runtime_at_first"])[0]
    await (as_before_the_mark if applied else create)(client, intent)
    wait_until_taken_up(kubernetes, intent)
    less = json.loads(json.dumps(intent))
    pod = less["spec"]["template"]["spec"]
    del pod["nodeSelector"]
    del less["metadata"]["labels"]["app.kubernetes.io/managed-by"]
    gone = pod["containers"][0]["env"].pop(0)
    async with Restarted(client, namespace) as process:
        await process.apply(less)
        # The Deployment's controller may write status in between: then taking over is tried again, twice at most.
        met = process.refused
        assert met in ([], ["PATCH"], ["PATCH", "PATCH"])
        assert process.writes == [*met, "PATCH", "PATCH"], "what was created is taken over once"
    after = await live(client, intent)
    assert "nodeSelector" not in after["spec"]["template"]["spec"]
    assert "app.kubernetes.io/managed-by" not in after["metadata"]["labels"]
    assert gone["name"] not in [v["name"] for v in after["spec"]["template"]["spec"]["containers"][0]["env"]]
    assert after["spec"]["replicas"] == 3
    async with Restarted(client, namespace) as process:
        await process.apply(less)
        assert process.writes == []
    del pod["tolerations"]
    async with Restarted(client, namespace) as process:
        await process.apply(less)
        assert process.writes == ["PATCH"]
    after = await live(client, intent)
    assert (after["spec"]["template"]["spec"].get("tolerations"), after["spec"]["replicas"]) == (None, 3)


async def test_taking_over_restarts_no_pod(client, namespace):
    intent = intents_of(namespace, SPECS["as_little_as_possible"])[0]
    born = await create(client, intent)
    less = json.loads(json.dumps(intent))
    del less["metadata"]["labels"]["app.kubernetes.io/managed-by"]
    async with Restarted(client, namespace) as process:
        applied = await process.apply(less)
    assert applied["spec"] == born["spec"]
    assert ours(applied, APPLY)


async def test_a_new_value_is_one_write_and_then_none(client, namespace):
    owner = a_model(namespace, SPECS["as_little_as_possible"])
    intent = intents_of(namespace, SPECS["as_little_as_possible"])[1]
    await create(client, intent)
    opened = {**intent, "spec": {**intent["spec"], "selector": make.client_service(owner, None)["spec"]["selector"]}}
    for writes in (["PATCH"], []):
        async with Restarted(client, namespace) as process:
            answer = await process.apply(opened)
            assert answer["spec"]["selector"] == opened["spec"]["selector"]
            assert process.writes == writes
