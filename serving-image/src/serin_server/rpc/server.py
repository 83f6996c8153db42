"""The gRPC server: its services, its limits, the connections that are open, and their ends."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

from serin_server.config.settings import Settings
from serin_server.refusals import Refusal
from serin_server.rpc.health import SERVICE as HEALTH
from serin_server.rpc.health import Health
from serin_server.rpc.reflection import Reflection
from serin_server.rpc.service import SERVICE, InferenceService
from serin_server.rpc.transport.connection import GrpcConnection
from serin_server.rpc.transport.dispatch import Dispatcher
from serin_server.rpc.transport.patience import Patience

SWEEP_SECONDS: Final = 1.0
_ENVELOPE_BYTES: Final = 64 * 1024
_LAST_WORDS_SECONDS: Final = 0.05
_MOST_WASTED: Final = 2000
_BLOCK_ROOM: Final = 1024


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
        self._patience = Patience(
            settings.read_timeout_seconds, settings.idle_timeout_seconds, settings.connection_max_seconds
        )
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
        self._nobody = asyncio.Event()
        """Set while no client is connected."""
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
        """A client came."""
        self._patience.born(connection, self.now)
        self.connections.add(connection)
        self._nobody.clear()

    def closed(self, connection: GrpcConnection) -> None:
        """A connection is gone."""
        self.connections.discard(connection)
        if not self.connections:
            self._nobody.set()

    def rejected(self, refusal: Refusal) -> None:
        """Counts what was refused before it was a call."""
        self._plane.rejected(refusal)

    def look(self, now: float) -> None:
        """Ends what has taken too long."""
        self.now = now
        for connection in list(self.connections):
            self._patience.look(connection, now)

    def _sweep(self) -> None:
        self.look(self.loop.time())
        self._sweep_handle = self.loop.call_later(SWEEP_SECONDS, self._sweep)

    # The end.

    async def stop(self, grace_seconds: float) -> None:
        """GOAWAY to every client, then what is in flight is finished, or cut off after the grace."""
        self._health.stop()
        for connection in list(self.connections):
            if grace_seconds and connection.is_settled:
                connection.ask_to_leave()
            else:
                connection.tell_last()
        if self.connections:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._nobody.wait(), grace_seconds or _LAST_WORDS_SECONDS)
        self._sweep_handle.cancel()
        for connection in list(self.connections):
            connection.transport.abort()
