"""What the watches have told so far, so that a reconcile needs no LIST, and as a rule no GET.

A LIST by label in every reconcile makes the whole operator quadratic, so all ModelDeployments and their children are
kept here: as JSON bytes (a parsed Deployment is ten times as large), stripped of what nobody decides by.

Two writers feed it: the watches with their listings, and our own writes. They may arrive in any order; what is
newer by ``resourceVersion`` wins (comparable numbers, as Kubernetes promises since 1.35 and always kept), and what
was deleted leaves a tombstone, so that a late event cannot raise it. So a reconcile never sees a state older than
the one it wrote itself.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, NamedTuple

import orjson

from serin_operator.api.names import KIND, LABEL_MODEL_DEPLOYMENT, ObjectRef
from serin_operator.cluster.resources import (
    CHILDREN,
    MODEL_DEPLOYMENTS,
    WATCHED_IF_ASKED,
    WATCHED_IF_THERE,
    Resource,
)
from serin_operator.cluster.slim import slim

JsonObject = dict[str, Any]

_TOMBSTONE_SECONDS: Final = 900.0
_CHILD_KINDS: Final = frozenset(resource.kind for resource in (*CHILDREN, *WATCHED_IF_THERE, *WATCHED_IF_ASKED))


class Key(NamedTuple):
    """A ModelDeployment by namespace and name; what the work queue holds."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class _Entry:
    uid: str
    version: float
    parent: Key
    json: bytes


@dataclass(frozen=True, slots=True)
class _Tombstone:
    version: float
    """Nothing of this object up to this version may come back; infinite when the object is gone for good."""
    at: float


@dataclass(frozen=True, slots=True)
class Mark:
    """One state of one object, without the object."""

    ref: ObjectRef
    uid: str
    version: float


