"""`serin-server serve`: listens at once, becomes ready when the model is proven, drains when told to stop."""

import asyncio
import gc
import mmap
import signal
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from serin_server.config.settings import Settings
from serin_server.dataplane.departure import Departure, telling_silence
from serin_server.dataplane.plane import DataPlane
from serin_server.features.words import FeatureWords
from serin_server.http.connection import HttpConnection
from serin_server.http.metrics_port import MetricsRouter
from serin_server.http.routes import ProtocolRouter
from serin_server.http.server import HttpServer, Router
from serin_server.metrics.server import ServerMetrics, server_id
from serin_server.model.load import Model
from serin_server.model.served import ServedModel
from serin_server.process.assembly import (
    access_of,
    capture_of,
    certificates_of,
    feedback_of,
    loaded_of,
    payload_log_of,
    signer_of,
    watches_of,
)
from serin_server.process.loading import Loading
from serin_server.records.access import AccessLog
from serin_server.records.log import Log
from serin_server.records.payload import PayloadLog
from serin_server.records.words import PayloadWords

if TYPE_CHECKING:
    from serin_server.rpc.server import GrpcServer

LONGEST_FINISH_SECONDS: Final = 25.0
_GC_THRESHOLDS: Final = (20_000, 20, 20)
_WATCH_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Siblings:
    """What a process knows of the others that share its ports: one byte each in common memory says who is ready."""

    started_at: float
    ready: mmap.mmap
    number: int
    metrics_socket: Path

    def are_ready(self) -> bool:
        """Whether all are."""
        return 0 not in self.ready[:]


def serve(settings: Settings, siblings: Siblings | None = None) -> int:
    """Serves until SIGTERM or SIGINT and returns the exit code."""
    import uvloop  # noqa: PLC0415 (not for --help)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(Server(settings, siblings).run())


