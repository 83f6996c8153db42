"""Pods as a kubelet writes their status: conditions with times of transition, containers with their states."""

import json
from dataclasses import dataclass, field
from datetime import datetime

from tests.support.simulation.behaviour import Behaviour, CommandEnds
from tests.support.simulation.cluster import JsonObject


@dataclass
class Container:
    """Our container."""

    name: str = "server"
    ready: bool = False
    restarts: int = 0
    last: JsonObject = field(default_factory=dict)
    waiting: JsonObject | None = None

    def ended(self, exit_code: int, reason: str, message: str, started: datetime, now: datetime) -> None:
        """It ended, and will be started again."""
        times = {"startedAt": started.isoformat(), "finishedAt": now.isoformat()}
        self.last = {"exitCode": exit_code, "reason": reason, "message": message, **times}
        self.restarts += 1
        self.ready = False
        self.waiting = {"reason": "CrashLoopBackOff", "message": f"back-off restarting failed container {self.name}"}

    def status(self, now_running: str) -> JsonObject:
        """As the kubelet writes it."""
        state: JsonObject = {"waiting": self.waiting} if self.waiting else {"running": {"startedAt": now_running}}
        return {
            "name": self.name,
            "ready": self.ready,
            "started": self.ready,
            "restartCount": self.restarts,
            "state": state,
            "lastState": {"terminated": self.last} if self.last else {},
        }


@dataclass(frozen=True)
class Sidecar:
    """A container that somebody else puts into our pods; its name sorts before ours."""

    name: str = "a-proxy"
    restarts: int = 0
    exit_reason: str | None = None
    last_words: str = ""

    def spec(self) -> JsonObject:
        """In the pod's spec."""
        return {"name": self.name, "image": "proxy:1"}

    def status(self, since: str) -> JsonObject:
        """As the kubelet writes it."""
        ended = {"exitCode": 1, "reason": self.exit_reason, "message": self.last_words, "finishedAt": since}
        return {
            "name": self.name,
            "ready": True,
            "started": True,
            "restartCount": self.restarts,
            "state": {"running": {"startedAt": since}},
            "lastState": {"terminated": ended} if self.exit_reason else {},
        }


def has(pod: JsonObject, sidecar: Sidecar | None) -> bool:
    """Whether the sidecar was injected when this pod was made."""
    return sidecar is not None and any(c["name"] == sidecar.name for c in pod["spec"]["containers"])


def running(
    pod: JsonObject,
    container: Container,
    sidecar: Sidecar | None,
    now: datetime,
    *,
    ready: bool = False,
    gate: str | None = None,
) -> JsonObject:
    """Status of a pod that has a node and its containers."""
    since = pod.get("status", {}).get("startTime") or now.isoformat()
    statuses = [container.status(since)]
    if has(pod, sidecar) and sidecar is not None:
        statuses = sorted([*statuses, sidecar.status(since)], key=lambda s: str(s["name"]))
    wanted = {"PodScheduled": True, "Initialized": True, "ContainersReady": container.ready, "Ready": ready}
    why = f'the status of pod readiness gate "{gate}" is not "True", but False' if gate and container.ready else None
    return {
        "phase": "Running",
        "startTime": since,
        "conditions": conditions(pod, wanted, now, not_ready=why),
        "containerStatuses": statuses,
    }


def conditions(
    pod: JsonObject, wanted: dict[str, bool], now: datetime, *, not_ready: str | None = None
) -> list[JsonObject]:
    """Conditions whose times of transition move only with their status."""
    before = {c["type"]: c for c in pod.get("status", {}).get("conditions", [])}
    result = []
    for kind, value in wanted.items():
        text = "True" if value else "False"
        old = before.get(kind, {})
        since = old.get("lastTransitionTime") if old.get("status") == text else None
        one: JsonObject = {"type": kind, "status": text, "lastTransitionTime": since or now.isoformat()}
        if not value and kind in {"Ready", "ContainersReady"}:
            one["reason"] = "ReadinessGatesNotReady" if not_ready else "ContainersNotReady"
            one["message"] = not_ready or "containers with unready status: [server]"
        result.append(one)
    return result


