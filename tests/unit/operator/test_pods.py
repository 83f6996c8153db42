"""Our container of a pod is known by its name, wherever an injector has put others."""

from typing import Any

import pytest

from serin_operator.decide.pod import Beside, Gate, Warned
from serin_operator.observe.pods import may_tell_more, pod

RUNNING = {"running": {}}
CRASHED = {"waiting": {"reason": "CrashLoopBackOff"}}
FAILED = {"terminated": {"exitCode": 1, "reason": "Error", "message": "vault: permission denied"}}
GATES_MISSED = {
    "type": "Ready",
    "status": "False",
    "reason": "ReadinessGatesNotReady",
    "message": 'corresponding condition of pod readiness gate "lb/target" does not exist., the status of pod readiness'
    ' gate "lb/other" is not "True", but False',
}


def container(name: str, state: dict[str, Any], *, ready: bool = False, restarts: int = 0, **more: Any) -> Any:
    return {"name": name, "state": state, "ready": ready, "restartCount": restarts, **more}


def a_pod(*containers: Any, inits: tuple[Any, ...] = (), conditions: tuple[Any, ...] = (), **more: Any) -> Any:
    status = {
        "phase": "Running",
        "conditions": list(conditions),
        "containerStatuses": list(containers),
        "initContainerStatuses": list(inits),
        **more,
    }
    return {"metadata": {"name": "p", "namespace": "ns", "uid": "u1"}, "spec": {}, "status": status}


def condition(kind: str, status: str, reason: str = "", message: str = "") -> dict[str, Any]:
    return {"type": kind, "status": status, "reason": reason, "message": message}


OURS_IS_FINE = container("server", RUNNING, ready=True)


def test_an_injected_sidecar_does_not_count_as_ours() -> None:
    proxy = container("istio-proxy", CRASHED, restarts=7, lastState={"terminated": {"exitCode": 2, "message": "no"}})
    seen = pod(a_pod(proxy, container("server", RUNNING, restarts=1)))
    assert (seen.restarts, seen.last_exit_code, seen.last_words, seen.waiting_reason) == (1, None, None, None)
    assert [(b.name, b.exit_code, b.last_words, b.restarts) for b in seen.beside] == [("istio-proxy", 2, "no", 7)]


def test_our_container_has_ended_whatever_goes_on_beside_it() -> None:
    ended = {"terminated": {"exitCode": 0, "message": '{"ok": true}'}}
    seen = pod(a_pod(container("istio-proxy", RUNNING, ready=True), container("server", ended)))
    assert (seen.ended, seen.last_exit_code, seen.last_words) == (True, 0, '{"ok": true}')
    assert seen.beside == ()


def test_one_that_ended_and_was_started_again_has_not_ended() -> None:
    seen = pod(a_pod(container("server", RUNNING, lastState=FAILED)))
    assert (seen.ended, seen.running, seen.last_exit_code) == (False, True, 1)


def test_our_container_as_a_native_sidecar_is_found_among_the_init_containers() -> None:
    seen = pod(a_pod(container("main", RUNNING, ready=True), inits=(container("server", RUNNING, restarts=3),)))
    assert seen.restarts == 3


def test_an_init_container_that_fails_is_kept_with_its_last_words() -> None:
    inits = (container("istio-init", {"terminated": {"exitCode": 0}}), container("vault", FAILED, restarts=2))
    seen = pod(a_pod(container("server", {"waiting": {"reason": "PodInitializing"}}), inits=inits))
    (beside,) = seen.beside
    expected = Beside("vault", init=True, exit_code=1, exit_reason="Error", restarts=2)
    assert beside == Beside(**{**vars(expected), "last_words": "vault: permission denied"})


@pytest.mark.parametrize("state", [{}, {"waiting": {"reason": "PodInitializing"}}], ids=["unknown", "to come"])
def test_a_container_whose_turn_has_not_come_is_no_trouble(state: dict[str, Any]) -> None:
    assert pod(a_pod(container("server", {}), inits=(container("second", state),))).beside == ()


