"""Receivers of notices with days of their own, and the office that delivers to them on the simulated clock."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from serin_operator.act.notices.channels import Channel
from serin_operator.act.notices.line import Answer, End, Item
from serin_operator.act.notices.office import Office
from serin_operator.act.notices.telling import id_of

HANGS_SECONDS: Final = 10.0
"""Until an attempt gives up."""

TAKES: Final = Answer(is_taken=True)
FAILS: Final = Answer(why="HTTP 500")
IS_AWAY: Final = Answer(why="no connection")
HANGS: Final = Answer(why="no answer within 10 s")
IS_BUSY: Final = Answer(why="HTTP 429", retry_after=30.0)


@dataclass
class Receiver:
    """Whoever is at the other end of a channel: it outlives the operator."""

    answer: Answer = TAKES
    got: list[tuple[str, str, str]] = field(default_factory=list)
    """Id, occasion and version of what was taken, in this order."""
    times: list[datetime] = field(default_factory=list)
    """When each of them had been decided."""
    attempts: int = 0

    @property
    def heard(self) -> list[str]:
        """Occasions and versions, each id once: what somebody knows who keeps ids."""
        return [f"{occasion} {version}" for _, occasion, version in dict.fromkeys(self.got)]

    @property
    def twice(self) -> int:
        """How often something was taken that had been taken before."""
        return len(self.got) - len({id_ for id_, *_ in self.got})


class _Books(Counter[str]):
    def attempted(self, channel: str, *, succeeded: bool) -> None:
        self[f"{channel} {'success' if succeeded else 'error'}"] += 1

    def ended(self, channel: str, how: End) -> None:
        self[f"{channel} {how}"] += 1


class Postman:
    """One process' office: what it has in memory dies with it."""

    def __init__(
        self,
        receivers: dict[str, Receiver],
        elapsed: Callable[[], float],
        now: Callable[[], datetime],
        on_done: Callable[[str, str], None],
    ) -> None:
        self._receivers = receivers
        self._elapsed = elapsed
        self.books = _Books()
        channels = [Channel(name=name, kind="Webhook") for name in receivers]
        self.office = Office(
            channels, self, self.books, on_done=on_done, monotonic=elapsed, now=now, jitter=lambda: 0.5
        )
        self._hanging: list[tuple[float, str, Item]] = []

    async def send(self, channel: Channel, item: Item) -> Answer:
        """Never: the simulated clock makes the attempts."""
        raise NotImplementedError

    def move(self) -> None:
        """Attempts that are due are made; those that hang end."""
        for due, channel, item in [*self._hanging]:
            if due <= self._elapsed():
                self._hanging.remove((due, channel, item))
                self.office.answered(channel, item, HANGS)
        for name, receiver in self._receivers.items():
            for item in self.office.due(name):
                receiver.attempts += 1
                if receiver.answer is HANGS:
                    self._hanging.append((self._elapsed() + HANGS_SECONDS, name, item))
                    continue
                if receiver.answer.is_taken:
                    notice = item.notice
                    receiver.times.append(item.notice.at)
                    receiver.got.append((id_of(item.about, item.letter.key), notice.occasion, notice.version or ""))
                self.office.answered(name, item, receiver.answer)