def hindered(pod: JsonObject, behaviour: Behaviour, now: datetime) -> JsonObject | None:
    """Status of a pod whose container cannot be created; None when nothing hinders it."""
    since = pod["status"].get("startTime") or now.isoformat()
    nothing = {"Initialized": True, "ContainersReady": False, "Ready": False}
    if behaviour.unschedulable:
        scheduled = {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": behaviour.unschedulable,
        }
        return {"phase": "Pending", "conditions": [scheduled]}
    if behaviour.init_fails:
        return _initialising(pod, behaviour.init_fails, since, now)
    if behaviour.waiting:
        state = {"waiting": {"reason": behaviour.waiting.reason, "message": behaviour.waiting.message}}
        status = {"name": "server", "ready": False, "restartCount": 0, "state": state, "lastState": {}}
        made = conditions(pod, {"PodScheduled": True, **nothing}, now)
        return {"phase": "Pending", "startTime": since, "conditions": made, "containerStatuses": [status]}
    return None


def _initialising(pod: JsonObject, words: str, since: str, now: datetime) -> JsonObject:
    ended = {"terminated": {"exitCode": 1, "reason": "Error", "message": words}}
    back_off = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off restarting failed container prepare"}}
    init = {"name": "prepare", "ready": False, "restartCount": 3, "state": back_off, "lastState": ended}
    state = {"waiting": {"reason": "PodInitializing"}}
    ours = {"name": "server", "ready": False, "restartCount": 0, "state": state, "lastState": {}}
    wanted = {"PodScheduled": True, "Initialized": False, "ContainersReady": False, "Ready": False}
    return {
        "phase": "Pending",
        "startTime": since,
        "conditions": conditions(pod, wanted, now),
        "initContainerStatuses": [init],
        "containerStatuses": [ours],
    }


def unheard(pod: JsonObject, now: datetime) -> JsonObject:
    """Status of a pod whose node is dead: what was last heard of it, but not ready."""
    told = {c["type"]: c["status"] == "True" for c in pod["status"].get("conditions", [])}
    return {**pod["status"], "conditions": conditions(pod, {**told, "Ready": False}, now)}


def ended(pod: JsonObject, report: JsonObject, exit_code: int, sidecar: Sidecar | None, now: datetime) -> JsonObject:
    """Status of a resolve pod whose container has ended."""
    terminated = {"exitCode": exit_code, "reason": "Completed" if exit_code == 0 else "Error"}
    terminated["message"] = json.dumps(report)  # type: ignore[assignment]
    state = {"terminated": {**terminated, "finishedAt": now.isoformat()}}
    ours = {"name": "server", "ready": False, "restartCount": 0, "state": state, "lastState": {}}
    since = pod["status"].get("startTime") or now.isoformat()
    if has(pod, sidecar) and sidecar is not None:
        statuses = sorted([ours, sidecar.status(since)], key=lambda s: str(s["name"]))
        return {**pod["status"], "phase": "Running", "containerStatuses": statuses}
    phase = "Succeeded" if exit_code == 0 else "Failed"
    return {**pod["status"], "phase": phase, "containerStatuses": [ours]}


def has_command(pod: JsonObject) -> bool:
    """Whether the pod has a container with a command of the user's own, which runs after ours."""
    return any(each["name"] == "preflight-command" for each in pod["spec"]["containers"])


def commanded(pod: JsonObject, ours: JsonObject, command: CommandEnds, since: datetime, now: datetime) -> JsonObject:
    """Status of a resolve pod whose own container has ended well, and whose command starts, runs or has ended."""
    state: JsonObject = {"running": {"startedAt": since.isoformat()}}
    phase = "Running"
    if command.waiting:
        state, phase = {"waiting": {"reason": command.waiting.reason, "message": command.waiting.message}}, "Pending"
    elif (now - since).total_seconds() >= command.after:
        reason = "Completed" if command.exit_code == 0 else command.reason
        ended_ = {"exitCode": command.exit_code, "reason": reason, "message": command.words}
        state = {"terminated": {**ended_, "finishedAt": now.isoformat()}}
        phase = "Succeeded" if command.exit_code == 0 else "Failed"
    mine = {"name": "preflight-command", "ready": False, "restartCount": 0, "state": state, "lastState": {}}
    return {**pod["status"], "phase": phase, "initContainerStatuses": [ours], "containerStatuses": [mine]}


def said(reason: str, message: str) -> str:
    """The termination message of a server that tells why it ends."""
    return json.dumps({"ok": False, "reason": reason, "message": message})
