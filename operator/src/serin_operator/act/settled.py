"""What is known to be as intended, so that nothing is compared again while nothing has changed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from serin_operator.act.unchanged import digest
from serin_operator.api.names import ObjectRef
from serin_operator.cluster.store import Key, Store, parent_of, ref_of

JsonObject = dict[str, Any]

_MOVES_BY_ITSELF: Final = frozenset({"resourceVersion", "generation"})


@dataclass(frozen=True, slots=True)
class _Settled:
    """An intent, and an object that is as it says."""

    intent: str
    matters: str
    """Of the object, what an apply could change."""
    version: str
    """Its resourceVersion when that was seen last: nothing need be compared while it stays."""


class SettledIntents:
    """Remembers which objects are as intended, by whose they are.

    Args:
        store: What is known of the cluster.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._by_owner: dict[Key | None, dict[ObjectRef, _Settled]] = {}

    def holds(self, obj: Mapping[str, Any], intent: str) -> bool:
        """Whether nothing that matters has changed since the object was found to be as intended."""
        ref = ref_of(obj)
        last, version = self._by_owner.get(parent_of(obj), {}).get(ref), self._store.version(ref)
        if last is None or version is None or last.intent != intent:
            return False
        if last.version == version:
            return True
        known = self._store.get(ref)
        is_same = known is not None and last.matters == _what_matters(known)
        if is_same:
            self._by_owner[parent_of(obj)][ref] = replace(last, version=version)
        return is_same

    def note(self, obj: Mapping[str, Any], intent: str, known: JsonObject) -> None:
        """The object is as intended, as it is known now."""
        settled = _Settled(intent, _what_matters(known), known["metadata"]["resourceVersion"])
        self._by_owner.setdefault(parent_of(obj), {})[ref_of(obj)] = settled

    def drop(self, ref: ObjectRef) -> None:
        """The object is about to go."""
        owner = self._store.owner(ref)
        mine = self._by_owner.get(owner, {})
        mine.pop(ref, None)
        if not mine:
            self._by_owner.pop(owner, None)

    def forget(self, owner: Key) -> None:
        """Give up everything of an owner that is gone."""
        self._by_owner.pop(owner, None)


def _what_matters(known: JsonObject) -> str:
    """A short name for all of an object that an apply could change, or depends on; status is none of it."""
    metadata = {key: value for key, value in known["metadata"].items() if key not in _MOVES_BY_ITSELF}
    return digest({**known, "metadata": metadata, "status": None})
