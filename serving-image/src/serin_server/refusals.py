"""Why one request is refused. Metrics and logs tell kinds by their HTTP status, gRPC maps them to its own codes."""

from enum import Enum
from typing import Final


class Kind(Enum):
    """What went wrong with a request.

    The value says whether it counts as an error of the model version (tensors that do not fit, a model that raises, whatever else
    the server fails on, time-outs) or not (limits, authentication, addresses, bytes that are no request at all).
    """

    MALFORMED = ("malformed", False)
    INVALID_TENSOR = ("invalid_tensor", True)
    UNKNOWN = ("unknown", False)
    METHOD = ("method", False)
    UNAUTHENTICATED = ("unauthenticated", False)
    TOO_LARGE = ("too_large", False)
    HEAD_TOO_LARGE = ("head_too_large", False)
    SLOW_CLIENT = ("slow_client", False)
    TOO_OFTEN = ("too_often", False)
    OVERLOADED = ("overloaded", False)
    UNSUPPORTED = ("unsupported", False)
    NOT_READY = ("not_ready", True)
    TIMED_OUT = ("timed_out", True)
    UNEXPLAINABLE = ("unexplainable", False)
    MODEL_FAILED = ("model_failed", True)
    FAULT = ("fault", True)

    def __init__(self, word: str, is_error: bool) -> None:
        self.word = word
        self.is_error = is_error


STATUS: Final[dict[Kind, int]] = {
    Kind.MALFORMED: 400,
    Kind.INVALID_TENSOR: 400,
    Kind.UNAUTHENTICATED: 401,
    Kind.UNKNOWN: 404,
    Kind.METHOD: 405,
    Kind.SLOW_CLIENT: 408,
    Kind.UNEXPLAINABLE: 409,
    Kind.TOO_LARGE: 413,
    Kind.UNSUPPORTED: 415,
    Kind.TOO_OFTEN: 429,
    Kind.HEAD_TOO_LARGE: 431,
    Kind.MODEL_FAILED: 500,
    Kind.FAULT: 500,
    Kind.OVERLOADED: 503,
    Kind.NOT_READY: 503,
    Kind.TIMED_OUT: 504,
}
"""The HTTP status of each kind; metrics count calls of gRPC by it too."""


class Refusal(Exception):
    """A request that gets no prediction, with a sentence that says what was expected and what came."""

    def __init__(self, kind: Kind, message: str, about: str = "", *, retry_seconds: int = 1) -> None:
        """`message` goes to the client, whose values it may name; the log gets the kind's word and `about`, never values.

        `retry_seconds` is when it may be asked again, where that would help.
        """
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.retry_seconds = retry_seconds
        self._about = about

    @property
    def logged(self) -> str:
        """What may be written down of it: the kind, and names of the model's own. Nothing that the client sent."""
        return f"{self.kind.word}: {self._about}" if self._about else self.kind.word
