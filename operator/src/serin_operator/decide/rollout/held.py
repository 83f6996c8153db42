"""Where things stand while a version is held that a person went back to, and nothing is rolled out."""

from dataclasses import replace

from serin_operator.api.names import ANNOTATION_ACTION
from serin_operator.api.reasons import Reason
from serin_operator.decide.memory.ledger import entry
from serin_operator.decide.memory.memory import Memory
from serin_operator.decide.memory.states import Refusal, Waiting
from serin_operator.decide.memory.stops import Hold
from serin_operator.decide.wanted.settings import Settings
from serin_operator.decide.world import World


def held(world: World, memory: Memory, settings: Settings, hold: Hold, of_stable: Waiting) -> Waiting:
    """What is held, against what, and what ends it.

    Args:
        world: What is observed.
        memory: What is remembered.
        settings: What the spec asks for.
        hold: What the person asked for.
        of_stable: How the version that serves fares.
    """
    if memory.stable is None or memory.stable.revision != hold.revision:
        return _failed(world, memory, settings, hold)
    spec = world.mdep.spec.model.version
    lost = world.revision(hold.revision)
    gone = "; its ControllerRevision and its Deployment are gone, so no pod of it can be made"
    said = f"{of_stable.message}{gone if lost.born is None and lost.deployment is None else ''}"
    until = f"until spec.model changes, or somebody annotates {ANNOTATION_ACTION}=resume@<a new word>"
    message = f"{said}; held by {hold.told}: the spec names {spec}, which is not rolled out {until}"
    return replace(of_stable, reason=Reason.HELD_BY_ROLLBACK, message=message, is_stalled=True)


def _failed(world: World, memory: Memory, settings: Settings, hold: Hold) -> Waiting:
    """The version did not come back, and nobody has said what should be instead."""
    known = entry(memory.ledger, hold.revision)
    came = (
        f"{known.outcome}: {known.message or 'nothing more is known'}" if known else "nothing is known of it any more"
    )
    is_spec = memory.stable is not None and memory.stable.revision == settings.revision
    spec = "" if is_spec else f"; the spec's {world.mdep.spec.model.version} is held back meanwhile"
    message = (
        f"{hold.told} did not bring {hold.version} back ({came}); {who_serves_on(world, memory)}{spec};"
        f" annotate {ANNOTATION_ACTION}=retry@<a new word>, rollback=<another version>@<...> or resume@<...>"
    )
    failed = Refusal(Reason.ROLLBACK_FAILED, message)
    return Waiting(failed.reason, failed.message, is_moving=False, is_stalled=True, degraded=failed)


def who_serves_on(world: World, memory: Memory) -> str:
    """What requests reach, whatever else there is to tell."""
    if memory.stable and world.reached(memory.stable.revision):
        return f"{memory.stable.version} serves on"
    return "nothing serves" if world.mdep.spec.replicas != 0 else "nothing serves, since spec.replicas is 0"
