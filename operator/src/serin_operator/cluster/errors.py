"""Errors of the API server, translated once, here at the edge.

Everything above this package sees only these types, with the sentence that the API server itself wrote.
"""

from collections.abc import Mapping
from typing import Any, Final


class ApiError(Exception):
    """A call to the API server did not do what was asked."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Transient(ApiError):
    """Nobody's fault and likely to pass: no connection, a time-out, 429 or 5xx. Try again later, with backoff."""


class Conflict(Transient):
    """409: the object has changed since it was observed. Look again, then decide again."""


class Expired(Transient):
    """410: the rest of a long listing is no longer to be had; begin it again."""


class NotLeading(Transient):
    """The lease is not held (any more), so nothing may be written. Another replica carries on."""


class Blind(Transient):
    """A kind of object in the namespace cannot be seen at the moment. When it can, everything there is looked at again."""


class AlreadyExists(ApiError):
    """409 on a POST: an object with this name is there; whose it is, the caller must find out."""


class Forbidden(ApiError):
    """403: RBAC, a ResourceQuota or an admission webhook says no; ``message`` tells which and why."""


class Invalid(ApiError):
    """400 or 422: the API server understood the object and refuses what it says."""


class NotFound(ApiError):
    """404: no such object, or no such kind."""


def error_of(status_code: int, body: Mapping[str, Any] | None, *, call: str) -> ApiError:
    """The error that an unsuccessful answer means.

    Args:
        status_code: HTTP status, 400 or above.
        body: The ``Status`` object in the answer, if it was one.
        call: What was tried, for people: ``create Job scoring/x``.
    """
    status = body or {}
    message = f"{call}: {status.get('message') or f'HTTP {status_code}'}"
    if status_code == 409 and status.get("reason") == "AlreadyExists":
        return AlreadyExists(message)
    if status_code >= 500 and status.get("message"):
        message = f"{message} (HTTP {status_code})"
    # 401 is transient too: a rotated token is read again at the next attempt.
    return _BY_STATUS.get(status_code, Transient)(message)


_BY_STATUS: Final[Mapping[int, type[ApiError]]] = {
    400: Invalid,
    403: Forbidden,
    404: NotFound,
    405: Invalid,
    409: Conflict,
    410: Expired,
    413: Invalid,
    415: Invalid,
    422: Invalid,
}
