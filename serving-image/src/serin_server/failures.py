"""Why a model cannot be served, or a server not start: the reasons that resolve, serve, status and metrics share."""

from enum import StrEnum
from typing import Final

from serin_server.uris import scrubbed

EXIT_PERMANENT: Final = 64
EXIT_FAULT: Final = 70
EXIT_TRANSIENT: Final = 75


class Reason(StrEnum):
    """One word for each way in which a model or a server fails; the operator copies it into conditions."""

    SOURCE_NOT_FOUND = "SourceNotFound"
    SOURCE_FORBIDDEN = "SourceForbidden"
    SOURCE_UNREACHABLE = "SourceUnreachable"
    SOURCE_UNSUPPORTED = "SourceUnsupported"
    SOURCE_CHANGED = "SourceChanged"
    DIGEST_MISMATCH = "DigestMismatch"
    SIGNATURE_MISSING = "SignatureMissing"
    SIGNATURE_INVALID = "SignatureInvalid"
    SIGNER_NOT_ALLOWED = "SignerNotAllowed"
    MODEL_INVALID = "ModelInvalid"
    MODEL_UNSUPPORTED = "ModelUnsupported"
    MODEL_FAILED_WARMUP = "ModelFailedWarmup"
    GOLDEN_SAMPLE_FAILED = "GoldenSampleFailed"
    SIGNATURE_CHANGED = "SignatureChanged"
    OVER_BUDGET = "OverBudget"
    BASELINE_MISSING = "BaselineMissing"
    BASELINE_NOT_BEATEN = "BaselineNotBeaten"
    DISK_FULL = "DiskFull"
    CACHE_UNUSABLE = "CacheUnusable"
    ADDRESS_UNAVAILABLE = "AddressUnavailable"
    INVALID_SETTING = "InvalidSetting"
    PROCESS_DIED = "ProcessDied"
    OUT_OF_MEMORY = "OutOfMemory"
    SERVER_FAULT = "ServerFault"


SOURCE_REASONS: Final = frozenset(
    {
        Reason.SOURCE_NOT_FOUND,
        Reason.SOURCE_FORBIDDEN,
        Reason.SOURCE_UNREACHABLE,
        Reason.SOURCE_CHANGED,
        Reason.DIGEST_MISMATCH,
    }
)
"""Reasons that lie with the place the bytes come from: another look at it can end differently."""
OF_SIGNATURES: Final = frozenset({Reason.SIGNATURE_MISSING, Reason.SIGNATURE_INVALID, Reason.SIGNER_NOT_ALLOWED})
"""Reasons that say that nobody who may has signed the model."""


_EXIT_CODES: Final = {
    Reason.SOURCE_UNREACHABLE: EXIT_TRANSIENT,
    Reason.SOURCE_CHANGED: EXIT_TRANSIENT,
    Reason.DISK_FULL: EXIT_TRANSIENT,
    Reason.ADDRESS_UNAVAILABLE: EXIT_TRANSIENT,
    Reason.INVALID_SETTING: 2,
    Reason.PROCESS_DIED: EXIT_FAULT,
    Reason.OUT_OF_MEMORY: EXIT_FAULT,
    Reason.SERVER_FAULT: EXIT_FAULT,
}


class LoadFailure(Exception):
    """The model, or anything at all, cannot be served, and what a person can do about it. No address in it opens a store."""

    def __init__(self, reason: Reason, message: str) -> None:
        self.reason = reason
        self.message = scrubbed(message)
        super().__init__(self.message)

    @property
    def exit_code(self) -> int:
        """The exit code of the process: 64 is not to be retried, 75 may pass, 70 is for others to look into."""
        return _EXIT_CODES.get(self.reason, EXIT_PERMANENT)

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}"


def one_line(error: object, limit: int = 600) -> str:
    """An error of a library as one bounded line, fit for a condition or a log."""
    text = " ".join(str(error).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
