"""Pods that wait for what is not Serin's: injected containers, and readiness gates of other controllers."""

from typing import Final

from serin_operator.api.reasons import Reason
from serin_operator.decide.health.said import last_line
from serin_operator.decide.memory.states import Refusal
from serin_operator.decide.pod import Beside, Pod

_QUIET: Final = frozenset({"ContainerCreating", "PodInitializing", None})


def trouble_of_pod(pod: Pod) -> Refusal | None:
    """Which injected container fails, or which readiness gate is not met; None while nothing does."""
    where = f"pod {pod.name}"
    for each in pod.beside:
        if said := _said(each, pod):
            kind = "init container" if each.init else "container"
            return Refusal(
                Reason.SIDECAR_NOT_READY, f"{where} waits for {kind} {each.name}, which is not Serin's: {said}"
            )
    if pod.gates:
        told = ", ".join(f"{gate.type} ({gate.message})" if gate.message else gate.type for gate in pod.gates)
        return Refusal(
            Reason.READINESS_GATE,
            f"{where}: its containers are ready, and readiness gate {told} is not met: ask the controller that sets it",
        )
    return None


def hint_of_pod(pod: Pod) -> str | None:
    """Which init container of others still runs, as far as it is known."""
    running = next((b.name for b in pod.beside if b.init and not b.exit_code and b.waiting_reason in _QUIET), None)
    if running is None or pod.container_ready:
        return None
    return f"pod {pod.name} waits for init container {running}, which is not Serin's: it has not ended; see kubectl logs {pod.name} -c {running}"


def _said(each: Beside, pod: Pod) -> str | None:
    if each.exit_code or each.exit_reason == "OOMKilled":
        times = "once" if each.restarts <= 1 else f"{each.restarts} times"
        how = "at its memory limit" if each.exit_reason == "OOMKilled" else f"with exit code {each.exit_code}"
        line = last_line(each.last_words)
        return f"it ended {times} {how}; " + (line or f"see kubectl logs {pod.name} -c {each.name}")
    if each.waiting_reason not in _QUIET:
        return f"{each.waiting_reason}: {each.waiting_message or 'no message'}"
    if pod.container_ready:
        return f"it is not ready; see kubectl logs {pod.name} -c {each.name}"
    return None
