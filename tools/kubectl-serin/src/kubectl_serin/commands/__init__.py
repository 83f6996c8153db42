"""One file a command; each says its arguments, and what it answers."""

from typing import Final

from kubectl_serin.command import Command
from kubectl_serin.commands import (
    diff,
    doctor,
    feedback,
    get,
    history,
    lint,
    predict,
    report,
    simulate,
    status,
    steer,
    top,
    why,
)

ALL: Final[tuple[Command, ...]] = (
    get.COMMAND,
    status.COMMAND,
    why.COMMAND,
    history.COMMAND,
    diff.COMMAND,
    report.COMMAND,
    *steer.COMMANDS,
    lint.COMMAND,
    simulate.COMMAND,
    predict.COMMAND,
    feedback.COMMAND,
    top.COMMAND,
    doctor.COMMAND,
)
