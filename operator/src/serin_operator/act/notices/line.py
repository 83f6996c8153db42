"""One line of notices: what waits for a channel about one ModelDeployment, in order."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from serin_operator.act.notices.telling import About
from serin_operator.decide.memory.outbox import MOST_NOTICES, Letter, Notice

LONGEST_WAIT_SECONDS: Final = 60.0

Name = tuple[str, str]
"""Namespace and name."""
End = Literal["delivered", "refused", "expired", "dropped"]


@dataclass(frozen=True, slots=True)
class Item:
    """One notice of one ModelDeployment for this channel."""

    about: About
    letter: Letter
    notice: Notice


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an attempt."""

    is_taken: bool = False
    is_refused: bool = False
    """The receiver will never take this content."""
    why: str = ""
    retry_after: float | None = None
    """Seconds for which the receiver asked to be left alone."""


@dataclass(slots=True)
class Line:
    """What waits about one name."""

    about: About
    left: list[Item] = field(default_factory=list)
    """Of whoever had this name before: nobody keeps status of it any more."""
    handed: list[Item] = field(default_factory=list)
    """As status has them."""
    failures: int = 0
    """Of the head."""
    not_before: float = 0.0
    under_way: Item | None = None

    @property
    def waiting(self) -> list[Item]:
        """All of them, in order."""
        return [*self.left, *self.handed]

    def leave(self) -> list[Item]:
        """The object has gone; returns what is too old to be kept of those that had this name."""
        given_up, self.left, self.handed = self.waiting[:-MOST_NOTICES], self.waiting[-MOST_NOTICES:], []
        return given_up

    def without(self, key: str) -> None:
        """One is done with."""
        self.left = [item for item in self.left if item.letter.key != key]
        self.handed = [item for item in self.handed if item.letter.key != key]


def name_of(about: About) -> Name:
    """What a line is kept by: a back-up comes back with another uid, and is the same to people."""
    return about.namespace, about.name


def keys_of(items: Sequence[Item]) -> list[str]:
    """Keys of their letters."""
    return [item.letter.key for item in items]


def wait_seconds(failures: int, jitter: float) -> float:
    """Twice as long each time, up to a minute; between half of it and all of it."""
    return float(min(2 ** min(failures, 6), LONGEST_WAIT_SECONDS) * (0.5 + 0.5 * jitter))
