"""What waits for one channel: who is next, and when. No I/O and no clock, so that an hour's absence is a test of a moment.

    hand_over ──► line of each ModelDeployment ──► take (its head alone) ──► taken: the next of the line
                                                                       └──► failed: the same again, later and later

A line is in order: nothing overtakes its head. Lines do not wait for one another, so what one receiver refuses of one model
holds up no other; but when three attempts in a row have failed, of whomever, the receiver is taken to be away, and one attempt
at a time finds out when it is back.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

from serin_operator.act.notices.telling import About
from serin_operator.decide.memory.outbox import Letter, Notice, delivery

AT_A_TIME: Final = 4
"""Attempts under way, each of another ModelDeployment."""
MOST_LINES: Final = 500
"""ModelDeployments of which notices are kept in memory; the others' wait in their status."""
GIVE_UP_AFTER: Final = timedelta(hours=24)
REFUSALS: Final = 3
"""So often a receiver may refuse the very content of a notice before it is given up."""
AWAY_AFTER: Final = 3
LONGEST_WAIT_SECONDS: Final = 60.0
LONGEST_ASKED_SECONDS: Final = 3600.0
"""A receiver that asks for more patience is tried again after an hour."""

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
class _Line:
    about: About
    waiting: list[Item] = field(default_factory=list)
    failures: int = 0
    """Of the head."""
    not_before: float = 0.0
    under_way: Item | None = None
    is_gone: bool = False


