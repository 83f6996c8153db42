"""What the Warning events of a pod tell that its status does not."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from serin_operator.decide.pod import Warned

JsonObject = Mapping[str, Any]

WARNING: Final = "Warning"
_MOST: Final = 8
_CONTAINER: Final = ("spec.containers{", "spec.initContainers{")


def warned(uid: str, events: Iterable[JsonObject]) -> tuple[Warned, ...]:
    """The Warning events about the object with this uid, newest first; the same reason and words once."""
    mine = [e for e in about(uid, events) if e.get("reason") and e.get("type", WARNING) == WARNING]
    told = [_told(event) for event in sorted(mine, key=moment, reverse=True)]
    return tuple(dict.fromkeys(told))[:_MOST]


def about(uid: str, events: Iterable[JsonObject]) -> list[JsonObject]:
    """The events about one object."""
    return [event for event in events if (event.get("involvedObject") or {}).get("uid") == uid]


def moment(event: JsonObject) -> str:
    """When it happened last, as text that sorts."""
    last = (event.get("series") or {}).get("lastObservedTime")
    return last or event.get("lastTimestamp") or _first(event)


def _first(event: JsonObject) -> str:
    first = event.get("firstTimestamp") or event.get("eventTime")
    return first or (event.get("metadata") or {}).get("creationTimestamp") or ""


def _told(event: JsonObject) -> Warned:
    first, last = _first(event), moment(event)
    lasting = (datetime.fromisoformat(last) - datetime.fromisoformat(first)).total_seconds() if first and last else 0.0
    where = str((event.get("involvedObject") or {}).get("fieldPath") or "")
    container = where.partition("{")[2].rstrip("}") if where.startswith(_CONTAINER) else None
    return Warned(str(event["reason"]), str(event.get("message") or ""), container, lasting)
