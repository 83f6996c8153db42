"""The wind tunnel does what it promises: stories are worth as much as it is."""

from itertools import pairwise

from tests.support.simulation import (
    Crash,
    Flap,
    Sidecar,
    Simulation,
    Trouble,
    one_by_one,
    revision_of,
    serving,
    spec,
    uri_of,
)
from tests.support.simulation.cluster import JsonObject, is_ready

V1 = uri_of("v1")


def pods(simulation: Simulation) -> list[JsonObject]:
    return simulation.pods_of(revision_of(simulation, "v1"))


async def test_pods_belong_to_a_replica_set_that_belongs_to_the_deployment_and_go_with_it() -> None:
    simulation = await serving()
    pod = pods(simulation)[0]
    owner = pod["metadata"]["ownerReferences"][0]
    assert (owner["kind"], owner["controller"]) == ("ReplicaSet", True)
    replica_set = simulation.child("ReplicaSet", owner["name"])
    assert replica_set["metadata"]["ownerReferences"][0]["kind"] == "Deployment"
    assert owner["name"].startswith(f"{simulation.name}-{revision_of(simulation, 'v1')}-")
    simulation.remove(simulation.of_kind("Deployment")[0])
    simulation.move(1)
    assert simulation.of_kind("ReplicaSet") == simulation.of_kind("Pod") == []


async def test_a_pod_that_was_never_ready_keeps_the_transition_time_of_its_start() -> None:
    simulation = Simulation()
    simulation.behave(V1, never_ready=True)
    simulation.kubectl_apply(spec())
    await simulation.live(200)
    for pod in pods(simulation):
        ready = next(c for c in pod["status"]["conditions"] if c["type"] == "Ready")
        assert ready["status"] == "False"
        assert ready["lastTransitionTime"] == pod["status"]["startTime"] == pod["metadata"]["creationTimestamp"]


async def test_a_crash_counts_a_restart_says_why_and_is_followed_by_growing_patience() -> None:
    simulation = await serving(replicas=1)
    simulation.behave(V1, crash=Crash(after=2))
    restarts = []
    for _ in range(90):
        await simulation.live(1)
        restarts.append(pods(simulation)[0]["status"]["containerStatuses"][0]["restartCount"])
    container = pods(simulation)[0]["status"]["containerStatuses"][0]
    assert container["lastState"]["terminated"]["reason"] == "OOMKilled"
    assert sorted(restarts) == restarts
    moments = [restarts.index(n) for n in sorted(set(restarts))]
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    assert gaps == sorted(gaps), gaps


async def test_readiness_that_comes_and_goes_is_seen_by_clients_at_once() -> None:
    simulation = await serving()
    simulation.behave(V1, flap=Flap(up=4, down=2, pods=frozenset({1})))
    await simulation.live(12)
    assert {m.endpoints["v1"] for m in simulation.since(simulation.elapsed - 11)} == {2, 3}


async def test_pods_come_one_by_one() -> None:
    simulation = Simulation()
    simulation.behave(V1, ready_after=one_by_one(10))
    simulation.kubectl_apply(spec())
    ready = []
    for _ in range(40):
        await simulation.live(1)
        ready.append(sum(map(is_ready, simulation.of_kind("Pod"))))
    assert sorted(set(ready)) == [0, 1, 2, 3]
    assert ready.index(2) - ready.index(1) == ready.index(3) - ready.index(2) == 10


async def test_the_pods_of_a_dead_node_stay_and_are_replaced() -> None:
    simulation = await serving()
    before = {p["metadata"]["name"] for p in pods(simulation)}
    simulation.kubelet.kill_node("node1")
    await simulation.live(60)
    stuck = [p for p in pods(simulation) if p["metadata"].get("deletionTimestamp")]
    assert {p["spec"]["nodeName"] for p in stuck} == {"node1"}
    assert before <= {p["metadata"]["name"] for p in pods(simulation)}
    assert simulation.moments[-1].endpoints == {"v1": 3}


async def test_a_job_whose_pod_has_another_container_is_never_over() -> None:
    simulation = Simulation()
    simulation.inject(Sidecar())
    simulation.kubectl_apply(spec())
    simulation.move(1)
    await simulation.reconcile()
    for _ in range(30):
        simulation.now += simulation.now.resolution * 1_000_000
        simulation.move(1)
    job, pod = simulation.of_kind("Job")[0], simulation.of_kind("Pod")[0]
    assert [s["name"] for s in pod["status"]["containerStatuses"]] == ["a-proxy", "server"]
    assert "terminated" in pod["status"]["containerStatuses"][1]["state"]
    assert not job["status"].get("conditions")


async def test_a_template_that_somebody_edits_rolls_the_pods_without_a_gap() -> None:
    simulation = await serving()
    deployment = simulation.of_kind("Deployment")[0]
    simulation.reconciler = None  # type: ignore[assignment] - nobody puts it right
    before = {p["metadata"]["name"] for p in pods(simulation)}
    simulation.edit(deployment, "kubectl", lambda d: d["spec"]["template"]["metadata"].update(annotations={"a": "b"}))
    for _ in range(30):
        simulation.now += simulation.now.resolution * 1_000_000
        simulation.move(1)
        assert simulation.moments[-1].endpoints["v1"] >= 3
    assert not before & {p["metadata"]["name"] for p in pods(simulation)}


async def test_what_a_controller_changes_is_known_by_its_name() -> None:
    simulation = await serving()
    deployment = simulation.of_kind("Deployment")[0]
    simulation.edit(deployment, "hpa", lambda d: d["spec"].update(replicas=7))
    entry = next(e for e in deployment["metadata"]["managedFields"] if e["manager"] == "hpa")
    assert entry["fieldsV1"] == {"f:spec": {"f:replicas": {}}}


async def test_an_operator_that_wants_to_look_again_and_again_looks_once_a_second_in_the_long_run() -> None:
    simulation = await serving()

    class Hasty:
        async def reconcile(self, namespace: str, name: str) -> float:
            return 0.0

    simulation.reconciler = Hasty()  # type: ignore[assignment]
    simulation.change_spec(replicas=4)
    began = len(simulation.reconciles)
    await simulation.live(60)
    assert 60 <= len(simulation.reconciles) - began <= 60 + 16


async def test_a_prometheus_that_hangs_holds_the_one_who_asks() -> None:
    simulation = await serving()
    simulation.change_spec(model={"version": "v2", "uri": uri_of("v2")})
    await simulation.live_until(lambda s: s.network.answered.get("v2"), 60)
    simulation.prometheus_trouble(Trouble.HANGS)
    await simulation.live(60)
    gaps = [b - a for a, b in pairwise(simulation.reconciles)]
    assert max(gaps[-10:]) >= 10