def test_what_goes_on_beside_a_ready_pod_does_not_matter() -> None:
    proxy = container("istio-proxy", CRASHED)
    assert pod(a_pod(proxy, OURS_IS_FINE, conditions=(condition("Ready", "True"),))).beside == ()


def test_readiness_gates_that_are_not_met_are_named_with_what_is_said_of_them() -> None:
    other = condition("lb/other", "False", "HealthChecksFailed", "health checks failed")
    seen = pod(a_pod(OURS_IS_FINE, conditions=(GATES_MISSED, condition("ContainersReady", "True"), other)))
    assert seen.gates == (Gate("lb/target"), Gate("lb/other", "health checks failed"))
    assert not seen.silent


@pytest.mark.parametrize(
    ("conditions", "silent"),
    [
        ((condition("Ready", "False"), condition("ContainersReady", "True")), True),
        ((condition("Ready", "Unknown", "NodeStatusUnknown"),), True),
        ((condition("Ready", "True"),), False),
        ((condition("Ready", "False", "ContainersNotReady"),), False),
        ((condition("Ready", "False"), condition("ContainersReady", "False")), False),
        ((GATES_MISSED,), False),
        ((), False),
    ],
    ids=["lost", "unknown", "ready", "a sidecar is not", "others are not", "a gate", "no condition yet"],
)
def test_a_node_is_lost_only_where_the_control_plane_took_readiness_away(conditions: Any, *, silent: bool) -> None:
    assert pod(a_pod(OURS_IS_FINE, conditions=conditions)).silent is silent


def test_a_pod_that_another_system_holds_back_finds_no_node() -> None:
    held = condition(
        "PodScheduled", "False", "SchedulingGated", "Scheduling is blocked due to non-empty scheduling gates"
    )
    assert "scheduling gates" in (pod(a_pod(conditions=(held,), phase="Pending")).unschedulable or "")


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ({"phase": "Failed", "reason": "Evicted", "message": "low on memory"}, "Evicted: low on memory"),
        ({"phase": "Failed", "reason": "UnexpectedAdmissionError"}, "UnexpectedAdmissionError: no message"),
        ({"phase": "Failed"}, None),
        ({"phase": "Running", "reason": "x"}, None),
    ],
)
def test_a_pod_that_its_node_gave_up_says_why(status: dict[str, Any], said: str | None) -> None:
    assert pod(a_pod(**status)).given_up == said


def event(reason: str, message: str, first: str, last: str, **about: Any) -> dict[str, Any]:
    return {
        "metadata": {},
        "type": "Warning",
        "reason": reason,
        "message": message,
        "firstTimestamp": f"2026-11-20T12:00:{first}Z",
        "lastTimestamp": f"2026-11-20T12:00:{last}Z",
        "involvedObject": {"uid": "u1", **about},
    }


def test_warnings_are_read_newest_first_with_their_container_and_how_long_they_last() -> None:
    events = [
        event("FailedCreatePodSandBox", "no address", "00", "05"),
        event("Unhealthy", "Readiness probe failed: 503", "06", "56", fieldPath="spec.containers{server}"),
        {**event("Unhealthy", "not ours", "06", "56"), "involvedObject": {"uid": "another"}},
        {**event("Pulled", "fine", "00", "57"), "type": "Normal"},
    ]
    assert pod(a_pod(container("server", RUNNING)), events).warnings == (
        Warned("Unhealthy", "Readiness probe failed: 503", "server", 50.0),
        Warned("FailedCreatePodSandBox", "no address", None, 5.0),
    )


@pytest.mark.parametrize(
    ("obj", "more"),
    [
        (a_pod(container("server", {"waiting": {"reason": "ContainerCreating"}})), False),
        (a_pod(container("server", RUNNING)), True),
        (a_pod(OURS_IS_FINE, conditions=(condition("Ready", "True"),)), None),
        (a_pod(container("server", FAILED), phase="Failed"), None),
    ],
    ids=["being created", "running", "ready", "over"],
)
def test_events_are_asked_for_only_about_pods_that_are_not_ready(obj: Any, more: bool | None) -> None:
    assert may_tell_more(obj) is more
