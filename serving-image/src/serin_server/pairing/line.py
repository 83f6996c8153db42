"""Asks the control: questions go together while others are under way, on connections that are kept, each with a limit."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, cast

from serin_server.pairing.connection import Address, Asked, Came, Connection
from serin_server.pairing.depth import Depth
from serin_server.pairing.heard import Trouble

MOST_CONNECTIONS: Final = 8
_GATHERING_SECONDS: Final = 0.004
_GATHERING_SHARE: Final = 0.1
"""Of the limit: the most of it that a question may wait for others."""
_MOST_GATHERED_BYTES: Final = 64 * 1024
_CONNECT_SECONDS: Final = 2.0


class Line:
    """Asks one address.

    While nothing is under way a question goes at once, and those of the same turn of the loop go with it. While something
    is, others are gathered until it was answered, or until a few milliseconds after it was sent, and go on a connection that
    owes nothing, as many as it is known to answer well within the limit. All questions have the same limit, so the oldest
    one expires first.
    """

    def __init__(self, address: Address, loop: asyncio.AbstractEventLoop, limit_seconds: float) -> None:
        self._address = address
        self._loop = loop
        self._limit = limit_seconds
        self._gathering = min(_GATHERING_SECONDS, _GATHERING_SHARE * limit_seconds)
        self._depth = Depth(limit_seconds)
        self._idle: list[Connection] = []
        self._open: set[Connection] = set()
        self._connecting: set[asyncio.Task[None]] = set()
        self._gathered: deque[Asked] = deque()
        self._gathered_bytes = 0
        self._sent_at = 0.0
        self._current: Connection | None = None
        """The connection on which this turn's questions go."""
        self._waiting: deque[Asked] = deque()
        self._expiry: asyncio.TimerHandle | None = None
        self._departure: asyncio.TimerHandle | None = None

    def ask(self, question: bytes, tell: Callable[[Came | Trouble], None]) -> bool:
        """Takes a question, whose answer is told in a later turn of the loop; False while there is no room for one."""
        now = self._loop.time()
        current = self._current
        if current is None and not self._gathered and self._may_go(now):
            current = self._begin()
        goes_now = current is not None and current.number < self._depth.most
        if not goes_now:
            free = len(self._idle) + MOST_CONNECTIONS - len(self._open)
            if len(self._gathered) >= free * self._depth.most:
                return False
        asked = Asked(question, now + self._limit, tell)
        self._waiting.append(asked)
        if self._expiry is None:
            self._expiry = self._loop.call_later(self._limit, self._expire)
        if goes_now:
            cast("Connection", current).send((asked,))
        else:
            self._gather(asked, now)
        return True

    def close(self) -> None:
        """Ends every connection; what is open is lost."""
        for task in self._connecting:
            task.cancel()
        for connection in list(self._open):
            connection.end(Trouble.LOST)
        for asked in self._gathered:
            asked.give(Trouble.LOST)
        for timer in (self._expiry, self._departure):
            if timer is not None:
                timer.cancel()

    # From the connections.

    @property
    def now(self) -> float:
        """Time of the loop."""
        return self._loop.time()

    def answered(self, connection: Connection, number: int, seconds: float) -> None:
        """A connection has answered all that it was asked, so many questions in so many seconds, and can be asked again."""
        if connection is self._current:
            self._current = None
        self._depth.answered(number, seconds)
        self._idle.append(connection)
        if self._gathered and self._is_idle():
            self._send()
        else:
            self._send_what_is_left()

    def connected(self, connection: Connection) -> None:
        """A connection is there, and whoever wanted it has gone."""
        self._idle.append(connection)
        self._send_what_is_left()

    def gone(self, connection: Connection, *, is_lasting: bool) -> None:
        """A connection has ended; `is_lasting` says that it had answered several questions."""
        if not is_lasting:
            self._depth.broke()
        if connection is self._current:
            self._current = None
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._send_what_is_left()

    def again(self, unanswered: list[Asked]) -> None:
        """The control has ended a connection in order, before it looked at these: they go on another one."""
        self._gathered.extendleft(reversed(unanswered))

    # In and out.

    def _is_idle(self) -> bool:
        return len(self._idle) == len(self._open)

    def _may_go(self, now: float) -> bool:
        return self._is_idle() or (now >= self._sent_at + self._gathering and self._has_room())

    def _has_room(self) -> bool:
        return bool(self._idle) or len(self._open) < MOST_CONNECTIONS

    def _begin(self) -> Connection:
        """A connection that owes nothing, for all questions of this turn."""
        connection = self._idle.pop() if self._idle else self._another()
        if self._current is None:
            self._loop.call_soon(self._end_turn)
        self._current, self._sent_at = connection, self._loop.time()
        return connection

    def _end_turn(self) -> None:
        self._current = None

    def _gather(self, asked: Asked, now: float) -> None:
        self._gathered.append(asked)
        self._gathered_bytes += len(asked.question)
        if self._gathered_bytes >= _MOST_GATHERED_BYTES:
            self._send()
        elif self._departure is None:
            self._departure = self._loop.call_later(max(0, self._sent_at + self._gathering - now), self._send)

    def _send_what_is_left(self) -> None:
        if self._gathered and self._departure is None:
            self._departure = self._loop.call_later(0, self._send)

    def _send(self) -> None:
        """Sends what was gathered on connections that owe nothing."""
        if self._departure is not None:
            self._departure.cancel()
            self._departure = None
        open_ = [asked for asked in self._gathered if asked.tell is not None]
        self._gathered.clear()
        while open_ and self._has_room():
            self._begin().send(open_[: self._depth.most])
            del open_[: self._depth.most]
        self._gathered.extend(open_)
        self._gathered_bytes = sum(len(asked.question) for asked in open_)

    def _another(self) -> Connection:
        connection = Connection(self)
        self._open.add(connection)
        task = self._loop.create_task(self._connect(connection))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)
        return connection

    async def _connect(self, connection: Connection) -> None:
        host, port, context = self._address
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                tls = None if context is None else context()
                await self._loop.create_connection(lambda: connection, host, port, ssl=tls)
        except (OSError, ValueError, UnicodeError):  # a name too long for the resolver is a fault of its letters
            connection.end(Trouble.UNREACHABLE)

    def _expire(self) -> None:
        """Tells the questions whose time is over."""
        self._expiry = None
        now = self._loop.time()
        while self._waiting:
            asked = self._waiting[0]
            if asked.tell is not None and asked.expires_at > now:
                self._expiry = self._loop.call_later(asked.expires_at - now, self._expire)
                return
            self._waiting.popleft()
            asked.expire()
