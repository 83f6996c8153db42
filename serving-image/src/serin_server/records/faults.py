"""Bugs, as the event loop finds them: where they are, in one line of the log, and never what a client had sent."""

import traceback
from collections.abc import Iterator, Mapping
from typing import Any, Final

from serin_server.records.log import Log

_MOST_FRAMES: Final = 30
_MOST_CAUSES: Final = 5
_CALLBACK: Final = " in callback "
"""Behind it the loop shows the callback with its arguments."""


class FaultLog:
    """An exception handler for the event loop.

    An exception's own words may quote data (`invalid literal for int(): '…'`), so only its type and its stack are told;
    of errors of the operating system also what it says, which is about files and sockets.
    """

    def __init__(self, log: Log) -> None:
        self._log = log

    def __call__(self, loop: object, context: Mapping[str, Any]) -> None:
        """Told by the loop, or by whoever found a fault."""
        del loop
        error = context.get("exception")
        message = str(context.get("message", "")).partition(_CALLBACK)[0]
        told = {} if error is None else {"error": " from ".join(_words(error)), "stack": _stack(error)}
        self._log.error("fault", message=message, **told)


def _words(error: BaseException) -> list[str]:
    return [
        f"{type(each).__name__} ({each.strerror})"
        if isinstance(each, OSError) and each.strerror
        else type(each).__name__
        for each in _causes(error)
    ]


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    for _ in range(_MOST_CAUSES):
        if cause is None:
            return
        yield cause
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)


def _stack(error: BaseException) -> list[str]:
    frames = traceback.extract_tb(error.__traceback__)[-_MOST_FRAMES:]
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
