"""What the resolve Job of a candidate found, or what keeps it from finding anything."""

from serin_operator.api import names
from serin_operator.api.reasons import Reason
from serin_operator.decide.health.diagnosis import parsed, report_of, trouble_of
from serin_operator.decide.memory.states import Candidate, Refusal
from serin_operator.decide.world import Pod, ResolveJob, World


def current_job(world: World, candidate: Candidate) -> ResolveJob | None:
    """The resolve Job of this attempt."""
    name = names.resolve_job(world.mdep.name, candidate.revision, candidate.attempt)
    return next((j for j in world.revision(candidate.revision).jobs if j.meta.name == name), None)


def _job_pods(world: World, candidate: Candidate) -> list[Pod]:
    name = names.resolve_job(world.mdep.name, candidate.revision, candidate.attempt)
    pods = [p for p in world.revision(candidate.revision).pods if p.component == names.COMPONENT_RESOLVE]
    mine = [p for p in pods if p.job == name]
    return sorted(mine, key=lambda p: p.created_at, reverse=True)


def found_digest(world: World, candidate: Candidate) -> str | None:
    """The digest that the resolve Job reports, once it has."""
    job = current_job(world, candidate)
    if job is None or not job.complete:
        return None
    for pod in _job_pods(world, candidate):
        said = parsed(pod.last_words)
        if said and said.get("ok") and isinstance(said.get("sha256"), str):
            return str(said["sha256"])
    return None


def trouble_of_job(world: World, candidate: Candidate) -> Refusal | None:
    """What the newest pod of the resolve Job says, or what keeps it from having one."""
    for pod in _job_pods(world, candidate):
        said = report_of(pod.last_words)
        if said:
            about = "" if candidate.shown_uri in said.message else f"{candidate.shown_uri}: "
            return Refusal(said.reason, f"{about}{said.message}")
        if pod.last_exit_reason == "OOMKilled":
            return Refusal(
                Reason.OUT_OF_MEMORY,
                f"loading {candidate.shown_uri} took more than runtime.resources.limits.memory: raise it, or use a smaller model",
            )
    revision = world.revision(candidate.revision)
    return trouble_of(revision, names.COMPONENT_RESOLVE, world.job_events)


def refusal_of_job(world: World, candidate: Candidate) -> Refusal | None:
    """Why the resolve Job will not have this candidate, once it has failed."""
    job = current_job(world, candidate)
    if job is None or not job.failed:
        return None
    found = trouble_of_job(world, candidate)
    return found or Refusal(Reason.RESOLVE_FAILED, f"the resolve Job failed: {job.failed_message or 'no reason given'}")
