"""Why pods are not ready: the one reason, and the sentence, that a person needs at night."""

import json
import re
from collections.abc import Iterable
from typing import Final

from serin_operator.api.names import COMPONENT_SERVER
from serin_operator.api.reasons import Reason
from serin_operator.decide.memory.states import Refusal
from serin_operator.decide.world import MountProblem, Pod, Revision

IMAGE_PROBLEMS = frozenset({"ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull"})
SOURCE_PROBLEMS = frozenset(
    {
        Reason.SOURCE_NOT_FOUND,
        Reason.SOURCE_FORBIDDEN,
        Reason.SOURCE_UNREACHABLE,
        Reason.DIGEST_MISMATCH,
    }
)
"""What a serving pod says of its model's source: that place is in trouble, not the model nor the pod."""
CONFIG_PROBLEMS = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})


FIELDS_OF_VOLUMES: Final = {
    "source": "spec.model.headerSecret",
    "source-ca": "spec.model.caConfigMap",
    "model": "spec.model.uri",
    "tls": "spec.serving.tls.secretName",
    "client-ca": "spec.serving.tls.clientCA",
    "api-keys": "spec.serving.apiKeys",
    "jwks": "spec.serving.jwt.jwks",
    "feedback": "spec.serving.feedback",
}
"""Which field had a volume mounted."""
_LACKS: Final = re.compile(r'"[^"]+" not found|couldn.t find key')
_LACKS_KEY: Final = re.compile(r"references non-existent (?:secret|config) key: (\S+)")


def report_of(last_words: str | None) -> Refusal | None:
    """What a container of the serving image said of its failure in its termination message."""
    said = parsed(last_words)
    if not said or said.get("ok", False):
        return None
    reason = str(said.get("reason", ""))
    return Refusal(Reason.of(reason) or Reason.RESOLVE_FAILED, str(said.get("message", reason)))


def parsed(last_words: str | None) -> dict[str, object] | None:
    """The JSON object in a termination message, if it is one."""
    try:
        said = json.loads(last_words or "")
    except ValueError:
        return None
    return said if isinstance(said, dict) else None


def trouble_of(revision: Revision, component: str = "server", events: Iterable[str] = ()) -> Refusal | None:
    """The most telling reason why pods of ``revision`` are missing or not ready; None when nothing is wrong."""
    failure = revision.deployment.failure if revision.deployment and component == "server" else None
    for message in [failure, *events]:
        if message:
            return _creation(message)
    pods = [p for p in revision.pods if p.component == component and not p.terminating and not p.ready]
    found = [problem for pod in pods if (problem := _pod(pod))]
    return found[0] if found else None


def _creation(message: str) -> Refusal:
    reason = Reason.QUOTA_EXCEEDED if "exceeded quota" in message else Reason.CREATION_FORBIDDEN
    return Refusal(reason, f"pods cannot be created: {message}")


def words_of(pod: Pod) -> str:
    """How the container of ``pod`` ended last, in a few words."""
    if said := report_of(pod.last_words):
        return said.message
    if pod.last_exit_reason == "OOMKilled":
        return "killed at its memory limit; raise runtime.resources.limits.memory"
    # Without a termination message of its own there is the end of its log.
    lines = [line for line in (pod.last_words or "").splitlines() if line.strip()]
    said_last = f"; its log ends with: {lines[-1][:200]}" if lines else ""
    return f"exit code {pod.last_exit_code}{said_last}"


def waits_for_source(pod: Pod) -> bool:
    """Whether a container ended only to tell that its model's source is away or has changed (it goes on trying)."""
    said = report_of(pod.last_words)
    return said is not None and said.reason in SOURCE_PROBLEMS


def _source_problem(where: str, said: Refusal) -> Refusal:
    """The model was there when it was resolved; pods that loaded it are not touched by what its source says now."""
    if said.reason == Reason.DIGEST_MISMATCH:
        advice = "the source has changed since: put the recorded bytes back, or name the new ones as a new version"
        return Refusal(Reason.SOURCE_CHANGED, f"{where} cannot load its model: {said.message}; {advice}")
    return Refusal(said.reason, f"{where} cannot fetch its model, and goes on trying: {said.message}")


def _unmounted(where: str, problem: MountProblem) -> Refusal:
    """Which object or key is missing, by name, and what to do."""
    field = FIELDS_OF_VOLUMES.get(problem.volume, "the volume")
    known = f"{problem.kind} {problem.name}" if problem.name else f"volume {problem.volume}"
    if lacking := _LACKS_KEY.search(problem.message):
        said = f"{known} has no key {lacking[1]}: add it, or correct {field}"
    elif problem.name and "not found" in problem.message:
        said = f"{known} does not exist in this namespace: create it, or correct {field}"
    else:
        return Refusal(Reason.VOLUME_NOT_MOUNTED, f"{where} cannot start: {known}: {problem.message}")
    return Refusal(Reason.MISSING_REFERENCE, f"{where} cannot start: {said}")


def _not_created(pod: Pod, where: str) -> Refusal | None:
    """Why the container does not even exist, though the pod has a node and its image."""
    said = pod.waiting_message or "no message"
    if pod.unmounted:
        return _unmounted(where, pod.unmounted[0])
    if pod.waiting_reason not in CONFIG_PROBLEMS:
        return None
    if _LACKS.search(said):
        advice = "create it, or correct spec.runtime.env"
        return Refusal(Reason.MISSING_REFERENCE, f"{where} cannot start: {said}; {advice}")
    return Refusal(Reason.CREATION_FORBIDDEN, f"{where}: {pod.waiting_reason}: {said}")


def _pod(pod: Pod) -> Refusal | None:
    where = f"pod {pod.name}"
    if pod.unschedulable:
        return Refusal(Reason.POD_UNSCHEDULABLE, f"{where} finds no node: {pod.unschedulable}")
    if pod.waiting_reason in IMAGE_PROBLEMS:
        return Refusal(
            Reason.IMAGE_PULL_FAILED, f"{where}: {pod.waiting_reason}: {pod.waiting_message or 'no message'}"
        )
    if not_created := _not_created(pod, where):
        return not_created
    if pod.silent:
        return Refusal(Reason.NODE_UNREACHABLE, f"nothing is heard of node {pod.node} any more, and so of {where}")
    if pod.last_exit_reason == "OOMKilled":
        advice = "raise runtime.resources.limits.memory"
        return Refusal(Reason.OUT_OF_MEMORY, f"{where} was killed at its memory limit; {advice}")
    if said := report_of(pod.last_words):
        if pod.component == COMPONENT_SERVER and said.reason in SOURCE_PROBLEMS:
            return _source_problem(where, said)
        return Refusal(said.reason, f"{where}: {said.message}")
    if pod.restarts or pod.last_exit_code:
        times = "once" if pod.restarts <= 1 else f"{pod.restarts} times"
        return Refusal(Reason.CRASH_LOOP, f"{where} ended {times}: {words_of(pod)}")
    return None
