"""Where reconciles leave notices, and from where they are delivered beside them: nothing here makes a decision wait.

What waits lies in status, so a kill loses none; what an office has of it in memory is bounded. A reconcile hands over what its
status says, takes along what has been delivered since, and writes that down.
"""

import asyncio
import random
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, Protocol

import structlog

from serin_operator.act.notices.backlog import Backlog
from serin_operator.act.notices.channels import Channel
from serin_operator.act.notices.line import Answer, End, Item
from serin_operator.act.notices.telling import About, id_of
from serin_operator.decide.memory.outbox import Letter, delivery

_AFTER_BUG_SECONDS: Final = 60.0

_log = structlog.get_logger(__name__)


class Carrier(Protocol):
    """Makes attempts."""

    async def send(self, channel: Channel, item: Item) -> Answer:
        """One attempt; never raises."""
        ...


class Books(Protocol):
    """Where it is counted."""

    def attempted(self, channel: str, *, succeeded: bool) -> None:
        """An attempt has ended."""
        ...

    def ended(self, channel: str, how: End) -> None:
        """A notice is done with."""
        ...


class Notices(Protocol):
    """What a reconcile needs of an office."""

    def hand_over(self, about: About, letters: Sequence[Letter]) -> None:
        """What its status says is to be delivered, all of it and in order."""
        ...

    def collect(self, about: About) -> frozenset[str]:
        """What has been delivered, or given up, since this was asked last."""
        ...

    def gone(self, namespace: str, name: str) -> None:
        """The ModelDeployment is gone."""
        ...


class Office:
    """Delivers to every channel, each at its own pace.

    Args:
        channels: By configuration.
        carrier: Makes the attempts.
        books: Where they are counted.
        on_done: Told of each ModelDeployment whose status has something to forget.
        monotonic: Seconds on a clock that never jumps.
        now: Wall clock, aware of its zone.
        jitter: From 0 to 1, by chance.
    """

    def __init__(
        self,
        channels: Sequence[Channel],
        carrier: Carrier,
        books: Books,
        *,
        on_done: Callable[[str, str], None],
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._carrier = carrier
        self._books = books
        self._on_done = on_done
        self._monotonic = monotonic
        self._now = now
        self._jitter = jitter
        self._done: dict[About, set[str]] = {}
        self._desks = {channel.name: _Desk(channel, self._backlog(channel.name)) for channel in channels}

    def hand_over(self, about: About, letters: Sequence[Letter]) -> None:
        """Deliver these, and nothing else that was handed over before."""
        done = frozenset(self._done.get(about, ()))
        for desk in self._desks.values():
            desk.backlog.hand_over(about, letters, done)
            if not desk.backlog.is_empty:  # most looks at most models bring nothing to anybody
                desk.changed.set()

    def collect(self, about: About) -> frozenset[str]:
        """What is done with since; the caller remembers it from now on."""
        return frozenset(self._done.pop(about, ()))

    def gone(self, namespace: str, name: str) -> None:
        """Nobody will collect any more."""
        for desk in self._desks.values():
            desk.backlog.gone(namespace, name)
        for about in [each for each in self._done if (each.namespace, each.name) == (namespace, name)]:
            del self._done[about]

    def backlogs(self) -> list[Backlog]:
        """For whoever looks how it goes."""
        return [desk.backlog for desk in self._desks.values()]

    def problems(self) -> list[str]:
        """Channels that do not get through, one line each."""
        return [f"channel {name}: {desk.why}" for name, desk in self._desks.items() if desk.backlog.is_away]

    def due(self, channel: str) -> Iterator[Item]:
        """Notices to be sent now; each wants an answer."""
        backlog = self._desks[channel].backlog
        while (item := backlog.take(self._monotonic(), self._now())) is not None:
            yield item

    def answered(self, channel: str, item: Item, answer: Answer) -> None:
        """An attempt has ended."""
        desk = self._desks[channel]
        self._books.attempted(channel, succeeded=answer.is_taken)
        was_away, desk.why = desk.backlog.is_away, answer.why
        desk.backlog.answered(item, answer, self._monotonic(), self._jitter())
        if desk.backlog.is_away and not was_away:
            _log.warning("a channel takes no notices; it is tried less often", channel=channel, error=answer.why)
        elif was_away and not desk.backlog.is_away:
            _log.info("a channel takes notices again", channel=channel)
        desk.changed.set()

    async def run(self) -> None:
        """Deliver until cancelled."""
        await asyncio.gather(*map(self._keep_serving, self._desks.values()))

    async def _keep_serving(self, desk: "_Desk") -> None:
        """A bug of ours stops one channel for a minute, and neither the others nor the process."""
        while True:
            try:
                async with asyncio.TaskGroup() as tasks:
                    await self._serve(desk, tasks)
            except Exception as error:  # noqa: BLE001 - decisions go on whatever happens to notices
                # No trace: it would show the address among its variables.
                _log.error("delivering failed", channel=desk.channel.name, error=_place(error))
            desk.backlog.let_go()
            await asyncio.sleep(_AFTER_BUG_SECONDS)

    async def _serve(self, desk: "_Desk", tasks: asyncio.TaskGroup) -> None:
        while True:
            desk.changed.clear()
            for item in self.due(desk.channel.name):
                tasks.create_task(self._attempt(desk, item), name=f"notice to {desk.channel.name}")
            due = desk.backlog.next_at()
            try:
                async with asyncio.timeout(None if due is None else max(0.0, due - self._monotonic())):
                    await desk.changed.wait()
            except TimeoutError:
                continue  # something has become due

    async def _attempt(self, desk: "_Desk", item: Item) -> None:
        try:
            answer = await self._carrier.send(desk.channel, item)
        except Exception as error:  # noqa: BLE001 - a notice that nobody can make holds up no other
            _log.error("a notice cannot be made", channel=desk.channel.name, error=_place(error))
            answer = Answer(is_refused=True, why=type(error).__name__)
        self.answered(desk.channel.name, item, answer)

    def _backlog(self, channel: str) -> Backlog:
        def ended(item: Item, how: End) -> None:
            self._books.ended(channel, how)
            about = item.about
            if how != "delivered":
                named = {"namespace": about.namespace, "name": about.name, "id": id_of(about, item.letter.key)}
                _log.warning("a notice was given up", channel=channel, why=how, about=item.notice.occasion, **named)
            if how != "dropped" and self._desks[channel].backlog.is_kept(item):
                self._note(about, delivery(item.letter.key, channel))

        return Backlog(channel, ended, lambda about: self._on_done(about.namespace, about.name))

    def _note(self, about: About, what: str) -> None:
        self._done.setdefault(about, set()).add(what)
        self._on_done(about.namespace, about.name)


class _Desk:
    """One channel."""

    def __init__(self, channel: Channel, backlog: Backlog) -> None:
        self.channel = channel
        self.backlog = backlog
        self.changed = asyncio.Event()
        self.why = ""


def _place(error: BaseException) -> str:
    """Where it happened."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    frames = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} at {frames[-1].name}:{frames[-1].lineno}" if frames else type(error).__name__
