"""The promises of a rollout, on a real cluster with real models, real traffic and labels that come late."""

import json
import random
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from tests.support.serin import SYSTEM, Space, kill_container

pytestmark = pytest.mark.e2e

ANALYSIS: dict[str, Any] = {
    "intervalSeconds": 3,
    "minSamples": 60,
    "metrics": [
        {"name": "errors", "errorRate": {"maxIncrease": 0.02}},
        {"name": "accuracy", "accuracy": {"maxDecrease": 0.02}},
    ],
}
STEPS = [{"weight": 25, "holdSeconds": 4}, {"weight": 50, "holdSeconds": 4}]


def analysed(**more: Any) -> dict[str, Any]:
    rollout = {"steps": STEPS, "bakeSeconds": 3, "progressDeadlineSeconds": 120, "deadlineSeconds": 600}
    return {"replicas": 3, "rollout": rollout, "analysis": {**ANALYSIS, **more}}


def test_a_better_version_is_promoted_a_worse_one_rolled_back_and_a_broken_one_never_served(space: Space) -> None:
    space.apply("v1", **analysed())
    space.wait_until_serves("v1")
    space.start_traffic(requests_per_second=60)
    pods_before = {p["metadata"]["uid"] for p in space.pods()}

    space.apply("v2", **analysed())
    space.wait_until("v2 is a canary", lambda: (space.status().get("canary") or {}).get("step") == 0, 60)
    canary_pods = {p["metadata"]["name"] for p in space.pods() if p["metadata"]["uid"] not in pods_before}
    space.wait_until_serves("v2", 180)
    assert canary_pods <= {p["metadata"]["name"] for p in space.pods()}, "promotion restarts no pod"

    space.apply("v3", **analysed(minSamples=400))
    entry = space.wait_for_outcome("v3", "RolledBack", 240)
    assert entry["reason"] == "AnalysisFailed"
    assert "accuracy: canary" in entry["message"]
    assert "needed" in entry["message"]
    stalled = space.condition("Stalled")
    assert (stalled["status"], stalled["reason"]) == ("True", "AnalysisFailed")
    assert space.status()["stable"]["version"] == "v2"
    space.wait_until("only v2 is behind the Service", lambda: len(space.endpoints()) == 3, 30)

    space.apply("v4", **analysed())
    entry = space.wait_for_outcome("v4", "FailedPreflight", 60)
    assert entry["reason"] == "ModelInvalid"
    assert space.traffic()["by_version"].keys() == {"v1", "v2", "v3"}
    assert space.lost_requests() == ""


def steps_of(file: Path) -> list[tuple[int, int]]:
    """The (step, weight) pairs that a watch of status saw, without immediate repeats."""
    seen: list[tuple[int, int]] = []
    decoder, text = json.JSONDecoder(), file.read_text()
    position = 0
    while position < len(text):
        try:
            obj, position = decoder.raw_decode(text, position)
        except json.JSONDecodeError:
            break
        position += len(text[position:]) - len(text[position:].lstrip())
        canary = (obj.get("status") or {}).get("canary") or {}
        pair = (canary.get("step"), canary.get("weight"))
        if pair[0] is not None and (not seen or seen[-1] != pair):
            seen.append(pair)
    return seen


