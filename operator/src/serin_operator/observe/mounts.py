"""Volumes that pods wait for, read off the kubelet's events."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from serin_operator.decide.world import MountProblem

JsonObject = Mapping[str, Any]

FAILED_MOUNT: Final = "FailedMount"
_VOLUME: Final = re.compile(r'for volume "([^"]+)" ?: (.*)', re.DOTALL)
_SOURCES: Final = (
    ("secret", "Secret", "secretName"),
    ("configMap", "ConfigMap", "name"),
    ("persistentVolumeClaim", "PersistentVolumeClaim", "claimName"),
)


def waits_for_volumes(pod: JsonObject) -> bool:
    """Whether ``pod`` has a node, and its container is still to be created."""
    status = pod.get("status") or {}
    if status.get("phase", "Pending") != "Pending" or not (pod.get("spec") or {}).get("nodeName"):
        return False
    statuses = status.get("containerStatuses") or []
    waiting = [((each.get("state") or {}).get("waiting") or {}).get("reason") for each in statuses]
    return not statuses or "ContainerCreating" in waiting or "PodInitializing" in waiting


def unmounted(pod: JsonObject, events: Iterable[JsonObject]) -> tuple[MountProblem, ...]:
    """What the newest event about each volume of ``pod`` says; nothing once its container is created."""
    if not waits_for_volumes(pod):
        return ()
    uid = pod["metadata"]["uid"]
    mine = [event for event in events if (event.get("involvedObject") or {}).get("uid") == uid]
    found = {problem.volume: problem for event in sorted(mine, key=_moment) for problem in _told(pod, event)}
    return tuple(found[volume] for volume in sorted(found))


def _told(pod: JsonObject, event: JsonObject) -> Iterator[MountProblem]:
    if match := _VOLUME.search(event.get("message") or ""):
        volume, message = match.groups()
        kind, name = _source(pod, volume)
        yield MountProblem(volume, kind, name, message)


def _source(pod: JsonObject, volume: str) -> tuple[str, str]:
    volumes = (pod.get("spec") or {}).get("volumes") or []
    found: JsonObject = next((each for each in volumes if each.get("name") == volume), {})
    for key, kind, name in _SOURCES:
        if key in found:
            return kind, found[key].get(name, "")
    return "", ""


def _moment(event: JsonObject) -> str:
    return event.get("lastTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp") or ""
