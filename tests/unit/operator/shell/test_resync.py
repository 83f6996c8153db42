"""The slow LIST repairs what the watches missed, and says so."""

import asyncio

import pytest

from serin_operator.api.names import LABEL_MODEL_DEPLOYMENT
from serin_operator.cluster.errors import Transient
from serin_operator.cluster.resources import MODEL_DEPLOYMENTS, SERVICES
from serin_operator.cluster.store import Key, Store
from serin_operator.runtime.resync import Repaired, Resync, ResyncLoop

A = Key("ns", "a")


class FakeClient:
    """Lists what the test put there."""

    def __init__(self):
        self.items = {}
        self.calls = []

    async def list_all(self, resource, namespace, *, label_selector=""):
        self.calls.append((resource.plural, namespace, label_selector))
        return self.items.get(resource, []), "100"


def a_service(version=1):
    meta = {"name": "s", "namespace": "ns", "uid": "s", "resourceVersion": str(version)}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta | {"labels": {LABEL_MODEL_DEPLOYMENT: "a"}}}


@pytest.fixture
def client():
    return FakeClient()


@pytest.fixture
def store():
    return Store(lambda: 0.0)


async def test_only_objects_with_our_label_are_listed_and_all_model_deployments(client, store):
    await Resync(client, store, ("x", "y")).fill()
    assert ("modeldeployments", "x", "") in client.calls
    assert ("pods", "y", LABEL_MODEL_DEPLOYMENT) in client.calls
    assert all(selector for plural, _, selector in client.calls if plural != MODEL_DEPLOYMENTS.plural)


async def test_what_the_watch_tells_within_the_grace_was_not_missed(client, store):
    client.items[SERVICES] = [a_service(7)]

    async def sleep(_seconds):
        store.put(a_service(7))

    assert await Resync(client, store, (), sleep=sleep).repair() == Repaired()


async def test_what_the_watch_does_not_tell_is_repaired_and_named(client, store):
    client.items[SERVICES] = [a_service(7)]

    async def sleep(_seconds):
        pass

    repaired = await Resync(client, store, (), sleep=sleep).repair()
    assert repaired == Repaired(frozenset({A}), ("services",))
    assert len(store.children(A)["Service"]) == 1


class FakeResync:
    def __init__(self, *outcomes):
        self.outcomes = list(outcomes)
        self.finished = asyncio.Event()

    async def repair(self):
        outcome = self.outcomes.pop(0)
        if not self.outcomes:
            self.finished.set()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


MISSED = Repaired(frozenset({A}), ("pods",))


@pytest.mark.parametrize(
    ("outcomes", "misses", "restarts"),
    [
        pytest.param([Repaired(), Repaired()], 0, 0, id="nothing was missed"),
        pytest.param([MISSED, MISSED], 2, 2, id="a dead watch is begun again each time"),
        pytest.param([MISSED, Repaired()], 0, 1, id="a watch that lives again is forgiven"),
        pytest.param([Transient("gone"), Repaired()], 0, 0, id="an API server that is away proves nothing"),
        pytest.param([ValueError("bug"), MISSED], 1, 1, id="a bug does not end the resync"),
    ],
)
async def test_a_dead_watch_is_noticed(outcomes, misses, restarts):
    resync, told, dead = FakeResync(*outcomes), [], []
    loop = ResyncLoop(resync, 0.001, told.append, lambda: dead.append(True))
    task = asyncio.create_task(loop.run())
    async with asyncio.timeout(5):
        await resync.finished.wait()
        await asyncio.sleep(0)
    task.cancel()
    assert (loop.misses_in_a_row, len(dead)) == (misses, restarts)


async def test_what_was_missed_while_the_watches_began_again_is_excused():
    resync, dead = FakeResync(MISSED), []
    loop = ResyncLoop(resync, 3600.0, lambda _: None, lambda: dead.append(True))
    task = asyncio.create_task(loop.run())
    loop.ask()
    async with asyncio.timeout(5):
        await resync.finished.wait()
        await asyncio.sleep(0)
    task.cancel()
    assert (loop.misses_in_a_row, dead) == (0, [])
