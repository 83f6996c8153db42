"""Two who want different things of the same object, at a real API server."""

import json

import pytest
from tests.cluster.operator.test_applies import Restarted, create, intents_of, live

from serin_operator.act.events import EventRecorder
from serin_operator.act.executor import Executor
from serin_operator.act.kubernetes import KubernetesWriter
from serin_operator.act.made import Made
from serin_operator.api.reasons import Reason
from serin_operator.cluster.store import ref_of
from serin_operator.decide.children.operations import Apply
from serin_operator.observe.kubernetes import KubernetesReader

pytestmark = pytest.mark.cluster

SPEC = {"model": {"version": "v1", "uri": "https://models.example.com/v1.onnx"}}


class Installation:
    """An operator that sees every change at once and wants one object to be so."""

    def __init__(self, client, process, intent):
        self.store, self.intent, self.now = process.store, intent, 0.0
        self.writer = KubernetesWriter(client, self.store, EventRecorder(client))
        self.reader = KubernetesReader(client, self.store, lambda: 0.0)
        self.made = Made("uid")
        self.told = []

    async def reconcile(self):
        seen = await self.reader.get(ref_of(self.intent))
        self.store.put(seen)
        executor = Executor(self.writer, self.reader, self.made, monotonic=lambda: self.now)
        self.obstacles = await executor.carry_out([Apply(self.intent, seen["metadata"]["resourceVersion"])])
        self.told += executor.repairs
        self.now += 1.0


async def test_two_installations_over_one_namespace_slow_down_and_say_so(client, namespace):
    ours = intents_of(namespace, SPEC)[1]
    theirs = {**ours, "spec": {**ours["spec"], "selector": {"app": "theirs"}}}
    await create(client, ours)
    async with Restarted(client, namespace) as one, Restarted(client, namespace) as two:
        both = [Installation(client, one, ours), Installation(client, two, theirs)]
        client.calls.clear()
        for _ in range(15):
            for each in both:
                await each.reconcile()
        writes = [verb for verb, _ in client.calls if verb == "PATCH"]
    assert len(writes) < 16
    (obstacle,) = next(each.obstacles for each in both if each.obstacles)
    assert obstacle.reason == Reason.FOUGHT_OVER
    assert "another installation of Serin (field manager serin-operator) sets spec.selector" in obstacle.message
    assert len(both[0].told) <= 2


async def test_a_person_who_edits_is_named_and_a_restart_tells_no_repair(kubernetes, client, namespace):
    intent = intents_of(namespace, SPEC)[1]
    await create(client, intent)
    async with Restarted(client, namespace) as process:
        operator = Installation(client, process, intent)
        await operator.reconcile()
        assert (operator.told, process.writes) == ([], [])
        for _ in range(4):
            patch = json.dumps({"spec": {"selector": {"app": "evil"}}})
            kubernetes.kubectl(
                "patch", "service", "credit-risk", "-n", namespace, "-p", patch, "--field-manager", "bot"
            )
            await operator.reconcile()
        (obstacle,) = operator.obstacles
    assert operator.told == ["Service credit-risk had been edited; it was put right"] * 2
    assert "field manager bot sets spec.selector to" in obstacle.message
    assert (await live(client, intent))["spec"]["selector"]["app"] == "evil", "left alone for a while"
    operator.now += 60.0
    await operator.reconcile()
    assert operator.obstacles == ()
    assert (await live(client, intent))["spec"]["selector"] == intent["spec"]["selector"]
