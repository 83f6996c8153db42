"""The whole process: who is made of what, what runs in which order, and how it ends.

    fill the store ──► watch ──► reach for the lease ──► lead: workers reconcile ──► give the lease back
                         └────────── resync, heartbeat, health pages: always ───────────┘

Both replicas watch; only the holder of the lease reconciles. The process ends with 0 when it is asked to stop, and
with 1 when it has lost the lease or something broke: Kubernetes starts it again, and it begins from what it sees.
"""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

import structlog
from prometheus_client import CollectorRegistry

from serin_operator.act.events import EventRecorder
from serin_operator.act.kubernetes import KubernetesWriter
from serin_operator.cluster.client import ApiClient
from serin_operator.cluster.connection import Connection, new_plain_session
from serin_operator.cluster.errors import ApiError
from serin_operator.cluster.store import Store
from serin_operator.observe.kubernetes import KubernetesReader
from serin_operator.observe.prometheus_client import PrometheusAccess, PrometheusClient
from serin_operator.runtime.health import Check, Heartbeat, at_most
from serin_operator.runtime.http import application, serve
from serin_operator.runtime.inbox import Inbox
from serin_operator.runtime.informer import Informer
from serin_operator.runtime.lease import Elector, KubernetesLease, LeaseLost, LeaseTiming
from serin_operator.runtime.metrics import OperatorMetrics
from serin_operator.runtime.resync import Repaired, Resync, ResyncLoop
from serin_operator.runtime.settings import Settings
from serin_operator.runtime.workers import Reconciler, Workers, WorkQueue

STOP_GRACE_SECONDS: Final = 12.0
"""For reconciles that run when the process is asked to stop; below the grace period of the pod, which is 20 s."""
_CONNECTIONS: Final = 16
_QUEUE_STUCK_SECONDS: Final = 120.0
_RECONCILE_STUCK_SECONDS: Final = 180.0
_LOOP_LAG_SECONDS: Final = 10.0
_DEAD_ROUNDS: Final = 2
_DEAD_STARTS: Final = 8
_RELIST_SETTLE_SECONDS: Final = 10.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Tools:
    """What a reconciler gets to work with."""

    reader: KubernetesReader
    writer: KubernetesWriter
    prometheus: PrometheusClient | None
    """``None``: no Prometheus is configured."""
    settings: Settings


MakeReconciler = Callable[[Tools], Reconciler]


