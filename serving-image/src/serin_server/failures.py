"""Why a model cannot be served: the reasons that resolve, serve, status and metrics share."""

from enum import StrEnum
from typing import Final

EXIT_PERMANENT: Final = 64
EXIT_TRANSIENT: Final = 75


class Reason(StrEnum):
    """One word for each way in which a model fails to load; the operator copies it into conditions."""

    SOURCE_NOT_FOUND = "SourceNotFound"
    SOURCE_FORBIDDEN = "SourceForbidden"
    SOURCE_UNREACHABLE = "SourceUnreachable"
    SOURCE_UNSUPPORTED = "SourceUnsupported"
    DIGEST_MISMATCH = "DigestMismatch"
    MODEL_INVALID = "ModelInvalid"
    MODEL_UNSUPPORTED = "ModelUnsupported"
    MODEL_FAILED_WARMUP = "ModelFailedWarmup"


SOURCE_REASONS: Final = frozenset(
    {
        Reason.SOURCE_NOT_FOUND,
        Reason.SOURCE_FORBIDDEN,
        Reason.SOURCE_UNREACHABLE,
        Reason.DIGEST_MISMATCH,
    }
)
"""Reasons that lie with the place the bytes come from: another look at it can end differently."""


class LoadFailure(Exception):
    """The model cannot be served, and what a person can do about it."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message

    @property
    def exit_code(self) -> int:
        """The exit code of `serin-server resolve`: permanent failures are not to be retried."""
        return EXIT_TRANSIENT if self.reason is Reason.SOURCE_UNREACHABLE else EXIT_PERMANENT

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}"


def one_line(error: object, limit: int = 600) -> str:
    """An error of a library as one bounded line, fit for a condition or a log."""
    text = " ".join(str(error).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
