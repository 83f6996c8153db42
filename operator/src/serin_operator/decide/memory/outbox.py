"""What is to be told. It stays in memory until it was told, so a kill between deciding and telling loses nothing."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from serin_operator.decide.timestamps import precise

MOST_LETTERS: Final = 30
MOST_NOTICES: Final = 20
"""Of their own: a receiver that is away for a day must not push Events and log lines out, nor they its notices."""


@dataclass(frozen=True)
class Announcement:
    """An Event on the ModelDeployment."""

    reason: str
    message: str
    warning: bool = False


@dataclass(frozen=True)
class Line:
    """A line of the operator's log, from which a history can be replayed."""

    event: str
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Notice:
    """A message to people outside the cluster. It is told when every channel that wants it has taken it."""

    occasion: str
    """As the API's ``Occasion`` names it."""
    reason: str
    """Of the Event or condition that it tells of."""
    message: str
    to: tuple[str, ...]
    """Channels that have not taken it yet."""
    at: datetime
    version: str | None = None
    stable: str | None = None
    """The version that served then."""


Content = Announcement | Line | Notice


@dataclass(frozen=True)
class Letter:
    """Something to be told once. By its key a second telling, after a kill, is recognised."""

    key: str
    content: Content


Outbox = tuple[Letter, ...]


def posted(outbox: Outbox, contents: Iterable[Content], now: datetime) -> Outbox:
    """The outbox with more to tell; of far too much the oldest is given up."""
    new = [Letter(f"{_name(content)}/{precise(now)}/{n}", content) for n, content in enumerate(contents)]
    letters = (*outbox, *new)
    notices = tuple(letter for letter in letters if isinstance(letter.content, Notice))[-MOST_NOTICES:]
    return (*tuple(letter for letter in letters if not isinstance(letter.content, Notice))[-MOST_LETTERS:], *notices)


def delivered(outbox: Outbox, told: Collection[str], channels: Collection[str] = ()) -> Outbox:
    """The outbox without what was told, and without notices to channels that there are no more.

    Args:
        outbox: As it was.
        told: Keys of letters, and of deliveries of notices.
        channels: Those that there are.
    """
    return tuple(rest for letter in outbox if (rest := _untold(letter, told, channels)) is not None)


def delivery(key: str, channel: str) -> str:
    """The key of one channel's part in a notice."""
    return f"{key}>{channel}"


def _untold(letter: Letter, told: Collection[str], channels: Collection[str]) -> Letter | None:
    notice = letter.content
    if not isinstance(notice, Notice):
        return None if letter.key in told else letter
    to = tuple(each for each in notice.to if each in channels and delivery(letter.key, each) not in told)
    return replace(letter, content=replace(notice, to=to)) if to else None


def _name(content: Content) -> str:
    match content:
        case Announcement(reason=reason):
            return reason
        case Line(event=event):
            return event.replace(" ", "-")
        case Notice(occasion=occasion):
            return f"notice-{occasion}"
