"""What is kept of ``managedFields``: which fields of an object are ours."""

from collections.abc import Mapping
from typing import Any, Final

from serin_operator.api.names import FIELD_MANAGER

_APPLIED: Final = frozenset({"Deployment", "Service", "PodDisruptionBudget", "HTTPRoute"})
"""Kinds of which it matters."""
_KEPT: Final = ("manager", "operation", "fieldsV1")


def owned_fields(obj: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Our own entries about the object itself: what was applied; where nothing was applied yet, what was created.

    Others' entries and those of subresources are as large again as the object, and nobody decides by them.
    """
    managed = obj["metadata"].get("managedFields") or [] if obj["kind"] in _APPLIED else []
    own = [entry for entry in managed if entry.get("manager") == FIELD_MANAGER and not entry.get("subresource")]
    applied = [entry for entry in own if entry.get("operation") == "Apply"]
    return [{key: entry.get(key) for key in _KEPT} for entry in applied or own]
