"""Who wrote the action annotation, as far as ``managedFields`` tell: the field manager, not the person behind it."""

from collections.abc import Mapping
from typing import Any, Final

from serin_operator.api.names import ANNOTATION_ACTION
from serin_operator.cluster.managed import owns_annotation

LONGEST: Final = 128


def who_asked(metadata: Mapping[str, Any]) -> str | None:
    """The manager that owns the annotation; of several the one that wrote last. ``None`` where nothing tells."""
    managed = metadata.get("managedFields")
    entries = [entry for entry in managed if isinstance(entry, Mapping)] if isinstance(managed, list) else []
    owners = [entry for entry in entries if owns_annotation(entry, ANNOTATION_ACTION) and entry.get("manager")]
    last = max(owners, key=lambda entry: str(entry.get("time") or ""), default=None)
    return str(last["manager"])[:LONGEST] if last else None
