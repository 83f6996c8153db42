"""The gRPC server: its services, its limits, the connections that are open, and their ends."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Final

from serin_server.config.settings import Settings
from serin_server.refusals import Refusal
from serin_server.rpc.health import SERVICE as HEALTH
from serin_server.rpc.health import Health
from serin_server.rpc.reflection import Reflection
from serin_server.rpc.service import SERVICE, InferenceService
from serin_server.rpc.transport.connection import GrpcConnection
from serin_server.rpc.transport.control import ASKS_TO_LEAVE, TAKES_CALLS
from serin_server.rpc.transport.dispatch import Dispatcher
from serin_server.rpc.transport.frames import PING, frame

SWEEP_SECONDS: Final = 1.0
GRACE_SECONDS: Final = 60.0
_ENVELOPE_BYTES: Final = 64 * 1024
_LEAST_BYTES_PER_SECOND: Final = 64 * 1024
_MOST_WASTED: Final = 2000
_BLOCK_ROOM: Final = 1024
_NEVER: Final = float("inf")


class GrpcServer:
    """The protocol over gRPC, in the same process and on the same data plane as HTTP."""

    def __init__(
        self, service: InferenceService, names: Sequence[str], settings: Settings, loop: asyncio.AbstractEventLoop
    ) -> None:
        """`names` are those of models that the health service knows."""
        self.loop = loop
        self.memory = service.plane.memory
        self.read_timeout = settings.read_timeout_seconds
        self.most_message_bytes = settings.max_body_bytes + _ENVELOPE_BYTES
        self.most_head_bytes = settings.max_header_bytes
        self.most_block_bytes = settings.max_header_bytes + _BLOCK_ROOM
        self.most_wasted = _MOST_WASTED
        """Frames in a second that bring nothing forward, after which a connection ends."""
        self._plane = service.plane
        self._idle_timeout = settings.idle_timeout_seconds
        self._max_seconds = settings.connection_max_seconds
        self._health = Health(("", SERVICE, *names))
        methods = {
            **service.methods(),
            **self._health.methods(),
            **Reflection((SERVICE, HEALTH)).methods(),
        }
        growth = settings.max_body_growth
        self._dispatcher = Dispatcher(methods, self.memory, self.most_message_bytes, growth, service.aside)
        self.methods = methods
        self.begin = self._dispatcher.begin
        self.came = self._dispatcher.came
        self.heard_out = self._dispatcher.heard_out
        self.connections: set[GrpcConnection] = set()
        self.now = loop.time()
        self._sweep_handle = loop.call_later(SWEEP_SECONDS, self._sweep)

    def connection(self) -> GrpcConnection:
        """For one more client."""
        return GrpcConnection(self)

    # Health.

    def set_ready(self, is_ready: bool) -> None:
        """What the health service says of the server, its service and its models."""
        self._health.tell({}, is_ready=is_ready)

    def tell(self, models: Mapping[str, bool], *, is_ready: bool) -> None:
        """The same where models are ready or not, each for itself."""
        self._health.tell(models, is_ready=is_ready)

    # The connections.

    def opened(self, connection: GrpcConnection) -> None:
        """A client came; its connection gets an age, jittered so that ends spread out."""
        jitter = random.uniform(0.9, 1.1)  # noqa: S311 (no secret)
        connection.expires_at = self.now + self._max_seconds * jitter if self._max_seconds else _NEVER
        connection.heard_at = self.now
        self.connections.add(connection)

    def closed(self, connection: GrpcConnection) -> None:
        """A connection is gone."""
        self.connections.discard(connection)

    def rejected(self, refusal: Refusal) -> None:
        """Counts what was refused before it was a call."""
        self._plane.rejected(refusal)

    def _sweep(self) -> None:
        self.now = self.loop.time()
        for connection in list(self.connections):
            self._look(connection)
        self._sweep_handle = self.loop.call_later(SWEEP_SECONDS, self._sweep)

    def _look(self, connection: GrpcConnection) -> None:
        now = self.now
        connection.wasted = 0
        if connection.unsent_until and now > connection.unsent_until and not self._reads_on(connection):
            connection.transport.abort()
            return
        if connection.is_over or not connection.is_settled:
            if now - connection.heard_at > self.read_timeout:  # a client that does not begin, or does not go away
                connection.transport.abort()
            return
        for stream in list(connection.streams.values()):
            if not stream.deadline or now <= stream.deadline:
                continue
            if stream.moved - stream.seen >= _LEAST_BYTES_PER_SECOND:
                stream.seen, stream.deadline = stream.moved, now + self.read_timeout
            else:
                stream.too_slow()
        if connection.leaving == TAKES_CALLS:
            if now > connection.expires_at:
                connection.ask_to_leave()
            elif now - connection.heard_at > self._idle_timeout:
                self._idle(connection)
        elif connection.leaving == ASKS_TO_LEAVE:
            if now - connection.leaving_at > SWEEP_SECONDS:
                connection.tell_last()
        elif now - connection.leaving_at > GRACE_SECONDS:
            connection.transport.abort()

    def _reads_on(self, connection: GrpcConnection) -> bool:
        unsent = connection.transport.get_write_buffer_size()
        if connection.unsent_bytes - unsent < _LEAST_BYTES_PER_SECOND:
            return False
        connection.unsent_bytes, connection.unsent_until = unsent, self.now + self.read_timeout
        return True

    def _idle(self, connection: GrpcConnection) -> None:
        """Nothing was heard for long: a client without calls is let go, one with them is asked whether it is there."""
        if not connection.streams:
            connection.ask_to_leave()
        elif connection.is_asked:
            connection.transport.abort()
        else:
            connection.is_asked = True
            connection.heard_at = self.now - self._idle_timeout + self.read_timeout
            connection.write(frame(PING, 0, 0, b"there?  "))

    # The end.

    async def stop(self, grace_seconds: float) -> None:
        """GOAWAY to every client, then what is in flight is finished, or cut off after the grace."""
        self._health.stop()
        for connection in list(self.connections):
            if grace_seconds and connection.is_settled:
                connection.ask_to_leave()
            else:
                connection.tell_last()
        until = monotonic() + grace_seconds
        while self.connections and monotonic() < until:
            await asyncio.sleep(0.01)
        self._sweep_handle.cancel()
        for connection in list(self.connections):
            connection.transport.abort()
