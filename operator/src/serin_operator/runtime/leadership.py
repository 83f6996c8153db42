"""The election in a thread with a loop of its own, which nothing of ours can keep from renewing the lease.

A burst of events, a listing of thousands, a long decision: whatever occupies the loop in which the operator works, the lease
is renewed beside it. A loop that is stuck for good does not answer ``/healthz`` any more, so Kubernetes ends the process and
with it this thread.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import uvloop

from serin_operator.cluster.client import ApiClient
from serin_operator.cluster.connection import Connection
from serin_operator.runtime.lease import Elector, KubernetesLease, LeaseTiming

_CONNECTIONS = 2
_RELEASE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Candidacy:
    """Who reaches for which Lease."""

    namespace: str
    """Of the Lease ``serin-operator``."""
    identity: str
    """Unique to this process."""
    timing: LeaseTiming | None = None


class Leadership:
    """Reaches for the lease, holds it, gives it back; to be used from one loop.

    Args:
        connection: Where the API server is.
        candidacy: Who reaches for which Lease.
        on_request: Told verb and code of each call, in the thread.
        on_seen: Told each resourceVersion of the Lease that this replica has read or written, in the loop that called ``start``.
    """

    def __init__(
        self,
        connection: Connection,
        candidacy: Candidacy,
        *,
        on_request: Callable[[str, str], None] = lambda _verb, _code: None,
        on_seen: Callable[[str], None] = lambda _version: None,
    ) -> None:
        self._connection = connection
        self._candidacy = candidacy
        self._on_request = on_request
        self._on_seen = on_seen
        self._elector: Elector | None = None
        self._stop: Callable[[], object] | None = None
        self._acquired = asyncio.Event()

    def start(self) -> None:
        """Reach for the lease from now on."""
        self._outer = asyncio.get_running_loop()
        self._over: asyncio.Future[None] = self._outer.create_future()
        threading.Thread(target=self._run, name="lease", daemon=True).start()

    def is_leading(self) -> bool:
        """Whether this replica may act at this very moment."""
        return self._elector is not None and self._elector.is_leading()

    async def acquired(self) -> None:
        """Wait until this replica leads; raises what has ended the election."""
        acquired = asyncio.ensure_future(self._acquired.wait())
        futures: set[asyncio.Future[Any]] = {acquired, self._over}
        await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
        acquired.cancel()
        if self._over.done():
            self._over.result()

    async def lost(self) -> None:
        """Wait for the end.

        Raises:
            LeaseLost: This replica may no longer act.
        """
        await asyncio.shield(self._over)

    async def release(self) -> None:
        """Give the lease back, so that the next one need not wait; who cannot in time lets it run out."""
        if self._stop is not None and not self._over.done():
            self._stop()
            await asyncio.wait({self._over}, timeout=_RELEASE_SECONDS)

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            uvloop.run(self._elect())
        except BaseException as raised:  # noqa: BLE001 - whatever it is, the process ends by it
            error = raised
        self._tell(self._end, error)

    async def _elect(self) -> None:
        inner, stop = asyncio.get_running_loop(), asyncio.Event()
        async with self._connection.new_session(connections=_CONNECTIONS) as session:
            client = ApiClient(session, self._connection.server, on_request=self._on_request)
            elector = self._elector = Elector(
                KubernetesLease(client, self._candidacy.namespace),
                self._candidacy.identity,
                self._candidacy.timing,
                on_seen=lambda version: self._tell(self._on_seen, version),
            )
            self._stop = lambda: inner.call_soon_threadsafe(stop.set)
            life = asyncio.create_task(self._hold(elector))
            until_stop = asyncio.create_task(stop.wait())
            await asyncio.wait({life, until_stop}, return_when=asyncio.FIRST_COMPLETED)
            if life.done():
                await life
            life.cancel()
            await asyncio.gather(life, return_exceptions=True)
            await elector.release()

    async def _hold(self, elector: Elector) -> None:
        await elector.acquire()
        self._tell(self._acquired.set)
        await elector.hold()

    def _end(self, error: BaseException | None) -> None:
        if error is None:
            self._over.set_result(None)
        else:
            self._over.set_exception(error)
            self._over.exception()  # whoever is interested awaits it; nobody else need be told

    def _tell(self, what: Callable[..., object], *arguments: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: the process ends, and nobody is there to be told
            self._outer.call_soon_threadsafe(what, *arguments)
