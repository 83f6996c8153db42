"""The whole process: who is made of what, what runs in which order, and how it ends.

    watch ──► see something whole ──► reach for the lease ──► lead: workers reconcile ──► give the lease back
      └────────────── resync, heartbeat, health pages: always ─────────────┘

Both replicas watch; only the holder of the lease reconciles. The process ends with 0 when it is asked to stop, and
with 1 when it has lost the lease or something broke: Kubernetes starts it again, and it begins from what it sees.
"""

import asyncio
import time
import uuid
from contextlib import AsyncExitStack
from typing import Final

import structlog
from prometheus_client import CollectorRegistry

from serin_operator.act.events import EventRecorder
from serin_operator.act.kubernetes import KubernetesWriter
from serin_operator.cluster.client import ApiClient
from serin_operator.cluster.connection import Connection
from serin_operator.cluster.resources import LEASES, NETWORK_POLICIES, Scope
from serin_operator.cluster.store import Key, Store
from serin_operator.observe.gateways import GatewayReader
from serin_operator.observe.kubernetes import KubernetesReader
from serin_operator.runtime.health import Check, Heartbeat, at_most
from serin_operator.runtime.http import Pages, application, serve
from serin_operator.runtime.inbox import Inbox
from serin_operator.runtime.leadership import Candidacy, Leadership
from serin_operator.runtime.lease import LEASE_NAME, LeaseLost, LeaseTiming
from serin_operator.runtime.looking import open_desk, open_prometheus
from serin_operator.runtime.metrics import OperatorMetrics
from serin_operator.runtime.noticing import open_office
from serin_operator.runtime.resync import Resync, ResyncLoop
from serin_operator.runtime.schedule import Schedule
from serin_operator.runtime.settings import Settings
from serin_operator.runtime.tools import MakeReconciler, Tools
from serin_operator.runtime.traces import open_traces
from serin_operator.runtime.watches import Nobody, Watches
from serin_operator.runtime.workers import Workers, WorkQueue

STOP_GRACE_SECONDS: Final = 12.0
"""For reconciles that run when the process is asked to stop; below the grace period of the pod, which is 20 s."""
_CONNECTIONS: Final = 16
_QUEUE_STUCK_SECONDS: Final = 120.0
_RECONCILE_STUCK_SECONDS: Final = 180.0
_LOOP_LAG_SECONDS: Final = 10.0
_DEAD_ROUNDS: Final = 2
_TELL_AGAIN_SECONDS: Final = 5.0

