from typing import Any

from quickstart.picture import changes, picture


def a_model_deployment(version: str = "v2", generation: int = 2, **status: Any) -> dict[str, Any]:
    return {
        "metadata": {"generation": generation},
        "spec": {"model": {"version": version}},
        "status": {"observedGeneration": generation, **status},
    }


def canary(phase: str, weight: int = 0, steps: str | None = None) -> dict[str, Any]:
    return {"version": "v2", "revision": "abc", "phase": phase, "weight": weight, "progress": steps}


READY = [{"type": "Ready", "status": "True", "reason": "Serving", "message": "v2 serves"}]
STABLE = {"version": "v1"}


def test_a_rollout_reads_as_a_story() -> None:
    seen = [
        a_model_deployment(stable=STABLE),
        a_model_deployment(stable=STABLE, canary=canary("Resolving")),
        a_model_deployment(stable=STABLE, canary=canary("Starting")),
        a_model_deployment(stable=STABLE, canary=canary("Holding", 25, "1/2")),
        a_model_deployment(stable=STABLE, canary=canary("Holding", 25, "1/2") | {"verdict": "Pass"}),
        a_model_deployment(stable=STABLE, canary=canary("Holding", 50, "2/2")),
        a_model_deployment(stable=STABLE, canary=canary("Baking", 100, "2/2"), conditions=READY),
        a_model_deployment(stable={"version": "v2"}, conditions=READY),
    ]
    story: list[str] = []
    before = None
    for each in seen:
        after = picture(each)
        story += changes(before, after)
        before = after
    assert story == [
        "a Job fetches v2, verifies it, loads it and replays its golden samples",
        "v2 starts its pods; they get no traffic yet",
        "v2 gets 25 % of the traffic (step 1/2)",
        "v2 gets 50 % of the traffic (step 2/2)",
        "v2 has all traffic; v1 is kept for a while, to go back to",
        "v2 is the stable version",
    ]
    assert before is not None
    assert before.is_serving_what_is_wanted


def test_ready_counts_only_for_the_version_that_is_wanted_now() -> None:
    assert not picture(
        a_model_deployment(version="v3", stable={"version": "v2"}, conditions=READY)
    ).is_serving_what_is_wanted
    stale = a_model_deployment(stable={"version": "v2"}, conditions=READY)
    stale["metadata"]["generation"] = 3
    assert not picture(stale).is_serving_what_is_wanted


def test_an_ending_is_told_once_with_its_evidence() -> None:
    entry = {
        "version": "v3",
        "outcome": "RolledBack",
        "reason": "AnalysisFailed",
        "message": "accuracy 88 % against 98 %",
    }
    ended = picture(a_model_deployment(version="v3", stable={"version": "v2"}, versions=[entry]))
    before = picture(a_model_deployment(version="v3", stable={"version": "v2"}))
    assert changes(before, ended) == ["v3 RolledBack: accuracy 88 % against 98 %"]
    assert changes(ended, ended) == []
    assert ended.has_ended("v3", "RolledBack")


def test_what_the_preflight_found_is_read_with_the_signer() -> None:
    row = {"name": "goldenSamples", "verdict": "Fail", "message": "0 of 20"}
    entry = {"version": "v5", "outcome": "FailedPreflight", "signer": "key 12ab", "preflight": [row]}
    read = picture(a_model_deployment(versions=[entry])).ledger("v5")
    assert read is not None
    assert read.signer == "key 12ab"
    assert [(each.name, each.verdict, each.message) for each in read.preflight] == [
        ("goldenSamples", "Fail", "0 of 20")
    ]


def test_an_object_without_status_is_a_picture_too() -> None:
    assert not picture({"metadata": {"generation": 1}, "spec": {"model": {"version": "v1"}}}).is_serving_what_is_wanted