class Store:
    """The children of every ModelDeployment, and which ModelDeployments there are."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._entries: dict[ObjectRef, _Entry] = {}
        self._by_parent: defaultdict[Key, set[ObjectRef]] = defaultdict(set)
        self._by_place: defaultdict[tuple[str, str], dict[str, set[ObjectRef]]] = defaultdict(dict)
        self._tombstones: dict[str, _Tombstone] = {}
        self._doubted: set[ObjectRef] = set()

    def put(self, obj: Mapping[str, Any]) -> Key | None:
        """Take in an object as seen by a watch, a LIST or an answer; return whose it is, or ``None`` if nobody's."""
        parent = parent_of(obj)
        ref = ref_of(obj)
        self._doubted.discard(ref)
        uid, version = _incarnation(obj)
        known = self._entries.get(ref)
        tombstone = self._tombstones.get(uid)
        if tombstone is not None and version <= tombstone.version:
            return parent
        if known is not None and known.version > version:
            return parent
        if parent is None:
            self._drop(ref)
            return None
        if known is not None and known.parent != parent:
            self._drop(ref)
        # A copy, because what orjson hands out lies in a buffer of up to six times its size.
        self._entries[ref] = _Entry(uid, version, parent, bytes(memoryview(orjson.dumps(slim(obj)))))
        self._by_parent[parent].add(ref)
        if known is None or known.parent != parent:
            self._by_place[ref.api_version, ref.kind].setdefault(ref.namespace, set()).add(ref)
        return parent

    def remove(self, obj: Mapping[str, Any]) -> Key | None:
        """Take in a DELETED event: the object is gone, or has lost our label, as of the event's resourceVersion."""
        uid, version = _incarnation(obj)
        ref = ref_of(obj)
        known = self._entries.get(ref)
        self._bury(uid, version)
        if known is not None and (known.uid != uid or known.version > version):
            return known.parent
        self._drop(ref)
        return parent_of(obj) or (known.parent if known is not None else None)

    def forget(self, ref: ObjectRef, uid: str | None) -> None:
        """Our own DELETE went through at once: this incarnation never comes back."""
        known = self._entries.get(ref)
        gone = uid or (known.uid if known is not None else None)
        if gone is not None:
            self._bury(gone, math.inf)
        if known is not None and known.uid == gone:
            self._drop(ref)

    def get(self, ref: ObjectRef) -> JsonObject | None:
        """A fresh copy of one object as last seen."""
        entry = self._entries.get(ref)
        return None if entry is None else orjson.loads(entry.json)

    def doubt(self, ref: ObjectRef) -> None:
        """The API server has refused what was decided by this object as it is here: it is newer there."""
        if ref in self._entries:
            self._doubted.add(ref)

    def is_doubted(self, ref: ObjectRef) -> bool:
        """Whether it is known to be newer elsewhere, and nothing has been heard of it since."""
        return ref in self._doubted

    def owner(self, ref: ObjectRef) -> Key | None:
        """Whose an object is, as last seen."""
        entry = self._entries.get(ref)
        return None if entry is None else entry.parent

    def version(self, ref: ObjectRef) -> str | None:
        """The resourceVersion of an object as last seen."""
        entry = self._entries.get(ref)
        return None if entry is None else str(entry.version)

    def children(self, parent: Key) -> dict[str, list[JsonObject]]:
        """Fresh copies of all children of a ModelDeployment, by kind, sorted by name."""
        found: dict[str, list[JsonObject]] = {kind: [] for kind in _CHILD_KINDS}
        for ref in sorted(self._by_parent.get(parent, ()), key=lambda ref: ref.name):
            if ref.kind in _CHILD_KINDS:
                found[ref.kind].append(orjson.loads(self._entries[ref].json))
        return found

    def parents(self) -> set[Key]:
        """Every ModelDeployment that is there, and every one that children still name."""
        return set(self._by_parent)

    def model_deployments(self, namespace: str | None = None) -> set[Key]:
        """Every ModelDeployment that is there, or that is there in one namespace."""
        return {Key(ref.namespace, ref.name) for ref in self._refs(MODEL_DEPLOYMENTS, namespace)}

    def has_model_deployment(self, key: Key) -> bool:
        """Whether this one is there."""
        return ObjectRef(MODEL_DEPLOYMENTS.api_version, KIND, key.namespace, key.name) in self._entries

    def knows(self, mark: Mark) -> bool:
        """Whether the store is as new as this, or newer."""
        known, tombstone = self._entries.get(mark.ref), self._tombstones.get(mark.uid)
        if tombstone is not None and tombstone.version >= mark.version:
            return True
        return known is not None and known.version >= mark.version

    def has(self, mark: Mark) -> bool:
        """Whether exactly this state is what the store has."""
        known = self._entries.get(mark.ref)
        return known is not None and (known.uid, known.version) == (mark.uid, mark.version)

    def vanished(self, resource: Resource, namespace: str | None, uids: AbstractSet[str], listed_at: str) -> list[Mark]:
        """What the store still has though a listing as of ``listed_at``, which found ``uids``, had it no more."""
        limit = _number(listed_at)
        gone = []
        for ref in self._refs(resource, namespace):
            entry = self._entries[ref]
            if entry.uid not in uids and entry.version <= limit:
                gone.append(Mark(ref, entry.uid, entry.version))
        return gone

    def bury(self, mark: Mark, listed_at: str) -> Key | None:
        """Take in that an object was gone at ``listed_at``; returns whose it was, or ``None`` if the store knows better."""
        known = self._entries.get(mark.ref)
        if known is None or known.uid != mark.uid or known.version > _number(listed_at):
            return None
        self._bury(mark.uid, _number(listed_at))
        self._drop(mark.ref)
        return known.parent

    def __len__(self) -> int:
        return len(self._entries)

    def _drop(self, ref: ObjectRef) -> None:
        entry = self._entries.pop(ref, None)
        if entry is None:
            return
        self._doubted.discard(ref)
        places = self._by_place[ref.api_version, ref.kind]
        places[ref.namespace].discard(ref)
        if not places[ref.namespace]:
            del places[ref.namespace]
        siblings = self._by_parent[entry.parent]
        siblings.discard(ref)
        if not siblings:
            del self._by_parent[entry.parent]

    def _refs(self, resource: Resource, namespace: str | None) -> Iterator[ObjectRef]:
        places = self._by_place.get((resource.api_version, resource.kind), {})
        if namespace is None:
            return chain.from_iterable(places.values())
        return iter(places.get(namespace, ()))

    def _bury(self, uid: str, version: float) -> None:
        earlier = self._tombstones.get(uid)
        if earlier is None or earlier.version < version:
            self._tombstones[uid] = _Tombstone(version, self._monotonic())

    def sweep(self) -> None:
        """Forget tombstones so old that no event about them can still be under way."""
        limit = self._monotonic() - _TOMBSTONE_SECONDS
        self._tombstones = {uid: stone for uid, stone in self._tombstones.items() if stone.at > limit}


def parent_of(obj: Mapping[str, Any]) -> Key | None:
    """Whose object this is: by its label, or itself if it is a ModelDeployment."""
    metadata = obj["metadata"]
    if obj.get("kind") == KIND:
        return Key(metadata["namespace"], metadata["name"])
    name = (metadata.get("labels") or {}).get(LABEL_MODEL_DEPLOYMENT)
    return Key(metadata["namespace"], name) if name else None


def ref_of(obj: Mapping[str, Any]) -> ObjectRef:
    """Where an object lives."""
    metadata = obj["metadata"]
    return ObjectRef(obj["apiVersion"], obj["kind"], metadata["namespace"], metadata["name"])


def mark_of(obj: Mapping[str, Any]) -> Mark:
    """Which state of which object this is."""
    uid, version = _incarnation(obj)
    return Mark(ref_of(obj), uid, version)


def _incarnation(obj: Mapping[str, Any]) -> tuple[str, float]:
    metadata = obj["metadata"]
    return metadata["uid"], _number(metadata["resourceVersion"])


def _number(resource_version: str) -> float:
    return int(resource_version)
