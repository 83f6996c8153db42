"""What the resolve Job found, or why it cannot: read from our container, whatever was injected beside it.

An injected container that never ends keeps its Job from ever being complete or failed, so the end of ours counts.
"""

import re
from typing import Any, Final

from serin_operator.api import names
from serin_operator.api.reasons import Reason
from serin_operator.api.status_of_versions import MeasuredStatus, OptimizedStatus, PreflightStatus, SignatureStatus
from serin_operator.decide.health import commanded
from serin_operator.decide.health.diagnosis import most_telling, not_created, parsed, report_of
from serin_operator.decide.manifests.children import EXIT_PERMANENT
from serin_operator.decide.memory.states import Candidate, Refusal
from serin_operator.decide.world import Pod, ResolveJob, World

JsonObject = dict[str, Any]

LONGEST_URI: Final = 2048
_MOST_GATES: Final = 8
_STORE: Final = "store"
_KNOWS_OF_NO_STORE: Final = PreflightStatus(
    name=_STORE,
    verdict="Warn",
    message="not kept, so pods need its source: the serving image is of a release that knows of no store;"
    " correct spec.runtime.image",
)
_OPTIMIZE: Final = "optimize"
_KNOWS_OF_NO_VARIANTS: Final = PreflightStatus(
    name=_OPTIMIZE,
    verdict="Warn",
    message="the original is served: the serving image is of a release that knows of no variants; correct spec.runtime.image",
)
_TENSORS: Final = ("inputs", "outputs", "optional")
_MOST_TENSORS: Final = 64
_LONGEST_SIGNER: Final = 256

_TOLD_WITHIN_SECONDS: Final = 5.0
"""A kubelet tells that a container has ended, and a moment later that its pod has."""


def current_job(world: World, candidate: Candidate) -> ResolveJob | None:
    """The resolve Job of this attempt; those of attempts before it tell nothing any more."""
    name = names.resolve_job(world.mdep.name, candidate.revision, candidate.attempt)
    return next((j for j in world.revision(candidate.revision).jobs if j.meta.name == name), None)


def found_digest(world: World, candidate: Candidate) -> str | None:
    """The digest that the resolve Job reports, once our container has ended well, and the command of the preflight too."""
    if current_job(world, candidate) is None:
        return None
    for pod in _pods(world, candidate):
        said = parsed(pod.last_words)
        if pod.ended and said and said.get("ok") and isinstance(said.get("sha256"), str):
            return str(said["sha256"]) if _lets_pass(world, candidate, pod) else None
    return None


def _lets_pass(world: World, candidate: Candidate, pod: Pod) -> bool:
    if not commanded.is_asked(world, pod):
        return True
    row = commanded.row_of(world, candidate, pod)
    return row is not None and commanded.refusal_of(row) is None


def is_commanded(world: World, candidate: Candidate) -> bool:
    """Whether the model is resolved, and the command of the preflight runs, which has a time of its own."""
    return any(commanded.is_under_way(world, candidate, pod) for pod in _pods(world, candidate) if not pod.terminating)


def found_uri(world: World, candidate: Candidate) -> str | None:
    """The name that does not move, by which the resolve Job has found the model; None where the spec's own does not move."""
    said = [parsed(pod.last_words) or {} for pod in _pods(world, candidate)]
    uri = next((each.get("resolvedUri") for each in said if each.get("ok")), None)
    is_usable = (
        isinstance(uri, str) and len(uri) <= LONGEST_URI and uri.isprintable() and _place(uri) == _place(candidate.uri)
    )
    return str(uri) if is_usable else None


def found_rows(world: World, candidate: Candidate) -> list[PreflightStatus] | None:
    """What the gates of the preflight said, whether they let the candidate pass or not."""
    for pod in _pods(world, candidate):
        said = parsed(pod.last_words) or {}
        rows = said.get("preflight")
        found = [row for each in rows if (row := _row(each))] if isinstance(rows, list) else []
        if said.get("ok") and world.config.store_of(world.mdep) and not any(row.name == _STORE for row in found):
            found.append(_KNOWS_OF_NO_STORE)
        if said.get("ok") and world.mdep.spec.model.optimize and not any(row.name == _OPTIMIZE for row in found):
            found.append(_KNOWS_OF_NO_VARIANTS)
        if row := commanded.row_of(world, candidate, pod):
            found = [*found[: _MOST_GATES - 1], row]
        if pod.ended and found:
            return found[:_MOST_GATES]
    return None


def found_signature(world: World, candidate: Candidate) -> SignatureStatus | None:
    """What the candidate takes and gives; None where an image of an earlier release resolves, or nothing can be made of it."""
    for pod in _pods(world, candidate):
        said = parsed(pod.last_words) or {}
        if pod.ended and isinstance(said.get("inputs"), list) and isinstance(said.get("outputs"), list):
            return _signature(said)
    return None


def _signature(said: JsonObject) -> SignatureStatus | None:
    lists = {side: said[side] for side in _TENSORS if said.get(side)}
    is_cut = bool(said.get("truncated")) or any(len(tensors) > _MOST_TENSORS for tensors in lists.values())
    fields = {
        "signatureDigest": said.get("signatureDigest"),
        **{side: tensors[:_MOST_TENSORS] for side, tensors in lists.items()},
        "classes": said.get("classes"),
        "truncated": is_cut or None,
    }
    try:
        return SignatureStatus.model_validate(fields)
    except ValueError:  # whoever made the image; what it says decides nothing here
        return None


