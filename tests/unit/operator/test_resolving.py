"""The resolve Job's answer is our container's, whatever was injected beside it and whatever earlier attempts said."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from serin_operator.api import names
from serin_operator.api.reasons import Reason
from serin_operator.api.spec import ModelDeploymentSpec
from serin_operator.api.status import ModelDeploymentStatus
from serin_operator.decide.health.resolving import (
    found_digest,
    is_kept_from_trying_again,
    refusal_of_job,
    trouble_of_job,
)
from serin_operator.decide.memory.states import Candidate, Kind, Refusal
from serin_operator.decide.pod import Beside, Pod
from serin_operator.decide.world import ChildMeta, ModelDeployment, OperatorConfig, ResolveJob, Revision, World

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
REVISION = "rev1"
SPEC = ModelDeploymentSpec.model_validate({"model": {"version": "v1", "uri": "http://models/v1.onnx"}})
MDEP = ModelDeployment("ns", "m", "uid", 1, "1", {}, SPEC, ModelDeploymentStatus())
CANDIDATE = Candidate(REVISION, "v1", "http://models/v1.onnx", Kind.FIRST, NOW)
FOUND = json.dumps({"ok": True, "sha256": "abc"})


def says(reason: str) -> str:
    return json.dumps({"ok": False, "reason": reason, "message": "the sentence"})


def pod(attempt: int = 0, **more: Any) -> Pod:
    base: dict[str, Any] = {
        "phase": "Running",
        "ready": False,
        "terminating": False,
        "restarts": 0,
        "created_at": NOW + timedelta(seconds=attempt),
        "job": names.resolve_job("m", REVISION, attempt),
    }
    return Pod(f"p{attempt}", REVISION, names.COMPONENT_RESOLVE, **{**base, **more})


def job(attempt: int = 0, **more: Any) -> ResolveJob:
    name = names.resolve_job("m", REVISION, attempt)
    meta = ChildMeta("batch/v1", "Job", name, f"u{attempt}", "1", owned=True, created_at=NOW)
    return ResolveJob(meta, **{"complete": False, "failed": False, **more})


def world(jobs: list[ResolveJob], pods: list[Pod]) -> World:
    revision = Revision(REVISION, jobs=tuple(jobs), pods=tuple(pods))
    return World(NOW, OperatorConfig("image"), MDEP, revisions={REVISION: revision})


def test_the_digest_is_known_when_our_container_has_ended_though_a_sidecar_keeps_the_job_going() -> None:
    assert found_digest(world([job()], [pod(ended=True, last_exit_code=0, last_words=FOUND)]), CANDIDATE) == "abc"


def test_nothing_is_known_before_our_container_has_ended() -> None:
    assert found_digest(world([job()], [pod(last_words=FOUND)]), CANDIDATE) is None


def test_without_its_job_a_pod_tells_nothing() -> None:
    assert found_digest(world([], [pod(ended=True, last_words=FOUND)]), CANDIDATE) is None


def test_a_failure_for_good_refuses_though_a_sidecar_keeps_the_job_going() -> None:
    here = world([job()], [pod(ended=True, last_exit_code=64, last_words=says("ModelInvalid"))])
    found = refusal_of_job(here, CANDIDATE)
    assert found is not None
    assert found.reason is Reason.MODEL_INVALID
    assert not is_kept_from_trying_again(here, CANDIDATE)


def test_a_failure_that_may_pass_needs_another_job_where_a_sidecar_keeps_the_pod() -> None:
    here = world([job()], [pod(ended=True, last_exit_code=75, last_words=says("SourceUnreachable"))])
    assert refusal_of_job(here, CANDIDATE) is None
    assert is_kept_from_trying_again(here, CANDIDATE)
    told = trouble_of_job(here, CANDIDATE)
    assert told is not None
    assert told.reason is Reason.SOURCE_UNREACHABLE


@pytest.mark.parametrize(("seconds", "is_kept"), [(0.2, False), (4.9, False), (5.0, True)])
def test_a_kubelet_has_a_moment_to_say_that_the_pod_has_ended_too(seconds: float, is_kept: bool) -> None:
    ended = {"ended": True, "last_exit_code": 75, "last_words": says("SourceUnreachable")}
    here = world([job()], [pod(**ended, ended_at=NOW - timedelta(seconds=seconds))])
    assert is_kept_from_trying_again(here, CANDIDATE) is is_kept


def test_a_pod_that_is_over_leaves_the_next_try_to_its_job() -> None:
    ended = pod(phase="Failed", ended=True, last_exit_code=75, last_words=says("SourceUnreachable"))
    assert not is_kept_from_trying_again(world([job()], [ended]), CANDIDATE)


def test_a_retry_does_not_answer_from_the_failed_job_before_it() -> None:
    before = pod(0, phase="Failed", ended=True, last_exit_code=64, last_words=says("ModelInvalid"))
    here = world([job(0, failed=True, refusals=("no quota",)), job(1)], [before, pod(1)])
    again = replace(CANDIDATE, attempt=1)
    assert (found_digest(here, again), refusal_of_job(here, again), trouble_of_job(here, again)) == (None, None, None)


def test_a_job_that_cannot_make_its_pod_says_why() -> None:
    found = trouble_of_job(world([job(refusals=("exceeded quota: small",))], []), CANDIDATE)
    assert found is not None
    assert (found.reason, "exceeded quota: small" in found.message) == (Reason.QUOTA_EXCEEDED, True)


def test_a_job_whose_init_container_fails_names_it() -> None:
    waiting = pod(waiting_reason="PodInitializing", beside=(Beside("vault-agent-init", init=True, exit_code=1),))
    found = trouble_of_job(world([job()], [waiting]), CANDIDATE)
    assert found is not None
    assert (found.reason, "vault-agent-init" in found.message) == (Reason.SIDECAR_NOT_READY, True)


def test_a_job_that_failed_without_a_word_says_so() -> None:
    found = refusal_of_job(world([job(failed=True)], []), CANDIDATE)
    assert found is not None
    assert found.reason is Reason.RESOLVE_FAILED


@pytest.mark.parametrize(
    "at_work",
    [
        pod(container_ready=True, beside=(Beside("istio-proxy"),)),
        pod(ended=True, last_exit_code=0, beside=(Beside("x"),)),
    ],
    ids=["it runs", "it has ended well"],
)
def test_a_sidecar_that_is_not_ready_keeps_no_job_from_its_work(at_work: Pod) -> None:
    assert trouble_of_job(world([job()], [at_work]), CANDIDATE) is None


def test_a_job_whose_node_is_lost_says_so() -> None:
    found = trouble_of_job(world([job()], [pod(container_ready=True, silent=True, node="node2")]), CANDIDATE)
    assert found is not None
    assert found.reason is Reason.NODE_UNREACHABLE


def test_a_container_that_ended_badly_without_a_word_is_told_by_its_exit_code() -> None:
    found = trouble_of_job(world([job()], [pod(ended=True, last_exit_code=3, restarts=1)]), CANDIDATE)
    assert found == Refusal(Reason.CRASH_LOOP, "pod p0 ended once: exit code 3")
    assert trouble_of_job(world([job()], [pod(ended=True, last_exit_code=0, restarts=1)]), CANDIDATE) is None
