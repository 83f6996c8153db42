"""How a write can end other than well; the same errors that reads raise, under the name the reconciler imports."""

from serin_operator.cluster.errors import (
    AlreadyExists,
    ApiError,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    NotLeading,
    Transient,
)

__all__ = ["AlreadyExists", "ApiError", "Conflict", "Forbidden", "Invalid", "NotFound", "NotLeading", "Transient"]
