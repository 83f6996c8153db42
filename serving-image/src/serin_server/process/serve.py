"""`serin-server serve`: listens at once, becomes ready when the model is proven, drains when told to stop."""

import asyncio
import gc
import signal
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import quote

from serin_server.config.settings import Settings
from serin_server.dataplane.memory import MemoryBudget, MemoryWords, budget_bytes
from serin_server.dataplane.plane import DataPlane
from serin_server.dataplane.trim import Trimmer, keep_little
from serin_server.features.words import FeatureWords
from serin_server.feedback.marks import Marks
from serin_server.http.body import BodyLimits
from serin_server.http.connection import HttpConnection
from serin_server.http.listener import Listener, TlsListener
from serin_server.http.metrics_port import MetricsRouter
from serin_server.http.origins import Origins
from serin_server.http.routes import ProtocolRouter
from serin_server.http.server import HttpServer, Router
from serin_server.metrics.clients import ClientSums
from serin_server.metrics.server import resident_bytes
from serin_server.model.configuration import Batches
from serin_server.model.load import Model
from serin_server.model.served import ServedModel
from serin_server.model.warmup import WarmUp
from serin_server.pairing.pairing import Pairing
from serin_server.process.assembly import (
    access_of,
    capture_of,
    certificates_of,
    feedback_of,
    loaded_of,
    metrics_of,
    payload_log_of,
    signer_of,
    watches_of,
)
from serin_server.process.leaving import HURRIED_FINISH_SECONDS, Haste, leave
from serin_server.process.loading import Loading
from serin_server.process.pairs import pairing_of
from serin_server.process.ports import BACKLOG, bound, grpc_address, unavailable
from serin_server.process.siblings import HURRY, Siblings
from serin_server.records.access import AccessLog
from serin_server.records.faults import FaultLog
from serin_server.records.log import Log
from serin_server.records.payload import PayloadLog
from serin_server.records.words import PayloadWords
from serin_server.security.rates import Rates

if TYPE_CHECKING:
    from serin_server.process.explaining import Explaining
    from serin_server.records.spans import Spans
    from serin_server.rpc.server import GrpcServer

_GC_THRESHOLDS: Final = (20_000, 20, 20)
_WATCH_SECONDS: Final = 2.0
_METRICS_PORT_BYTES: Final = 1 << 20


def serve(settings: Settings, siblings: Siblings | None = None) -> int:
    """Serves until SIGTERM or SIGINT and returns the exit code."""
    import uvloop  # noqa: PLC0415 (not for --help)

    keep_little()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(Server(settings, siblings).run())


