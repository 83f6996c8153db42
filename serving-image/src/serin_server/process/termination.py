"""What a container says when it ends: a failure in one JSON object, where Kubernetes looks for it."""

from pathlib import Path
from typing import Any, Final

from serin_server.failures import LoadFailure

_MESSAGE_CHARACTERS: Final = 1000


def failure_report(failure: LoadFailure) -> dict[str, Any]:
    """A failure as the operator reads it."""
    return {"ok": False, "reason": str(failure.reason), "message": failure.message[:_MESSAGE_CHARACTERS]}


def write_termination_message(file: Path, text: str) -> None:
    """Writes where Kubernetes looks when a container ends; outside a pod there is no such place, which is fine."""
    try:
        file.write_text(text)
    except OSError:
        return
