"""What a container says when it ends: a failure in one JSON object, where Kubernetes looks for it."""

import json
import sys
import traceback
from pathlib import Path
from typing import Any, Final

from serin_server.failures import LoadFailure, Reason, one_line
from serin_server.uris import scrubbed

_MESSAGE_CHARACTERS: Final = 1000
_MESSAGE_BYTES: Final = 3300
"""Kubernetes cuts termination messages at 4,096 bytes, and a JSON object that is cut says nothing."""


def failure_report(failure: LoadFailure) -> dict[str, Any]:
    """A failure as the operator reads it."""
    message = failure.message[:_MESSAGE_CHARACTERS]
    while len(json.dumps(message)) > _MESSAGE_BYTES:  # characters beyond ASCII take six bytes and more
        message = message[: len(message) * 3 // 4]
    return {"ok": False, "reason": str(failure.reason), "message": message}


def write_failure(file: Path, failure: LoadFailure) -> None:
    """Leaves a failure as the last words of the container."""
    write_termination_message(file, json.dumps(failure_report(failure)))


def write_termination_message(file: Path, text: str) -> None:
    """Writes where Kubernetes looks when a container ends; outside a pod there is no such place, which is fine."""
    try:
        file.write_text(text)
    except (OSError, ValueError):
        return


def fault(error: BaseException, doing: str) -> LoadFailure:
    """An exception that nobody foresaw, as a failure that says so; its stack trace goes to standard error."""
    sys.stderr.write(scrubbed("".join(traceback.format_exception(error))))
    told = f"{type(error).__name__}: {one_line(error, 300)}"
    failure = LoadFailure(
        Reason.SERVER_FAULT, f"the server failed while {doing} ({told}): a bug, its log has the trace"
    )
    failure.__cause__ = error
    return failure
