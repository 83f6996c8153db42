"""What people stopped and asked for, to status and back."""

from collections.abc import Iterable

from serin_operator.api.steering import ActionStatus, HoldStatus, PauseStatus
from serin_operator.decide.memory.actions import MOST_RECORDS, Fate, Record, Records
from serin_operator.decide.memory.stops import Hold, Pause
from serin_operator.decide.timestamps import parse, precise


def written_actions(records: Records) -> list[ActionStatus] | None:
    """The records, newest first."""
    return [
        ActionStatus(
            action=each.action,
            at=precise(each.at),
            by=each.by,
            outcome=each.fate.value,
            message=each.message,
            revision=each.revision,
        )
        for each in records
    ] or None


def recalled_actions(actions: Iterable[ActionStatus] | None) -> Records:
    """Inverse. Raises ValueError for what no operator wrote."""
    return tuple(
        Record(each.action, parse(each.at), Fate(each.outcome), each.message, each.by, each.revision)
        for each in actions or ()
    )[:MOST_RECORDS]


def written_pause(pause: Pause | None) -> PauseStatus | None:
    """Who paused, and since when."""
    return PauseStatus(since=precise(pause.since), by=pause.by) if pause else None


def recalled_pause(pause: PauseStatus | None) -> Pause | None:
    """Inverse."""
    return Pause(parse(pause.since), pause.by) if pause else None


def written_hold(hold: Hold | None) -> HoldStatus | None:
    """What is held, and against what."""
    if hold is None:
        return None
    return HoldStatus(
        version=hold.version,
        revision=hold.revision,
        instead_of=hold.instead_of,
        since=precise(hold.since),
        by=hold.by,
        guard_of=hold.guard_of,
    )


def recalled_hold(hold: HoldStatus | None) -> Hold | None:
    """Inverse."""
    if hold is None:
        return None
    return Hold(hold.revision, hold.version, hold.instead_of, parse(hold.since), hold.by, hold.guard_of)
