"""The promises of a rollout, on a real cluster with real models, real traffic and labels that come late."""

from typing import Any

import pytest
from tests.support.serin import Space

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


def test_the_spec_goes_back_to_a_version_of_the_ledger_without_a_canary(space: Space) -> None:
    space.apply("v1")
    space.wait_until_serves("v1")
    space.apply("v2")
    space.wait_until_serves("v2")
    space.apply("v1")
    space.wait_until_serves("v1")
    entries = [(v["version"], v["outcome"]) for v in space.status()["versions"]]
    assert entries == [("v1", "Promoted"), ("v2", "Promoted")]


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
