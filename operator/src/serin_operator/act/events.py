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
from serin_operator.cluster.errors import AlreadyExists, ApiError, NotFound, Transient
from serin_operator.cluster.resources import EVENTS

_SERIES_GAP: Final = timedelta(minutes=10)
_SERIES_REPORT: Final = timedelta(seconds=60)
_REMEMBERED: Final = 1000
_NOTE_LIMIT: Final = 1024

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Series:
    about: tuple[str, str]
    name: str
    count: int
    last_seen: datetime
    reported_at: datetime


@dataclass(frozen=True, slots=True)
class _Said:
    type_: str
    reason: str
    message: str


class EventRecorder:
    """Records Events in ``events.k8s.io/v1``.

    A happening that has a key is told once: the Event's name follows from the key, so a second telling, by this process
    or by the next one, is recognised. Without a key the same thing said again becomes a count, not another object: the
    second occurrence is reported at once, later ones at most once a minute. A loop that repeats itself can so never
    flood etcd.

    Args:
        client: Calls the API server.
        now: Wall clock, aware of its zone.
        instance: Which replica speaks, for ``reportingInstance``.
        on_event: Told the reason of every event: once of one with a key, else each time.
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
        self._unanswered: OrderedDict[str, tuple[str, str]] = OrderedDict()

    async def record(
        self, regarding: Mapping[str, Any], *, type_: str, reason: str, message: str, key: str | None = None
    ) -> bool:
        """Record that something happened to ``regarding``; never raises.

        Args:
            regarding: The object.
            type_: ``Normal`` or ``Warning``.
            reason: One word of ``EventReason``.
            message: A sentence for people.
            key: Names the happening within the life of the object.

        Returns:
            Whether it is told for good: it stands there, or the API server will never take it. False: try again later.
        """
        said = _Said(type_, reason, message)
        if key is not None:
            return await self._once(regarding, said, key)
        self._on_event(reason)
        await self._repeatedly(regarding, said)
        return True

    def forget(self, namespace: str, name: str) -> None:
        """The object is gone, and nothing more will be said about it."""
        for series in [key for key, series in self._recent.items() if series.about == (namespace, name)]:
            del self._recent[series]
        for event in [event for event, about in self._unanswered.items() if about == (namespace, name)]:
            del self._unanswered[event]

    async def _once(self, regarding: Mapping[str, Any], said: _Said, key: str) -> bool:
        name = _name(regarding, (regarding["metadata"].get("uid", ""), key))
        try:
            await self._post(regarding, said, name, self._now())
        except AlreadyExists:
            # It was told before. If that was our own attempt whose answer was lost, it has not been counted yet.
            if self._unanswered.pop(name, None) is None:
                return True
        except Transient as error:
            self._unanswered[name] = _about(regarding)
            while len(self._unanswered) > _REMEMBERED:
                self._unanswered.popitem(last=False)
            _log.info("an Event is told later", reason=said.reason, error=error.message)
            return False
        except ApiError as error:
            _log.warning("an Event was refused for good", reason=said.reason, error=error.message)
        self._unanswered.pop(name, None)
        self._on_event(said.reason)
        return True

    async def _repeatedly(self, regarding: Mapping[str, Any], said: _Said) -> None:
        about = (regarding["metadata"].get("uid", ""), said.type_, said.reason, said.message)
        now = self._now()
        series = self._recent.get(about)
        try:
            if series is None or now - series.last_seen > _SERIES_GAP:
                name = _name(regarding, (*about, _timestamp(now)))
                await self._post(regarding, said, name, now)
                self._recent[about] = _Series(_about(regarding), name, 1, now, now)
                while len(self._recent) > _REMEMBERED:
                    self._recent.popitem(last=False)
            else:
                await self._again(regarding["metadata"]["namespace"], series, now)
        except NotFound:
            self._recent.pop(about, None)  # the Event has expired at the server, or its namespace is going
        except ApiError as error:
            _log.warning("an Event was not recorded", reason=said.reason, error=error.message)

    async def _post(self, regarding: Mapping[str, Any], said: _Said, name: str, now: datetime) -> None:
        metadata = regarding["metadata"]
        event = {
            "apiVersion": EVENTS.api_version,
            "kind": EVENTS.kind,
            "metadata": {"name": name, "namespace": metadata["namespace"]},
            "eventTime": _timestamp(now),
            "type": said.type_,
            "reason": said.reason,
            "action": said.reason,
            "note": _cut(said.message),
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
        await self._client.call("POST", EVENTS.path(metadata["namespace"]), what=f"record {said.reason}", body=event)

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


def _about(regarding: Mapping[str, Any]) -> tuple[str, str]:
    return regarding["metadata"]["namespace"], regarding["metadata"]["name"]


def _name(regarding: Mapping[str, Any], parts: tuple[str, ...]) -> str:
    digest = hashlib.blake2b("\0".join(parts).encode(), digest_size=8).hexdigest()
    return f"{regarding['metadata']['name']}.{digest}"


def _timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _cut(note: str) -> str:
    encoded = note.encode()
    if len(encoded) <= _NOTE_LIMIT:
        return note
    return encoded[: _NOTE_LIMIT - 3].decode(errors="ignore") + "…"
