"""Events are asked for seldom: about pods that are not ready, one of each ReplicaSet, after a while."""

from typing import Any

import pytest

from serin_operator.api import names
from serin_operator.cluster.store import Store
from serin_operator.observe.kubernetes import KubernetesReader

CREATING = {"waiting": {"reason": "ContainerCreating"}}


class FakeClient:
    """Answers every list of events with one of them, and remembers the selectors."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def list_all(self, _resource: Any, _namespace: str, field_selector: str) -> tuple[list[dict[str, Any]], str]:
        self.asked.append(field_selector)
        return [{"metadata": {"name": "e", "managedFields": []}, "reason": "FailedCreatePodSandBox"}], "1"


class Bench:
    def __init__(self, *pods: dict[str, Any]) -> None:
        self.now = 0.0
        self.client = FakeClient()
        self.store = Store(lambda: self.now)
        for each in pods:
            self.store.put(each)
        self.reader = KubernetesReader(self.client, self.store, lambda: self.now)  # type: ignore[arg-type]  # a fake

    async def events_at(self, now: float) -> list[dict[str, Any]]:
        self.now = now
        return (await self.reader.children("ns", "m", "uid")).events_about_pods


def a_pod(name: str, state: dict[str, Any], owner: str = "rs1", **status: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "namespace": "ns",
            "name": name,
            "uid": f"uid-{name}",
            "resourceVersion": "1",
            "labels": names.child_labels("m", "rev1", "server"),
            "ownerReferences": [{"kind": "ReplicaSet", "name": owner, "uid": owner, "controller": True}],
        },
        "status": {"phase": "Pending", "containerStatuses": [{"name": "server", "state": state}], **status},
    }


async def test_what_waits_for_long_is_asked_after_once_for_each_replica_set() -> None:
    bench = Bench(a_pod("a", CREATING), a_pod("b", CREATING), a_pod("c", CREATING, owner="rs2"))
    assert await bench.events_at(0.0) == []
    assert await bench.events_at(2.0) == []
    assert len(await bench.events_at(4.0)) == 2
    assert bench.client.asked == [f"involvedObject.uid=uid-{name},type=Warning" for name in "ac"]
    assert len(await bench.events_at(9.0)) == 2
    assert len(bench.client.asked) == 2, "the answers are remembered for a while"


async def test_one_that_runs_has_its_time_to_load_and_the_stuck_sibling_is_asked_after_first() -> None:
    bench = Bench(a_pod("a", {"running": {}}), a_pod("b", {"running": {}}, owner="rs2"), a_pod("c", CREATING))
    await bench.events_at(0.0)
    await bench.events_at(5.0)
    assert bench.client.asked == ["involvedObject.uid=uid-c,type=Warning"]
    await bench.events_at(31.0)
    assert "involvedObject.uid=uid-b,type=Warning" in bench.client.asked


@pytest.mark.parametrize(
    "status",
    [{"conditions": [{"type": "Ready", "status": "True"}]}, {"phase": "Failed"}, {"phase": "Succeeded"}],
    ids=["ready", "failed", "ended"],
)
async def test_nobody_asks_after_a_pod_that_has_nothing_to_tell(status: dict[str, Any]) -> None:
    bench = Bench(a_pod("a", {"running": {}}, **status))
    await bench.events_at(0.0)
    assert await bench.events_at(60.0) == []
    assert bench.client.asked == []


class PodsAndEvents:
    """A collector's pod to whoever asks for pods by its label, and an event about it."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def list_all(self, resource: Any, _namespace: str, **selectors: str) -> tuple[list[dict[str, Any]], str]:
        self.asked += [f"{resource.kind} {selector}" for selector in selectors.values()]
        metadata = {"name": "m-collector-7d-x", "namespace": "ns", "uid": "uid-x", "managedFields": []}
        return [{"metadata": metadata, "status": {"phase": "Pending"}}], "1"


def a_collector(available: int) -> dict[str, Any]:
    labels = names.child_labels("m", None, names.COMPONENT_COLLECTOR)
    metadata = {"namespace": "ns", "name": "m-collector", "uid": "uid-d", "resourceVersion": "1", "labels": labels}
    status = {"availableReplicas": available}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "status": status}


async def test_pods_of_a_collector_are_asked_for_only_while_none_of_them_is_available() -> None:
    bench = Bench()
    bench.client = client = PodsAndEvents()  # type: ignore[assignment]  # another fake
    bench.reader = KubernetesReader(client, bench.store, lambda: bench.now)  # type: ignore[arg-type]  # a fake
    bench.store.put(a_collector(1))
    await bench.events_at(100.0)
    assert client.asked == []
    bench.store.put({**a_collector(0), "metadata": {**a_collector(0)["metadata"], "resourceVersion": "2"}})
    for now in (101.0, 105.0, 106.0, 110.0):
        await bench.events_at(now)
    assert client.asked == ["Pod serin.dev/collector=m", "Event involvedObject.uid=uid-x,type=Warning"]
    found = (await bench.reader.children("ns", "m", "uid")).collector_pods
    assert [each["metadata"].get("managedFields") for each in found] == [None]
