"""The API server, as the reconciler's ports see it; it counts what is written."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson
from tests.support.simulation.cluster import (
    Cluster,
    JsonObject,
    copied,
    note_manager,
    ref_of,
)
from tests.support.simulation.faults import Faults
from tests.support.simulation.gateways import Gateways
from tests.support.simulation.merging import merged
from tests.support.simulation.patching import patched
from tests.support.simulation.specs import NAMESPACE
from tests.support.simulation.story import line_of, selects, weights_of
from tests.support.simulation.workloads import Workloads

from serin_operator.act.sameness import differences
from serin_operator.act.unchanged import AsItIs
from serin_operator.api import names
from serin_operator.api.names import ObjectRef
from serin_operator.api.traffic import Traffic
from serin_operator.cluster.errors import AlreadyExists, Conflict, Invalid, NotFound
from serin_operator.observe.children import Children
from serin_operator.observe.routes import Surroundings

Mutator = Callable[[JsonObject], None]
_ABSENT = object()


class Killed(BaseException):
    """The operator died here."""


@dataclass
class ApiServer:
    """Observer and actor in one."""

    cluster: Cluster
    workloads: Workloads
    gateways: Gateways
    faults: Faults = field(default_factory=Faults)
    mutators: list[Mutator] = field(default_factory=list)
    """Admission: changes what anybody creates or applies."""
    events_about_pods: list[JsonObject] = field(default_factory=list)
    writes: list[tuple[float, str, ObjectRef]] = field(default_factory=list)
    """What changed something, or was refused: when, how, what."""
    after_observation: list[Callable[[], None]] = field(default_factory=list)
    """What happens between the operator's looking and its first write."""
    events: list[tuple[float, str, str, str]] = field(default_factory=list)
    """When, type, reason, message."""
    told: set[str] = field(default_factory=set)
    """Keys of Events that exist: one that is told again is recognised."""
    _intents: dict[ObjectRef, JsonObject] = field(default_factory=dict)
    """What the API server knows of the fields of our manager."""
    _compared: dict[ObjectRef, tuple[bytes, bool]] = field(default_factory=dict)
    """The last two intents of which one was asked whether it says more, and the answer."""
    _kept: dict[str, tuple[bytes, JsonObject]] = field(default_factory=dict)
    """What watches keep, by uid."""

    def _write(self, verb: str, ref: ObjectRef, body: Any = None) -> None:
        self._outlive()
        self.writes.append((self.cluster.elapsed, verb, ref))
        self.faults.check(verb, ref, body or {})

    def _outlive(self) -> None:
        """The operator may die before any of its calls."""
        if self.faults.writes_until_death is None:
            return
        if self.faults.writes_until_death == 0:
            self.faults.writes_until_death = None
            raise Killed
        self.faults.writes_until_death -= 1

    def _admit(self, obj: JsonObject) -> None:
        for mutate in self.mutators:
            mutate(obj)

    # ---- eyes ------------------------------------------------------------------------------------------------------

    async def model_deployment(self, namespace: str, name: str) -> JsonObject | None:
        live = self.cluster.objects.get(ObjectRef(names.API_VERSION, names.KIND, namespace, name))
        return None if live is None else dict(copied(live))

    async def get(self, ref: ObjectRef) -> JsonObject | None:
        return copied(self.cluster.objects.get(ref))

    async def children(self, namespace: str, name: str, uid: str) -> Children:
        def labelled(kind: str) -> list[JsonObject]:
            return [self._observed(each) for each in self.cluster.of_kind(kind) if _has_label(each, name)]

        alive = {j["metadata"]["uid"] for j in self.cluster.of_kind("Job")}
        found = Children(
            deployments=labelled("Deployment"),
            services=labelled("Service"),
            jobs=labelled("Job"),
            controller_revisions=labelled("ControllerRevision"),
            pods=labelled("Pod"),
            endpoint_slices=labelled("EndpointSlice"),
            pod_disruption_budgets=labelled("PodDisruptionBudget"),
            autoscalers=copied(self.cluster.of_kind("HorizontalPodAutoscaler")),
            http_routes=labelled(names.HTTP_ROUTE),
            events_about_jobs=[
                copied(e) for e in self.workloads.events_about_jobs if e["involvedObject"]["uid"] in alive
            ],
            events_about_pods=copied(self.events_about_pods),
            network_policies=labelled("NetworkPolicy"),
            collector_pods=[
                copied(p)
                for p in self.cluster.of_kind("Pod")
                if p["metadata"]["labels"].get(names.LABEL_COLLECTOR) == name
            ],
        )
        for meanwhile in self.after_observation:
            meanwhile()
        return found

    def _observed(self, obj: JsonObject) -> JsonObject:
        """As the watches keep it: without managedFields, and the same one for as long as nothing in it changes."""
        metadata = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
        text = orjson.dumps({**obj, "metadata": metadata})
        known, seen = self._kept.get(metadata["uid"], (b"", {}))
        if text != known:
            seen = orjson.loads(text)
            self._kept[metadata["uid"]] = text, seen
        return seen

    async def surroundings(self, _namespace: str, traffic: Traffic | None, lent: Iterable[str]) -> Surroundings:
        wanted = [*lent, *([traffic.route_ref.name] if traffic and traffic.route_ref else [])]
        if traffic is None and not wanted:
            return Surroundings()
        if not self.gateways.is_installed:
            return Surroundings(is_known=False)
        if self.gateways.outage:
            return Surroundings(problem=self.gateways.outage, is_outage=True)
        if self.gateways.problem:
            return Surroundings(problem=self.gateways.problem)
        routes = [copied(r) for kind in (names.HTTP_ROUTE, "GRPCRoute") for r in self.cluster.of_kind(kind)]
        gateways = {
            (g["metadata"]["namespace"], g["metadata"]["name"]): copied(g) for g in self.cluster.of_kind("Gateway")
        }
        refs = traffic.gateway.parent_refs if traffic and traffic.gateway else []
        named = [(r.namespace or NAMESPACE, r.name) for r in refs if (r.kind or "Gateway") == "Gateway"]
        return Surroundings(
            theirs=tuple(r for r in routes if r["metadata"]["name"] in wanted),
            gateways={key: gateways.get(key) for key in named},
            classes={c["metadata"]["name"]: copied(c) for c in self.cluster.of_kind("GatewayClass")},
            neighbours=tuple(routes),
        )

    # ---- hands -----------------------------------------------------------------------------------------------------

    async def create(self, obj: Any) -> JsonObject:
        ref = ref_of(obj)
        self._write("create", ref, obj)
        if ref in self.cluster.objects:
            raise AlreadyExists(f"create {ref}: already exists")
        created = copied(dict(obj))
        self._admit(created)
        _without_nulls(created)
        self._intents[ref] = copied(dict(obj))
        note_manager(created, {}, names.FIELD_MANAGER, self.cluster.now)
        self.cluster.put(created)
        more = f" with {obj['spec']['replicas']} replicas" if ref.kind == "Deployment" else ""
        more = f" with {weights_of(obj)}" if ref.kind == names.HTTP_ROUTE else more
        more = f" selecting {selects(obj)}" if ref.kind == "Service" and ref.name == self.cluster.name else more
        self.cluster.tell(f"create {ref.kind} {ref.name}{more}")
        return copied(created)

    async def create_secret(self, obj: Any) -> None:
        ref = ref_of(obj)
        self._write("create", ref, obj)
        if ref in self.cluster.objects:
            raise AlreadyExists(f"create {ref}: already exists")
        self.cluster.put(copied(obj))
        self.cluster.tell(f"create {ref.kind} {ref.name}")

    async def apply(self, obj: Any, *, resource_version: str | None) -> JsonObject:
        ref = ref_of(obj)
        live = self.cluster.objects.get(ref)
        if live is not None and self._is_as_intended(obj, live):
            return AsItIs(copied(live))
        self._write("apply", ref, obj)
        if live is None:
            raise NotFound(f"apply {ref}: not found")
        if resource_version is not None and live["metadata"]["resourceVersion"] != resource_version:
            raise Conflict(f"apply {ref}: has changed")
        if ref.kind == "ControllerRevision":
            raise Invalid(f"apply {ref}: data is immutable")

        def change(target: JsonObject) -> None:
            merged(target, obj, self._intents.get(ref, {}))
            self._admit(target)

        if self.cluster.edit(live, names.FIELD_MANAGER, change):
            what = f" selecting {selects(obj)}" if ref.kind == "Service" and ref.name == self.cluster.name else ""
            what = f" with {weights_of(obj)}" if ref.kind == names.HTTP_ROUTE else what
            self.cluster.tell(f"apply {ref.kind} {ref.name}{what}")
        self._intents[ref] = copied(obj)
        return copied(live)

    def _is_as_intended(self, obj: Any, live: JsonObject) -> bool:
        """What the operator's writer tells from managedFields: nothing differs but what admission made of our own write."""
        known, wanted = self._intents.get(ref_of(obj), {}), copied(obj)
        if known == wanted:
            self._admit(wanted)
        elif self._says_more(ref_of(obj), known, wanted):
            return False
        return not any(differences(wanted, live))

    def _says_more(self, ref: ObjectRef, known: JsonObject, wanted: JsonObject) -> bool:
        asked = orjson.dumps([known, wanted])
        before, answer = self._compared.get(ref, (b"", False))
        if asked != before:
            answer = _says_more(known, wanted)
            self._compared[ref] = asked, answer
        return answer

    async def merge_patch(self, ref: ObjectRef, patch: Any, *, subresource: str | None = None) -> JsonObject:
        self._write("patch", ref, patch)
        live = self.cluster.objects.get(ref)
        if live is None:
            raise NotFound(f"patch {ref}: not found")
        metadata = patch.get("metadata", {})
        if metadata.get("resourceVersion", live["metadata"]["resourceVersion"]) != live["metadata"]["resourceVersion"]:
            raise Conflict(f"patch {ref}: has changed")

        def change(target: JsonObject) -> None:
            if "ownerReferences" in metadata:
                target["metadata"]["ownerReferences"] = copied(metadata["ownerReferences"])
            for key in ("annotations", "labels"):
                if key in metadata:
                    target["metadata"][key] = {**target["metadata"].get(key, {}), **metadata[key]}
            merged(target, {key: value for key, value in patch.items() if key != "metadata"}, {})

        self.cluster.edit(live, names.FIELD_MANAGER, change)
        if "ownerReferences" in metadata:
            self.cluster.tell(f"adopt {ref.kind} {ref.name}")
        return copied(live)

    async def json_patch(self, ref: ObjectRef, patch: Any) -> None:
        self._write("json", ref, patch)
        live = self.cluster.objects.get(ref)
        if live is None:
            raise NotFound(f"patch {ref}: not found")
        changed = patched(live, patch)
        if changed is None:
            raise Conflict(f"patch {ref}: test failed")
        self.cluster.edit(live, names.FIELD_MANAGER, lambda target: target.update(changed))
        values = ", ".join(str(each["value"]) for each in patch if each["op"] == "replace")
        self.cluster.tell(f"weights of {ref.kind} {ref.name}: {values}")

    async def scale(self, ref: ObjectRef, replicas: int, *, resource_version: str | None) -> None:
        self._write("scale", ref)
        live = self.cluster.objects.get(ref)
        if live is None:
            raise NotFound(f"scale {ref}")
        if resource_version is not None and live["metadata"]["resourceVersion"] != resource_version:
            raise Conflict(f"scale {ref}: has changed")
        self.cluster.edit(live, names.FIELD_MANAGER, lambda target: target["spec"].update(replicas=replicas))
        self.cluster.tell(f"scale {ref.name} to {replicas}")

    async def delete(self, ref: ObjectRef, *, uid: str | None, propagation: str = "Background") -> None:
        self._write("delete", ref)
        live = self.cluster.objects.get(ref)
        if live is None:
            return
        if uid is not None and live["metadata"].get("uid") != uid:
            raise Conflict(f"delete {ref}: the uid in the precondition is not that of the object")
        self.cluster.remove(live)
        self.cluster.tell(f"delete {ref.kind} {ref.name}")

    async def replace_status(self, obj: Any) -> JsonObject:
        ref = ref_of(obj)
        self._write("status", ref, obj)
        live = self.cluster.objects.get(ref)
        if live is None:
            raise NotFound(f"write the status of {ref}: not found")
        if obj["metadata"]["resourceVersion"] != live["metadata"]["resourceVersion"]:
            raise Conflict("status: has changed")
        old = live.get("status") or {}
        live["status"] = copied(obj["status"])
        heard = self.cluster.heard
        self.cluster.touch(live)
        self.cluster.heard = heard  # to the operator its own status is no news
        if line_of(old) != line_of(live["status"]):
            self.cluster.tell("status: " + line_of(live["status"]))
        return copied(live)

    async def event(self, regarding: Any, *, type_: str, reason: str, message: str, key: str | None = None) -> bool:
        self._outlive()
        if key is not None and key in self.told:
            return True
        if key is not None:
            self.told.add(key)
        self.events.append((self.cluster.elapsed, type_, str(reason), message))
        self.cluster.tell(f"event {type_} {reason}: {message}")
        return True


def _says_more(known: Any, wanted: Any) -> bool:
    """Whether an intent had a field that another has not; the size of a Deployment is no part of what is applied."""
    if isinstance(known, dict):
        others = wanted if isinstance(wanted, dict) else {}
        return any(_says_more(value, others.get(key, _ABSENT)) for key, value in known.items() if key != "replicas")
    if isinstance(known, list):
        others = {_key_of(item): item for item in wanted} if isinstance(wanted, list) else {}
        return any(_says_more(item, others.get(_key_of(item), _ABSENT)) for item in known)
    return wanted is _ABSENT or isinstance(wanted, dict | list)


def _key_of(item: Any) -> str:
    return str(item.get("name") or item.get("port") or item) if isinstance(item, dict) else str(item)


def _has_label(obj: JsonObject, name: str) -> bool:
    return bool(obj["metadata"].get("labels", {}).get(names.LABEL_MODEL_DEPLOYMENT) == name)


def _without_nulls(obj: JsonObject) -> None:
    for key in [key for key, value in obj.items() if value is None]:
        del obj[key]
    for value in obj.values():
        if isinstance(value, dict):
            _without_nulls(value)