def test_an_operator_killed_at_twenty_random_moments_shows_each_step_once(space: Space, tmp_path: Path) -> None:
    serin = space.serin
    steps = [{"weight": 25, "holdSeconds": 15}, {"weight": 50, "holdSeconds": 15}]
    rollout = {"steps": steps, "bakeSeconds": 3, "progressDeadlineSeconds": 300}
    space.apply("v1", replicas=3, rollout=rollout)
    space.wait_until_serves("v1")
    space.start_traffic(requests_per_second=20)
    watched, kills = tmp_path / "watch.json", 0
    with watched.open("w") as out:
        command = ["kubectl", "-n", space.namespace, "get", "mdep", space.name, "--watch", "-o", "json"]
        watch = subprocess.Popen(command, stdout=out, env=dict(space.kubernetes.environment))
        try:
            space.apply("v2", replicas=3, rollout=rollout)
            while not space.serves("v2") or kills < 20:
                moments = random.Random(kills)
                time_of_death = time.monotonic() + moments.uniform(0.2, 2.5)
                space.kubernetes.wait_for("the moment has come", lambda at=time_of_death: time.monotonic() > at, 10)
                for pod in serin.operator_pods():
                    container = (pod["status"].get("containerStatuses") or [{}])[0]
                    if "running" in (container.get("state") or {}):
                        kill_container(space.kubernetes, container["containerID"].rpartition("/")[2])
                        kills += 1
                if kills >= 20:
                    break
                revive(space)
            revive(space)
            space.wait_until_serves("v2", 240)
        finally:
            watch.terminate()
            watch.wait(10)
    assert steps_of(watched) == [(0, 25), (1, 50), (1, 100)]
    assert kills >= 20
    assert space.lost_requests() == ""


def revive(space: Space) -> None:
    """Fresh operator pods: a kubelet makes a container that crashed twenty times wait longer and longer."""
    kubectl = space.kubernetes.kubectl
    kubectl(
        "-n", SYSTEM, "delete", "pods", "-l", "app.kubernetes.io/name=serin-operator", "--grace-period=0", "--force"
    )
    space.kubernetes.wait_for("an operator runs", lambda: any(map(_is_ready, space.serin.operator_pods())), 60)


def _is_ready(pod: dict[str, Any]) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions") or [])


def test_when_the_leader_is_killed_the_other_replica_leads_within_20_seconds(space: Space) -> None:
    serin = space.serin
    kubernetes = space.kubernetes
    kubernetes.wait_for("two operators", lambda: sum(map(_is_ready, serin.operator_pods())) == 2, 60)
    leader = kubernetes.wait_for("a leader", serin.leader, 30)
    began = time.monotonic()
    kubernetes.kubectl("-n", SYSTEM, "delete", "pod", leader, "--grace-period=0", "--force")
    serin_pods = {p["metadata"]["name"] for p in serin.operator_pods()}
    kubernetes.wait_for("a new leader", lambda: serin.leader() in serin_pods - {leader}, 60)
    assert time.monotonic() - began < 20
    space.apply("v1")
    space.wait_until_serves("v1")


def test_the_users_object_is_the_users(space: Space) -> None:
    space.apply("v1")
    space.wait_until_serves("v1")
    space.wait_until("nothing is left to tell", lambda: "outbox" not in space.status(), 10)
    settled = space.get()
    assert settled["spec"] == space.manifest("v1")["spec"]
    assert "finalizers" not in settled["metadata"]
    assert set(settled["metadata"]["annotations"]) == {"kubectl.kubernetes.io/last-applied-configuration"}
    managed = space.kubernetes.kubectl(
        "get", "mdep", space.name, "-n", space.namespace, "-o", "json", "--show-managed-fields"
    )
    ours = [m for m in json.loads(managed)["metadata"]["managedFields"] if m["manager"] == "serin-operator"]
    assert {m.get("subresource") for m in ours} == {"status"}

    assert "unchanged" in space.apply("v1")
    until = time.monotonic() + 60
    versions = set()
    while time.monotonic() < until:
        space.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", text=json.dumps(space.manifest("v1")))
        versions.add(space.get()["metadata"]["resourceVersion"])
    # The first server-side apply adds its own entry to managedFields; after it nothing may move.
    assert len(versions) == 1


