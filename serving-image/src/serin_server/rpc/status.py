"""How a call of gRPC ended, in its own numbers."""

from enum import IntEnum
from typing import Final

from serin_server.refusals import Kind


class StatusCode(IntEnum):
    """The codes of gRPC."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


CODES: Final = {
    Kind.MALFORMED: StatusCode.INVALID_ARGUMENT,
    Kind.INVALID_TENSOR: StatusCode.INVALID_ARGUMENT,
    Kind.UNAUTHENTICATED: StatusCode.UNAUTHENTICATED,
    Kind.UNKNOWN: StatusCode.NOT_FOUND,
    Kind.METHOD: StatusCode.UNIMPLEMENTED,
    Kind.UNSUPPORTED: StatusCode.UNIMPLEMENTED,
    Kind.SLOW_CLIENT: StatusCode.DEADLINE_EXCEEDED,
    Kind.TOO_LARGE: StatusCode.RESOURCE_EXHAUSTED,
    Kind.HEAD_TOO_LARGE: StatusCode.RESOURCE_EXHAUSTED,
    Kind.TOO_OFTEN: StatusCode.RESOURCE_EXHAUSTED,
    Kind.OVERLOADED: StatusCode.UNAVAILABLE,
    Kind.NOT_READY: StatusCode.UNAVAILABLE,
    Kind.TIMED_OUT: StatusCode.DEADLINE_EXCEEDED,
    Kind.UNEXPLAINABLE: StatusCode.FAILED_PRECONDITION,
    Kind.MODEL_FAILED: StatusCode.INTERNAL,
    Kind.FAULT: StatusCode.INTERNAL,
}
"""What a refusal is in gRPC."""
