"""What a call of gRPC tells in its metadata: who calls, and in which trace."""

from collections.abc import Callable
from typing import Final

from serin_server.dataplane.trace import HEADER as _HEADER
from serin_server.dataplane.trace import Trace, trace_of
from serin_server.rpc.transport.stream import Stream
from serin_server.security.access import AccessControl

HEADER: Final = _HEADER.decode()


def check_access(access: AccessControl | None, stream: Stream) -> None:
    """Raises `Refusal` for a caller without a key or token, where one is asked for."""
    if access is not None:
        sent = stream.headers
        access.check(sent.get("authorization"), sent.get("x-api-key"))


def trace_told(stream: Stream, begin: Callable[[], Trace | None] | None = None) -> Trace | None:
    """The trace that metadata tell of, or that begins here. What comes behind the answer then tells it too."""
    given = stream.headers.get(HEADER)
    trace = None if given is None else trace_of(given)
    if trace is None and begin is not None:
        trace = begin()
    if trace is not None:
        stream.tell(_HEADER, trace.traceparent().encode())
    return trace
