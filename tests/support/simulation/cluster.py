"""Objects, their versions and who wrote them; and time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson
from tests.support.simulation.behaviour import Behaviour
from tests.support.simulation.specs import NAMESPACE, START

from serin_operator.api import names
from serin_operator.api.names import ObjectRef

JsonObject = dict[str, Any]
WATCHED = frozenset(
    (
        *(names.KIND, "Deployment", "Service", "Job", "ControllerRevision", "Pod", "EndpointSlice"),
        *("PodDisruptionBudget", "NetworkPolicy", names.HTTP_ROUTE),
    )
)


class Objects(dict[ObjectRef, JsonObject]):
    """Objects by where they lie, with the names of each kind at hand."""

    def __init__(self) -> None:
        super().__init__()
        self._of_kind: dict[str, list[ObjectRef]] = {}

    def __setitem__(self, ref: ObjectRef, obj: JsonObject) -> None:
        if ref not in self:
            self._of_kind.pop(ref.kind, None)
        super().__setitem__(ref, obj)

    def __delitem__(self, ref: ObjectRef) -> None:
        self._of_kind.pop(ref.kind, None)
        super().__delitem__(ref)

    def pop(self, ref: ObjectRef, default: JsonObject | None = None) -> JsonObject | None:  # type: ignore[override]
        self._of_kind.pop(ref.kind, None)
        return super().pop(ref, default)

    def of_kind(self, kind: str) -> list[JsonObject]:
        """All objects of a kind, by name."""
        if kind not in self._of_kind:
            self._of_kind[kind] = sorted((ref for ref in self if ref.kind == kind), key=lambda ref: ref.name)
        return [self[ref] for ref in self._of_kind[kind]]


@dataclass
class Cluster:
    """Every object of one namespace."""

    name: str = "credit-risk"
    now: datetime = START
    objects: Objects = field(default_factory=Objects)
    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    story: list[str] = field(default_factory=list)
    version: int = 0
    """Of the newest change, and what makes names differ."""
    heard: int = 0
    """Of the newest change that a watch tells."""
    collected: int = -1
    """The version at which there was no garbage."""

    def uid(self, text: str) -> str:
        """A new identity."""
        self.version += 1
        return f"uid-{text}-{self.version}"

    def touch(self, obj: JsonObject) -> None:
        """The object has changed."""
        self.version += 1
        obj["metadata"]["resourceVersion"] = str(self.version)
        if obj.get("kind") in WATCHED and not _is_unseen(obj):
            self.heard = self.version

    def gone(self, kind: str) -> None:
        """An object of this kind has been deleted: watches hear of it."""
        self.version += 1
        if kind in WATCHED:
            self.heard = self.version

    def remove(self, obj: JsonObject) -> None:
        """Take the object away at once."""
        if self.objects.pop(ref_of(obj), None) is not None:
            self.gone(obj["kind"])

    def of_kind(self, kind: str) -> list[JsonObject]:
        """All objects of a kind, by name."""
        return self.objects.of_kind(kind)

    def pods_of(self, revision: str) -> list[JsonObject]:
        """Pods with the label of a revision, whoever they belong to."""
        return [p for p in self.of_kind("Pod") if p["metadata"]["labels"].get(names.LABEL_REVISION) == revision]

    def owned_by(self, uid: str, kind: str) -> list[JsonObject]:
        """Objects of a kind whose controller is ``uid``."""
        return [o for o in self.of_kind(kind) if controller_of(o) == uid]

    def behaviour(self, uri: str) -> Behaviour:
        """How the model at ``uri`` behaves."""
        return self.behaviours.setdefault(uri, Behaviour())

    def put(self, obj: JsonObject) -> JsonObject:
        """Store a new object, as the API server completes it."""
        obj["metadata"].setdefault("uid", self.uid(obj["kind"]))
        obj["metadata"].setdefault("creationTimestamp", self.now.isoformat())
        obj["metadata"].setdefault("generation", 1)
        self.touch(obj)
        self.objects[ref_of(obj)] = obj
        return obj

    def edit(self, obj: JsonObject, manager: str, change: Callable[[JsonObject], None]) -> bool:
        """Let ``manager`` change the object; whether it has changed."""
        before = copied(obj)
        change(obj)
        if obj == before:
            return False
        if obj.get("spec") != before.get("spec"):
            obj["metadata"]["generation"] = obj["metadata"].get("generation", 1) + 1
        note_manager(obj, before, manager, self.now)
        self.touch(obj)
        return True

    def collect_garbage(self) -> None:
        """What belonged to something that is gone goes too."""
        if self.collected == self.version:
            return
        while gone := list(self._orphaned()):
            for obj in gone:
                self.remove(obj)
        self.collected = self.version

    def _orphaned(self) -> Iterator[JsonObject]:
        alive = {o["metadata"].get("uid") for o in self.objects.values()}
        for ref, obj in list(self.objects.items()):
            owner = controller_of(obj)
            if owner is not None and owner not in alive and not (ref.kind == "Pod" and is_terminating(obj)):
                if ref.kind == "Pod" and self._leaves_slowly(obj):
                    continue
                yield obj

    def _leaves_slowly(self, pod: JsonObject) -> bool:
        """A pod with a grace: it is marked now, and the kubelet takes it away."""
        if self.behaviour(uri_of(pod["spec"])).terminates_after <= 0:
            return False
        self.terminate(pod)
        return True

    def terminate(self, pod: JsonObject) -> None:
        """Mark a pod as being deleted."""
        if not is_terminating(pod):
            pod["metadata"]["deletionTimestamp"] = self.now.isoformat()
            self.touch(pod)

    def tell(self, text: str) -> None:
        """Write a line into the story."""
        self.story.append(f"{(self.now - START).total_seconds():6.0f}s  {text}")

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return (self.now - START).total_seconds()


def _is_unseen(obj: JsonObject) -> bool:
    """Watches only see what carries our label: no route of people, and no pod that writes predictions down."""
    is_labelled = names.LABEL_MODEL_DEPLOYMENT in (obj["metadata"].get("labels") or {})
    return obj.get("kind") in {names.HTTP_ROUTE, "Pod"} and not is_labelled


def note_manager(obj: JsonObject, before: JsonObject, manager: str, now: datetime) -> None:
    """Write down who owns the fields that have changed."""
    changed = _fields(obj, before)
    entries = [e for e in obj["metadata"].get("managedFields", []) if e["manager"] != manager]
    entry = {
        "manager": manager,
        "operation": "Apply" if manager == names.FIELD_MANAGER else "Update",
        "apiVersion": obj.get("apiVersion", "v1"),
        "time": now.isoformat(),
        "fieldsType": "FieldsV1",
        "fieldsV1": changed,
    }
    obj["metadata"]["managedFields"] = [*entries, entry]


def _fields(after: JsonObject, before: JsonObject) -> JsonObject:
    found: JsonObject = {}
    for key, value in after.items():
        old = before.get(key)
        if value == old or key in {"managedFields", "resourceVersion", "generation", "status"}:
            continue
        inner = _fields(value, old if isinstance(old, dict) else {}) if isinstance(value, dict) else {}
        if inner or not isinstance(value, dict):
            found[f"f:{key}"] = inner
    return found


def controller_of(obj: JsonObject) -> str | None:
    """Uid of the object's controller."""
    for reference in obj["metadata"].get("ownerReferences") or ():
        if reference.get("controller"):
            return str(reference["uid"])
    return None


