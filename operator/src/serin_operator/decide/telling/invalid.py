"""Status for a spec that cannot be read at all, although the API server let it pass."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from serin_operator.api.reasons import ConditionType, Reason
from serin_operator.decide.timestamps import stamp


def status_of_invalid(obj: Mapping[str, Any], message: str, now: datetime) -> dict[str, Any]:
    """The old status with the conditions that say what is wrong; what serves is left alone."""
    status = dict(obj.get("status") or {})
    before = {c["type"]: c for c in status.get("conditions") or []}
    changed = {ConditionType.READY: "False", ConditionType.STALLED: "True", ConditionType.RECONCILING: "False"}
    for kind, value in changed.items():
        old = before.get(kind.value, {})
        since = old["lastTransitionTime"] if old.get("status") == value else stamp(now)
        before[kind.value] = {
            "type": kind.value,
            "status": value,
            "reason": Reason.INVALID_SPEC.value,
            "message": message[:1024],
            "lastTransitionTime": since,
            "observedGeneration": obj["metadata"].get("generation", 0),
        }
    return {**status, "conditions": list(before.values()), "observedGeneration": obj["metadata"].get("generation", 0)}
