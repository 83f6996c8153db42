"""Events for people: ``kubectl describe`` shows them, and nothing is ever decided by them."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog

from serin_operator.api.names import FIELD_MANAGER
from serin_operator.cluster.client import MERGE_PATCH, ApiClient
from serin_operator.cluster.errors import ApiError, NotFound
from serin_operator.cluster.resources import EVENTS

_SERIES_GAP: Final = timedelta(minutes=10)
_SERIES_REPORT: Final = timedelta(seconds=60)
_REMEMBERED: Final = 1000
_NOTE_LIMIT: Final = 1024

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Series:
    name: str
    count: int
    last_seen: datetime
    reported_at: datetime


class EventRecorder:
    """Records Events in ``events.k8s.io/v1``; the same thing said again becomes a count, not another object.

    The second occurrence is reported at once, later ones at most once a minute. A loop that repeats itself can so
    never flood etcd.

    Args:
        client: Calls the API server.
        now: Wall clock, aware of its zone.
        instance: Which replica speaks, for ``reportingInstance``.
        on_event: Told the reason of every event, repeated or not.
    """

    def __init__(
        self,
        client: ApiClient,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        instance: str = FIELD_MANAGER,
        on_event: Callable[[str], None] = lambda _reason: None,
    ) -> None:
        self._client = client
        self._now = now
        self._instance = instance
        self._on_event = on_event
        self._recent: OrderedDict[tuple[str, ...], _Series] = OrderedDict()

    async def record(self, regarding: Mapping[str, Any], *, type_: str, reason: str, message: str) -> None:
        """Record that something happened to ``regarding``; a failure is logged and otherwise nobody's business."""
        self._on_event(reason)
        metadata = regarding["metadata"]
        key = (metadata.get("uid", ""), type_, reason, message)
        now = self._now()
        series = self._recent.get(key)
        try:
            if series is None or now - series.last_seen > _SERIES_GAP:
                await self._first(regarding, key, now)
            else:
                await self._again(metadata["namespace"], series, now)
        except NotFound:
            self._recent.pop(key, None)  # the Event has expired at the server, or its namespace is going
        except ApiError as error:
            _log.warning("an Event was not recorded", reason=reason, error=error.message)

    async def _first(self, regarding: Mapping[str, Any], key: tuple[str, ...], now: datetime) -> None:
        metadata = regarding["metadata"]
        digest = hashlib.blake2b("\0".join((*key, _timestamp(now))).encode(), digest_size=8).hexdigest()
        name = f"{metadata['name']}.{digest}"
        event = {
            "apiVersion": EVENTS.api_version,
            "kind": EVENTS.kind,
            "metadata": {"name": name, "namespace": metadata["namespace"]},
            "eventTime": _timestamp(now),
            "type": key[1],
            "reason": key[2],
            "action": key[2],
            "note": _cut(key[3]),
            "regarding": {
                "apiVersion": regarding["apiVersion"],
                "kind": regarding["kind"],
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata.get("uid", ""),
            },
            "reportingController": FIELD_MANAGER,
            "reportingInstance": self._instance[:128],
        }
        await self._client.call("POST", EVENTS.path(metadata["namespace"]), what=f"record {key[2]}", body=event)
        self._recent[key] = _Series(name, 1, now, now)
        while len(self._recent) > _REMEMBERED:
            self._recent.popitem(last=False)

    async def _again(self, namespace: str, series: _Series, now: datetime) -> None:
        series.count += 1
        series.last_seen = now
        if series.count > 2 and now - series.reported_at < _SERIES_REPORT:
            return
        series.reported_at = now
        await self._client.call(
            "PATCH",
            EVENTS.path(namespace, series.name),
            what="count an Event",
            body={"series": {"count": series.count, "lastObservedTime": _timestamp(now)}},
            content_type=MERGE_PATCH,
        )


def _timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _cut(note: str) -> str:
    encoded = note.encode()
    if len(encoded) <= _NOTE_LIMIT:
        return note
    return encoded[: _NOTE_LIMIT - 3].decode(errors="ignore") + "…"