def is_terminating(obj: JsonObject) -> bool:
    """Whether the object is on its way out."""
    return bool(obj["metadata"].get("deletionTimestamp"))


def is_ready(pod: JsonObject) -> bool:
    """Whether the pod's condition Ready is True, and it is not leaving."""
    if "status" not in pod or pod["metadata"].get("deletionTimestamp"):
        return False
    for condition in pod["status"].get("conditions", ()):  # loops, for these are asked a million times
        if condition["type"] == "Ready":
            return bool(condition["status"] == "True")
    return False


def server_of(pod_spec: JsonObject) -> JsonObject:
    """Our container in a pod."""
    for container in pod_spec["containers"]:
        if container["name"] == "server":
            return container  # type: ignore[no-any-return]
    inits = pod_spec.get("initContainers", [])
    return next((c for c in inits if c["name"] == "server"), pod_spec["containers"][0])


def variable(pod_spec: JsonObject, name: str) -> str:
    """What an environment variable of our container says."""
    for each in server_of(pod_spec).get("env", ()):
        if each["name"] == name:
            return str(each.get("value", ""))
    return ""


def uri_of(pod_spec: JsonObject) -> str:
    """The model that a pod serves."""
    return variable(pod_spec, "SERIN_MODEL_URI")


def copied(obj: Any) -> Any:
    """As the wire does it, and quicker than copy.deepcopy."""
    return None if obj is None else orjson.loads(orjson.dumps(obj))


def ref_of(obj: JsonObject) -> ObjectRef:
    """Where an object lies."""
    return ObjectRef(
        obj["apiVersion"], obj["kind"], obj["metadata"].get("namespace", NAMESPACE), obj["metadata"]["name"]
    )


def seconds(since: datetime, now: datetime) -> float:
    """Seconds between two moments."""
    return (now - since) / timedelta(seconds=1)
