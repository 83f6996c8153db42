"""Where things stand while nothing is rolled out: the wanted version serves, or why it does not."""

from collections.abc import Iterator
from dataclasses import replace

from serin_operator.api.names import ANNOTATION_ACTION
from serin_operator.api.reasons import Reason
from serin_operator.decide.health.serving import stable_trouble
from serin_operator.decide.memory.ledger import entry, is_rejected
from serin_operator.decide.memory.memory import Memory, Stable
from serin_operator.decide.memory.states import Refusal, Waiting
from serin_operator.decide.rollout.held import held, who_serves_on
from serin_operator.decide.rollout.leaving import said_of_both
from serin_operator.decide.rollout.sizes import live_size_of
from serin_operator.decide.traffic.provider import provider_of
from serin_operator.decide.traffic.split import Lack
from serin_operator.decide.wanted.settings import Settings
from serin_operator.decide.world import World


def standing(world: World, memory: Memory, settings: Settings, blocked: Refusal | None) -> Waiting:
    """What is true of a ModelDeployment without a rollout."""
    if memory.leaving:
        return said_of_both(world, memory, settings, memory.leaving)
    if memory.hold:
        return held(world, memory, settings, memory.hold, _of_stable(world, memory, settings, blocked))
    stable = memory.stable
    lack = provider_of(world).lack(world, stable.revision) if stable else None
    if is_rejected(memory.ledger, settings.revision) and (stable is None or stable.revision != settings.revision):
        has_pods = stable is not None and world.revision(stable.revision).ready > 0
        is_idle_talk = lack is not None and lack.reason is Reason.ENDPOINTS_BEHIND and not has_pods
        return _beside(_rejected(world, memory, settings), None if is_idle_talk else lack)
    return _of_stable(world, memory, settings, blocked)


def _of_stable(world: World, memory: Memory, settings: Settings, blocked: Refusal | None) -> Waiting:
    stable = memory.stable
    if stable is None:
        return _nothing_yet(memory)
    lack, wanted = provider_of(world).lack(world, stable.revision), live_size_of(world, memory, settings)
    if lack and lack.reason is not Reason.ENDPOINTS_BEHIND:
        return _led_elsewhere(lack)
    if not wanted:
        return _asleep(world, stable, blocked)
    if trouble := stable_trouble(world, memory, wanted):
        return Waiting(trouble.reason, trouble.message, degraded=trouble)
    if lack:
        return _led_elsewhere(lack)
    if memory.scaling:
        there = world.reached(stable.revision)
        message = f"{stable.version} serves on {there} of {wanted} pods, and {wanted - there} that were added start"
        return Waiting(Reason.SCALING, message)
    if world.reached(stable.revision) < wanted or not world.reaches_only(stable.revision):
        message = f"{stable.version} is ready on {wanted} pods; the EndpointSlices of Service {world.mdep.name} do not say so yet"
        return Waiting(Reason.ENDPOINTS_BEHIND, message)
    message = "; ".join([f"{stable.version} serves on {wanted} of {wanted} pods", *_beside_serving(memory)])
    if memory.floor and wanted > settings.replicas:
        message = f"{message}, which come down to {settings.replicas} step by step, so that an autoscaler sees each"
        return Waiting(Reason.SERVING, message, degraded=blocked)
    # Told before it is needed: the next version's canary would wait for ever.
    return Waiting(Reason.SERVING, message, is_moving=False, degraded=blocked)


def _beside_serving(memory: Memory) -> Iterator[str]:
    if memory.pause:
        yield f"{memory.pause.told} will hold the next version"
    if memory.guard:
        yield f"it is compared with {memory.guard.previous} further, as status.guard tells"


def _nothing_yet(memory: Memory) -> Waiting:
    if memory.rebuilt_at:
        said = "status was lost, and nothing tells yet which version served; waiting for what is being restored"
        return Waiting(Reason.NO_VERSION_YET, said, degraded=Refusal(Reason.NO_VERSION_YET, said))
    return Waiting(Reason.NO_VERSION_YET, "no version has become ready yet")


def _asleep(world: World, stable: Stable, blocked: Refusal | None) -> Waiting:
    message = f"spec.replicas is 0: {stable.version} has no pods, and starts when it is raised"
    return Waiting(
        Reason.SCALED_TO_ZERO, message, is_moving=bool(world.revision(stable.revision).servers), degraded=blocked
    )


def _led_elsewhere(lack: Lack) -> Waiting:
    """Requests do not go where they should, or not all of them."""
    refusal, stuck = Refusal(lack.reason, lack.message), lack.needs_person
    degraded = None if lack.reason in {Reason.ROUTE_PENDING, Reason.ENDPOINTS_BEHIND} else refusal
    return Waiting(lack.reason, lack.message, is_moving=not stuck, is_stalled=stuck, degraded=degraded)


def _beside(waiting: Waiting, lack: Lack | None) -> Waiting:
    """Also of a rejected version it matters whether requests still go there."""
    return replace(waiting, message=f"{waiting.message}; {lack.message}") if lack else waiting


def _rejected(world: World, memory: Memory, settings: Settings) -> Waiting:
    known = entry(memory.ledger, settings.revision)
    reason = (Reason.of(known.reason) if known else None) or Reason.TARGET_REJECTED
    serving = who_serves_on(world, memory)
    way_out = f"change spec.model, or annotate {ANNOTATION_ACTION}=retry@<a new word>"
    what = f"{known.version} {known.outcome}: {known.message or 'nothing more is known'}" if known else "rejected"
    message = f"{what}; {serving}; {way_out}"
    return Waiting(reason, message, is_moving=False, is_stalled=True, degraded=Refusal(reason, message))
