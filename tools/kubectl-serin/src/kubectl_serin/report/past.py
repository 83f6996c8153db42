"""A ModelDeployment as it was: what came after a version is left out."""

from collections.abc import Mapping
from typing import Any


def as_of(raw: Mapping[str, Any], number: int) -> Mapping[str, Any]:
    """As if this entry of its ledger, counted from the newest, were the newest. What serves, and its conditions, are as of now."""
    status = raw.get("status") or {}
    versions = list(status.get("versions") or ())[number:]
    canary = status.get("canary") or {}
    is_its = bool(versions) and canary.get("revision") == versions[0].get("revision")
    return {**raw, "status": {**status, "versions": versions, "canary": canary if is_its else None}}