class Server:
    """One serving process: its ports, its model, its end."""

    def __init__(self, settings: Settings, siblings: Siblings | None = None) -> None:
        self._settings = settings
        self._siblings = siblings
        self._log = Log(settings.log_format, settings.log_level, model=settings.model_name, revision=settings.revision)
        self._served = ServedModel(settings.model_name, settings.model_version, settings.revision)
        self._served.batches = Batches(settings.max_batch_rows, settings.batch_window_seconds)
        if siblings is not None:
            self._served.are_siblings_ready = siblings.are_ready
        self.metrics = metrics_of(settings, siblings.started_at if siblings else time.time())
        self._memory = MemoryBudget(self._budget_bytes())
        self.metrics.more.append(MemoryWords(self._memory))
        self._plane = DataPlane(self.metrics, settings.max_in_flight, self._memory)
        self._plane.access = access_of(settings, self._log)
        if settings.rate_limit_per_second:
            self._plane.rates = Rates(settings.rate_limit_per_second, settings.rate_limit_burst)
        if settings.access_log_sample:
            self._plane.access_log = AccessLog(self._log, settings.access_log_sample)
        self._spans: Spans | None = None
        if settings.otlp_endpoint:
            from serin_server.process.tracing import export_spans  # noqa: PLC0415 (only for those who ask for it)

            self._spans = export_spans(settings, self._plane, self.metrics, self._log)
        self._signer = signer_of(settings)
        if self._signer is not None:
            self.metrics.clients = ClientSums(self._signer.number_of)
        self._feedback = feedback_of(settings, self.metrics, self._signer)
        self._certificates = certificates_of(settings)
        self._watches = watches_of(settings, self._certificates, self._plane.access, self._signer)
        self._plane.marks = None if self._signer is None else Marks(self._signer)
        self._payload_log: PayloadLog | None = None
        self._pairing: Pairing | None = None
        self._explaining: Explaining | None = None
        self._grpc: GrpcServer | None = None
        self._tls_listener: TlsListener | None = None
        self._stop = asyncio.Event()
        self._haste = Haste()

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
        router = ProtocolRouter(self._served, self._feedback, self._plane.access, limits, self.metrics)
        if settings.explain == "on":
            from serin_server.process.explaining import Explaining  # noqa: PLC0415 (only for those who ask for it)

            self._explaining = Explaining(settings, self._served, limits, loop, self.metrics)
            router.explanations = self._explaining.explanations
        http = self._http_server(router, self._plane, loop)
        if settings.origins or settings.gzip_min_bytes:
            router.origins = Origins(settings.origins) if settings.origins else None
            http.dress(router.origins, settings.gzip_min_bytes)
        # Scrapes are no clients: what they do is counted nowhere.
        uncounted = DataPlane(metrics_of(settings, 0.0), 0, MemoryBudget(_METRICS_PORT_BYTES))
        metrics = self._http_server(MetricsRouter(self.metrics, router.answer_health), uncounted, loop)
        told: list[Listener] = []
        listeners: list[Listener] = []
        tasks: list[asyncio.Task[Any]] = []
        try:
            listeners += await self._listen(http, loop)
            told += await self._listen_metrics(metrics, loop)
            self._check_grpc_port()
            loading = asyncio.create_task(self._load(loop))
            stopping = asyncio.create_task(self._stop.wait())
            tasks += [loading, stopping]
            await self._start_grpc()
            tasks += [asyncio.create_task(self._watch()), asyncio.create_task(Trimmer(self._plane).run())]
            ports = {"http": _port(listeners), "metrics": _port(told), "grpc": self._grpc.port if self._grpc else None}
            self._log.info("listening", **ports)
            await asyncio.wait((loading, stopping), return_when=asyncio.FIRST_COMPLETED)
            exit_code = loading.result() if loading.done() else 0
            if exit_code == 0:
                await stopping
                self._served.is_draining = True
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
        if self._payload_log is not None:
            self._payload_log.close()
        if self._pairing is not None:
            self._pairing.close()
        if self._spans is not None:
            await asyncio.get_running_loop().run_in_executor(None, self._spans.close)

    def _budget_bytes(self) -> int:
        """This process's share: all have one container."""
        return budget_bytes(self._settings.memory_budget_bytes, resident_bytes(), self._settings.processes)

    # The ports.

    def _http_server(self, router: Router, plane: DataPlane, loop: asyncio.AbstractEventLoop) -> HttpServer:
        settings = self._settings
        name = quote(settings.model_name, safe="")
        targets = (f"/v2/models/{name}/infer".encode(),) if isinstance(router, ProtocolRouter) else ()
        return HttpServer(
            router,
            targets,
            plane,
            loop,
            max_requests=settings.connection_max_requests,
            max_seconds=settings.connection_max_seconds,
            max_body_bytes=settings.max_body_bytes,
            max_header_bytes=settings.max_header_bytes,
            max_body_growth=settings.max_body_growth,
            read_timeout=settings.read_timeout_seconds,
            idle_timeout=settings.idle_timeout_seconds,
        )

    async def _listen(self, http: HttpServer, loop: asyncio.AbstractEventLoop) -> list[Listener]:
        settings = self._settings
        sockets = bound("http_port", settings.host, settings.http_port, is_shared=self._siblings is not None)
        connection = self._connection(http)
        if self._certificates is not None:
            self._tls_listener = TlsListener(connection, self._certificates, loop)
            await self._tls_listener.listen(sockets)
            return [self._tls_listener]
        return [await loop.create_server(connection, sock=each, backlog=BACKLOG) for each in sockets]

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

    def _check_grpc_port(self) -> None:
        """A port that gRPC cannot have is told in our words, and before the model is fetched for nothing."""
        if self._settings.is_grpc_enabled and self._siblings is None:
            for probe in bound("grpc_port", self._settings.host, self._settings.grpc_port):
                probe.close()

    async def _start_grpc(self) -> None:
        if not self._settings.is_grpc_enabled:
            return
        from serin_server.rpc.server import GrpcServer  # noqa: PLC0415 (gRPC costs start time and memory)

        settings = self._settings
        is_shared = self._siblings is not None
        self._grpc = GrpcServer(self._served, self._plane, settings, self._certificates, is_shared=is_shared)
        try:
            await self._grpc.start(grpc_address(settings.host, settings.grpc_port))
        except OSError as error:
            raise unavailable("grpc_port", settings.host, settings.grpc_port, error) from error
        if self._served.is_ready:
            await self._grpc.set_ready(True)

    async def _watch(self) -> None:
        while self._watches:
            await asyncio.sleep(_WATCH_SECONDS)
            for watch in self._watches:
                if problem := watch.look():
                    self._log.error("file not reloaded", message=problem)
            if self._tls_listener is not None:
                try:
                    await self._tls_listener.follow()
                except OSError as error:
                    self._log.error("certificates not taken, those before go on", message=str(error))

    # The model.

    async def _load(self, loop: asyncio.AbstractEventLoop) -> int:
        loading = Loading(self._settings, self._served, self.metrics, self._log)
        return await loading.until_served(lambda model: self._start_serving(model, loop))

    async def _start_serving(self, model: Model, loop: asyncio.AbstractEventLoop) -> None:
        settings = self._settings
        capture = capture_of(settings, model, loop, self._log)
        self._payload_log = payload_log_of(settings, model, self._log)
        loaded = loaded_of(settings, model, self.metrics, loop, self._signer, capture)
        for notice in (
            model.session.notice,
            *await loop.run_in_executor(None, loaded.batcher.warm, model.warmed.feeds),
        ):
            if notice:
                self._log.warning("not as asked for", message=notice)
        self._pairing = pairing_of(settings, model, self._signer, loop, self._log)
        if self._pairing is not None:
            self.metrics.more.append(self._pairing.book)
            self._plane.pairing = self._pairing
        if capture is not None:
            self.metrics.more.append(FeatureWords(capture))
        if self._payload_log is not None:
            self.metrics.more.append(PayloadWords(self._payload_log))
            self._plane.observers += (self._payload_log.observe,)
        if self._explaining is not None:
            self._explaining.start(model, loaded, self._log)
        self._plane.loaded = loaded
        self._memory.limit_bytes = self._budget_bytes()
        self.metrics.model_sha256 = model.sha256
        batching = model.batching
        self.metrics.batching = (batching.mode, str(batching.reason))
        self._served.model = model
        if self._siblings is not None:
            self._siblings.ready[self._siblings.number] = 1
        if self._grpc is not None:
            await self._grpc.set_ready(True)
        gc.collect()
        gc.freeze()
        # Requests leave no cycles behind; looking for some every 700 objects only costs.
        gc.set_threshold(*_GC_THRESHOLDS)
        told = {
            "sha256": model.sha256,
            "opset": model.opset,
            "size_bytes": model.size_bytes,
            "providers": list(model.session.providers),
            "warm_up": str(model.warmed.kind),
            "batching": batching.mode,
            "batching_reason": str(batching.reason),
            "batching_message": batching.message,
        }
        self._log.info("ready", **told)
        if model.warmed.kind is WarmUp.NONE:
            self._log.warning("not warmed up", message=model.warmed.message)


def _port(listeners: Sequence[Listener]) -> int:
    address = listeners[0].sockets[0].getsockname()
    return int(address[1]) if isinstance(address, tuple) else 0
