"""The gRPC server: ports, limits, connection age, health and reflection."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from serin_server.config.settings import Settings
from serin_server.rpc.reflection import Reflection
from serin_server.rpc.service import SERVICE, InferenceService
from serin_server.security.tls import Certificates

_ENVELOPE_BYTES: Final = 64 * 1024
_SERVING: Final = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING: Final = health_pb2.HealthCheckResponse.NOT_SERVING


class GrpcServer:
    """The protocol over gRPC, in the same process and on the same data plane as HTTP."""

    def __init__(
        self,
        service: InferenceService,
        names: Sequence[str],
        settings: Settings,
        certificates: Certificates | None,
        *,
        is_shared: bool = False,
    ) -> None:
        """`names` are those of models that the health service knows."""
        self._certificates = certificates
        self._server = grpc.aio.server(options=_options(settings, is_shared=is_shared))
        self._health = health.aio.HealthServicer()
        self._names = ("", SERVICE, *names)
        inference, told = service.handler(), Reflection((SERVICE, health.SERVICE_NAME))
        self._server.add_generic_rpc_handlers((inference, told))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        self.port = 0

    async def start(self, address: str) -> None:
        """Listens; not serving, by the health service, until `set_ready`. Raises `OSError` for an address it cannot have."""
        try:
            if self._certificates is None:
                self.port = self._server.add_insecure_port(address)
            else:
                self.port = self._server.add_secure_port(address, self._certificates.grpc_credentials())
        except RuntimeError as error:
            raise OSError(0, str(error)) from error
        if not self.port:
            raise OSError(0, f"gRPC cannot listen on {address}")
        await self.set_ready(False)
        await self._server.start()

    async def set_ready(self, is_ready: bool) -> None:
        """What the health service says of the server, its service and its models."""
        for name in self._names:
            await self._health.set(name, _SERVING if is_ready else _NOT_SERVING)

    async def tell(self, models: Mapping[str, bool], *, is_ready: bool) -> None:
        """The same where models are ready or not, each for itself."""
        for name in self._names:
            await self._health.set(name, _SERVING if models.get(name, is_ready) else _NOT_SERVING)

    async def stop(self, grace_seconds: float) -> None:
        """GOAWAY to every client, then what is in flight is finished, or cut off after the grace."""
        await self._server.stop(grace_seconds)


def _options(settings: Settings, *, is_shared: bool) -> list[tuple[str, Any]]:
    options: list[tuple[str, Any]] = [
        ("grpc.max_receive_message_length", settings.max_body_bytes + _ENVELOPE_BYTES),
        ("grpc.max_send_message_length", -1),
        ("grpc.max_metadata_size", settings.max_header_bytes),
        ("grpc.so_reuseport", 1 if is_shared else 0),
    ]
    if settings.connection_max_seconds:
        # gRPC jitters the age by a tenth and sends GOAWAY; calls under way have the grace to end.
        options += [
            ("grpc.max_connection_age_ms", int(settings.connection_max_seconds * 1000)),
            ("grpc.max_connection_age_grace_ms", 60_000),
        ]
    return options
