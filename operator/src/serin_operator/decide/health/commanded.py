"""What came of ``spec.preflight.command``: by the exit code of its container, or by its time.

The time begins when our container has resolved, and pulling the image counts: whatever keeps a command from ending, it ends.
"""

from typing import Final

from serin_operator.api.preflight import DEFAULT_COMMAND_SECONDS, GateMode
from serin_operator.api.reasons import Reason
from serin_operator.api.status_of_versions import PreflightStatus
from serin_operator.decide.health.diagnosis import IMAGE_PROBLEMS, parsed
from serin_operator.decide.health.said import last_line
from serin_operator.decide.manifests.command import command_of
from serin_operator.decide.memory.states import Candidate, Refusal
from serin_operator.decide.pod import Command, Pod
from serin_operator.decide.world import World

NAME: Final = "command"
_LONGEST: Final = 250
_STARTING: Final = frozenset({"ContainerCreating", "PodInitializing"})


def is_asked(world: World, pod: Pod) -> bool:
    """Whether the command has the last word on this pod: the spec still wants it, and the pod was made with it."""
    return command_of(world.mdep.spec) is not None and pod.command is not None


def is_under_way(world: World, candidate: Candidate, pod: Pod) -> bool:
    """Whether the model is resolved, and the command has not ended."""
    said = parsed(pod.last_words) if pod.ended else None
    return bool(said and said.get("ok")) and is_asked(world, pod) and row_of(world, candidate, pod) is None


def row_of(world: World, candidate: Candidate, pod: Pod) -> PreflightStatus | None:
    """The row of the command; None while it is not over, and where our container has not resolved."""
    asked, said = command_of(world.mdep.spec), parsed(pod.last_words) or {}
    if asked is None or pod.command is None or not pod.ended or not said.get("ok"):
        return None
    if pod.terminating or pod.given_up:  # its node ended it, and the Job makes another
        return None
    if said.get("handedOver") is not True:
        text = (
            "nothing to look at: the serving image is of a release that hands no model over; correct spec.runtime.image"
        )
        return _failed(asked.mode, text)
    if pod.command.exit_code is not None:
        return _ended(asked.mode, pod.command)
    patience = asked.timeout_seconds or DEFAULT_COMMAND_SECONDS
    # A node whose clock is behind takes no time away that was before the rollout.
    began = max(pod.ended_at or candidate.started_at, candidate.started_at)
    if (world.now - began).total_seconds() < patience:
        return None
    return _failed(asked.mode, _overdue(pod, pod.command, patience))


def refusal_of(row: PreflightStatus) -> Refusal | None:
    """Why the command ends the version; None where it passes, or only warns."""
    if row.verdict != GateMode.FAIL:
        return None
    return Refusal(Reason.PREFLIGHT_COMMAND_FAILED, f"the command of spec.preflight: {row.message}")


def trouble_of(pod: Pod) -> Refusal | None:
    """What keeps the command from starting."""
    waits = _waits(pod.command) if pod.command else ""
    if pod.command is None or not waits:
        return None
    is_image = pod.command.waiting_reason in IMAGE_PROBLEMS
    reason = Reason.IMAGE_PULL_FAILED if is_image else Reason.CREATION_FORBIDDEN
    return Refusal(reason, f"pod {pod.name}: the command of spec.preflight cannot start: {waits}")


def _ended(mode: GateMode | None, command: Command) -> PreflightStatus:
    line = _shown(last_line(command.last_words))
    if command.exit_code == 0:
        return PreflightStatus(name=NAME, verdict="Pass", message=(line or "it ended with exit code 0")[:_LONGEST])
    if command.exit_reason == "OOMKilled":
        return _failed(mode, "killed at its memory limit; raise limits.memory in spec.preflight.command.resources")
    return _failed(mode, f"exit code {command.exit_code}" + (f": {line}" if line else ", and its log is empty"))


def _overdue(pod: Pod, command: Command, patience: int) -> str:
    if waits := _waits(command):
        return f"not ended within {patience} s: {waits}"
    if command.waiting_reason in _STARTING:
        return f"not started within {patience} s, in which its image has to be pulled; see the events of pod {pod.name}, or raise timeoutSeconds"
    return f"not ended within {patience} s; raise timeoutSeconds, or see why it hangs"


def _failed(mode: GateMode | None, text: str) -> PreflightStatus:
    return PreflightStatus(name=NAME, verdict=mode or GateMode.FAIL, message=text[:_LONGEST])


def _waits(command: Command) -> str:
    if command.waiting_reason is None or command.waiting_reason in _STARTING:
        return ""
    return f"{command.waiting_reason}: {_shown(command.waiting_message or 'no message')}"


def _shown(text: str) -> str:
    """Without what would move the cursor of whoever reads it."""
    return "".join(each if each.isprintable() else " " for each in text).strip()
