"""The slow listing compares with what the watches told, and names the watch that has missed something."""

import asyncio

import pytest

from serin_operator.api.names import LABEL_MODEL_DEPLOYMENT
from serin_operator.cluster.errors import Forbidden
from serin_operator.cluster.resources import MODEL_DEPLOYMENTS, PODS, SERVICES, Scope
from serin_operator.cluster.store import Store
from serin_operator.runtime.resync import Resync, ResyncLoop


class FakeClient:
    """Lists what the test put there."""

    def __init__(self):
        self.items = {}
        self.refused = set()
        self.calls = []

    async def each(self, scope, take, *, only_metadata):
        assert only_metadata
        self.calls.append((scope.resource.plural, scope.namespace, scope.label_selector))
        if scope.namespace in self.refused:
            raise Forbidden("no")
        for item in self.items.get(scope.resource, []):
            take(item)
        return "100"


def a_service(version=1):
    meta = {"name": "s", "namespace": "x", "uid": "s", "resourceVersion": str(version)}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta | {"labels": {LABEL_MODEL_DEPLOYMENT: "a"}}}


@pytest.fixture
def client():
    return FakeClient()


@pytest.fixture
def store():
    return Store(lambda: 0.0)


def resync(client, store, *namespaces, during_grace=lambda: None, **more):
    async def sleep(_seconds):
        during_grace()

    return Resync(client, store, namespaces, sleep=sleep, **more)


async def test_only_objects_with_our_label_are_listed_and_all_model_deployments(client, store):
    await resync(client, store, "x", "y").missed()
    assert ("modeldeployments", "x", "") in client.calls
    assert ("pods", "y", LABEL_MODEL_DEPLOYMENT) in client.calls
    assert all(selector for plural, _, selector in client.calls if plural != MODEL_DEPLOYMENTS.plural)


async def test_what_the_watch_tells_within_the_grace_was_not_missed(client, store):
    client.items[SERVICES] = [a_service(7)]
    assert await resync(client, store, during_grace=lambda: store.put(a_service(7))).missed() == []


async def test_what_the_watch_does_not_tell_is_missed_by_this_watch_alone(client, store):
    client.items[SERVICES] = [a_service(7)]
    assert await resync(client, store).missed() == [Scope(SERVICES, None, LABEL_MODEL_DEPLOYMENT)]


async def test_a_deletion_that_the_watch_does_not_tell_is_missed(client, store):
    store.put(a_service(7))
    assert await resync(client, store).missed() == [Scope(SERVICES, None, LABEL_MODEL_DEPLOYMENT)]
    assert await resync(client, store, during_grace=lambda: store.remove(a_service(8))).missed() == []


async def test_a_namespace_that_cannot_be_listed_proves_nothing_and_the_others_are_compared(client, store):
    client.items[SERVICES] = [a_service(7)]
    client.refused.add("gone")
    assert await resync(client, store, "gone", "x").missed() == [Scope(SERVICES, "x", LABEL_MODEL_DEPLOYMENT)]


async def test_a_watch_that_is_refused_anyway_is_not_asked_what_it_has_missed(client, store):
    client.items[SERVICES] = [a_service(7)]
    assert await resync(client, store, is_open=lambda scope: scope.resource == PODS).missed() == []
    assert [plural for plural, _, _ in client.calls] == ["pods"]


async def test_what_is_remembered_of_deleted_objects_is_forgotten_though_a_listing_fails(client):
    now = 0.0
    store = Store(lambda: now)
    store.put(a_service(7))
    store.remove(a_service(8))
    client.refused.add("x")
    now = 10_000.0
    await resync(client, store, "x").missed()
    assert store._tombstones == {}


PODS_OF_X = Scope(PODS, "x", LABEL_MODEL_DEPLOYMENT)


class FakeResync:
    def __init__(self, *outcomes):
        self.outcomes = list(outcomes)

    async def missed(self):
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


@pytest.mark.parametrize(
    ("outcomes", "misses", "restarts"),
    [
        pytest.param([[], []], 0, [], id="nothing was missed"),
        pytest.param([[PODS_OF_X]] * 2, 2, [PODS_OF_X] * 2, id="a dead watch is begun again each time"),
        pytest.param([[PODS_OF_X], []], 0, [PODS_OF_X], id="a watch that lives again is forgiven"),
        pytest.param([ValueError("bug"), [PODS_OF_X]], 1, [PODS_OF_X], id="a bug does not end the resync"),
    ],
)
async def test_a_dead_watch_is_noticed(outcomes, misses, restarts):
    dead, rounds, all_over = [], len(outcomes), asyncio.Event()

    async def sleep(_seconds):
        nonlocal rounds
        if rounds == 0:
            all_over.set()
            await asyncio.Event().wait()
        rounds -= 1

    loop = ResyncLoop(FakeResync(*outcomes), 300.0, dead.append, sleep=sleep)
    task = asyncio.create_task(loop.run())
    async with asyncio.timeout(5):
        await all_over.wait()
    task.cancel()
    assert (loop.misses_in_a_row, dead) == (misses, restarts)
