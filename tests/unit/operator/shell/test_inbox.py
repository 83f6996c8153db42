"""News reach the store always, and the queue while this replica leads."""

import time

import pytest

from serin_operator.api.names import LABEL_MODEL_DEPLOYMENT
from serin_operator.cluster.resources import MODEL_DEPLOYMENTS, SERVICES, Scope
from serin_operator.cluster.store import Key, Store
from serin_operator.runtime.inbox import Inbox
from serin_operator.runtime.schedule import Schedule
from serin_operator.runtime.workers import WorkQueue

A = Key("ns", "a")


class World:
    def __init__(self):
        self.now = 0.0
        self.schedule = Schedule()
        self.store = Store(lambda: self.now)
        self.gone = []
        queue = WorkQueue(self.schedule, monotonic=lambda: self.now)
        self.inbox = Inbox(self.store, queue, lambda *key: self.gone.append(key))

    def due(self):
        """Every key that would be handed out within a minute."""
        keys = []
        while (key := self.schedule.take(self.now + 60.0)) is not None:
            keys.append(key)
            self.schedule.done(key, None)
        return keys


@pytest.fixture
def world():
    return World()


def a_model_deployment(name="a", version=1):
    meta = {"name": name, "namespace": "ns", "uid": f"m-{name}", "resourceVersion": str(version)}
    return {"apiVersion": "serin.dev/v1alpha1", "kind": "ModelDeployment", "metadata": meta}


def a_service(version=1, owner="a"):
    meta = {"name": "s", "namespace": "ns", "uid": "s", "resourceVersion": str(version)}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta | {"labels": {LABEL_MODEL_DEPLOYMENT: owner}}}


def test_a_replica_that_does_not_lead_keeps_the_store_and_queues_nothing(world):
    world.inbox.take("ADDED", a_model_deployment())
    assert world.store.model_deployments() == {A}
    assert world.due() == []


def test_on_taking_over_everything_that_is_there_is_queued(world):
    world.inbox.take(None, a_model_deployment("a"))
    world.inbox.take("ADDED", a_model_deployment("b"))
    world.inbox.lead()
    assert world.due() == [Key("ns", "a"), Key("ns", "b")]


def test_a_change_of_a_child_queues_its_model_deployment(world):
    world.inbox.lead()
    world.inbox.take("ADDED", a_model_deployment())
    world.due()
    world.inbox.take("MODIFIED", a_service())
    assert world.due() == [A]


def test_a_status_of_our_own_queues_nothing(world):
    world.inbox.lead()
    world.inbox.take("ADDED", a_model_deployment())
    world.due()
    world.store.put(a_model_deployment(version=2))
    world.inbox.take("MODIFIED", a_model_deployment(version=2))
    assert world.due() == []
    world.inbox.take("MODIFIED", a_model_deployment(version=3))
    assert world.due() == [A]


def test_the_answer_of_our_own_write_of_a_child_queues_its_model_deployment(world):
    world.inbox.lead()
    world.inbox.take("ADDED", a_model_deployment())
    world.due()
    world.store.put(a_service())
    world.inbox.take("MODIFIED", a_service())
    assert world.due() == [A]


def test_a_burst_of_events_is_one_look(world):
    world.inbox.lead()
    world.inbox.take("ADDED", a_model_deployment())
    for version in range(1, 7):
        world.inbox.take("MODIFIED", a_service(version))
    assert world.due() == [A]


def test_a_child_that_is_deleted_queues_its_model_deployment(world):
    world.inbox.lead()
    world.inbox.take("ADDED", a_model_deployment())
    world.inbox.take("ADDED", a_service())
    world.due()
    world.inbox.take("DELETED", a_service(2))
    assert world.due() == [A]


def test_children_without_a_model_deployment_are_nobody_s_work(world):
    world.inbox.lead()
    world.inbox.take("ADDED", a_service())
    assert world.due() == []


def test_a_model_deployment_that_is_deleted_is_said_to_be_gone_and_looked_at_once_more(world):
    # The last look finds nothing, and forgets what the reconciler remembered.
    world.inbox.lead()
    world.inbox.take("ADDED", a_model_deployment())
    world.due()
    world.inbox.take("DELETED", a_model_deployment(version=2))
    assert world.due() == [A]
    assert world.gone == [A]
    assert A not in world.schedule


def test_what_a_listing_does_not_find_is_gone(world):
    world.inbox.lead()
    world.inbox.take("ADDED", a_model_deployment())
    world.inbox.take("ADDED", a_service())
    world.due()
    world.inbox.listed(Scope(SERVICES, None), set(), "10")
    assert world.due() == [A]
    assert world.gone == []
    world.inbox.listed(Scope(MODEL_DEPLOYMENTS, None), set(), "10")
    assert world.due() == [A]
    assert world.gone == [A]


def test_a_listing_wakes_only_what_has_changed(world):
    world.inbox.lead()
    for name in "abc":
        world.inbox.take(None, a_model_deployment(name))
    world.due()
    world.inbox.take(None, a_model_deployment("a"))
    world.inbox.take(None, a_model_deployment("b", version=2))
    world.inbox.listed(Scope(MODEL_DEPLOYMENTS, None), {"m-a", "m-b", "m-c"}, "10")
    assert world.due() == [Key("ns", "b")]


def test_a_namespace_that_can_be_seen_again_is_looked_at_whole(world):
    world.inbox.lead()
    world.inbox.take(None, a_model_deployment("a"))
    world.inbox.take(None, a_model_deployment("b"))
    world.due()
    world.inbox.look_at_everything(namespace="elsewhere")
    assert world.due() == []
    world.inbox.look_at_everything(namespace="ns")
    assert world.due() == [Key("ns", "a"), Key("ns", "b")]


@pytest.mark.slow
def test_an_event_costs_the_same_however_many_there_are():
    def cost(count):
        world = World()
        for number in range(count):
            world.inbox.take(None, a_model_deployment(f"m{number}"))
        world.inbox.lead()
        world.due()
        best = float("inf")
        for version in range(2, 52):
            begun = time.perf_counter()
            world.inbox.take("MODIFIED", a_model_deployment("m7", version))
            best = min(best, time.perf_counter() - begun)
        return best

    assert cost(10_000) < 10 * cost(100)
