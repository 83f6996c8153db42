"""`serin-server serve`: listens at once, becomes ready when the model is proven, drains when told to stop."""

import asyncio
import gc
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import quote

from serin_server.config.settings import Settings
from serin_server.dataplane.memory import MemoryBudget, MemoryWords, budget_bytes
from serin_server.dataplane.plane import DataPlane
from serin_server.dataplane.trim import Trimmer, keep_little
from serin_server.http.body import BodyLimits
from serin_server.http.connection import HttpConnection
from serin_server.http.listener import Listener, TlsListener
from serin_server.http.metrics_port import Exposed, MetricsRouter
from serin_server.http.origins import Origins
from serin_server.http.routes import PortRouter
from serin_server.http.server import HttpServer, Router
from serin_server.metrics.server import ServerMetrics, resident_bytes
from serin_server.model.load import Model
from serin_server.process.assembly import access_of, certificates_of, metrics_of, watches_of
from serin_server.process.leaving import HURRIED_FINISH_SECONDS, Haste, leave
from serin_server.process.loading import Loading
from serin_server.process.member import Member
from serin_server.process.ports import BACKLOG, bound
from serin_server.process.siblings import HURRY, Siblings
from serin_server.records.faults import FaultLog
from serin_server.records.log import Log
from serin_server.security.rates import Rates

if TYPE_CHECKING:
    from serin_server.rpc.server import GrpcServer
    from serin_server.rpc.service import InferenceService

_SWITCH_SECONDS: Final = 0.0005
_GC_THRESHOLDS: Final = (20_000, 20, 20)
_WATCH_SECONDS: Final = 2.0
_METRICS_PORT_BYTES: Final = 1 << 20


def serve(settings: Settings, siblings: Siblings | None = None) -> int:
    """Serves until SIGTERM or SIGINT and returns the exit code."""
    return run_server(partial(Server, settings, siblings))


def run_server(make: "Callable[[], Server]") -> int:
    """Makes a server and runs it on a loop of its own; the exit code."""
    import uvloop  # noqa: PLC0415 (not for --help)

    keep_little()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(make().run())


