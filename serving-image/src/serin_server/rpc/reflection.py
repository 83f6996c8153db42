"""gRPC's standard reflection, for people with grpcurl. Imported when one asks: it would be a tenth of a server's start."""

from collections.abc import Sequence
from functools import cached_property
from typing import Final

import grpc

SERVICE: Final = "grpc.reflection.v1alpha.ServerReflection"


class Reflection(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types
    """Tells the descriptors of the services with these names, its own among them."""

    def __init__(self, services: Sequence[str]) -> None:
        self._services = (*services, SERVICE)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        """The handler of a call, if it is one of reflection's."""
        if not handler_call_details.method.startswith(f"/{SERVICE}/"):
            return None
        return self._handler.service(handler_call_details)

    @cached_property
    def _handler(self) -> grpc.GenericRpcHandler:
        from grpc_reflection.v1alpha import reflection, reflection_pb2  # noqa: PLC0415 (see above)

        call = grpc.stream_stream_rpc_method_handler(
            reflection.aio.ReflectionServicer(self._services).ServerReflectionInfo,
            reflection_pb2.ServerReflectionRequest.FromString,
            reflection_pb2.ServerReflectionResponse.SerializeToString,
        )
        return grpc.method_handlers_generic_handler(SERVICE, {"ServerReflectionInfo": call})
