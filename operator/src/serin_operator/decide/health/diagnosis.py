"""Why pods are not ready: the one reason, and the sentence, that a person needs at night."""

import json
from collections.abc import Iterable, Sequence

from serin_operator.api.names import COMPONENT_COLLECTOR, COMPONENT_SERVER
from serin_operator.api.reasons import Reason
from serin_operator.decide.health import beside, missing, warnings
from serin_operator.decide.health.refusals import refused
from serin_operator.decide.health.said import last_line
from serin_operator.decide.memory.states import Refusal
from serin_operator.decide.world import Pod, Revision

IMAGE_PROBLEMS = frozenset({"ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull"})
SOURCE_PROBLEMS = frozenset(
    {
        Reason.SOURCE_NOT_FOUND,
        Reason.SOURCE_FORBIDDEN,
        Reason.SOURCE_UNREACHABLE,
        Reason.SOURCE_CHANGED,
        Reason.DIGEST_MISMATCH,
    }
)
"""What a serving pod says of its model's source: that place is in trouble, not the model nor the pod."""


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
            return not_created(message)
    pods = [p for p in revision.pods if p.component == component]
    return most_telling([p for p in pods if not p.terminating and not p.ready]) or _given_up(revision, pods)


def _given_up(revision: Revision, pods: Sequence[Pod]) -> Refusal | None:
    """The newest pod that its node gave up, while one is lacking: each that replaces it may fare the same."""
    there = [p for p in pods if not p.terminating]
    wanted = revision.deployment.replicas if revision.deployment else len(there)
    gone = [p for p in pods if p.given_up]
    if not gone or sum(p.ready for p in there) >= wanted:
        return None
    newest = max(gone, key=lambda p: p.created_at)
    return Refusal(Reason.PODS_NOT_READY, f"pod {newest.name} was given up by its node: {newest.given_up}")


def hint_of(revision: Revision, component: str = "server") -> str | None:
    """What pods wait for although nothing is wrong (yet): for deadlines, which would else say that nobody knows."""
    pods = [p for p in revision.pods if p.component == component and not p.terminating and not p.ready]
    return next((hint for pod in pods if (hint := beside.hint_of_pod(pod) or warnings.hint_of_pod(pod))), None)


def not_created(message: str) -> Refusal:
    """Why pods do not even exist, in the words of whoever should make them."""
    said = refused(message)
    return Refusal(said.reason, f"pods cannot be created: {said.message}")


def most_telling(pods: Sequence[Pod]) -> Refusal | None:
    """The first pod's reason that is its own or the spec's; else what goes on beside, and at last what events say."""
    for look in (_of_our_container, beside.trouble_of_pod, warnings.trouble_of_pod):
        if found := next((problem for pod in pods if (problem := look(pod))), None):
            return found
    return None


def words_of(pod: Pod) -> str:
    """How the container of ``pod`` ended last, in a few words."""
    if said := report_of(pod.last_words):
        return said.message
    if pod.last_exit_reason == "OOMKilled":
        return "killed at its memory limit; raise runtime.resources.limits.memory"
    # Without a termination message of its own there is the end of its log.
    line = last_line(pod.last_words)
    return f"exit code {pod.last_exit_code}" + (f"; its log ends with: {line}" if line else "")


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


def _of_our_container(pod: Pod) -> Refusal | None:
    where = f"pod {pod.name}"
    if pod.unschedulable:
        return missing.no_node(pod, where)
    if pod.waiting_reason in IMAGE_PROBLEMS:
        return missing.no_image(pod, where)
    if lacking := missing.not_started(pod, where):
        return lacking
    if pod.silent:
        return Refusal(Reason.NODE_UNREACHABLE, f"nothing is heard of node {pod.node} any more, and so of {where}")
    if pod.container_ready:
        return None  # what it went through is over: the pod waits for something else
    if pod.last_exit_reason == "OOMKilled":
        is_collector = pod.component == COMPONENT_COLLECTOR
        advice = "lower spec.predictionLog.sample" if is_collector else "raise runtime.resources.limits.memory"
        return Refusal(Reason.OUT_OF_MEMORY, f"{where} was killed at its memory limit; {advice}")
    if said := report_of(pod.last_words):
        if pod.component == COMPONENT_SERVER and said.reason in SOURCE_PROBLEMS:
            return _source_problem(where, said)
        return Refusal(said.reason, f"{where}: {said.message}")
    if pod.restarts or pod.last_exit_code:
        times = "once" if pod.restarts <= 1 else f"{pod.restarts} times"
        return Refusal(Reason.CRASH_LOOP, f"{where} ended {times}: {words_of(pod)}")
    return None
