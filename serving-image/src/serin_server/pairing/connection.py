"""One connection to the control: questions in one write, answers told in their order."""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple, cast

import httptools

from serin_server.pairing.heard import Trouble

if TYPE_CHECKING:
    from serin_server.pairing.line import Line

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

    __slots__ = ("connection", "expires_at", "question", "tell")

    def __init__(self, question: bytes, expires_at: float, tell: Callable[[Came | Trouble], None]) -> None:
        self.question = question
        self.expires_at = expires_at
        self.tell: Callable[[Came | Trouble], None] | None = tell
        self.connection: Connection | None = None
        """That which owes the answer; none while it waits for others, and behind its end."""

    def give(self, came: Came | Trouble) -> None:
        """Tells what came, unless something was told before."""
        tell, self.tell = self.tell, None
        if tell is not None:
            tell(came)

    def expire(self) -> None:
        """Gives it up; the connection that owes its answer may hear of it."""
        if self.tell is not None:
            self.give(Trouble.LATE)
            if self.connection is not None:
                self.connection.expired()


class Connection(asyncio.Protocol):
    """Not there yet, idle, or waiting for answers."""

    def __init__(self, line: "Line") -> None:
        self._line = line
        self._transport: asyncio.Transport | None = None
        self._asked: deque[Asked] = deque()
        self._number = 0
        """Of questions that were sent together, and when."""
        self._sent_at = 0.0
        self._answered = 0
        self._parser: httptools.HttpResponseParser | None = None
        self._body = b""
        self._is_over = False

    def send(self, questions: Sequence[Asked]) -> None:
        """Asks, at once or as soon as there is a connection."""
        self._asked.extend(questions)
        for asked in questions:
            asked.connection = self
        if self._transport is not None:
            self._write()

    def _write(self) -> None:
        self._number, self._sent_at = len(self._asked), self._line.now
        cast("asyncio.Transport", self._transport).write(b"".join([asked.question for asked in self._asked]))

    def expired(self) -> None:
        """A question was given up. When no other is open, so is the connection, unless that is only being made."""
        if any(each.tell is not None for each in self._asked):
            return
        if self._transport is None:
            self._asked.clear()
        else:
            self._answered = 0
            self.end(Trouble.LATE)

    def end(self, trouble: Trouble) -> None:
        """Ends the connection, and tells who waits on it why."""
        if self._is_over:
            return
        self._is_over = True
        transport, self._transport, self._parser = self._transport, None, None  # the parser holds us
        if transport is not None:
            transport.abort()
        asked, self._asked = self._asked, deque()
        self._line.gone(self, is_lasting=self._answered > 1)
        for each in asked:
            each.connection = None
            each.give(trouble)

    # From asyncio.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if self._is_over:
            self._transport.abort()
            return
        self._parser = httptools.HttpResponseParser(self)
        self._asked = deque(asked for asked in self._asked if asked.tell is not None)
        if self._asked:
            self._write()
        else:
            self._line.connected(self)

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
        parser = self._parser
        if parser is None:
            return
        came = parser.get_status_code(), self._body
        self._body = b""
        if not self._asked:  # nobody asked
            self.end(Trouble.LOST)
            return
        asked = self._asked.popleft()
        asked.connection = None
        self._answered += 1
        if not parser.should_keep_alive():  # the server ends it, as it does now and then
            left, self._asked = [each for each in self._asked if each.tell is not None], deque()
            for each in left:  # whoever takes them next owes their answers
                each.connection = None
            self._line.again(left)
            self.end(Trouble.LOST)
        elif not self._asked:
            self._line.answered(self, self._number, self._line.now - self._sent_at)
        asked.give(came)