class Process:
    """One replica of the operator.

    Args:
        settings: From the environment.
        make_reconciler: Makes what the workers call.
        timing: Of the leader election.
    """

    def __init__(
        self, settings: Settings, make_reconciler: MakeReconciler, *, timing: LeaseTiming | None = None
    ) -> None:
        self._settings = settings
        self._make_reconciler = make_reconciler
        self._timing = timing
        self._stack = AsyncExitStack()
        self._waits_for: str | None = "starting"

    async def run(self, stop: asyncio.Event) -> int:
        """Run until ``stop`` is set or something ends; returns the exit code."""
        async with self._stack:
            await self._build()
            until_stop = asyncio.create_task(stop.wait(), name="stop")
            life = asyncio.create_task(self._live(), name="life")
            await asyncio.wait({until_stop, life}, return_when=asyncio.FIRST_COMPLETED)
            until_stop.cancel()
            code = await self._end(life)
        _log.info("ended", code=code)
        return code

    async def _build(self) -> None:
        settings = self._settings
        connection = await Connection.load()
        self._metrics = OperatorMetrics(CollectorRegistry())
        client = await self._client(connection, _CONNECTIONS)
        self._store = Store(time.monotonic)
        self._queue = WorkQueue()
        lease_client = await self._client(connection, 2)  # of its own: a burst of calls must not delay a renewal
        self._elector = Elector(
            KubernetesLease(lease_client, settings.lease_namespace),
            f"{settings.pod_name}_{uuid.uuid4().hex[:8]}",
            self._timing,
        )
        events = EventRecorder(client, instance=settings.pod_name, on_event=self._metrics.count_event)
        writer = KubernetesWriter(client, self._store, events, may_write=self._elector.is_leading)
        reader = KubernetesReader(client, self._store, time.monotonic)
        prometheus = await self._prometheus()
        reconciler = self._make_reconciler(Tools(reader, writer, prometheus, settings))
        self._workers = Workers(self._queue, reconciler, self._metrics, count=settings.workers)
        self._inbox = Inbox(self._store, self._queue, writer.forget)
        self._informer = Informer(connection, settings.namespaces, self._inbox.take, self._after_restart)
        self._resync = Resync(client, self._store, settings.namespaces)
        self._resync_loop = ResyncLoop(
            self._resync, settings.resync_seconds, self._after_resync, self._informer.restart
        )
        self._heartbeat = Heartbeat()
        self._metrics.watch_queue(lambda: self._queue.depth, lambda: self._queue.oldest_wait_seconds)
        self._metrics.leader.set_function(lambda: float(self._elector.is_leading()))
        runner = await serve(application(self._liveness(), self._readiness(), self._metrics.registry), settings.port)
        self._stack.push_async_callback(runner.cleanup)

    async def _client(self, connection: Connection, connections: int) -> ApiClient:
        session = await self._stack.enter_async_context(connection.new_session(connections=connections))
        return ApiClient(
            session,
            connection.server,
            on_request=lambda verb, code: self._metrics.api_requests.labels(verb, code).inc(),
        )

    async def _prometheus(self) -> PrometheusClient | None:
        settings = self._settings
        if settings.prometheus_url is None:
            return None
        access = PrometheusAccess(
            settings.prometheus_url,
            settings.prometheus_timeout_seconds,
            settings.prometheus_bearer_token_file,
            settings.prometheus_username,
            settings.prometheus_password_file,
            settings.prometheus_ca_file,
            settings.prometheus_headers,
        )
        session = await self._stack.enter_async_context(new_plain_session(access.url, connections=_CONNECTIONS))
        return PrometheusClient(
            access, session, on_query=lambda result: self._metrics.prometheus_queries.labels(result).inc()
        )

    async def _live(self) -> None:
        """Everything that goes on until the end; returns never, raises when it is over."""
        await self._until_filled()
        self._informer.start()
        self._waits_for = None
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._heartbeat.run(), name="heartbeat")
            tasks.create_task(self._resync_loop.run(), name="resync")
            tasks.create_task(self._lead(), name="lease")

    async def _until_filled(self) -> None:
        """Wait for the API server, the CRD and our rights; a replica that cannot see must not act."""
        pause = 1.0
        while True:
            try:
                await self._resync.fill()
            except ApiError as error:
                self._waits_for = error.message
                _log.warning("cannot begin yet", error=error.message, after=pause)
                await asyncio.sleep(pause)
                pause = min(pause * 1.5, 5.0)
            else:
                _log.info("watching", objects=len(self._store), namespaces=self._settings.namespaces or "all")
                return

    async def _lead(self) -> None:
        await self._elector.acquire()
        async with asyncio.TaskGroup() as tasks:
            # Renewing does not wait for the beginning: in a large cluster a listing takes longer than the lease lasts.
            tasks.create_task(self._elector.hold(), name="hold")
            tasks.create_task(self._begin(), name="begin")

    async def _begin(self) -> None:
        # While this replica waited, its store followed the watches; one more look makes sure before it acts.
        await self._quietly(self._resync.fill)
        self._workers.start()
        self._inbox.lead()

    async def _end(self, life: asyncio.Task[None]) -> int:
        """Finish what runs, in the order that keeps the lease until nothing writes any more."""
        code = 0
        if life.done():
            code = 1
            error = life.exception()
            if isinstance(error, ExceptionGroup) and error.subgroup(LeaseLost) is not None:
                _log.error("the lease is lost; this process ends so that it cannot act any more", error=_first(error))
            else:
                _log.error("something broke; the process ends and is started again", exc_info=error)
            await self._workers.stop(0.0)
        else:
            _log.info("asked to stop; finishing what runs", grace=STOP_GRACE_SECONDS)
            await self._workers.stop(STOP_GRACE_SECONDS)
            life.cancel()
            await asyncio.gather(life, return_exceptions=True)
            await self._elector.release()
        await self._informer.stop()
        return code

    def _after_restart(self) -> None:
        asyncio.get_running_loop().call_later(_RELIST_SETTLE_SECONDS, self._resync_loop.ask)

    def _after_resync(self, repaired: Repaired) -> None:
        self._inbox.repaired(repaired.keys)
        # A look at everything, level by level, whatever was told or not; spread, so that it is no burst.
        self._inbox.look_at_everything(spread_seconds=min(30.0, self._settings.resync_seconds / 2))

    def _liveness(self) -> list[Check]:
        queue, lag = self._queue, self._heartbeat
        return [
            Check("event loop", at_most("seconds late", _LOOP_LAG_SECONDS, lambda: self._if_begun(lag.lag_seconds))),
            Check("queue", at_most("seconds waited", _QUEUE_STUCK_SECONDS, lambda: queue.oldest_wait_seconds)),
            Check("reconcile", at_most("seconds running", _RECONCILE_STUCK_SECONDS, lambda: queue.longest_run_seconds)),
            Check("watches", at_most("rounds without news", _DEAD_ROUNDS, lambda: self._resync_loop.misses_in_a_row)),
            Check("watches", at_most("failed starts", _DEAD_STARTS, lambda: self._informer.failures_in_a_row)),
            Check("watches", self._informer_problem),
        ]

    def _readiness(self) -> list[Check]:
        return [Check("start", lambda: self._waits_for)]

    def _informer_problem(self) -> str | None:
        return "the thread is dead" if self._waits_for is None and not self._informer.is_alive else None

    def _if_begun(self, value: float) -> float:
        return value if self._waits_for is None else 0.0

    async def _quietly(self, action: Callable[[], Awaitable[None]]) -> None:
        try:
            await action()
        except ApiError as error:
            _log.warning("going on with what the watches told", error=error.message)


def _first(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error)
