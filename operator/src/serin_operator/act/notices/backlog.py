"""What waits for one channel: who is next, and when. No I/O and no clock, so that an hour's absence is a test of a moment.

    hand_over ──► line of each ModelDeployment ──► take (its head alone) ──► taken: the next of the line
                                                                       └──► failed: the same again, later and later

A line is in order: nothing overtakes its head. Lines do not wait for one another, so what one receiver refuses of one model
holds up no other; but when three attempts in a row have failed, of whomever, the receiver is taken to be away, and one attempt
at a time finds out when it is back.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from serin_operator.act.notices.line import Answer, End, Item, Line, Name, keys_of, name_of, wait_seconds
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
LONGEST_ASKED_SECONDS: Final = 3600.0
"""A receiver that asks for more patience is tried again after an hour."""


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
        self._lines: OrderedDict[Name, Line] = OrderedDict()
        self._turned_away: OrderedDict[Name, About] = OrderedDict()
        self._failures = 0
        self._not_before = 0.0

    @property
    def is_away(self) -> bool:
        """Whether the last attempts all failed."""
        return self._failures >= AWAY_AFTER

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits and nothing is under way."""
        return not self._lines

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
        name = name_of(about)
        self._turned_away.pop(name, None)
        line = self._lines.get(name)
        if line is None:
            if not wanted:
                return
            if len(self._lines) >= MOST_LINES:
                self._turned_away[name] = about
                return
            line = self._lines[name] = Line(about)
        if line.about.uid != about.uid:
            self._leave(line)
            line.about = about
        self._replace(line, wanted)
        self._tidy(line)

    def _replace(self, line: Line, wanted: list[Item]) -> None:
        head, keys = keys_of(line.waiting[:1]), set(keys_of(wanted))
        under_way = line.under_way.letter.key if line.under_way else None
        for item in line.handed:
            if item.letter.key not in keys and item.letter.key != under_way:  # status keeps the newest
                self._on_end(item, "dropped")
        line.left = [item for item in line.left if item.letter.key not in keys]  # a back-up brings some of them back
        line.handed = wanted
        if keys_of(line.waiting[:1]) != head:
            line.failures, line.not_before = 0, 0.0

    def gone(self, namespace: str, name: str) -> None:
        """The ModelDeployment is gone; what it had to tell is told while this process lives."""
        self._turned_away.pop((namespace, name), None)
        if line := self._lines.get((namespace, name)):
            self._leave(line)

    def _leave(self, line: Line) -> None:
        for item in line.leave():
            self._on_end(item, "dropped")

    def is_kept(self, item: Item) -> bool:
        """Whether somebody keeps status of it."""
        line = self._lines.get(name_of(item.about))
        return line is not None and line.about == item.about and item.letter.key in keys_of(line.handed)

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
        self._lines.move_to_end(name_of(line.about))
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
        line = self._lines[name_of(item.about)]
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

    def _failed(self, line: Line, answer: Answer, now: float, jitter: float) -> None:
        line.failures += 1
        line.not_before = now + wait_seconds(line.failures, jitter)
        if answer.is_refused:
            return
        self._failures += 1
        if self.is_away:
            self._not_before = now + wait_seconds(self._failures - AWAY_AFTER + 1, jitter)
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

    def _end(self, line: Line, item: Item, how: End) -> None:
        line.failures, line.not_before = 0, 0.0
        self._on_end(item, how)
        line.without(item.letter.key)

    def _tidy(self, line: Line) -> None:
        """A line without anything makes room for another."""
        name = name_of(line.about)
        if line.waiting or line.under_way is not None or self._lines.get(name) is not line:
            return
        del self._lines[name]
        if self._turned_away:
            _, about = self._turned_away.popitem(last=False)
            self._on_room(about)
