"""How a server leaves: not ready at once, answering on while endpoints catch up, then it finishes what is in flight."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Protocol

from serin_server.config.settings import Settings
from serin_server.dataplane.departure import Departure, telling_silence
from serin_server.dataplane.plane import DataPlane
from serin_server.http.listener import Listener
from serin_server.http.server import HttpServer
from serin_server.records.log import Log

LONGEST_FINISH_SECONDS: Final = 25.0
HURRIED_FINISH_SECONDS: Final = 2.0


class Grpc(Protocol):
    """What leaving asks of the gRPC server."""

    def set_ready(self, is_ready: bool) -> None:  # noqa: D102
        ...

    async def stop(self, grace_seconds: float) -> None:  # noqa: D102
        ...


@dataclass(slots=True)
class Haste:
    """How long a server that leaves may take."""

    finish_seconds: float = LONGEST_FINISH_SECONDS
    is_set: asyncio.Event = field(default_factory=asyncio.Event)

    def make(self, finish_seconds: float) -> None:
        """Clients are waited for no longer; what is in flight gets so many seconds."""
        self.finish_seconds = min(self.finish_seconds, finish_seconds)
        self.is_set.set()


async def leave(
    settings: Settings,
    plane: DataPlane,
    http: HttpServer,
    listeners: Sequence[Listener],
    grpc: Grpc | None,
    haste: Haste,
    log: Log,
) -> None:
    """Returns when no client is left, or when its time is over."""
    quiet_seconds = telling_silence(settings.drain_seconds, settings.connection_max_seconds, http.clients_by_second)
    departure = plane.departure = Departure(quiet_seconds, settings.drain_max_seconds)
    if grpc is not None:
        grpc.set_ready(False)
    log.info("draining", quiet_seconds=round(quiet_seconds, 1), longest_seconds=settings.drain_max_seconds)
    while (left := departure.seconds_left()) and not haste.is_set.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(haste.is_set.wait(), left)
    if departure.is_cut_short:
        log.warning("leaving while clients still come: their endpoints have not caught up")
    for listener in listeners:
        listener.close()
    began = time.monotonic()
    http.shut_idle()
    grpc_end = asyncio.create_task(grpc.stop(haste.finish_seconds)) if grpc is not None else None
    while http.connections and time.monotonic() - began < haste.finish_seconds:
        await asyncio.sleep(0.02)
        http.shut_idle()
    if grpc_end is not None:
        await grpc_end
