"""When status is worth a write: every one of them wakes everybody who watches."""

from typing import Any, Final

from serin_operator.decide.timestamps import parse
from serin_operator.decide.world import World

LONGEST_GRAIN_SECONDS: Final = 300.0
WIRE: Final[dict[str, Any]] = {"by_alias": True, "exclude_none": True, "mode": "json"}
_OF_A_GUARD: Final = ("revision", "previousRevision", "since", "until", "verdict", "message")


def settled(world: World, status: dict[str, Any], grain_seconds: float, *, is_at_rest: bool) -> dict[str, Any]:
    """The old status, when only clocks have moved, by less than the grain: every write wakes everybody who watches.

    While a rollout is under way the next write comes soon, and takes along that letters were told. Until then a kill has them
    told again, by the same keys.
    """
    old = world.mdep.status.model_dump(**WIRE)
    if _spent(status) == _spent(old):
        grain_seconds = LONGEST_GRAIN_SECONDS  # only the time of the observation has moved, and nothing is counted
    if world.mdep.unreadable or _moved_much(world, old, grain_seconds):
        return status
    before, after = _without_clocks(old), _without_clocks(status)
    if _is_calm(before, after) if is_at_rest else _was_only_emptied(old, status):
        before["outbox"] = after.get("outbox")
    return old if after == before else status


def _is_calm(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Whether a guard looks on, and nothing but lines of its looks are being told: they are told whether status has them or not."""
    if not (before.get("guard") and after.get("guard")):
        return False
    sides = [side.get("outbox") or [] for side in (before, after)]
    are_lines = all("line" in letter or "notice" in letter for letters in sides for letter in letters)
    return are_lines and _notices(sides[0]) == _notices(sides[1])


def _was_only_emptied(old: dict[str, Any], status: dict[str, Any]) -> bool:
    """Whether letters were taken out of the outbox, and none put in.

    Notices are written down at once: not every receiver knows a second telling by its key.
    """
    before, after = old.get("outbox") or [], status.get("outbox") or []
    return all(letter in before for letter in after) and _notices(before) == _notices(after)


def _notices(letters: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [letter for letter in letters if "notice" in letter]


def _spent(status: dict[str, Any]) -> object:
    """What the clocks have counted."""
    observed = (status.get("canary") or {}).get("observed") or {}
    return [{**observed, "at": None}, (status.get("outage") or {}).get("seconds")]


def _moved_much(world: World, old: dict[str, Any], grain_seconds: float) -> bool:
    """Whether the last observation that was written down lies far back, or ahead of a clock that was set back."""
    canary, outage, guard = old.get("canary"), old.get("outage"), old.get("guard")
    moments = [each["at"] for each in (canary and canary.get("observed"), outage) if each]
    moments += [guard["observedAt"]] if guard else []
    try:
        return any(abs((world.now - parse(at)).total_seconds()) >= grain_seconds for at in moments)
    except ValueError:  # somebody has written something else there
        return True


def _without_clocks(status: dict[str, Any]) -> dict[str, Any]:
    same = {key: value for key, value in status.items() if key != "outage"}
    same["outage"], same["outbox"] = "outage" in status, status.get("outbox")
    if status.get("canary"):
        same["canary"] = {key: value for key, value in status["canary"].items() if key != "observed"}
    if status.get("guard"):
        same["guard"] = _verdicts(status["guard"])
    return same


def _verdicts(guard: dict[str, Any]) -> dict[str, Any]:
    """What of a guard is worth a write at once: its counts and looks can be had again from where they were written down."""
    told = {key: guard.get(key) for key in _OF_A_GUARD}
    rows = [(row["metric"], row["verdict"], row["reason"]) for row in guard.get("analysis") or []]
    return {**told, "analysis": rows}