class Server:
    """One serving process: its ports, its model, its end."""

    def __init__(self, settings: Settings, siblings: Siblings | None = None) -> None:
        self._settings = settings
        self._siblings = siblings
        self._log = Log(settings.log_format, settings.log_level, model=settings.model_name, revision=settings.revision)
        self._access = access_of(settings, self._log)
        self._rates: Rates | None = None
        if settings.rate_limit_per_second:
            self._rates = Rates(settings.rate_limit_per_second, settings.rate_limit_burst)
        self._memory = MemoryBudget(self._budget_bytes())
        self.metrics = self._new_metrics(siblings.started_at if siblings else time.time())
        self.metrics.more.append(MemoryWords(self._memory))
        self._member = self._member_of(settings, self.metrics, self._log)
        if siblings is not None:
            self._member.served.are_siblings_ready = siblings.are_ready
        self._plane = self._member.plane
        self._certificates = certificates_of(settings)
        self._watches = watches_of(settings, self._certificates, self._access, self._member.signer)
        self._grpc: GrpcServer | None = None
        self._tls_listeners: list[TlsListener] = []
        self._stop = asyncio.Event()
        self._haste = Haste()

    def _new_metrics(self, started_at: float) -> ServerMetrics:
        return metrics_of(self._settings, started_at)

    def _member_of(self, settings: Settings, metrics: ServerMetrics, log: Log) -> Member:
        member = Member(settings, metrics, self._memory, log)
        member.plane.access, member.plane.rates = self._access, self._rates
        return member

    async def run(self) -> int:
        """The whole life of the server; the exit code. Raises `LoadFailure` for ports that it cannot have."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(FaultLog(self._log))
        self.metrics.on_failure = lambda part, error: loop.call_exception_handler(
            {"message": f"the metrics of {part} cannot be told and are left out", "exception": error}
        )
        self._heed_signals(loop)
        settings = self._settings
        limits = BodyLimits(self._memory, settings.max_body_bytes, settings.max_body_growth)
        router = self._router(limits, loop)
        http = self._http_server(router, self._plane, loop)
        if settings.origins or settings.gzip_min_bytes:
            origins = Origins(settings.origins) if settings.origins else None
            router.allow(origins)
            http.dress(origins, settings.gzip_min_bytes)
        # Scrapes are no clients: what they do is counted nowhere.
        uncounted = DataPlane(metrics_of(settings, 0.0), 0, MemoryBudget(_METRICS_PORT_BYTES))
        metrics = self._http_server(MetricsRouter(self._exposed(), router.answer_health), uncounted, loop)
        told: list[Listener] = []
        listeners: list[Listener] = []
        tasks: list[asyncio.Task[Any]] = []
        try:
            listeners += await self._listen(http, loop)
            told += await self._listen_metrics(metrics, loop)
            # A port that gRPC cannot have is told before the model is fetched for nothing; the rest of it is slower to begin.
            rpc_sockets = self._bound("grpc_port", settings.grpc_port) if settings.is_grpc_enabled else []
            loading = asyncio.create_task(self._load(loop))
            stopping = asyncio.create_task(self._stop.wait())
            tasks += [loading, stopping]
            rpc = await self._listen_grpc(rpc_sockets, loop)
            listeners += rpc
            tasks += [asyncio.create_task(self._watch()), asyncio.create_task(Trimmer(self._trimmed()).run())]
            ports = {"http": _port(listeners), "metrics": _port(told), "grpc": _port(rpc) if rpc else None}
            self._log.info("listening", **ports)
            await asyncio.wait((loading, stopping), return_when=asyncio.FIRST_COMPLETED)
            exit_code = loading.result() if loading.done() else 0
            if exit_code == 0:
                await stopping
                self._drain()
                await leave(settings, self._plane, http, listeners, self._grpc, self._haste, self._log)
        finally:
            for task in tasks:
                task.cancel()
            await self._end([*listeners, *told], (http, metrics))
        self._log.info("stopped", exit_code=exit_code)
        return exit_code

    def _heed_signals(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.add_signal_handler(signal.SIGTERM, self._stop.set)
        loop.add_signal_handler(signal.SIGINT, self._interrupted)
        if self._siblings is not None:
            loop.add_signal_handler(HURRY, self._hurry)
            loop.add_reader(self._siblings.parent, self._orphaned)

    def _interrupted(self) -> None:
        """Ctrl-C stops as SIGTERM does; once more, and nobody is waited for."""
        if self._stop.is_set() and self._siblings is None:
            self._haste.make(0.0)
        self._stop.set()

    def _hurry(self) -> None:
        """A sibling has died, and the server ends: what is in flight is all that is waited for."""
        self._haste.make(HURRIED_FINISH_SECONDS)
        self._stop.set()

    def _orphaned(self) -> None:
        """The parent is gone, and with it the metrics: nobody would end this process any more."""
        asyncio.get_running_loop().remove_reader(cast("Siblings", self._siblings).parent)
        self._log.error("the parent process has died")
        self._hurry()

    async def _end(self, listeners: Sequence[Listener], servers: Sequence[HttpServer]) -> None:
        for server in servers:
            server.stop()
        for listener in listeners:
            listener.close()
        if self._grpc is not None:
            await self._grpc.stop(0.0)
        await asyncio.get_running_loop().run_in_executor(None, self._close)

    def _budget_bytes(self) -> int:
        """This process's share: all have one container."""
        return budget_bytes(self._settings.memory_budget_bytes, resident_bytes(), self._settings.processes)

    # The ports.

    def _http_server(self, router: Router, plane: DataPlane, loop: asyncio.AbstractEventLoop) -> HttpServer:
        name = quote(self._settings.model_name, safe="")
        targets = (f"/v2/models/{name}/infer".encode(),) if plane is self._plane else ()
        return HttpServer(router, targets, plane, loop, **self._port_limits())

    def _port_limits(self) -> dict[str, Any]:
        settings = self._settings
        return {
            "max_requests": settings.connection_max_requests,
            "max_seconds": settings.connection_max_seconds,
            "max_body_bytes": settings.max_body_bytes,
            "max_header_bytes": settings.max_header_bytes,
            "max_body_growth": settings.max_body_growth,
            "read_timeout": settings.read_timeout_seconds,
            "idle_timeout": settings.idle_timeout_seconds,
        }

    async def _listen(self, http: HttpServer, loop: asyncio.AbstractEventLoop) -> list[Listener]:
        sockets = self._bound("http_port", self._settings.http_port)
        return await self._listen_on(sockets, self._connection(http), loop, is_rpc=False)

    def _bound(self, setting: str, port: int) -> list[socket.socket]:
        return bound(setting, self._settings.host, port, is_shared=self._siblings is not None)

    async def _listen_on(
        self,
        sockets: Sequence[socket.socket],
        connection: Callable[[], asyncio.BaseProtocol],
        loop: asyncio.AbstractEventLoop,
        *,
        is_rpc: bool,
    ) -> list[Listener]:
        if self._certificates is None:
            return [await loop.create_server(connection, sock=each, backlog=BACKLOG) for each in sockets]
        listener = TlsListener(connection, self._certificates, loop, is_rpc=is_rpc)
        await listener.listen(sockets)
        self._tls_listeners.append(listener)
        return [listener]

    def _connection(self, http: HttpServer) -> Callable[[], HttpConnection]:
        begin = self._plane.begin_trace
        if begin is None:
            return lambda: HttpConnection(http)
        from serin_server.http.traced import TracedConnection  # noqa: PLC0415 (only where traces begin here)

        return lambda: TracedConnection(http, begin)

    async def _listen_metrics(self, metrics: HttpServer, loop: asyncio.AbstractEventLoop) -> list[Listener]:
        """Of several processes each tells its metrics on a socket of its own, and the parent adds them up."""
        if self._siblings is not None:
            file = str(self._siblings.metrics_socket)
            return [await loop.create_unix_server(lambda: HttpConnection(metrics), file)]
        sockets = bound("metrics_port", self._settings.host, self._settings.metrics_port)
        return [
            await loop.create_server(lambda: HttpConnection(metrics), sock=each, backlog=BACKLOG) for each in sockets
        ]

    async def _listen_grpc(self, sockets: Sequence[socket.socket], loop: asyncio.AbstractEventLoop) -> list[Listener]:
        """Not serving, by the health service, until there is a model."""
        if not sockets:
            return []
        from serin_server.rpc.server import GrpcServer  # noqa: PLC0415 (gRPC costs start time and memory)

        self._grpc = GrpcServer(self._service(), self._names(), self._settings, loop)
        self._tell_grpc()
        return await self._listen_on(sockets, self._grpc.connection, loop, is_rpc=True)

    async def _watch(self) -> None:
        while self._watches:
            await asyncio.sleep(_WATCH_SECONDS)
            for watch in self._watches:
                if problem := watch.look():
                    self._log.error("file not reloaded", message=problem)
            for listener in self._tls_listeners:
                try:
                    await listener.follow()
                except OSError as error:
                    self._log.error("certificates not taken, those before go on", message=str(error))

    # The model.

    def _router(self, limits: BodyLimits, loop: asyncio.AbstractEventLoop) -> PortRouter:
        return self._member.router(limits, loop)

    def _exposed(self) -> Exposed:
        return self.metrics

    def _trimmed(self) -> list[DataPlane]:
        return [self._plane]

    def _service(self) -> "InferenceService":
        from serin_server.rpc.service import InferenceService  # noqa: PLC0415 (gRPC costs start time and memory)

        return InferenceService(self._member.served, self._plane)

    def _names(self) -> tuple[str, ...]:
        """Those of models by which the health service of gRPC knows them."""
        return (self._settings.model_name,)

    def _drain(self) -> None:
        self._member.served.is_draining = True

    def _close(self) -> None:
        self._member.close()

    async def _load(self, loop: asyncio.AbstractEventLoop) -> int:
        member = self._member
        loading = Loading(self._settings, member.served, self.metrics, self._log)
        return await loading.until_served(lambda model: self._start_serving(member, model, loop))

    async def _start_serving(self, member: Member, model: Model, loop: asyncio.AbstractEventLoop) -> None:
        await member.start(model, loop)
        self._memory.limit_bytes = self._budget_bytes()
        if self._siblings is not None:
            self._siblings.ready[self._siblings.number] = 1
        self._tell_grpc()
        settled()
        member.tell_ready()

    def _tell_grpc(self) -> None:
        """What the health service of gRPC says."""
        if self._grpc is not None and self._member.served.model is not None:
            self._grpc.set_ready(True)


def settled() -> None:
    """What is in memory now stays: requests leave no cycles behind, and looking for some every 700 objects only costs.

    The loop, and threads beside it whose run is over, need the interpreter soon; by default they may wait for it for 5 ms.
    """
    sys.setswitchinterval(_SWITCH_SECONDS)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)


def _port(listeners: Sequence[Listener]) -> int:
    address = listeners[0].sockets[0].getsockname()
    return int(address[1]) if isinstance(address, tuple) else 0
