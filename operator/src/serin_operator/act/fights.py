"""Patience with somebody who undoes what we do: neither gives in, so one has to slow down, and say what it is about."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from serin_operator.act.ownership import entries, is_ours, owns
from serin_operator.act.structure import Path, in_words
from serin_operator.api.names import FIELD_MANAGER, ObjectRef
from serin_operator.api.reasons import Reason
from serin_operator.decide.world import Obstacle

FIRST_PATIENCE_SECONDS: Final = 10.0
LONGEST_PATIENCE_SECONDS: Final = 300.0
_TIMES: Final = 3
_WITHIN_SECONDS: Final = 60.0
_PEACE_SECONDS: Final = 2 * LONGEST_PATIENCE_SECONDS
_LONGEST_VALUE: Final = 80
_MAY_BE_SECRET: Final = frozenset({"env", "args", "command", "annotations"})


@dataclass(slots=True)
class _Fight:
    undone: deque[float] = field(default_factory=lambda: deque(maxlen=_TIMES))
    patience: float = 0.0
    until: float = float("-inf")
    told: Obstacle | None = None


@dataclass(slots=True)
class Fights:
    """What was undone how often, for the children of one ModelDeployment.

    Three times within a minute is a fight: then the object is left alone for ten seconds, and for twice as long each
    time that it is undone again, up to five minutes. Ten minutes of peace end it. All times are seconds of one clock.
    """

    _fights: dict[tuple[ObjectRef, str], _Fight] = field(default_factory=dict)

    def note_undone(self, ref: ObjectRef, what: str, now: float) -> bool:
        """Somebody had undone it, and it was done again at ``now``; returns whether that is a fight."""
        fight = self._fights.setdefault((ref, what), _Fight())
        if fight.undone and not 0 <= now - fight.undone[-1] <= _PEACE_SECONDS:
            fight.undone.clear()
            fight.patience = 0.0
        fight.undone.append(now)
        often = len(fight.undone) == _TIMES and now - fight.undone[0] <= _WITHIN_SECONDS
        if not often and not fight.patience:
            return False
        fight.patience = min(LONGEST_PATIENCE_SECONDS, 2 * fight.patience or FIRST_PATIENCE_SECONDS)
        fight.until = now + fight.patience
        fight.told = None
        return True

    def stands_back(self, ref: ObjectRef, what: str, now: float) -> bool:
        """Whether the object is to be left alone at ``now``."""
        fight = self._fights.get((ref, what))
        return fight is not None and 0 < fight.until - now <= fight.patience

    def told(self, ref: ObjectRef, what: str) -> Obstacle | None:
        """What the present fight is about, if it is known already."""
        fight = self._fights.get((ref, what))
        return fight.told if fight else None

    def tell(self, ref: ObjectRef, what: str, obstacle: Obstacle) -> None:
        """Remember what it is about until it is undone again."""
        self._fights[ref, what].told = obstacle

    def forget(self, ref: ObjectRef) -> None:
        """The object is gone."""
        for key in [key for key in self._fights if key[0] == ref]:
            del self._fights[key]


class Undone(StrEnum):
    """What somebody else can undo of a child; each is a fight of its own."""

    INTENT = "intent"
    SIZE = "size"
    EXISTENCE = "existence"
    LABELS = "labels"
    OWNER = "owner"


_NOBODYS: Final = {
    Undone.EXISTENCE: "is deleted again and again",
    Undone.LABELS: "loses the labels by which Serin knows it again and again",
    Undone.OWNER: "loses its owner, this ModelDeployment, again and again",
}


def fought_away(ref: ObjectRef, what: Undone) -> Obstacle:
    """What leaves no field behind that would tell who did it."""
    message = (
        f"{ref.kind} {ref.name} {_NOBODYS[what]}, and nothing in it tells by whom: the API server's audit log does; make them"
        " leave it alone. Serin puts it right again, less and less often"
    )
    return Obstacle(Reason.FOUGHT_OVER, message, ref)


def fought_over(ref: ObjectRef, path: Path, intent: Mapping[str, Any], live: Mapping[str, Any]) -> Obstacle:
    """Names who sets ``path`` to another value than ours, and both values where they can be no secret."""
    about = in_words(path)
    message = (
        f"{ref.kind} {ref.name} is changed again and again: {_whose(live, path)} sets {about}{_values(path, intent, live)}; "
        f"make it leave {about} alone. Serin puts it right again, less and less often"
    )
    return Obstacle(Reason.FOUGHT_OVER, message, ref)


def _whose(live: Mapping[str, Any], path: Path) -> str:
    owners = [entry for entry in entries(live) if owns(entry.get("fieldsV1") or {}, path)]
    others = [entry for entry in owners if not is_ours(entry) and entry.get("manager") != FIELD_MANAGER]
    if others:
        latest = max(others, key=lambda entry: entry.get("time") or "")
        return f"field manager {latest['manager']}"
    if owners:
        return f"another installation of Serin (field manager {FIELD_MANAGER})"
    return "somebody whose name the object does not have"


def _values(path: Path, intent: Mapping[str, Any], live: Mapping[str, Any]) -> str:
    if not _MAY_BE_SECRET.isdisjoint(step for step in path if isinstance(step, str)):
        return " to something else"
    return f" to {_short(_at(live, path))}, Serin to {_short(_at(intent, path))}"


def _at(obj: object, path: Path) -> object:
    for step in path:
        if isinstance(step, str):
            obj = obj.get(step) if isinstance(obj, Mapping) else None
        elif isinstance(obj, list | tuple):
            obj = next((i for i in obj if all(i.get(k) in {v, None} for k, v in step)), None)
    return obj


def _short(value: object) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"
