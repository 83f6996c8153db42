"""What of an object is worth keeping: what somebody decides by."""

from collections.abc import Mapping
from typing import Any, Final

from serin_operator.cluster.managed import owned_fields

JsonObject = dict[str, Any]

_LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
_MOUNTED_FROM: Final = frozenset({"secret", "configMap", "persistentVolumeClaim"})
"""Kinds of volumes that can be missing."""


def slim(obj: Mapping[str, Any]) -> JsonObject:
    """A copy without what nobody decides by."""
    metadata = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
    if own := owned_fields(obj):
        metadata["managedFields"] = own
    annotations = metadata.get("annotations")
    if annotations and _LAST_APPLIED in annotations:
        metadata["annotations"] = {key: value for key, value in annotations.items() if key != _LAST_APPLIED}
    kept = {**obj, "metadata": metadata}
    if obj["kind"] == "Pod":
        spec = obj.get("spec") or {}
        kept["spec"] = {
            "nodeName": spec.get("nodeName"),
            "volumes": [volume for volume in spec.get("volumes") or [] if not _MOUNTED_FROM.isdisjoint(volume)],
            "containers": [
                {"name": container.get("name"), "image": container.get("image")}
                for container in spec.get("containers") or []
            ],
        }
    return kept
