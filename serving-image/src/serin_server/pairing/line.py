"""Asks the control: questions go together while others are under way, on connections that are kept, each with a limit."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

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

    The questions of one turn of the loop go together, in one write: to wake another process costs more than a question.
    While others are under way they are gathered until those were answered, or until a few milliseconds after those were sent.
    They go on a connection that owes nothing, as many as it is known to answer well within the limit. All questions have the
    same limit, so the oldest one expires first.
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
        self._is_within_turn = False
        """Whether what is gathered will be looked at before the model runs."""
        self._waiting: deque[Asked] = deque()
        self._expiry: asyncio.TimerHandle | None = None
        self._departure: asyncio.TimerHandle | None = None

    def ask(self, question: bytes, tell: Callable[[Came | Trouble], None]) -> bool:
        """Takes a question, whose answer is told in a later turn of the loop; False while there is no room for one."""
        free = len(self._idle) + MOST_CONNECTIONS - len(self._open)
        if len(self._gathered) >= free * self._depth.most:
            return False
        asked = Asked(question, self._loop.time() + self._limit, tell)
        self._gathered.append(asked)
        self._gathered_bytes += len(question)
        self._waiting.append(asked)
        if self._expiry is None:
            self._expiry = self._loop.call_later(self._limit, self._expire)
        if self._gathered_bytes >= _MOST_GATHERED_BYTES:
            self._send()
        else:
            self.begin_turn()
        return True

    def begin_turn(self) -> None:
        """A request came: what it and those that come with it ask goes when all of them are read, before their run."""
        if not self._is_within_turn:
            self._is_within_turn = True
            self._loop.call_soon(self._end_turn)

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
        self._depth.answered(number, seconds)
        self._idle.append(connection)
        if self._gathered:
            self.begin_turn()

    def connected(self, connection: Connection) -> None:
        """A connection is there, and whoever wanted it has gone."""
        self._idle.append(connection)
        if self._gathered:
            self.begin_turn()

    def gone(self, connection: Connection, *, is_lasting: bool) -> None:
        """A connection has ended; `is_lasting` says that it had answered several questions."""
        if not is_lasting:
            self._depth.broke()
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        if self._gathered:
            self.begin_turn()

    def again(self, unanswered: list[Asked]) -> None:
        """The control has ended a connection in order, before it looked at these: they go on another one."""
        self._gathered.extendleft(reversed(unanswered))

    # In and out.

    def _end_turn(self) -> None:
        self._is_within_turn = False
        if not self._gathered:
            return
        wait = self._sent_at + self._gathering - self._loop.time()
        if wait <= 0 or len(self._idle) == len(self._open):
            self._send()
        elif self._departure is None:
            self._departure = self._loop.call_later(wait, self._send)

    def _send(self) -> None:
        """Sends what was gathered on connections that owe nothing."""
        if self._departure is not None:
            self._departure.cancel()
            self._departure = None
        self._sent_at = self._loop.time()
        open_ = [asked for asked in self._gathered if asked.tell is not None]
        self._gathered.clear()
        while open_ and (self._idle or len(self._open) < MOST_CONNECTIONS):
            connection = self._idle.pop() if self._idle else self._another()
            connection.send(open_[: self._depth.most])
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