class Backlog:
    """Everything that waits for one channel.

    Args:
        name: Of the channel.
        on_end: Told of each notice that is done with, and how.
        on_room: Told of a ModelDeployment that was turned away when there was no room: it may come again.
    """

    def __init__(self, name: str, on_end: Callable[[Item, End], None], on_room: Callable[[About], None]) -> None:
        self.name = name
        self._on_end = on_end
        self._on_room = on_room
        self._lines: OrderedDict[str, _Line] = OrderedDict()
        self._turned_away: OrderedDict[str, About] = OrderedDict()
        self._failures = 0
        self._not_before = 0.0

    @property
    def is_away(self) -> bool:
        """Whether the last attempts all failed."""
        return self._failures >= AWAY_AFTER

    @property
    def waiting(self) -> int:
        """Notices in memory."""
        return sum(len(line.waiting) for line in self._lines.values())

    @property
    def oldest(self) -> datetime | None:
        """When the oldest of them was decided."""
        return min((line.waiting[0].notice.at for line in self._lines.values() if line.waiting), default=None)

    def hand_over(self, about: About, letters: Sequence[Letter], done: frozenset[str]) -> None:
        """What status says is to be delivered about one ModelDeployment, in order: it replaces what was known.

        Args:
            about: Whose.
            letters: All that wait, for whichever channel.
            done: Deliveries that status does not know of yet.
        """
        wanted = [
            Item(about, letter, letter.content)
            for letter in letters
            if isinstance(letter.content, Notice)
            and self.name in letter.content.to
            and delivery(letter.key, self.name) not in done
        ]
        line = self._lines.get(about.uid)
        if line is None:
            if not wanted:
                self._turned_away.pop(about.uid, None)
                return
            if len(self._lines) >= MOST_LINES:
                self._turned_away[about.uid] = about
                return
            self._turned_away.pop(about.uid, None)
            self.gone(about.namespace, about.name)  # whoever had this name before
            line = self._lines[about.uid] = _Line(about)
        kept = set(_keys(wanted)) | set(_keys([line.under_way] if line.under_way else []))
        for item in line.waiting:
            if item.letter.key not in kept:  # too many have come: status keeps the newest
                self._on_end(item, "dropped")
        if _keys(wanted[:1]) != _keys(line.waiting[:1]):
            line.failures, line.not_before = 0, 0.0
        line.waiting = wanted
        self._tidy(line)

    def gone(self, namespace: str, name: str) -> None:
        """The ModelDeployment is gone; what it had to tell is told while this process lives."""
        for line in self._lines.values():
            if (line.about.namespace, line.about.name) == (namespace, name):
                line.is_gone = True
        for uid in [uid for uid, each in self._turned_away.items() if (each.namespace, each.name) == (namespace, name)]:
            del self._turned_away[uid]

    def is_gone(self, uid: str) -> bool:
        """Whether nobody keeps status of it any more."""
        line = self._lines.get(uid)
        return line is not None and line.is_gone

    def take(self, now: float, wall: datetime) -> Item | None:
        """The next notice to be sent now; None when none is due."""
        self._expire(wall)
        under_way = sum(line.under_way is not None for line in self._lines.values())
        if under_way >= (1 if self.is_away else AT_A_TIME) or now < self._not_before:
            return None
        free = [line for line in self._lines.values() if line.waiting and line.under_way is None]
        # Away, any line may find out whether it is back; one whose content may be what it fails at comes last.
        due = free if self.is_away else [line for line in free if line.not_before <= now]
        if not due:
            return None
        line = min(due, key=lambda each: each.failures)
        self._lines.move_to_end(line.about.uid)
        line.under_way = line.waiting[0]
        return line.under_way

    def next_at(self) -> float | None:
        """When ``take`` may have one again, if nothing happens before; None: not before something does."""
        free = [line for line in self._lines.values() if line.waiting and line.under_way is None]
        under_way = sum(line.under_way is not None for line in self._lines.values())
        if not free or under_way >= (1 if self.is_away else AT_A_TIME):
            return None
        return self._not_before if self.is_away else max(self._not_before, min(line.not_before for line in free))

    def let_go(self) -> None:
        """Whatever was under way has no answer, and never will."""
        for line in self._lines.values():
            line.under_way = None

    def answered(self, item: Item, answer: Answer, now: float, jitter: float) -> None:
        """An attempt has ended.

        Args:
            item: As it was taken.
            answer: What came of it.
            now: Seconds on a clock that never jumps.
            jitter: From 0 to 1, so that receivers are not found by everybody at once.
        """
        line = self._lines[item.about.uid]
        line.under_way = None
        if answer.is_taken:
            self._back(now)
            self._end(line, item, "delivered")
        elif answer.is_refused and line.failures + 1 >= REFUSALS:
            self._failures = 0  # it answers, which is what counts
            self._end(line, item, "refused")
        else:
            self._failed(line, answer, now, jitter)
        self._tidy(line)

    def _failed(self, line: _Line, answer: Answer, now: float, jitter: float) -> None:
        line.failures += 1
        line.not_before = now + _wait_seconds(line.failures, jitter)
        if answer.is_refused:
            return
        self._failures += 1
        if self.is_away:
            self._not_before = now + _wait_seconds(self._failures - AWAY_AFTER + 1, jitter)
        if answer.retry_after is not None:
            self._not_before = max(self._not_before, now + min(answer.retry_after, LONGEST_ASKED_SECONDS))

    def _back(self, now: float) -> None:
        if self.is_away:
            for line in self._lines.values():
                line.not_before = min(line.not_before, now)
        self._failures = 0

    def _expire(self, wall: datetime) -> None:
        for line in list(self._lines.values()):
            while line.waiting and line.under_way is None and wall - line.waiting[0].notice.at > GIVE_UP_AFTER:
                self._end(line, line.waiting[0], "expired")
            self._tidy(line)

    def _end(self, line: _Line, item: Item, how: End) -> None:
        line.failures, line.not_before = 0, 0.0
        line.waiting = [other for other in line.waiting if other.letter.key != item.letter.key]
        self._on_end(item, how)

    def _tidy(self, line: _Line) -> None:
        """A line without anything makes room for another."""
        if line.waiting or line.under_way is not None or self._lines.get(line.about.uid) is not line:
            return
        del self._lines[line.about.uid]
        if self._turned_away:
            _, about = self._turned_away.popitem(last=False)
            self._on_room(about)


def _keys(items: Sequence[Item]) -> list[str]:
    return [item.letter.key for item in items]


def _wait_seconds(failures: int, jitter: float) -> float:
    """Twice as long each time, up to a minute; between half of it and all of it."""
    return float(min(2 ** min(failures, 6), LONGEST_WAIT_SECONDS) * (0.5 + 0.5 * jitter))