_log = structlog.get_logger(__name__)


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
        self._store = Store(time.monotonic)
        self._queue = WorkQueue(Schedule(slow_at_a_time=max(1, settings.workers // 2)))
        self._heartbeat = Heartbeat()
        self._inbox = Inbox(self._store, self._queue, self._gone)
        streams = await self._client(connection, 0)  # each watch keeps one open
        asked = (NETWORK_POLICIES,) if settings.collector_peers else ()
        self._watches = Watches(
            streams,
            settings.namespaces,
            self._inbox,
            on_sight=lambda namespace: self._inbox.look_at_everything(namespace=namespace),
            on_failure=self._metrics.count_watch_failure,
            asked=asked,
        )
        lease = Scope(LEASES, settings.lease_namespace, field_selector=f"metadata.name={LEASE_NAME}")
        self._leadership = Leadership(
            connection,
            Candidacy(settings.lease_namespace, f"{settings.pod_name}_{uuid.uuid4().hex[:8]}", self._timing),
            on_request=self._metrics.count_request,
            on_seen=self._watches.add(lease, Nobody()).expect,
        )
        self._resync_loop = ResyncLoop(
            Resync(streams, self._store, settings.namespaces, is_open=self._watches.is_open, asked=asked),
            settings.resync_seconds,
            self._watches.restart,
            self._after_resync,
        )
        await self._build_hands(await self._client(connection, _CONNECTIONS))
        self._metrics.watch_queue(lambda: self._queue.depth, lambda: self._queue.oldest_wait_seconds)
        self._metrics.watch_watches(self._watches.scopes, self._watches.is_well)
        self._metrics.leader.set_function(lambda: float(self._leadership.is_leading()))
        pages = Pages(self._liveness(), self._readiness(), self._notes)
        runner = await serve(application(pages, self._metrics.exposition), settings.port)
        self._stack.push_async_callback(runner.cleanup)

    async def _build_hands(self, client: ApiClient) -> None:
        settings = self._settings
        events = EventRecorder(client, instance=settings.pod_name, on_event=self._metrics.count_event)
        self._writer = KubernetesWriter(
            client,
            self._store,
            events,
            may_write=self._leadership.is_leading,
            on_written=self._watches.expect,
        )
        gateways = GatewayReader(client, time.monotonic, self._watches.sight_of_routes, settings.namespaces)
        reader = KubernetesReader(client, self._store, time.monotonic, self._watches.blind_spot, gateways)
        prometheus = await open_prometheus(settings, self._metrics, self._stack)
        self._desk = open_desk(
            prometheus, settings, self._metrics, self._stack, on_done=lambda key: self._queue.add(Key(*key))
        )
        self._office = await open_office(settings.notify, self._metrics, self._stack, self._queue)
        tools = Tools(reader, self._writer, prometheus, self._desk, self._office, settings, self._metrics)
        begin = await open_traces(settings, self._metrics, self._stack)
        reconciler = self._make_reconciler(tools)
        self._workers = Workers(self._queue, reconciler, self._metrics, count=settings.workers, begin=begin)

    async def _client(self, connection: Connection, connections: int) -> ApiClient:
        session = await self._stack.enter_async_context(connection.new_session(connections=connections))
        return ApiClient(session, connection.server, on_request=self._metrics.count_request)

    def _gone(self, namespace: str, name: str) -> None:
        """Whatever is remembered about a ModelDeployment goes with it."""
        self._writer.forget(namespace, name)
        self._metrics.fleet.see(namespace, name, None)
        if self._desk is not None:
            self._desk.forget((namespace, name))

    async def _live(self) -> None:
        """Everything that goes on until the end; returns never, raises when it is over."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._heartbeat.run(), name="heartbeat")
            tasks.create_task(self._watches.run(), name="watches")
            await self._until_seen()
            tasks.create_task(self._resync_loop.run(), name="resync")
            tasks.create_task(self._lead(), name="lead")

    async def _until_seen(self) -> None:
        """Wait for the API server, the CRD and our rights in one namespace at least; who cannot see must not act."""
        while True:
            try:
                async with asyncio.timeout(_TELL_AGAIN_SECONDS):
                    await self._watches.first_sight()
            except TimeoutError:
                first, *others = self._watches.refusals() or ["the first listing has not ended"]
                self._waits_for = f"{first} (and {len(others)} more)" if others else first
                _log.warning("cannot begin yet", error=self._waits_for)
            else:
                self._waits_for = None
                _log.info("watching", objects=len(self._store), namespaces=self._settings.namespaces or "all")
                return

    async def _lead(self) -> None:
        self._leadership.start()
        await self._leadership.acquired()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._leadership.lost(), name="lease")
            tasks.create_task(self._begin(), name="begin")

    async def _begin(self) -> None:
        # While this replica waited, its store followed the watches; one that was dead is noticed before anything is decided.
        await self._resync_loop.once()
        self._workers.start()
        self._inbox.lead()
        if self._office is not None:
            await self._office.run()

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
            await self._leadership.release()
        return code

    def _after_resync(self) -> None:
        # A look at everything, level by level, whatever was told or not; spread, so that it is no burst.
        self._inbox.look_at_everything(spread_seconds=min(30.0, self._settings.resync_seconds / 2))

    def _liveness(self) -> list[Check]:
        queue, beat, resync = self._queue, self._heartbeat, self._resync_loop
        return [
            Check("event loop", at_most("seconds late", _LOOP_LAG_SECONDS, lambda: beat.lag_seconds)),
            Check("queue", at_most("seconds without progress", _QUEUE_STUCK_SECONDS, lambda: queue.stuck_seconds)),
            Check("reconcile", at_most("seconds running", _RECONCILE_STUCK_SECONDS, lambda: queue.longest_run_seconds)),
            Check("watches", at_most("rounds that missed news", _DEAD_ROUNDS, lambda: resync.misses_in_a_row)),
            Check("watches", self._watches.dead),
        ]

    def _notes(self) -> list[str]:
        return [*self._watches.refusals(), *(self._office.problems() if self._office else ())]

    def _readiness(self) -> list[Check]:
        return [Check("start", lambda: self._waits_for)]


def _first(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error)
