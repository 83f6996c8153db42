"""What this process has made so before, which tells an edit by somebody else from an intent that has changed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from serin_operator.act.fights import Fights
from serin_operator.act.unchanged import digest
from serin_operator.api.names import ObjectRef


@dataclass
class Made:
    """The children of one ModelDeployment as they were last written.

    Forgotten with the process: only Events and patience need it.
    """

    owner_uid: str
    fights: Fights = field(default_factory=Fights)
    _intents: dict[ObjectRef, tuple[str, str] | None] = field(default_factory=dict)
    _replicas: dict[ObjectRef, int] = field(default_factory=dict)
    _in_the_way: dict[ObjectRef, float] = field(default_factory=dict)

    def was_made(self, ref: ObjectRef) -> bool:
        """Whether the object was there once, and was not deleted by us."""
        return ref in self._intents

    def was_undone(self, ref: ObjectRef, intent: Mapping[str, Any], observed: str, after: str) -> bool:
        """Whether applying ``intent`` again changed an object that had been made so already.

        Args:
            ref: The object.
            intent: What was applied just now.
            observed: Its resourceVersion before.
            after: Its resourceVersion after; the same, if nothing had to be changed.
        """
        known, version = self._intents.get(ref) or ("", "")
        return known == digest(intent) and observed not in {version, after}

    def note_birth(self, ref: ObjectRef) -> None:
        """Remember an object that was created; what its first apply changes was done by the cluster, not by a person."""
        self._intents[ref] = None

    def note(self, ref: ObjectRef, intent: Mapping[str, Any], version: str) -> None:
        """Remember what was written, or found to be so."""
        self._intents[ref] = (digest(intent), version)

    def was_scaled_to(self, ref: ObjectRef, replicas: int) -> bool:
        """Whether ``replicas`` had been set before; remembers it."""
        before = self._replicas.get(ref)
        self._replicas[ref] = replicas
        return before == replicas

    def seconds_in_the_way(self, ref: ObjectRef, now: float) -> float:
        """For how long an object of somebody else has had a name that is needed, as far as was seen."""
        return max(0.0, now - self._in_the_way.setdefault(ref, now))

    def out_of_the_way(self, ref: ObjectRef) -> None:
        """The name is free, or ours."""
        self._in_the_way.pop(ref, None)

    def forget(self, ref: ObjectRef) -> None:
        """We have deleted it ourselves."""
        self._intents.pop(ref, None)
        self._replicas.pop(ref, None)
        self._in_the_way.pop(ref, None)
        self.fights.forget(ref)