def test_kubectl_wait_returns_when_the_wanted_version_serves_and_not_before(space: Space) -> None:
    space.apply("v1")
    space.kubectl("wait", "--for=condition=Ready", f"mdep/{space.name}", "--timeout=90s")
    reached = space.endpoints()
    assert len(reached) == 2
    assert space.serves("v1")
    space.apply("v2")
    space.kubectl("wait", "--for=condition=Ready", f"mdep/{space.name}", "--timeout=120s")
    assert len(space.endpoints()) == 2
    assert not space.endpoints() & reached
    kept = {p["metadata"]["labels"]["serin.dev/revision"] for p in space.pods()}
    assert len(kept) == 2, "the version before is kept while the new one bakes"
    space.kubectl("wait", "--for=condition=Reconciling=False", f"mdep/{space.name}", "--timeout=60s")
    space.wait_until("v1 is gone", lambda: len({p["metadata"]["name"] for p in space.pods()}) == 2, 60)
    status = space.status()
    assert status["stable"]["version"] == "v2"
    assert {p["metadata"]["labels"]["serin.dev/revision"] for p in space.pods()} == {status["stable"]["revision"]}


def test_with_the_operator_down_pods_that_die_are_replaced_and_get_traffic(space: Space) -> None:
    space.apply("v1")
    space.wait_until_serves("v1")
    kubectl = space.kubernetes.kubectl
    kubectl("-n", SYSTEM, "scale", "deployment/serin-operator", "--replicas=0")
    try:
        space.kubernetes.wait_for("no operator", lambda: not space.serin.operator_pods(), 60)
        old = {p["metadata"]["name"] for p in space.pods()}
        space.kubectl("delete", "pods", *old, "--grace-period=1")
        space.wait_until("new pods serve", lambda: len(space.endpoints() - old) == 2, 60)
    finally:
        kubectl("-n", SYSTEM, "scale", "deployment/serin-operator", "--replicas=2")
        kubectl("-n", SYSTEM, "rollout", "status", "deployment/serin-operator", "--timeout=90s")


def test_the_spec_goes_back_to_a_version_of_the_ledger_without_a_canary(space: Space) -> None:
    space.apply("v1")
    space.wait_until_serves("v1")
    space.apply("v2")
    space.wait_until_serves("v2")
    space.apply("v1")
    space.wait_until_serves("v1")
    entries = [(v["version"], v["outcome"]) for v in space.status()["versions"]]
    assert entries == [("v1", "Promoted"), ("v2", "Promoted")]


def test_status_wiped_and_children_orphaned_the_operator_finds_itself_again(space: Space) -> None:
    space.apply("v1")
    space.wait_until_serves("v1")
    space.apply("v2")
    space.wait_until_serves("v2")
    pods = {p["metadata"]["uid"] for p in space.pods()}
    patch = json.dumps([{"op": "remove", "path": "/status"}])
    space.kubectl("patch", "mdep", space.name, "--subresource=status", "--type=json", "-p", patch)
    space.wait_until("status is rebuilt", lambda: space.serves("v2"), 30)
    assert {p["metadata"]["uid"] for p in space.pods()} == pods

    space.kubectl("delete", "mdep", space.name, "--cascade=orphan")
    space.apply("v2")
    space.wait_until("children are adopted", lambda: space.serves("v2"), 60)
    assert {p["metadata"]["uid"] for p in space.pods()} == pods
    owners = space.kubernetes.get("deployments", "-n", space.namespace)["items"]
    uid = space.get()["metadata"]["uid"]
    assert {o["uid"] for d in owners for o in d["metadata"]["ownerReferences"]} == {uid}


def test_abort_and_retry_by_annotation(space: Space) -> None:
    space.apply("v1")
    space.wait_until_serves("v1")
    long = {"rollout": {"steps": [{"weight": 50, "holdSeconds": 3600}]}}
    space.apply("v2", **long)
    space.wait_until("a step", lambda: (space.status().get("canary") or {}).get("step") == 0, 60)
    space.act("abort@1")
    space.wait_for_outcome("v2", "Aborted", 30)
    assert space.status()["stable"]["version"] == "v1"
    space.apply("v2")
    space.act("retry@2")
    space.wait_until_serves("v2")
