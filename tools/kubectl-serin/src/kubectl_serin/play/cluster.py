"""An ideal cluster, as the operator's decisions see it: what is asked for is there, and pods are ready in time."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from serin_operator.api import names
from serin_operator.api.names import ObjectRef
from serin_operator.decide.children.operations import Annotate, Apply, Create, Delete, Operation, Scale
from serin_operator.decide.manifests.children import ANNOTATION_OUTCOME, ANNOTATION_PROMOTED_AT
from serin_operator.decide.route import Routing
from serin_operator.decide.world import BornRevision, ChildMeta, Deployment, Pod, ResolveJob, Revision, Service

RESOLVE_SECONDS: Final = 5.0
Key = tuple[str, str]
"""Kind and name."""


@dataclass
class IdealCluster:
    """Objects by kind and name, with the time at which each pod began."""

    ready_after: timedelta
    objects: dict[Key, dict[str, Any]] = field(default_factory=dict)
    created: dict[Key, datetime] = field(default_factory=dict)
    pods: dict[str, list[datetime]] = field(default_factory=dict)
    """When each pod of a Deployment began, oldest first."""

    def carry_out(self, operations: Iterable[Operation], now: datetime) -> None:
        """Do what was decided, at once."""
        for operation in operations:
            match operation:
                case Create(obj=obj) | Apply(obj=obj):
                    self._put(dict(obj), now)
                case Scale(ref=ref, replicas=replicas):
                    self._scale(ref.name, replicas, now)
                case Annotate(ref=ref, annotations=annotations):
                    metadata = self.objects[ref.kind, ref.name].setdefault("metadata", {})
                    metadata["annotations"] = {**(metadata.get("annotations") or {}), **annotations}
                case Delete(ref=ref):
                    self._remove(ref)
                case _:
                    pass  # Secrets and other people's routes decide nothing here

    def _put(self, obj: dict[str, Any], now: datetime) -> None:
        key = (obj["kind"], obj["metadata"]["name"])
        self.created.setdefault(key, now)
        self.objects[key] = obj
        replicas = (obj.get("spec") or {}).get("replicas")
        if obj["kind"] == "Deployment" and replicas is not None:
            self._scale(key[1], replicas, now)

    def _scale(self, name: str, replicas: int, now: datetime) -> None:
        there = self.pods.setdefault(name, [])
        self.pods[name] = [*there, *[now] * (replicas - len(there))][:replicas]

    def _remove(self, ref: ObjectRef) -> None:
        self.objects.pop((ref.kind, ref.name), None)
        self.created.pop((ref.kind, ref.name), None)
        if ref.kind == "Deployment":
            self.pods.pop(ref.name, None)

    # ---- what decisions see ----------------------------------------------------------------------------------------

    def revisions(self, now: datetime) -> dict[str, Revision]:
        """All that exists, by revision."""
        found: dict[str, Revision] = {}
        for (kind, name), obj in self.objects.items():
            revision = (obj["metadata"].get("labels") or {}).get(names.LABEL_REVISION)
            if revision is not None:
                before = found.get(revision) or Revision(revision)
                found[revision] = self._with(before, kind, name, obj, now)
        return found

    def _with(self, found: Revision, kind: str, name: str, obj: dict[str, Any], now: datetime) -> Revision:
        meta = self._meta(kind, name)
        match kind:
            case "ControllerRevision":
                return replace(found, born=_born(meta, obj))
            case "Service":
                return replace(found, service=Service(meta, obj["spec"]["selector"]))
            case "Deployment":
                servers = tuple(self.servers(name, found.revision, now))
                ready = sum(pod.ready for pod in servers)
                template = obj["spec"]["template"]
                deployment = Deployment(
                    meta, len(servers), ready, ready, observed_generation_current=True, template=template
                )
                return replace(found, deployment=deployment, pods=(*found.pods, *servers))
            case "Job":
                is_over = now - self.created[kind, name] >= timedelta(seconds=RESOLVE_SECONDS)
                job = ResolveJob(meta, complete=is_over, failed=False, active=0 if is_over else 1)
                pod = _resolver(name, found.revision, self.created[kind, name], is_over=is_over)
                return replace(found, jobs=(*found.jobs, job), pods=(*found.pods, pod))
            case _:
                return found

    def servers(self, deployment: str, revision: str, now: datetime) -> list[Pod]:
        """The serving pods of a Deployment."""
        return [
            Pod(
                name=f"{deployment}-{number}",
                revision=revision,
                component=names.COMPONENT_SERVER,
                phase="Running",
                ready=now - began >= self.ready_after,
                terminating=False,
                restarts=0,
                created_at=began,
                was_ready=now - began >= self.ready_after,
                running=True,
                container_ready=now - began >= self.ready_after,
            )
            for number, began in enumerate(self.pods.get(deployment, ()))
        ]

    def service(self, name: str) -> Service | None:
        """A Service that leads clients, or those who try a version."""
        obj = self.objects.get(("Service", name))
        return Service(self._meta("Service", name), obj["spec"]["selector"]) if obj else None

    def behind(self, revisions: Mapping[str, Revision]) -> dict[str, frozenset[str]]:
        """Names of the ready pods behind each Service."""
        return {
            name: frozenset(
                pod.name
                for revision in revisions.values()
                for pod in revision.servers
                if pod.ready and obj["spec"]["selector"].get(names.LABEL_REVISION) in {None, revision.revision}
            )
            for (kind, name), obj in self.objects.items()
            if kind == "Service"
        }

    def budget(self, name: str) -> ChildMeta | None:
        """The PodDisruptionBudget."""
        return self._meta("PodDisruptionBudget", name) if ("PodDisruptionBudget", name) in self.objects else None

    def _meta(self, kind: str, name: str) -> ChildMeta:
        obj = self.objects[kind, name]
        annotations = obj["metadata"].get("annotations") or {}
        return ChildMeta(
            obj["apiVersion"], kind, name, f"{kind}/{name}", "1", True, self.created[kind, name], annotations
        )


NO_ROUTES: Final = Routing()


def _born(meta: ChildMeta, obj: dict[str, Any]) -> BornRevision:
    data = obj["data"]
    return BornRevision(
        meta,
        int(obj["revision"]),
        data["version"],
        data["uri"],
        data["sha256"],
        data["template"],
        promoted_at=meta.annotations.get(ANNOTATION_PROMOTED_AT),
        outcome=meta.annotations.get(ANNOTATION_OUTCOME),
    )


def _resolver(job: str, revision: str, began: datetime, *, is_over: bool) -> Pod:
    digest = (revision.encode().hex() * 7)[:64]
    return Pod(
        name=f"{job}-pod",
        revision=revision,
        component=names.COMPONENT_RESOLVE,
        phase="Succeeded" if is_over else "Running",
        ready=False,
        terminating=False,
        restarts=0,
        created_at=began,
        last_exit_code=0 if is_over else None,
        # That its signature counts is supposed, as that it loads and keeps its golden samples is.
        last_words=json.dumps({"ok": True, "sha256": digest, "signer": "a signer"}) if is_over else None,
        job=job,
        ended=is_over,
        running=not is_over,
    )
