"""What is to be told. It stays in memory until it was told, so a kill between deciding and telling loses nothing."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from serin_operator.decide.timestamps import precise

MOST_LETTERS: Final = 30


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
class Letter:
    """Something to be told once. By its key a second telling, after a kill, is recognised."""

    key: str
    content: Announcement | Line


Outbox = tuple[Letter, ...]


def posted(outbox: Outbox, contents: Iterable[Announcement | Line], now: datetime) -> Outbox:
    """The outbox with more to tell; of far too much the oldest is given up."""
    new = [Letter(f"{_name(content)}/{precise(now)}/{n}", content) for n, content in enumerate(contents)]
    return (*outbox, *new)[-MOST_LETTERS:]


def delivered(outbox: Outbox, told: Collection[str]) -> Outbox:
    """The outbox without what was told."""
    return tuple(letter for letter in outbox if letter.key not in told)


def _name(content: Announcement | Line) -> str:
    return content.reason if isinstance(content, Announcement) else content.event.replace(" ", "-")
