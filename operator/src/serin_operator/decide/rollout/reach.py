"""How far what a stage wants is so, and which stages can never be as they are written."""

from dataclasses import replace

from serin_operator.api import names
from serin_operator.api.reasons import Reason
from serin_operator.decide.memory.states import Holding, Moving, Reaching, Refusal, Rollout
from serin_operator.decide.rollout.intent import Intent, contradiction
from serin_operator.decide.traffic.provider import provider_of
from serin_operator.decide.traffic.split import Force, Pinned
from serin_operator.decide.wanted.settings import Settings
from serin_operator.decide.world import World


def force_of(world: World, rollout: Moving, intent: Intent) -> Force:
    """How far the traffic that the state wants is in force; of a stage without traffic, also whether its pods are there."""
    if intent.lack:
        return Force(is_reached=False, share=0, waits_for=intent.lack.message, lack=intent.lack)
    force = provider_of(world).force(world, intent.traffic, intent.replicas)
    ours = rollout.candidate.revision
    if intent.gives and force.is_reached:
        said = f"the version that serves gives {intent.gives} more of its pods to {rollout.candidate.version}, as those get ready"
        return replace(force, is_reached=False, waits_for=said)
    is_idle = isinstance(intent.traffic, Pinned) and intent.traffic.revision != ours
    if not is_idle or not isinstance(rollout, Reaching | Holding) or not force.is_reached:
        return force
    wanted, ready = intent.replicas.get(ours, 0), world.revision(ours).ready
    if ready < max(1, wanted - 1):  # give or take a pod, as a weight is
        return _lacking(f"{ready} of {wanted} pods of {rollout.candidate.version} are ready")
    if intent.preview and not leads_preview_to(world, ours):
        service = names.preview_service(world.mdep.name)
        return _lacking(f"Service {service} does not select {rollout.candidate.version} yet")
    return Force(is_reached=True, share=0, is_exact=ready >= wanted)


def _lacking(what: str) -> Force:
    return Force(is_reached=False, share=0, waits_for=what)


def leads_preview_to(world: World, revision: str) -> bool:
    """Whether the preview Service, as observed, selects ``revision``."""
    service = world.preview_service
    return service is not None and service.selector.get(names.LABEL_REVISION) == revision


def refused_stage(world: World, rollout: Rollout, settings: Settings) -> Refusal | None:
    """The first stage, from the present one on, that cannot be: who splits the requests cannot do it, or pods cannot make its weight."""
    first, provider = rollout.stage if isinstance(rollout, Reaching | Holding) else 0, provider_of(world)
    for stage in settings.stages[first:]:
        if lack := provider.refuses(world, stage):
            return Refusal(lack.reason, lack.message)
        if said := contradiction(world, stage, settings.replicas):
            return Refusal(Reason.INVALID_SPEC, f"spec.rollout.{stage.said}: {said}")
    return None
