"""Notices: what people outside the cluster hear of, from the Events of a decision and from the conditions before and after it."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from serin_operator.api.notify import Notify, Occasion
from serin_operator.api.reasons import ConditionType, EventReason, Reason
from serin_operator.api.status import Condition, ModelDeploymentStatus
from serin_operator.decide.memory.outbox import Announcement, Content, Notice
from serin_operator.decide.memory.states import Refusal
from serin_operator.decide.telling.conditions import HELD_BY_PEOPLE
from serin_operator.decide.world import World

OCCASION_OF: Final = {
    EventReason.ROLLOUT_STARTED: Occasion.STARTED,
    EventReason.STEP_STARTED: Occasion.STEP,
    EventReason.SWITCHED: Occasion.STEP,
    EventReason.STALLED: Occasion.HELD,
    EventReason.DEADLINE_EXCEEDED: Occasion.HELD,
    EventReason.PROMOTED: Occasion.PROMOTED,
    EventReason.ROLLED_BACK: Occasion.ROLLED_BACK,
    EventReason.GUARD_FAILED: Occasion.GUARD_FAILED,
    EventReason.PREFLIGHT_FAILED: Occasion.PREFLIGHT_FAILED,
    EventReason.ABORTED: Occasion.ABORTED,
    EventReason.SUPERSEDED: Occasion.SUPERSEDED,
}
ENDINGS: Final = frozenset(
    {
        Occasion.PROMOTED,
        Occasion.ROLLED_BACK,
        Occasion.PREFLIGHT_FAILED,
        Occasion.ABORTED,
        Occasion.SUPERSEDED,
    }
)
MOST_NAMED: Final = 8

Happening = tuple[Occasion, str, str]
"""What it is, its reason, and the sentence."""


def notices(world: World, told: ModelDeploymentStatus, said: Iterable[Content]) -> list[Notice]:
    """What this decision has to tell to whom; nobody hears of a status that does not change.

    Args:
        world: With status as it was.
        told: Status as it will be.
        said: The Events of the decision among what else it tells.
    """
    if not (wanted := _subscriptions(world)):
        return []
    found = []
    for occasion, reason, message in _happenings(world.mdep.status, told, [*said]):
        to = tuple(each.channel for each in wanted if occasion in each.occasions)
        if to:
            version, stable = _version(world, told, occasion), told.stable.version if told.stable else None
            found.append(Notice(occasion.value, reason, message, to, world.now, version, stable))
    return found


def unknown_channels(world: World) -> Refusal | None:
    """Channels that the spec names and the installation does not have."""
    known = world.config.channels
    unknown = [each.channel for each in world.mdep.spec.notify or () if each.channel not in known]
    if not unknown:
        return None
    there = f"there are {', '.join(sorted(known)[:MOST_NAMED])}" if known else "there is none"
    said = f"spec.notify names {', '.join(unknown)}, and of channels {there}"
    return Refusal(Reason.CHANNEL_UNKNOWN, f"{said}; name one of those, or add it to notify.channels of the chart")


def _subscriptions(world: World) -> Sequence[Notify]:
    """Those that lead anywhere."""
    asked = world.mdep.spec.notify
    wanted = world.config.notify if asked is None else asked
    return [each for each in wanted if each.channel in world.config.channels]


def _happenings(
    before: ModelDeploymentStatus, told: ModelDeploymentStatus, said: Iterable[Content]
) -> Iterator[Happening]:
    announced = [each for each in said if isinstance(each, Announcement)]
    found = [(occasion, a.reason, a.message) for a in announced if (occasion := _occasion(a)) is not None]
    yield from found
    was, now = _alarm(before), _alarm(told)
    if now is not None and (was is None or (was.type, was.reason) != (now.type, now.reason)):
        if now.type == ConditionType.PROGRESSING:
            yield Occasion.HELD, now.reason, now.message
        elif now.type == ConditionType.DEGRADED:
            yield Occasion.SOURCE_CHANGED, now.reason, now.message
    if was is not None and now is None and all(occasion is not Occasion.PROMOTED for occasion, *_ in found):
        fine = _condition(told, ConditionType.READY)
        yield Occasion.RECOVERED, was.reason, fine.message if fine else "it goes on"


def _occasion(announcement: Announcement) -> Occasion | None:
    reason = EventReason.of(announcement.reason)
    return OCCASION_OF.get(reason) if reason is not None else None


def _alarm(status: ModelDeploymentStatus) -> Condition | None:
    """What a person should hear of for as long as it is so: it is stalled, people hold it, or its source has changed."""
    stalled, progressing, degraded = (
        _condition(status, kind) for kind in (ConditionType.STALLED, ConditionType.PROGRESSING, ConditionType.DEGRADED)
    )
    if stalled and stalled.status == "True":
        return stalled
    if progressing and progressing.status == "False" and progressing.reason in HELD_BY_PEOPLE:
        return progressing
    return degraded if degraded and degraded.reason == Reason.SOURCE_CHANGED else None


def _condition(status: ModelDeploymentStatus, kind: ConditionType) -> Condition | None:
    return next((each for each in status.conditions or () if each.type == kind), None)


def _version(world: World, told: ModelDeploymentStatus, occasion: Occasion) -> str:
    """The version that it is about: an ending is about the one that was on its way."""
    status = world.mdep.status if occasion in ENDINGS else told
    before = world.mdep.status
    if occasion is Occasion.GUARD_FAILED and before.stable:
        return before.stable.version
    if occasion is Occasion.ROLLED_BACK and before.hold and before.hold.guard_of:
        return before.hold.guard_of  # what is on its way is the version that replaces it
    if status.canary:
        return status.canary.version
    return told.stable.version if told.stable and occasion not in ENDINGS else world.mdep.spec.model.version
