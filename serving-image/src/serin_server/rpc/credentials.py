"""What a call of gRPC tells of its caller, in its metadata."""

from typing import Any

from serin_server.security.access import AccessControl


def told_by(context: Any) -> dict[str, bytes]:
    """The metadata that are text, as headers of HTTP are."""
    return {key: value.encode() for key, value in context.invocation_metadata() if isinstance(value, str)}


def check_access(access: AccessControl | None, context: Any) -> None:
    """Raises `Refusal` for a caller without a key or token, where one is asked for."""
    if access is not None:
        sent = told_by(context)
        access.check(sent.get("authorization"), sent.get("x-api-key"))