def found_measured(world: World, candidate: Candidate) -> MeasuredStatus | None:
    """What the gate `budget` has measured of the candidate."""
    said = [parsed(pod.last_words) or {} for pod in _pods(world, candidate) if pod.ended]
    numbers = next((each["measured"] for each in said if isinstance(each.get("measured"), dict)), None)
    try:
        return MeasuredStatus.model_validate(numbers) if numbers else None
    except ValueError:  # whoever made the image; it is compared with nothing then
        return None


def found_optimized(world: World, candidate: Candidate) -> OptimizedStatus | None:
    """Which variant of the candidate's model is to be served; None: the model as it is."""
    said = [parsed(pod.last_words) or {} for pod in _pods(world, candidate) if pod.ended]
    about = next((each["optimized"] for each in said if each.get("ok") and each.get("optimized")), None)
    try:
        return OptimizedStatus.model_validate(about) if about else None
    except ValueError:  # whoever made the image: its digest lies in no store that pods know of
        return None


def found_signer(world: World, candidate: Candidate) -> str | None:
    """Who has signed the candidate's model, by the resolve Job that was asked for it."""
    said = [parsed(pod.last_words) or {} for pod in _pods(world, candidate) if pod.ended]
    signer = next((each.get("signer") for each in said if each.get("ok")), None)
    return signer[:_LONGEST_SIGNER] if isinstance(signer, str) and signer.isprintable() else None


def _row(said: object) -> PreflightStatus | None:
    if not isinstance(said, dict):
        return None
    name, verdict, message = (str(said.get(key, "")) for key in ("name", "verdict", "message"))
    return PreflightStatus(name=name[:63], verdict=verdict[:16], message=message[:256])


def _place(uri: str) -> tuple[str, str]:
    """Scheme and host: what a Job found is the same model in the same store."""
    scheme, _, rest = uri.partition("://")
    return scheme, re.split("[/@]", rest, maxsplit=1)[0]


def refusal_of_job(world: World, candidate: Candidate) -> Refusal | None:
    """Why the candidate can never be resolved as it is: the Job has failed, or will as soon as what was injected ends."""
    job = current_job(world, candidate)
    for pod in _pods(world, candidate) if job else []:
        if row := commanded.row_of(world, candidate, pod):
            return commanded.refusal_of(row)
        if commanded.is_under_way(world, candidate, pod) and not pod.terminating and not pod.given_up:
            return None
    if job is None or not (job.failed or _failed_for_good(world, candidate)):
        return None
    found = trouble_of_job(world, candidate)
    return found or Refusal(Reason.RESOLVE_FAILED, f"the resolve Job failed: {job.failed_message or 'no reason given'}")


def is_kept_from_trying_again(world: World, candidate: Candidate) -> bool:
    """Whether our container has ended with a failure that may pass, and an injected one keeps the pod, so the Job waits.

    Only a new Job tries again: delete it.
    """
    held = [p for p in _pods(world, candidate) if _is_held(p) and not _has_just_ended(world, p)]
    return bool(held) and found_digest(world, candidate) is None and not _failed_for_good(world, candidate)


def trouble_of_job(world: World, candidate: Candidate) -> Refusal | None:
    """What the newest pod of the resolve Job says, or what keeps it from having one."""
    pods = _pods(world, candidate)
    for pod in pods:
        if said := report_of(pod.last_words):
            about = "" if candidate.shown_uri in said.message else f"{candidate.shown_uri}: "
            return Refusal(said.reason, f"{about}{said.message}")
        if pod.last_exit_reason == "OOMKilled":
            return Refusal(
                Reason.OUT_OF_MEMORY,
                f"loading {candidate.shown_uri} took more than runtime.resources.limits.memory: raise it, or use a smaller model",
            )
        if commanded.is_under_way(world, candidate, pod) and (said := commanded.trouble_of(pod)):
            return said
    job = current_job(world, candidate)
    if not pods and job and (said_of_it := [message for message in job.refusals if message]):
        return not_created(said_of_it[-1])
    return most_telling([pod for pod in pods if not pod.terminating and not _does_its_work(pod)])


def _pods(world: World, candidate: Candidate) -> list[Pod]:
    name = names.resolve_job(world.mdep.name, candidate.revision, candidate.attempt)
    pods = [p for p in world.revision(candidate.revision).pods if p.component == names.COMPONENT_RESOLVE]
    return sorted((p for p in pods if p.job == name), key=lambda p: p.created_at, reverse=True)


def _does_its_work(pod: Pod) -> bool:
    """Whether our container runs, or has ended well: what goes on beside it does not matter to a Job."""
    return (pod.container_ready and not pod.silent) or (pod.ended and pod.last_exit_code == 0)


def _is_held(pod: Pod) -> bool:
    has_more_to_run = pod.command is not None and pod.command.exit_code is None
    return pod.ended and pod.phase == "Running" and not pod.terminating and not has_more_to_run


def _has_just_ended(world: World, pod: Pod) -> bool:
    """Whether its kubelet may still be about to say that all of the pod has ended."""
    return pod.ended_at is not None and (world.now - pod.ended_at).total_seconds() < _TOLD_WITHIN_SECONDS


def _failed_for_good(world: World, candidate: Candidate) -> bool:
    pods = _pods(world, candidate)[:1]
    return any(_is_held(p) and (p.last_exit_code == EXIT_PERMANENT or p.last_exit_reason == "OOMKilled") for p in pods)
