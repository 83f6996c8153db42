"""One pod as decisions read it: our container, whichever others were injected, and what keeps the pod from being ready."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from serin_operator.api import names
from serin_operator.decide.pod import Beside, Command, Gate, Pod
from serin_operator.observe.mounts import unmounted
from serin_operator.observe.warnings import warned

JsonObject = Mapping[str, Any]

JOB_NAME_LABEL: Final = "batch.kubernetes.io/job-name"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SETTLED_SECONDS: Final = 2.0
"""A kubelet writes the first conditions of a pod within this time of its start."""
_STARTING: Final = frozenset({"ContainerCreating", "PodInitializing"})
_NO_NODE: Final = frozenset({"Unschedulable", "SchedulingGated", "SchedulerError"})
_GATES_MISSED: Final = "ReadinessGatesNotReady"
_GATE: Final = re.compile(r'readiness gate "([^"]+)"')


def pod(obj: JsonObject, events: Iterable[JsonObject] = (), *, leaving: bool = False) -> Pod:
    """A pod of ours.

    Args:
        obj: As the API server tells it.
        events: Events about pods, of which those about this one count while it is not ready.
        leaving: Its Deployment is being deleted, and this pod with it.
    """
    metadata, status = obj["metadata"], obj.get("status") or {}
    labels, phase = metadata.get("labels") or {}, status.get("phase", "Pending")
    ours = our_container(obj)
    state, last = ours.get("state") or {}, ours.get("lastState") or {}
    ended = state.get("terminated") or last.get("terminated") or {}
    waiting = state.get("waiting") or {}
    scheduled = _condition(obj, "PodScheduled")
    going = leaving or bool(metadata.get("deletionTimestamp"))
    ready = _condition(obj, "Ready").get("status") == "True"
    gates = () if ready else tuple(_gates(obj))
    return Pod(
        name=metadata["name"],
        namespace=metadata.get("namespace", ""),
        revision=labels.get(names.LABEL_REVISION, ""),
        component=labels.get(names.LABEL_COMPONENT, ""),
        phase=phase,
        ready=ready and not going,
        # A pod that failed (evicted, its node lost) takes no part any more, as one that is being deleted.
        terminating=going or (phase == "Failed" and "Job" not in _owner_kinds(obj)),
        restarts=ours.get("restartCount", 0),
        created_at=_moment(metadata.get("creationTimestamp")),
        waiting_reason=waiting.get("reason"),
        waiting_message=waiting.get("message"),
        last_exit_code=ended.get("exitCode"),
        last_exit_reason=ended.get("reason"),
        last_words=ended.get("message"),
        unschedulable=scheduled.get("message") if scheduled.get("reason") in _NO_NODE else None,
        job=labels.get(JOB_NAME_LABEL),
        node=(obj.get("spec") or {}).get("nodeName"),
        was_ready=_was_ready(obj),
        silent=_is_silent(obj, ours, gates),
        unmounted=unmounted(obj, events),
        given_up=_given_up(status),
        ended="terminated" in state,
        running="running" in state,
        container_ready=bool(ours.get("ready")),
        beside=() if ready else tuple(_beside(status, _name_of_ours(obj))),
        gates=gates,
        command=_command(obj),
        ended_at=_moment(ended["finishedAt"]) if "terminated" in state and ended.get("finishedAt") else None,
        warnings=() if ready else warned(metadata["uid"], events),
    )


def our_container(obj: JsonObject) -> JsonObject:
    """The status of our container; empty while there is none. Native sidecars are told among the init containers."""
    status, ours = obj.get("status") or {}, _name_of_ours(obj)
    statuses = [*(status.get("containerStatuses") or []), *(status.get("initContainerStatuses") or [])]
    return next((each for each in statuses if each.get("name", ours) == ours), {})


def _name_of_ours(obj: JsonObject) -> str:
    component = (obj["metadata"].get("labels") or {}).get(names.LABEL_COMPONENT)
    return names.COMPONENT_COLLECTOR if component == names.COMPONENT_COLLECTOR else names.CONTAINER


def _command(obj: JsonObject) -> Command | None:
    """The container of the user's command, also while it waits for ours."""
    if not any(each["name"] == names.COMMAND_CONTAINER for each in (obj.get("spec") or {}).get("containers") or []):
        return None
    statuses = (obj.get("status") or {}).get("containerStatuses") or []
    state = next((each.get("state") or {} for each in statuses if each.get("name") == names.COMMAND_CONTAINER), {})
    ended, waiting = state.get("terminated") or {}, state.get("waiting") or {}
    return Command(
        exit_code=ended.get("exitCode"),
        exit_reason=ended.get("reason"),
        last_words=ended.get("message"),
        waiting_reason=waiting.get("reason"),
        waiting_message=waiting.get("message"),
    )