class Server:
    """One serving process: its ports, its model, its end."""

    def __init__(self, settings: Settings, siblings: Siblings | None = None) -> None:
        self._settings = settings
        self._siblings = siblings
        self._log = Log(settings.log_format, settings.log_level, model=settings.model_name, revision=settings.revision)
        self._served = ServedModel(settings.model_name, settings.model_version, settings.revision)
        if siblings is not None:
            self._served.are_siblings_ready = siblings.are_ready
        self.metrics = _metrics_of(settings, siblings.started_at if siblings else time.time())
        self._plane = DataPlane(self.metrics, settings.max_in_flight)
        self._plane.access = access_of(settings)
        if settings.access_log_sample:
            self._plane.access_log = AccessLog(self._log, settings.access_log_sample)
        self._signer = signer_of(settings)
        self._feedback = feedback_of(settings, self.metrics, self._signer)
        self._certificates = certificates_of(settings)
        self._watches = watches_of(settings, self._certificates, self._plane.access, self._signer)
        self._payload_log: PayloadLog | None = None
        self._grpc: GrpcServer | None = None
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()

    async def run(self) -> int:
        """The whole life of the server; the exit code."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._stop.set)
        loop.add_signal_handler(signal.SIGINT, self._interrupted)
        settings = self._settings
        router = ProtocolRouter(self._served, self._feedback, self._plane.access, settings.max_body_bytes)
        http = self._http_server(router, self._plane, loop)
        # Scrapes are no clients: what they do is counted nowhere.
        uncounted = DataPlane(_metrics_of(settings, 0.0), 0)
        metrics = self._http_server(MetricsRouter(self.metrics, router.answer_health), uncounted, loop)
        listeners = [await self._listen(http, loop), await self._listen_metrics(metrics, loop)]
        loading = asyncio.create_task(self._load(loop))
        await self._start_grpc()
        told = {"http": _port(listeners[0]), "metrics": _port(listeners[1])}
        self._log.info("listening", **told, grpc=self._grpc.port if self._grpc else None)
        stopping = asyncio.create_task(self._stop.wait())
        watching = asyncio.create_task(self._watch())
        await asyncio.wait((loading, stopping), return_when=asyncio.FIRST_COMPLETED)
        exit_code = loading.result() if loading.done() else 0
        if exit_code == 0:
            await stopping
            await self._drain(http, listeners[0])
        for task in (loading, watching, stopping):
            task.cancel()
        await self._end(listeners, (http, metrics))
        self._log.info("stopped", exit_code=exit_code)
        return exit_code

    def _interrupted(self) -> None:
        """Ctrl-C stops as SIGTERM does; once more, and nobody is waited for."""
        if self._stop.is_set() and self._siblings is None:
            self._hurry.set()
        self._stop.set()

    async def _end(self, listeners: Sequence[asyncio.Server], servers: Sequence[HttpServer]) -> None:
        for server in servers:
            server.stop()
        for listener in listeners:
            listener.close()
        if self._grpc is not None:
            await self._grpc.stop(0.0)
        if self._payload_log is not None:
            self._payload_log.close()

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
            read_timeout=settings.read_timeout_seconds,
            idle_timeout=settings.idle_timeout_seconds,
        )

    async def _listen(self, http: HttpServer, loop: asyncio.AbstractEventLoop) -> asyncio.Server:
        settings = self._settings
        return await loop.create_server(
            lambda: HttpConnection(http),
            settings.host or None,
            settings.http_port,
            ssl=self._certificates.context if self._certificates else None,
            reuse_port=self._siblings is not None,
            backlog=1024,
        )

    async def _listen_metrics(self, metrics: HttpServer, loop: asyncio.AbstractEventLoop) -> asyncio.Server:
        """Of several processes each tells its metrics on a socket of its own, and the parent adds them up."""
        if self._siblings is not None:
            return await loop.create_unix_server(lambda: HttpConnection(metrics), str(self._siblings.metrics_socket))
        settings = self._settings
        return await loop.create_server(lambda: HttpConnection(metrics), settings.host or None, settings.metrics_port)

    async def _start_grpc(self) -> None:
        if not self._settings.is_grpc_enabled:
            return
        from serin_server.rpc.server import GrpcServer  # noqa: PLC0415 (gRPC costs start time and memory)

        self._grpc = GrpcServer(self._served, self._plane, self._settings, self._certificates)
        await self._grpc.start()
        if self._served.is_ready:
            await self._grpc.set_ready(True)

    async def _watch(self) -> None:
        while self._watches:
            await asyncio.sleep(_WATCH_SECONDS)
            for watch in self._watches:
                if problem := watch.look():
                    self._log.error("file not reloaded", message=problem)

    # The model.

    async def _load(self, loop: asyncio.AbstractEventLoop) -> int:
        loading = Loading(self._settings, self._served, self.metrics, self._log)
        return await loading.until_served(lambda model: self._start_serving(model, loop))

    async def _start_serving(self, model: Model, loop: asyncio.AbstractEventLoop) -> None:
        settings = self._settings
        capture = capture_of(settings, model, loop)
        self._payload_log = payload_log_of(settings, model)
        loaded = loaded_of(settings, model, self.metrics, loop, self._signer, capture)
        if capture is not None:
            self.metrics.more.append(FeatureWords(capture))
        if self._payload_log is not None:
            self.metrics.more.append(PayloadWords(self._payload_log))
            self._plane.observers += (self._payload_log.observe,)
        self._plane.loaded = loaded
        self.metrics.model_sha256 = model.sha256
        self._served.model = model
        if self._siblings is not None:
            self._siblings.ready[self._siblings.number] = 1
        if self._grpc is not None:
            await self._grpc.set_ready(True)
        gc.collect()
        gc.freeze()
        # Requests leave no cycles behind; looking for some every 700 objects only costs.
        gc.set_threshold(*_GC_THRESHOLDS)
        self._log.info("ready", sha256=model.sha256, opset=model.opset, size_bytes=model.size_bytes)

    # The end.

    async def _drain(self, http: HttpServer, listener: asyncio.Server) -> None:
        """Not ready at once, answering on while endpoints catch up, then no new connections, then what is in flight."""
        self._served.is_draining = True
        settings = self._settings
        quiet_seconds = telling_silence(settings.drain_seconds, settings.connection_max_seconds, http.clients_by_second)
        departure = self._plane.departure = Departure(quiet_seconds, settings.drain_max_seconds)
        if self._grpc is not None:
            await self._grpc.set_ready(False)
        self._log.info("draining", quiet_seconds=round(quiet_seconds, 1), longest_seconds=settings.drain_max_seconds)
        while (left := departure.seconds_left()) and not self._hurry.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), left)
        if departure.is_cut_short:
            self._log.warning("leaving while clients still come: their endpoints have not caught up")
        listener.close()
        finish_seconds = 0.0 if self._hurry.is_set() else LONGEST_FINISH_SECONDS
        deadline = time.monotonic() + finish_seconds
        http.shut_idle()
        grpc_end = asyncio.create_task(self._grpc.stop(finish_seconds)) if self._grpc is not None else None
        while http.connections and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
            http.shut_idle()
        if grpc_end is not None:
            await grpc_end


def _metrics_of(settings: Settings, started_at: float) -> ServerMetrics:
    labels = {
        "model_namespace": settings.model_namespace,
        "model_name": settings.model_name,
        "model_version": settings.model_version,
        "model_revision": settings.revision,
        "server_id": server_id(settings.pod_name or socket.gethostname(), started_at),
    }
    return ServerMetrics(labels, started_at)


def _port(listener: asyncio.Server) -> int:
    address = listener.sockets[0].getsockname()
    return int(address[1]) if isinstance(address, tuple) else 0
