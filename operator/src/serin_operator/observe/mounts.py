"""Volumes that pods wait for, read off the kubelet's events."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from serin_operator.decide.pod import MountProblem
from serin_operator.observe.warnings import about, moment

JsonObject = Mapping[str, Any]

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
    statuses = [*(status.get("containerStatuses") or []), *(status.get("initContainerStatuses") or [])]
    waiting = [((each.get("state") or {}).get("waiting") or {}).get("reason") for each in statuses]
    return not statuses or "ContainerCreating" in waiting or "PodInitializing" in waiting


def unmounted(pod: JsonObject, events: Iterable[JsonObject]) -> tuple[MountProblem, ...]:
    """What the newest event about each volume of ``pod`` says; nothing once its container is created."""
    if not waits_for_volumes(pod):
        return ()
    mine = sorted(about(pod["metadata"]["uid"], events), key=moment)
    found = {problem.volume: problem for event in mine for problem in _told(pod, event)}
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