def _given_up(status: JsonObject) -> str | None:
    """What a node says of a pod that it evicted, or did not let in; a container that ended is not meant."""
    if status.get("phase") != "Failed" or not status.get("reason"):
        return None
    return f"{status['reason']}: {status.get('message') or 'no message'}"


def may_tell_more(obj: JsonObject) -> bool | None:
    """Whether the Warning events of a pod may tell more than its status, and its container runs; None: they may not.

    So it is with every pod that is not ready, and neither over nor on its way out.
    """
    status = obj.get("status") or {}
    is_over = status.get("phase") in {"Succeeded", "Failed"} or obj["metadata"].get("deletionTimestamp")
    if is_over or _condition(obj, "Ready").get("status") == "True":
        return None
    return "running" in (our_container(obj).get("state") or {})


def _was_ready(obj: JsonObject) -> bool:
    """Whether a pod is or has been ready: one that never was keeps the transition time of its start."""
    ready = _condition(obj, "Ready")
    if ready.get("status") == "True":
        return True
    changed, started = ready.get("lastTransitionTime"), (obj.get("status") or {}).get("startTime")
    return bool(changed and started) and (_moment(changed) - _moment(started)).total_seconds() > _SETTLED_SECONDS


def _is_silent(obj: JsonObject, ours: JsonObject, gates: tuple[Gate, ...]) -> bool:
    """Whether nothing is heard of the pod's node any more.

    The control plane then takes Ready away and leaves everything else as the node told it last: the containers stay ready. A
    node that is heard of gives its reason when a pod whose containers are ready is not.
    """
    ready = _condition(obj, "Ready")
    told = ready.get("reason") in {_GATES_MISSED, "ContainersNotReady", "PodCompleted", "PodFailed"}
    others_fail = _condition(obj, "ContainersReady").get("status") == "False"
    lost = ready.get("status") in {"False", "Unknown"} and not told and not others_fail and not gates
    return bool(ours.get("ready")) and lost


def _gates(obj: JsonObject) -> Iterator[Gate]:
    """Readiness gates that are not met; told only once every container is ready, as the kubelet does."""
    ready = _condition(obj, "Ready")
    if ready.get("reason") != _GATES_MISSED:
        return
    for kind in dict.fromkeys(_GATE.findall(ready.get("message") or "")):
        said = _condition(obj, kind)
        yield Gate(kind, str(said.get("message") or said.get("reason") or ""))


def _beside(status: JsonObject, ours: str) -> Iterator[Beside]:
    """The containers of others that are in trouble, or that the pod waits for."""
    for key, init in (("initContainerStatuses", True), ("containerStatuses", False)):
        for each in status.get(key) or []:
            state, last = each.get("state") or {}, each.get("lastState") or {}
            ended = state.get("terminated") or last.get("terminated") or {}
            waiting = state.get("waiting") or {}
            is_done = init and (state.get("terminated") or {}).get("exitCode") == 0
            is_to_come = not state or (waiting.get("reason") in _STARTING and not ended)
            if each.get("name", ours) in {ours, names.COMMAND_CONTAINER} or each.get("ready") or is_done or is_to_come:
                continue
            yield Beside(
                name=each["name"],
                init=init,
                waiting_reason=waiting.get("reason"),
                waiting_message=waiting.get("message"),
                exit_code=ended.get("exitCode"),
                exit_reason=ended.get("reason"),
                last_words=ended.get("message"),
                restarts=each.get("restartCount", 0),
            )


def _condition(obj: JsonObject, kind: str) -> JsonObject:
    conditions = (obj.get("status") or {}).get("conditions") or []
    return next((c for c in conditions if c["type"] == kind), {})


def _owner_kinds(obj: JsonObject) -> set[str]:
    return {r["kind"] for r in obj["metadata"].get("ownerReferences") or []}


def _moment(text: str | None) -> datetime:
    return datetime.fromisoformat(text) if text else _EPOCH
