"""Events about what does not move, from the conditions before and after a decision."""

from collections.abc import Iterable, Iterator

from serin_operator.api.reasons import ConditionType, EventReason, Reason
from serin_operator.api.status import ModelDeploymentStatus
from serin_operator.decide.children.operations import Adopt, Operation
from serin_operator.decide.memory.outbox import Announcement
from serin_operator.decide.world import World


def alarms(world: World, status: ModelDeploymentStatus, todo: Iterable[Operation]) -> Iterator[Announcement]:
    """Tell once that a person must act, and again only for another reason; and what was adopted."""
    before = next((c for c in world.mdep.status.conditions or () if c.type == ConditionType.STALLED), None)
    now = next(c for c in status.conditions or () if c.type == ConditionType.STALLED)
    told = before is not None and (before.status, before.reason) == (now.status, now.reason)
    if now.status == "True" and not told:
        late = now.reason == Reason.DEADLINE_EXCEEDED
        reason = EventReason.DEADLINE_EXCEEDED if late else EventReason.STALLED
        yield Announcement(reason, now.message, warning=True)
    fought = {each.ref for each in world.obstacles if each.reason == Reason.FOUGHT_OVER}
    if adopted := [f"{op.ref.kind} {op.ref.name}" for op in todo if isinstance(op, Adopt) and op.ref not in fought]:
        yield Announcement(EventReason.ADOPTED, f"orphans were adopted: {', '.join(adopted)}")
