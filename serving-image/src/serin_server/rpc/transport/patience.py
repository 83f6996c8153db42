"""How long clients are waited for: those that do not begin, do not send, do not read, say nothing, or stay for too long."""

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from serin_server.rpc.transport.control import ASKS_TO_LEAVE, TAKES_CALLS
from serin_server.rpc.transport.frames import PING, frame

if TYPE_CHECKING:
    from serin_server.rpc.transport.connection import GrpcConnection

GRACE_SECONDS: Final = 60.0
"""What calls under way get to end on a connection whose time is over."""
_ACKNOWLEDGES_IN: Final = 1.0
_LEAST_BYTES: Final = 64 * 1024
_NEVER: Final = float("inf")


@dataclass(frozen=True, slots=True)
class Patience:
    """The limits, in seconds; 0 for an age without a limit."""

    read: float
    idle: float
    age: float

    def born(self, connection: "GrpcConnection", now: float) -> None:
        """A connection begins: its age is jittered, so that ends spread out."""
        jitter = random.uniform(0.9, 1.1)  # noqa: S311 (no secret)
        connection.expires_at = now + self.age * jitter if self.age else _NEVER
        connection.heard_at = connection.born_at = now

    def look(self, connection: "GrpcConnection", now: float) -> None:
        """Once a second: ends what has taken too long."""
        connection.wasted = 0
        if self._is_lost(connection, now):
            connection.transport.abort()
        elif connection.is_settled and not connection.is_over:
            self._look_at_streams(connection, now)
            self._look_at_age(connection, now)

    def _is_lost(self, connection: "GrpcConnection", now: float) -> bool:
        if connection.unsent_until and now > connection.unsent_until:
            unsent = connection.transport.get_write_buffer_size()
            if connection.unsent_bytes - unsent < _LEAST_BYTES:
                return True
            connection.unsent_bytes, connection.unsent_until = unsent, now + self.read
        if not connection.is_settled:  # it does not begin
            return now - connection.born_at > self.read
        return connection.is_over and now - connection.heard_at > self.read  # it does not go away

    def _look_at_streams(self, connection: "GrpcConnection", now: float) -> None:
        for stream in list(connection.streams.values()):
            if not stream.deadline or now <= stream.deadline:
                continue
            if stream.moved - stream.seen >= _LEAST_BYTES:
                stream.seen, stream.deadline = stream.moved, now + self.read
            else:
                stream.too_slow()

    def _look_at_age(self, connection: "GrpcConnection", now: float) -> None:
        if connection.leaving == TAKES_CALLS:
            if now > connection.expires_at:
                connection.ask_to_leave()
            elif now - connection.heard_at > self.idle:
                self._look_at_idle(connection, now)
        elif connection.leaving == ASKS_TO_LEAVE:
            if now - connection.leaving_at > _ACKNOWLEDGES_IN:
                connection.tell_last()
        elif now - connection.leaving_at > GRACE_SECONDS:
            connection.transport.abort()

    def _look_at_idle(self, connection: "GrpcConnection", now: float) -> None:
        """A client without calls is let go, one with them is asked whether it is there."""
        if not connection.streams:
            connection.ask_to_leave()
        elif connection.is_asked:
            connection.transport.abort()
        else:
            connection.is_asked = True
            connection.heard_at = now - self.idle + self.read
            connection.write(frame(PING, 0, 0, b"there?  "))
