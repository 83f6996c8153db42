"""Tell what is in the outbox: Events and log lines at once, notices by whoever delivers them."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import structlog

from serin_operator.act.notices.office import Notices
from serin_operator.act.notices.telling import About
from serin_operator.decide.memory.outbox import Announcement, Letter, Line, Notice, delivery

JsonObject = dict[str, Any]

_log = structlog.get_logger(__name__)


class Recorder(Protocol):
    """Records Events."""

    async def event(
        self, regarding: Mapping[str, Any], *, type_: str, reason: str, message: str, key: str | None = None
    ) -> bool:
        """An Event, once for each key; never raises. False: it could not be told now."""
        ...


class Teller:
    """Remembers what it has told until status does not have it any more.

    Args:
        recorder: Records Events.
        notices: Delivers notices beside the workers; without it none is sent, and they wait.
    """

    def __init__(self, recorder: Recorder, notices: Notices | None) -> None:
        self._recorder = recorder
        self._notices = notices
        self._told: dict[tuple[str, str], set[str]] = {}

    def told(self, about: About) -> frozenset[str]:
        """Keys of what status may still have and has been told, of notices by channel."""
        told = self._told.setdefault((about.namespace, about.name), set())
        if self._notices is not None:
            told |= self._notices.collect(about)
        return frozenset(told)

    def forget(self, namespace: str, name: str) -> None:
        """The object is gone."""
        self._told.pop((namespace, name), None)
        if self._notices is not None:
            self._notices.gone(namespace, name)

    async def tell(self, obj: JsonObject, status: JsonObject, letters: Sequence[Letter]) -> None:
        """Tell what has not been told; what could not be told stays in the outbox, and what was told until the next write."""
        metadata = obj["metadata"]
        about = About(metadata["namespace"], metadata["name"], metadata["uid"])
        told = self._told.setdefault((about.namespace, about.name), set())
        told &= {letter.key for letter in letters} | _keys_in(status)
        if self._notices is not None:
            self._notices.hand_over(about, letters)
        for letter in letters:
            if letter.key not in told and await self._told_now(obj, letter):
                told.add(letter.key)

    async def _told_now(self, obj: JsonObject, letter: Letter) -> bool:
        match letter.content:
            case Line(event=event, fields=fields):
                _log.info(event, key=letter.key, **fields)
                return True
            case Announcement(reason=reason, message=message, warning=warning):
                kind = "Warning" if warning else "Normal"
                return await self._recorder.event(obj, type_=kind, reason=reason, message=message, key=letter.key)
            case Notice():
                return False  # whoever delivers it says when


def _keys_in(status: Mapping[str, Any]) -> set[str]:
    """What is remembered of letters that a status still has: that they were told, and by which channels."""
    letters = status.get("outbox") or ()
    return {letter["key"] for letter in letters} | {
        delivery(letter["key"], channel) for letter in letters for channel in letter.get("to") or ()
    }
