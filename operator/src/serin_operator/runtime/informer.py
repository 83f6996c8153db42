"""kopf as an informer: it lists and watches, and tells what it sees. Nothing else of it is used.

It runs in a thread with an event loop of its own, for three reasons read in its source: it cancels every task in its
loop that was made after its start; in the main thread it takes the signals; and parsing a burst of events must not
delay the renewal of the lease. Only ``on.event`` handlers are registered, which write nothing to the objects.

An error in a watch other than "410 Gone" ends kopf's operator, so an outage of the API server may do so: it is then
started again here, with growing pauses.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import kopf
import structlog

from serin_operator.api.names import LABEL_MODEL_DEPLOYMENT
from serin_operator.cluster.connection import Connection
from serin_operator.cluster.resources import CHILDREN, WATCHED, Resource

OnEvent = Callable[[str | None, Mapping[str, Any]], None]
"""Called with the type (``None``: seen in a listing; else ADDED, MODIFIED, DELETED) and the object."""

_PAUSES: Final = (1.0, 2.0, 4.0, 8.0, 15.0)
_LONG_RUN_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 5.0

_log = structlog.get_logger(__name__)


class Informer:
    """Watches ModelDeployments and everything with our label.

    Args:
        connection: Where the API server is.
        namespaces: What to watch; none: the whole cluster.
        on_event: Called in the loop that called ``start``.
        on_restart: Called there too, when watches have begun again and something may have been missed.
    """

    def __init__(
        self,
        connection: Connection,
        namespaces: tuple[str, ...],
        on_event: OnEvent,
        on_restart: Callable[[], None] = lambda: None,
    ) -> None:
        self._connection = connection
        self._namespaces = namespaces
        self._on_event = on_event
        self._on_restart = on_restart
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._inner_loop: asyncio.AbstractEventLoop | None = None
        self._inner_stop: asyncio.Event | None = None
        self.failures_in_a_row = 0
        """How often kopf has ended by itself without a long run in between."""

    def start(self) -> None:
        """Begin to watch."""
        outer = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, args=(outer,), name="informer", daemon=True)
        self._thread.start()

    def restart(self) -> None:
        """Watch anew: the present watches seem to be dead."""
        self._end_round()

    async def stop(self) -> None:
        """End the watches; a thread that does not end in time is left to die with the process."""
        self._stopping.set()
        self._end_round()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, _STOP_SECONDS)

    @property
    def is_alive(self) -> bool:
        """Whether the thread that watches still runs."""
        return self._thread is not None and self._thread.is_alive()

    def _end_round(self) -> None:
        loop, stop = self._inner_loop, self._inner_stop
        if loop is not None and stop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(stop.set)

    def _run(self, outer: asyncio.AbstractEventLoop) -> None:
        while not self._stopping.is_set():
            started = time.monotonic()
            try:
                asyncio.run(self._round(outer))
            except Exception as error:  # noqa: BLE001 - kopf raises what it likes; the watches must come back
                long_run = time.monotonic() - started > _LONG_RUN_SECONDS
                self.failures_in_a_row = 1 if long_run else self.failures_in_a_row + 1
                pause = _PAUSES[min(self.failures_in_a_row, len(_PAUSES)) - 1]
                _log.warning("the watches ended and are begun again", error=_in_words(error), after=pause)
                self._stopping.wait(pause)
            else:
                self.failures_in_a_row = 0
            if not self._stopping.is_set():
                outer.call_soon_threadsafe(self._on_restart)

    async def _round(self, outer: asyncio.AbstractEventLoop) -> None:
        self._inner_loop, self._inner_stop = asyncio.get_running_loop(), asyncio.Event()
        if self._stopping.is_set():
            return
        await kopf.operator(
            registry=_registry(self._connection, lambda kind, obj: self._tell(outer, kind, obj)),
            settings=_settings(),
            # By default kopf asks for the name of the user, and fails where /etc/passwd does not have it, as in a container.
            identity="serin-operator",  # type: ignore[arg-type]  # a NewType of str
            standalone=True,
            clusterwide=not self._namespaces,
            namespaces=list(self._namespaces),
            stop_flag=self._inner_stop,
        )

    def _tell(self, outer: asyncio.AbstractEventLoop, kind: str | None, obj: Mapping[str, Any]) -> None:
        if not self._stopping.is_set():
            outer.call_soon_threadsafe(self._on_event, kind, obj)


def _registry(connection: Connection, tell: OnEvent) -> kopf.OperatorRegistry:
    registry = kopf.OperatorRegistry()

    async def login(**_: object) -> kopf.AiohttpSession:
        return kopf.AiohttpSession(server=connection.server, aiohttp_session=connection.new_session())

    kopf.on.login(registry=registry)(login)
    for resource in WATCHED:
        kopf.on.event(*_selector(resource), registry=registry, id=resource.plural)(_handler(resource, tell))
    return registry


def _handler(resource: Resource, tell: OnEvent) -> Callable[..., None]:
    async def handle(event: Mapping[str, Any], **_: object) -> None:
        obj = dict(event["object"])
        obj.setdefault("apiVersion", resource.api_version)
        obj.setdefault("kind", resource.kind)
        tell(event["type"], obj)

    return handle  # type: ignore[return-value]  # kopf takes coroutine functions too


def _settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    # Exactly the kinds above in exactly these namespaces: no rights to list CRDs or namespaces are needed.
    settings.scanning.disabled = True
    settings.process.ultimate_exiting_timeout = None
    # Bookmarks come after 60 to 75 s, so a stream that is silent for longer is dead.
    settings.watching.inactivity_timeout = 100
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 330
    settings.watching.connect_timeout = 5
    settings.watching.chunk_size = 500
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 5
    settings.networking.error_backoffs = (1, 2, 3, 3, 3)
    for resource in CHILDREN:
        # On the watch itself: a handler's `labels=` would still fetch every pod of the cluster.
        settings.watching.label_selectors[_selector(resource)] = LABEL_MODEL_DEPLOYMENT
    return settings


def _selector(resource: Resource) -> tuple[str, str, str]:
    return resource.group, resource.version, resource.plural


def _in_words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:300]
