"""What people do: apply, scale, annotate, edit status by hand, expose, debug, restore a back-up."""

from collections.abc import Callable
from typing import Any

from tests.support.simulation.cluster import Cluster, JsonObject, copied
from tests.support.simulation.specs import NAMESPACE

from serin_operator.api import names
from serin_operator.api.names import ObjectRef
from serin_operator.api.status import ModelDeploymentStatus


class People(Cluster):
    """Hands on the keyboard."""

    # ---- the ModelDeployment ---------------------------------------------------------------------------------------

    def kubectl_apply(self, spec: dict[str, Any], annotations: dict[str, str] | None = None) -> None:
        """kubectl apply."""
        ref = self.mdep_ref
        old = self.objects.get(ref)
        if old is None:
            metadata = {"namespace": NAMESPACE, "name": self.name, "uid": self.uid("mdep"), "generation": 1}
            self.objects[ref] = {
                "apiVersion": names.API_VERSION,
                "kind": names.KIND,
                "metadata": metadata,
                "spec": spec,
            }
        elif old["spec"] != spec:
            old["metadata"]["generation"] += 1
            old["spec"] = spec
        self.objects[ref]["metadata"].setdefault("annotations", {}).update(annotations or {})
        self.touch(self.objects[ref])

    def change_spec(self, **fields: Any) -> None:
        """Apply the spec again with other fields; None takes a field away."""
        spec = {**copied(self.mdep["spec"]), **fields}
        self.kubectl_apply({key: value for key, value in spec.items() if value is not None})

    def annotate(self, action: str, by: str = "kubectl-annotate") -> None:
        """``kubectl annotate serin.dev/action=…``."""

        def change(obj: JsonObject) -> None:
            obj["metadata"].setdefault("annotations", {})[names.ANNOTATION_ACTION] = action

        self.edit(self.mdep, by, change)

    def last_action(self) -> JsonObject:
        """What came of the last action that was heard."""
        return dict((self.status.get("actions") or [{}])[0])

    def kubectl_scale(self, replicas: int) -> None:
        """What an autoscaler does through /scale."""
        self.kubectl_apply({**self.mdep["spec"], "replicas": replicas})

    def scale(self) -> tuple[int, int | None]:
        """What GET /scale says: ``spec.replicas``, and ``status.replicas`` once there is one."""
        return self.mdep["spec"].get("replicas", 1), self.status.get("replicas")

    def selected_by_scale(self) -> list[JsonObject]:
        """The pods that the selector in /scale finds."""
        wanted = dict(part.split("=") for part in self.status.get("selector", "").split(",") if part)
        return [p for p in self.of_kind("Pod") if wanted and wanted.items() <= p["metadata"]["labels"].items()]

    @property
    def mdep_ref(self) -> ObjectRef:
        return ObjectRef(names.API_VERSION, names.KIND, NAMESPACE, self.name)

    @property
    def mdep(self) -> JsonObject:
        return self.objects[self.mdep_ref]

    # ---- status ----------------------------------------------------------------------------------------------------

    @property
    def status(self) -> JsonObject:
        return self.mdep.get("status") or {}

    def edit_status(self, change: Callable[[JsonObject], None]) -> None:
        """``kubectl edit --subresource=status``, as far as the CRD lets people go."""
        self.mdep["status"] = copied(self.status)
        change(self.mdep["status"])
        ModelDeploymentStatus.model_validate(self.mdep["status"])
        self.touch(self.mdep)

    def lose_status(self) -> None:
        """It is gone."""
        self.mdep["status"] = {}
        self.touch(self.mdep)

    # ---- objects of other people -----------------------------------------------------------------------------------

    def expose(self, revision: str, name: str = "theirs") -> JsonObject:
        """``kubectl expose deployment``: labels and selector are copied."""
        deployment = self.child("Deployment", f"{self.name}-{revision}")
        metadata = {"namespace": NAMESPACE, "name": name, "labels": copied(deployment["metadata"]["labels"])}
        selector = copied(deployment["spec"]["selector"]["matchLabels"])
        spec = {"selector": selector, "ports": [{"port": 80, "targetPort": 8080}]}
        return self.put({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})

    def copy_deployment(self, revision: str, name: str = "theirs") -> JsonObject:
        """A person's own Deployment, from the YAML of ours: our labels, no owner."""
        ours = copied(self.child("Deployment", f"{self.name}-{revision}"))
        metadata = {"namespace": NAMESPACE, "name": name, "labels": ours["metadata"]["labels"]}
        return self.put({**ours, "metadata": metadata, "status": {}})

    def debug_pod(self, revision: str, name: str = "debug") -> JsonObject:
        """A pod with the labels of a revision and no controller: the client Service selects it."""
        template = next(p for p in self.pods_of(revision) if "resolve" not in p["metadata"]["name"])
        metadata = {"namespace": NAMESPACE, "name": name, "labels": copied(template["metadata"]["labels"])}
        status = copied(template["status"])
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": copied(template["spec"])}
        return self.put({**pod, "status": status})

    def stuck_pod(self, revision: str, name: str = "stuck") -> JsonObject:
        """A pod of a revision that nobody serves any more, Terminating on a node that is gone."""
        labels = names.child_labels(self.name, revision, names.COMPONENT_SERVER)
        owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "gone", "uid": "uid-gone", "controller": True}
        metadata = {"namespace": NAMESPACE, "name": name, "labels": labels, "ownerReferences": [owner]}
        metadata["deletionTimestamp"] = self.now.isoformat()
        not_ready = {"type": "Ready", "status": "False", "lastTransitionTime": self.now.isoformat()}
        statuses = [{"name": "server", "ready": True, "restartCount": 0, "state": {"running": {}}, "lastState": {}}]
        status = {"phase": "Running", "conditions": [not_ready], "containerStatuses": statuses}
        spec = {"nodeName": "node9", "containers": [{"name": "server", "env": []}]}
        return self.put({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": status})

    def child(self, kind: str, name: str) -> JsonObject:
        """An object by kind and name."""
        return next(o for o in self.of_kind(kind) if o["metadata"]["name"] == name)

    # ---- back-ups --------------------------------------------------------------------------------------------------

    def restore(self, *, keep_status: bool = False) -> None:
        """A back-up comes back into an empty namespace: new uids, no owners, no status, no pods yet."""
        kept = {names.KIND, "Deployment", "Service", "ControllerRevision", "PodDisruptionBudget", "Secret"}
        for ref, obj in list(self.objects.items()):
            if ref.kind not in kept:
                self.remove(obj)
        for ref, obj in self.objects.items():
            metadata = obj["metadata"]
            metadata["uid"] = self.uid(f"restored-{ref.kind}")
            metadata.pop("ownerReferences", None)
            metadata["creationTimestamp"] = self.now.isoformat()
            if not (keep_status and ref.kind == names.KIND):
                obj.pop("status", None)
            self.touch(obj)
        self.tell("a back-up is restored")

    def delete_and_recreate(self) -> None:
        """kubectl replace --force: a new uid; the children of the old one are collected later."""
        spec = self.mdep["spec"]
        self.remove(self.mdep)
        self.kubectl_apply(spec)
