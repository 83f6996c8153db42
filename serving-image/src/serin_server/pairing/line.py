"""Kept connections to the control: one question at a time on each, and a limit for every answer."""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple, cast

import httptools

from serin_server.pairing.heard import Trouble

MOST_CONNECTIONS: Final = 8
_CONNECT_SECONDS: Final = 2.0
_MOST_BYTES: Final = 64 * 1024
Came = tuple[int, bytes]
"""Status and body of an answer."""


class Address(NamedTuple):
    """Where the control is; with a context it speaks TLS."""

    host: str
    port: int
    context: Callable[[], ssl.SSLContext] | None = None


class Asked:
    """One question that is open until it is told what came of it, once."""

    __slots__ = ("expires_at", "question", "tell")

    def __init__(self, question: bytes, expires_at: float, tell: Callable[[Came | Trouble], None]) -> None:
        self.question = question
        self.expires_at = expires_at
        self.tell: Callable[[Came | Trouble], None] | None = tell

    def give(self, came: Came | Trouble) -> None:
        """Tells what came, unless something was told before."""
        tell, self.tell = self.tell, None
        if tell is not None:
            tell(came)


class Line:
    """Asks one address. All questions have the same limit, so the oldest one expires first."""

    def __init__(self, address: Address, loop: asyncio.AbstractEventLoop, limit_seconds: float) -> None:
        self._address = address
        self._loop = loop
        self._limit = limit_seconds
        self._idle: list[_Connection] = []
        self._open: set[_Connection] = set()
        self._connecting: set[asyncio.Task[None]] = set()
        self._waiting: deque[tuple[Asked, _Connection]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def ask(self, question: bytes, tell: Callable[[Came | Trouble], None]) -> bool:
        """Sends a question, whose answer is told in a later turn of the loop; False while every connection is busy."""
        asked = Asked(question, self._loop.time() + self._limit, tell)
        if self._idle:
            connection = self._idle.pop()
        elif len(self._open) < MOST_CONNECTIONS:
            connection = _Connection(self)
            self._open.add(connection)
            task = self._loop.create_task(self._connect(connection))
            self._connecting.add(task)
            task.add_done_callback(self._connecting.discard)
        else:
            return False
        self._waiting.append((asked, connection))
        connection.send(asked)
        if self._timer is None:
            self._timer = self._loop.call_later(self._limit, self._expire)
        return True

    def close(self) -> None:
        """Ends every connection; what is open is lost."""
        for task in self._connecting:
            task.cancel()
        for connection in list(self._open):
            connection.end(Trouble.LOST)
        if self._timer is not None:
            self._timer.cancel()

    def free(self, connection: "_Connection") -> None:
        """A connection has nothing to do."""
        self._idle.append(connection)

    def gone(self, connection: "_Connection") -> None:
        """A connection has ended."""
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    async def _connect(self, connection: "_Connection") -> None:
        host, port, context = self._address
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                tls = None if context is None else context()
                await self._loop.create_connection(lambda: connection, host, port, ssl=tls)
        except (OSError, ValueError, UnicodeError):  # a name too long for the resolver is a fault of its letters
            connection.end(Trouble.UNREACHABLE)

    def _expire(self) -> None:
        """Tells the questions whose time is over. A connection that owes an answer is of no use any more."""
        self._timer = None
        now = self._loop.time()
        while self._waiting:
            asked, connection = self._waiting[0]
            if asked.tell is None:
                self._waiting.popleft()
            elif asked.expires_at <= now:
                self._waiting.popleft()
                connection.expire(asked)
            else:
                self._timer = self._loop.call_later(asked.expires_at - now, self._expire)
                return


class _Connection(asyncio.Protocol):
    """One connection: not there yet, idle, or waiting for one answer."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._transport: asyncio.Transport | None = None
        self._asked: Asked | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._body = b""
        self._is_over = False

    def send(self, asked: Asked) -> None:
        """Asks, at once or as soon as there is a connection."""
        self._asked = asked
        if self._transport is not None:
            self._transport.write(asked.question)

    def expire(self, asked: Asked) -> None:
        """Gives a question up, and with it the connection unless that is only being made."""
        if self._transport is None:
            self._asked = None
            asked.give(Trouble.LATE)
        else:
            self.end(Trouble.LATE)

    def end(self, trouble: Trouble) -> None:
        """Ends the connection, and tells who waits on it why."""
        self._is_over = True
        self._line.gone(self)
        transport, self._transport, self._parser = self._transport, None, None  # the parser holds us
        if transport is not None:
            transport.abort()
        asked, self._asked = self._asked, None
        if asked is not None:
            asked.give(trouble)

    # From asyncio.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if self._is_over:
            self._transport.abort()
            return
        self._parser = httptools.HttpResponseParser(self)
        if self._asked is None:
            self._line.free(self)
        else:
            self._transport.write(self._asked.question)

    def data_received(self, data: bytes) -> None:
        if self._parser is None:
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.end(Trouble.UNREADABLE)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self.end(Trouble.LOST)

    # From httptools.

    def on_body(self, body: bytes) -> None:
        self._body += body
        if len(self._body) > _MOST_BYTES:
            self.end(Trouble.UNREADABLE)

    def on_message_complete(self) -> None:
        parser, asked = self._parser, self._asked
        if parser is None:
            return
        came = parser.get_status_code(), self._body
        self._body, self._asked = b"", None
        if (
            asked is None or not parser.should_keep_alive()
        ):  # nobody asked, or the server ends it as it does now and then
            self.end(Trouble.LOST)
        else:
            self._line.free(self)
        if asked is not None:
            asked.give(came)
