"""What the watches have told so far, so that a reconcile needs no LIST.

A LIST by label in every reconcile makes the whole operator quadratic, so the children of all ModelDeployments are
kept here: as JSON bytes (a parsed Deployment is ten times as large), stripped of what nobody decides by.

Three writers feed it: the watches, the slow resync LIST, and our own writes. They may arrive in any order; what is
newer by ``resourceVersion`` wins (comparable numbers, as Kubernetes promises since 1.35 and always kept), and what
was deleted leaves a tombstone, so that a late event cannot raise it. So a reconcile never sees a state older than
the one it wrote itself.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import orjson

from serin_operator.api.names import KIND, LABEL_MODEL_DEPLOYMENT, ObjectRef
from serin_operator.cluster.managed import owned_fields
from serin_operator.cluster.resources import CHILDREN, Resource

JsonObject = dict[str, Any]

_TOMBSTONE_SECONDS: Final = 900.0
_LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
_CHILD_KINDS: Final = frozenset(resource.kind for resource in CHILDREN)


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
class Difference:
    """What a LIST knows better than the store."""

    newer: tuple[JsonObject, ...]
    gone: tuple[JsonObject, ...]

    def __bool__(self) -> bool:
        return bool(self.newer or self.gone)


class Store:
    """The children of every ModelDeployment, and which ModelDeployments there are."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._entries: dict[ObjectRef, _Entry] = {}
        self._by_parent: defaultdict[Key, set[ObjectRef]] = defaultdict(set)
        self._tombstones: dict[str, _Tombstone] = {}

    def put(self, obj: Mapping[str, Any]) -> Key | None:
        """Take in an object as seen by a watch, a LIST or an answer; return whose it is, or ``None`` if nobody's."""
        parent = parent_of(obj)
        ref = ref_of(obj)
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
        self._entries[ref] = _Entry(uid, version, parent, orjson.dumps(_slim(obj)))
        self._by_parent[parent].add(ref)
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

    def model_deployments(self) -> set[Key]:
        """Every ModelDeployment that is there."""
        return {Key(ref.namespace, ref.name) for ref in self._entries if ref.kind == KIND}

    def difference(
        self, resource: Resource, namespace: str | None, items: Iterable[JsonObject], listed_at: str
    ) -> Difference:
        """What a LIST of ``resource`` shows that the store does not know yet, without changing the store."""
        listed = {item["metadata"]["uid"]: item for item in items}
        gone = [
            orjson.loads(entry.json)
            for ref, entry in self._entries.items()
            if (ref.api_version, ref.kind) == (resource.api_version, resource.kind)
            and namespace in {None, ref.namespace}
            and entry.uid not in listed
            and entry.version <= _number(listed_at)
        ]
        return self.confirm(Difference(tuple(listed.values()), tuple(gone)), listed_at)

    def confirm(self, difference: Difference, listed_at: str) -> Difference:
        """What of an earlier difference still is one, now that the watch has had time to tell."""
        newer = []
        for item in difference.newer:
            uid, version = _incarnation(item)
            known = self._entries.get(ref_of(item))
            tombstone = self._tombstones.get(uid)
            if (known is None or known.version < version) and (tombstone is None or tombstone.version < version):
                newer.append(item)
        gone = []
        for obj in difference.gone:
            known = self._entries.get(ref_of(obj))
            if known is not None and known.uid == obj["metadata"]["uid"] and known.version <= _number(listed_at):
                gone.append(obj)
        return Difference(tuple(newer), tuple(gone))

    def repair(self, difference: Difference, listed_at: str) -> set[Key]:
        """Take in what a LIST knew better; return whose children changed."""
        touched = {self.put(item) for item in difference.newer}
        for obj in difference.gone:
            # As of the listing it was gone, so everything older than the listing is old news.
            touched.add(self.remove({**obj, "metadata": {**obj["metadata"], "resourceVersion": listed_at}}))
        return {key for key in touched if key is not None}

    def __len__(self) -> int:
        return len(self._entries)

    def _drop(self, ref: ObjectRef) -> None:
        entry = self._entries.pop(ref, None)
        if entry is None:
            return
        siblings = self._by_parent[entry.parent]
        siblings.discard(ref)
        if not siblings:
            del self._by_parent[entry.parent]

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


def _incarnation(obj: Mapping[str, Any]) -> tuple[str, float]:
    metadata = obj["metadata"]
    return metadata["uid"], _number(metadata["resourceVersion"])


def _number(resource_version: str) -> float:
    return int(resource_version)


_MOUNTED_FROM: Final = frozenset({"secret", "configMap", "persistentVolumeClaim"})
"""Kinds of volumes that can be missing."""


def _slim(obj: Mapping[str, Any]) -> JsonObject:
    metadata = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
    if own := owned_fields(obj):
        metadata["managedFields"] = own
    annotations = metadata.get("annotations")
    if annotations and _LAST_APPLIED in annotations:
        metadata["annotations"] = {key: value for key, value in annotations.items() if key != _LAST_APPLIED}
    if obj["kind"] == KIND:
        # The reconciler reads the object live; here it only matters that it exists.
        return {"apiVersion": obj["apiVersion"], "kind": KIND, "metadata": metadata}
    slim = {**obj, "metadata": metadata}
    if obj["kind"] == "Pod":
        spec = obj.get("spec") or {}
        slim["spec"] = {
            "nodeName": spec.get("nodeName"),
            "volumes": [volume for volume in spec.get("volumes") or [] if not _MOUNTED_FROM.isdisjoint(volume)],
            "containers": [
                {"name": container.get("name"), "image": container.get("image")}
                for container in spec.get("containers") or []
            ],
        }
    return slim
