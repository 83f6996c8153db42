"""What a call of gRPC tells in its metadata: who calls, and in which trace."""

from collections.abc import Callable, Mapping
from typing import Any

from serin_server.dataplane.trace import HEADER, Trace, trace_of
from serin_server.security.access import AccessControl


def told_by(context: Any) -> dict[str, bytes]:
    """The metadata that are text, as headers of HTTP are."""
    return {key: value.encode() for key, value in context.invocation_metadata() if isinstance(value, str)}


def check_access(access: AccessControl | None, context: Any) -> None:
    """Raises `Refusal` for a caller without a key or token, where one is asked for."""
    if access is not None:
        sent = told_by(context)
        access.check(sent.get("authorization"), sent.get("x-api-key"))


def trace_told(
    sent: Mapping[str, bytes], context: Any, begin: Callable[[], Trace | None] | None = None
) -> Trace | None:
    """The trace that metadata tell of, or that begins here. The answer's metadata then tell it too."""
    given = sent.get(HEADER.decode())
    trace = None if given is None else trace_of(given)
    if trace is None and begin is not None:
        trace = begin()
    if trace is not None:
        context.set_trailing_metadata(((HEADER.decode(), trace.traceparent()),))
    return trace
