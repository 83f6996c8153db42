"""What ``spec.runtime.pod`` lays over a pod: more of what is there, and never less of what keeps it safe."""

from collections.abc import Mapping
from typing import Any, Final

from serin_operator.api.base import ApiModel
from serin_operator.api.overlay import PodOverlay, Volume

JsonObject = dict[str, Any]

READ_BY_GROUP: Final = 0o440
"""The pods' group is the fsGroup, so that the server can read what nobody else in the container may."""
READ_BY_ALL: Final = 0o444
"""Where the cluster chooses the user it may have no fsGroup, and files belong to root: only the pod's containers see them."""


def file_mode(*, has_fixed_user: bool) -> int:
    """Mode of files from Secrets."""
    return READ_BY_GROUP if has_fixed_user else READ_BY_ALL


def labels(overlay: PodOverlay, own: Mapping[str, str]) -> JsonObject:
    """Labels of the pods. Ours win: Services and Deployments find pods by them."""
    return {**(overlay.labels or {}), **own}


def spread(overlay: PodOverlay, own: Mapping[str, str]) -> list[JsonObject] | None:
    """How pods are spread; None: as the cluster does it."""
    if overlay.topology_spread_constraints is None:
        usual = {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}
        return [{**usual, "labelSelector": {"matchLabels": dict(own)}}]
    return [_selecting(each, own) for each in map(_said, overlay.topology_spread_constraints)] or None


def affinity(overlay: PodOverlay, own: Mapping[str, str], *, resolve: bool) -> JsonObject | None:
    """Where pods go; None: nothing is said. A Job that resolves is near to or far from no pods: it only needs a node."""
    if overlay.affinity is None:
        return None
    said = _said(overlay.affinity)
    for kind in ("podAffinity", "podAntiAffinity"):
        if resolve:
            said.pop(kind, None)
        for when, terms in said.get(kind, {}).items():
            said[kind][when] = [_of_own_pods(term, own) for term in terms]
    return {kind: terms for kind, terms in said.items() if terms} or None


def _of_own_pods(term: JsonObject, own: Mapping[str, str]) -> JsonObject:
    if "podAffinityTerm" in term:
        return {**term, "podAffinityTerm": _selecting(term["podAffinityTerm"], own)}
    return _selecting(term, own)


def _selecting(term: JsonObject, own: Mapping[str, str]) -> JsonObject:
    """With the pods of the revision where no others are named: pods of another one hinder nobody."""
    return {**term, "labelSelector": term.get("labelSelector", {"matchLabels": dict(own)})}


def volumes(overlay: PodOverlay, mode: int) -> list[JsonObject]:
    """Volumes of the pod."""
    return [_volume(each, mode) for each in overlay.volumes or ()]


def _volume(volume: Volume, mode: int) -> JsonObject:
    said = _said(volume)
    del said["mountPath"]
    for kind in ("secret", "configMap"):
        if kind in said:
            said[kind]["defaultMode"] = mode
    if claim := volume.persistent_volume_claim:
        is_read_only = {"readOnly": True} if _is_read_only(volume) else {}
        said["persistentVolumeClaim"] = {"claimName": claim.claim_name, **is_read_only}
    return said


def volume_mounts(overlay: PodOverlay) -> list[JsonObject]:
    """Where the server sees them."""
    return [
        {"name": each.name, "mountPath": each.mount_path, **({"readOnly": True} if _is_read_only(each) else {})}
        for each in overlay.volumes or ()
    ]


def _is_read_only(volume: Volume) -> bool:
    if claim := volume.persistent_volume_claim:
        return claim.read_only is not False
    return volume.empty_dir is None


def _said(model: ApiModel) -> JsonObject:
    """As Kubernetes writes it: its names, and nothing that was not said."""
    return model.model_dump(by_alias=True, exclude_none=True, mode="json")
