"""What only the Warning events of a pod tell, in their own words: asked last, when its status says nothing."""

from typing import Final

from serin_operator.api.names import CONTAINER
from serin_operator.api.reasons import Reason
from serin_operator.decide.memory.states import Refusal
from serin_operator.decide.pod import Pod, Warned

_PATIENCE_SECONDS: Final = 30.0
"""A model may take its time to load: only a probe that fails for longer is worth a word."""
_REASONS: Final = {
    "FailedScheduling": Reason.POD_UNSCHEDULABLE,
    "FailedMount": Reason.VOLUME_NOT_MOUNTED,
    "FailedAttachVolume": Reason.VOLUME_NOT_MOUNTED,
    "FailedMapVolume": Reason.VOLUME_NOT_MOUNTED,
    "FailedCreatePodSandBox": Reason.POD_NOT_STARTED,
    "FailedPodSandBoxStatus": Reason.POD_NOT_STARTED,
    "NetworkNotReady": Reason.POD_NOT_STARTED,
    "FailedCreatePodContainer": Reason.POD_NOT_STARTED,
    "FailedPostStartHook": Reason.SIDECAR_NOT_READY,
    "FailedPreStopHook": Reason.SIDECAR_NOT_READY,
    "InspectFailed": Reason.IMAGE_PULL_FAILED,
    "Failed": Reason.POD_NOT_STARTED,
    "Evicted": Reason.PODS_NOT_READY,
    "BackOff": Reason.PODS_NOT_READY,
    "Unhealthy": Reason.PODS_NOT_READY,
}


def trouble_of_pod(pod: Pod) -> Refusal | None:
    """The newest warning that explains why ``pod`` is not ready."""
    telling = [w for w in pod.warnings if w.reason in _REASONS and _is_worth_a_word(w, pod)]
    telling.sort(key=lambda w: w.reason in {"BackOff", "Unhealthy"})  # the least telling last
    if not telling:
        return None
    first = telling[0]
    what = f" (container {first.container})" if first.container not in {None, CONTAINER} else ""
    return Refusal(_REASONS[first.reason], f"pod {pod.name}{what}: {first.reason}: {first.message}")


def hint_of_pod(pod: Pod) -> str | None:
    """The newest warning, however short it has been given."""
    first = next(iter(pod.warnings), None)
    return f"pod {pod.name}: {first.reason}: {first.message}" if first else None


def _is_worth_a_word(warned: Warned, pod: Pod) -> bool:
    if warned.reason == "FailedScheduling":
        return pod.node is None
    if warned.reason != "Unhealthy":
        return not pod.running and not pod.container_ready  # events stay for an hour, also when all is well again
    return warned.seconds >= _PATIENCE_SECONDS and not (pod.container_ready and warned.container == CONTAINER)
