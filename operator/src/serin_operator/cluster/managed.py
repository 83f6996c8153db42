"""What is kept of ``managedFields``: which fields of an object are ours, who else has scaled it, who asked for an action."""

from collections.abc import Mapping
from typing import Any, Final

from serin_operator.api.names import ANNOTATION_ACTION, FIELD_MANAGER, KIND

SCALE: Final = "scale"
_APPLIED: Final = frozenset({"Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy", "HTTPRoute"})
"""Kinds of which it matters."""
_KEPT: Final = ("manager", "operation", "fieldsV1")


def owned_fields(obj: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Our own entries about the object itself: what was applied; where nothing was applied yet, what was created.

    And of others the names of those who have set its size through ``/scale``, and have it still. Others' entries and those of subresources are as large again as the object, and nobody decides by them.
    Of a ModelDeployment, whose fields are its user's, those who wrote the action annotation.
    """
    if obj["kind"] == KIND:
        return _askers(obj)
    managed = obj["metadata"].get("managedFields") or [] if obj["kind"] in _APPLIED else []
    own = [entry for entry in managed if entry.get("manager") == FIELD_MANAGER and not entry.get("subresource")]
    applied = [entry for entry in own if entry.get("operation") == "Apply"]
    scaled = [
        {key: entry.get(key) for key in ("manager", "operation", "subresource")} for entry in managed if _scales(entry)
    ]
    return [{key: entry.get(key) for key in _KEPT} for entry in applied or own] + scaled


def _askers(obj: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Who wrote the action annotation, and when."""
    if ANNOTATION_ACTION not in (obj["metadata"].get("annotations") or {}):
        return []
    managed = obj["metadata"].get("managedFields")
    entries = [entry for entry in managed if isinstance(entry, Mapping)] if isinstance(managed, list) else []
    annotated: dict[str, Any] = {"f:metadata": {"f:annotations": {f"f:{ANNOTATION_ACTION}": {}}}}
    return [
        {"manager": entry.get("manager"), "time": entry.get("time"), "fieldsV1": annotated}
        for entry in entries
        if owns_annotation(entry, ANNOTATION_ACTION)
    ]


def owns_annotation(entry: Mapping[str, Any], annotation: str) -> bool:
    """Whether an entry of ``managedFields``, which anybody may have written, names this annotation."""
    fields: Any = entry.get("fieldsV1")
    for key in ("f:metadata", "f:annotations", f"f:{annotation}"):
        fields = fields.get(key) if isinstance(fields, Mapping) else None
    return fields is not None


def _scales(entry: Mapping[str, Any]) -> bool:
    fields = (entry.get("fieldsV1") or {}).get("f:spec") or {}
    return entry.get("subresource") == SCALE and entry.get("manager") != FIELD_MANAGER and "f:replicas" in fields


def is_scaled_by_others(obj: Mapping[str, Any]) -> bool:
    """Whether the size that an object has, as it is kept, was set by somebody else through ``/scale``."""
    managed = obj["metadata"].get("managedFields") or []
    return any(entry.get("subresource") == SCALE and entry.get("manager") != FIELD_MANAGER for entry in managed)
