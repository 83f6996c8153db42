"""A cluster in memory, with its own clock, that the real reconciler drives: for stories and invariants, never for proof.

It knows as much of Kubernetes as a rollout needs: resourceVersions and their conflicts, owner references, Deployments
that make pods which become ready after a while, Jobs that end with a report, Services that select pods. Traffic is
counted exactly as servers count it, so Prometheus' answers come from the same arithmetic as in production.
"""

import hashlib
import json
import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import structlog

from serin_operator.api import names
from serin_operator.api.names import ObjectRef
from serin_operator.cluster.errors import AlreadyExists, Conflict, Invalid, NotFound, Transient
from serin_operator.decide.world import OperatorConfig
from serin_operator.observe.children import Children
from serin_operator.observe.prometheus_client import PrometheusError, Series
from serin_operator.reconcile import Ports, Reconciler

START = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
NAMESPACE = "scoring"


@dataclass
class Behaviour:
    """How a model behaves, by its URI."""

    report: dict[str, Any] | None = None
    """What the resolve Job says; None: a digest made from the URI."""
    ready_after: float = 3.0
    error_rate: float = 0.0
    accuracy: float = 0.9
    never_ready: bool = False
    resolve_after: float = 2.0


structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))


class Killed(BaseException):
    """The operator died here."""


@dataclass
class Simulation:
    """One ModelDeployment and its cluster."""

    name: str = "credit-risk"
    scrape_seconds: float = 1.0
    prometheus: bool = True
    requests_a_second: int = 40
    now: datetime = START
    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    prometheus_down: bool = False
    endpoints_are_late: bool = False
    """What the Service selects is not acted upon."""
    objects: dict[ObjectRef, dict[str, Any]] = field(default_factory=dict)
    story: list[str] = field(default_factory=list)
    lost: int = 0
    served: dict[str, int] = field(default_factory=dict)
    failed_mounts: list[dict[str, Any]] = field(default_factory=list)
    writes_until_death: int | None = None
    _version: int = 0
    _counters: dict[tuple[str, ...], float] = field(default_factory=dict)
    _history: list[tuple[float, dict[tuple[str, ...], float]]] = field(default_factory=list)
    _owed: dict[tuple[str, str], float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.restart_operator()

    # ---- the operator ----------------------------------------------------------------------------------------------

    def restart_operator(self) -> None:
        """A new process: it remembers nothing."""
        config = OperatorConfig(
            serving_image="serin-server:test",
            prometheus_configured=self.prometheus,
            scrape_interval_seconds=self.scrape_seconds,
        )
        ports = Ports(self, self, self if self.prometheus else None, lambda: self.now, config)  # type: ignore[arg-type]
        self.reconciler = Reconciler(ports)

    async def reconcile(self) -> float | None:
        try:
            return await self.reconciler.reconcile(NAMESPACE, self.name)
        except Transient:
            return 0.1

    async def run(self, seconds: float, tick: float = 1.0) -> None:
        """Let time pass: the cluster moves and the operator looks, every ``tick``."""
        end = self.now + timedelta(seconds=seconds)
        while self.now < end:
            self.now += timedelta(seconds=tick)
            self.move(tick)
            await self.reconcile()

    async def run_until(self, condition: Any, limit: float = 3600, tick: float = 1.0) -> None:
        end = self.now + timedelta(seconds=limit)
        while not condition(self):
            assert self.now < end, f"never happened; status: {json.dumps(self.status, indent=1)[:3000]}"
            await self.run(tick, tick)

    # ---- the user --------------------------------------------------------------------------------------------------

    def kubectl_apply(self, spec: dict[str, Any], annotations: dict[str, str] | None = None) -> None:
        """kubectl apply."""
        ref = self._mdep_ref
        old = self.objects.get(ref)
        if old is None:
            metadata = {"namespace": NAMESPACE, "name": self.name, "uid": self._uid("mdep"), "generation": 1}
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
        self._touch(self.objects[ref])

    @property
    def _mdep_ref(self) -> ObjectRef:
        return ObjectRef(names.API_VERSION, names.KIND, NAMESPACE, self.name)

    @property
    def mdep(self) -> dict[str, Any]:
        return self.objects[self._mdep_ref]

    @property
    def status(self) -> dict[str, Any]:
        return self.mdep.get("status") or {}

    def condition(self, kind: str) -> dict[str, Any]:
        return next((c for c in self.status.get("conditions", []) if c["type"] == kind), {"status": "", "reason": ""})

    def outcome(self, version: str) -> str | None:
        return next((v["outcome"] for v in self.status.get("versions", []) if v["version"] == version), None)

    @property
    def stable(self) -> str | None:
        return (self.status.get("stable") or {}).get("version")

    def behave(self, uri: str, **kw: Any) -> None:
        self.behaviours[uri] = Behaviour(**kw)

    # ---- the cluster -----------------------------------------------------------------------------------------------

    def _uid(self, text: str) -> str:
        self._version += 1
        return f"uid-{text}-{self._version}"

    def _touch(self, obj: dict[str, Any]) -> None:
        self._version += 1
        obj["metadata"]["resourceVersion"] = str(self._version)

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        return [o for r, o in sorted(self.objects.items(), key=lambda i: i[0].name) if r.kind == kind]

    def pods_of(self, revision: str) -> list[dict[str, Any]]:
        return [p for p in self.of_kind("Pod") if p["metadata"]["labels"].get(names.LABEL_REVISION) == revision]

    def _behaviour(self, uri: str) -> Behaviour:
        return self.behaviours.setdefault(uri, Behaviour())

    def _uri_of(self, template: dict[str, Any]) -> str:
        env = template["spec"]["containers"][0]["env"]
        return next(e["value"] for e in env if e["name"] == "SERIN_MODEL_URI")

    def move(self, seconds: float) -> None:
        """What controllers, kubelets and clients do in ``seconds``."""
        for job in self.of_kind("Job"):
            self._run_job(job)
        for deployment in self.of_kind("Deployment"):
            self._run_deployment(deployment)
        for pod in self.of_kind("Pod"):
            owner = pod["metadata"]["ownerReferences"][0]["uid"]
            if not any(o["metadata"]["uid"] == owner for o in self.objects.values()):
                del self.objects[ObjectRef("v1", "Pod", NAMESPACE, pod["metadata"]["name"])]
        self._write_endpoints()
        self._serve(seconds)
        self._history.append((self.now.timestamp(), dict(self._counters)))

    def _make_pod(self, owner: dict[str, Any], template: dict[str, Any], name: str) -> dict[str, Any]:
        pod = {
            "metadata": {
                "namespace": NAMESPACE,
                "name": name,
                "uid": self._uid("pod"),
                "labels": {
                    **template["metadata"]["labels"],
                    **({"batch.kubernetes.io/job-name": owner["metadata"]["name"]} if owner["kind"] == "Job" else {}),
                },
                "creationTimestamp": self.now.isoformat(),
                "ownerReferences": [_owner_of_pods(owner)],
            },
            "spec": template["spec"],
            "status": {"phase": "Running", "conditions": [], "containerStatuses": [_container({})]},
        }
        self._touch(pod)
        self.objects[ObjectRef("v1", "Pod", NAMESPACE, name)] = pod
        return pod

    def lack_volumes(self, message: str) -> None:
        """The pods that serve are replaced, and the new ones wait for a volume: the kubelet says so in events."""
        for pod in self.of_kind("Pod"):
            if pod["metadata"]["labels"][names.LABEL_COMPONENT] == names.COMPONENT_SERVER:
                waiting = _container({"waiting": {"reason": "ContainerCreating"}})
                pod["spec"] = {**pod["spec"], "nodeName": "node1"}
                pod["status"] = {"phase": "Pending", "conditions": [], "containerStatuses": [waiting]}
                self._touch(pod)
                about = {"uid": pod["metadata"]["uid"]}
                self.failed_mounts.append({"metadata": {}, "involvedObject": about, "message": message})

    def _run_job(self, job: dict[str, Any]) -> None:
        template = job["spec"]["template"]
        uri, name = self._uri_of(template), job["metadata"]["name"]
        behaviour = self._behaviour(uri)
        pod_ref = ObjectRef("v1", "Pod", NAMESPACE, f"{name}-x1y2z")
        if pod_ref not in self.objects:
            self._make_pod(job, template, pod_ref.name)
        age = (self.now - datetime.fromisoformat(job["metadata"]["creationTimestamp"])).total_seconds()
        if age < behaviour.resolve_after or job.get("status", {}).get("conditions"):
            return
        said = behaviour.report or {"ok": True, "sha256": hashlib.sha256(uri.encode()).hexdigest(), "opset": 21}
        pod = self.objects[pod_ref]
        pod["status"]["phase"] = "Succeeded" if said["ok"] else "Failed"
        ended = {"exitCode": 0 if said["ok"] else 64, "message": json.dumps(said)}
        pod["status"]["containerStatuses"] = [_container({"terminated": ended})]
        job["status"] = {"conditions": [{"type": "Complete" if said["ok"] else "Failed", "status": "True"}]}
        self._touch(pod)
        self._touch(job)

    def _run_deployment(self, deployment: dict[str, Any]) -> None:
        template, wanted = deployment["spec"]["template"], deployment["spec"].get("replicas", 1)
        revision = template["metadata"]["labels"][names.LABEL_REVISION]
        behaviour = self._behaviour(self._uri_of(template))
        uid = deployment["metadata"]["uid"]
        pods = [p for p in self.pods_of(revision) if p["metadata"]["ownerReferences"][0]["uid"] == uid]
        for pod in pods[wanted:]:
            del self.objects[ObjectRef("v1", "Pod", NAMESPACE, pod["metadata"]["name"])]
        for number in range(len(pods), wanted):
            self._make_pod(deployment, template, f"{deployment['metadata']['name']}-{self._uid('p')}-{number}")
        ready = 0
        for pod in self.pods_of(revision):
            age = (self.now - datetime.fromisoformat(pod["metadata"]["creationTimestamp"])).total_seconds()
            if pod["metadata"]["ownerReferences"][0]["uid"] != uid:
                continue
            waits = behaviour.never_ready or pod["status"]["phase"] == "Pending"
            if age >= behaviour.ready_after and not waits:
                if not pod["status"]["conditions"]:
                    pod["status"]["conditions"] = [{"type": "Ready", "status": "True"}]
                    self._touch(pod)
                ready += 1
        status = {
            "readyReplicas": ready,
            "availableReplicas": ready,
            "observedGeneration": deployment["metadata"].get("generation", 1),
        }
        if deployment.get("status") != status:
            deployment["status"] = status
            self._touch(deployment)

    # ---- clients, and what servers count ---------------------------------------------------------------------------

    def _write_endpoints(self) -> None:
        service = self.objects.get(ObjectRef("v1", "Service", NAMESPACE, self.name))
        ref = ObjectRef("discovery.k8s.io/v1", "EndpointSlice", NAMESPACE, f"{self.name}-x1y2z")
        if service is None:
            self.objects.pop(ref, None)
        elif not self.endpoints_are_late:
            selector = service["spec"]["selector"].items()
            pods = [p for p in self.of_kind("Pod") if selector <= p["metadata"]["labels"].items()]
            labels = {**service["metadata"]["labels"], "kubernetes.io/service-name": self.name}
            self.objects[ref] = {
                "metadata": {"name": ref.name, "uid": "uid-endpoints", "labels": labels},
                "endpoints": [
                    {
                        "conditions": {"ready": bool(p["status"]["conditions"])},
                        "targetRef": {"name": p["metadata"]["name"]},
                    }
                    for p in pods
                ],
            }

    def endpoints(self) -> list[dict[str, Any]]:
        """The pods that get requests."""
        told = {
            e["targetRef"]["name"]
            for s in self.of_kind("EndpointSlice")
            for e in s["endpoints"]
            if e["conditions"]["ready"]
        }
        return [p for p in self.of_kind("Pod") if p["metadata"]["name"] in told]

    def _serve(self, seconds: float) -> None:
        pods = self.endpoints()
        if not pods:
            self.lost += 1 if self.stable else 0
            return
        share = self.requests_a_second * seconds / len(pods)
        for pod in pods:
            revision = pod["metadata"]["labels"][names.LABEL_REVISION]
            behaviour = self._behaviour(self._uri_of({"spec": pod["spec"]}))
            server = pod["metadata"]["name"]
            self.served[revision] = self.served.get(revision, 0) + round(share)
            bad = self._due(server, "error", share * behaviour.error_rate)
            wrong = self._due(server, "wrong", share * (1 - behaviour.accuracy))
            total = self._due(server, "total", share)
            self._count("serin_requests_total", server, revision, "error", "true", bad)
            self._count("serin_requests_total", server, revision, "error", "false", total - bad)
            self._count("serin_feedback_total", server, revision, "outcome", "wrong", wrong)
            self._count("serin_feedback_total", server, revision, "outcome", "correct", total - wrong)
            born = ("serin_process_start_time_seconds", server, revision, "", "")
            self._counters.setdefault(born, datetime.fromisoformat(pod["metadata"]["creationTimestamp"]).timestamp())

    def _due(self, server: str, what: str, amount: float) -> float:
        """Whole events, with the rest owed to the next second."""
        owed = self._owed.get((server, what), 0.0) + amount
        self._owed[server, what] = owed - int(owed)
        return int(owed)

    def _count(self, metric: str, server: str, revision: str, label: str, value: str, amount: float) -> None:
        key = (metric, server, revision, label, value)
        self._counters[key] = self._counters.get(key, 0.0) + max(0.0, amount)

    async def query(self, promql: str, at: float) -> list[Series]:
        """Answers the one shape of query that the operator asks."""
        if self.prometheus_down:
            raise PrometheusError("http://prometheus:9090 refuses connections")
        metric = "serin_feedback_total" if "serin_feedback_total" in promql else "serin_requests_total"
        moments = [float(part.split(")")[0]) for part in promql.split("@ ")[1:]]
        end, start = moments[0], moments[1]
        series = []
        for name, moment in (("end", end), ("start", start)):
            for key, value in self._at(moment).items():
                if key[0] == metric:
                    arm = "predicted_revision" if "feedback" in metric else "model_revision"
                    labels = {"at": name, "server_id": key[1], arm: key[2], key[3]: key[4]}
                    series.append(Series(labels | ({"age_le": "5"} if "feedback" in metric else {}), value, moment))
        for key, value in self._at(end).items():
            if key[0] == "serin_process_start_time_seconds":
                series.append(Series({"at": "born", "server_id": key[1]}, value, end))
        return series

    def _at(self, moment: float) -> dict[tuple[str, ...], float]:
        return next((counters for at, counters in reversed(self._history) if at <= moment), {})

    # ---- the API server, as the reconciler's ports see it ----------------------------------------------------------

    def _may_die(self) -> None:
        if self.writes_until_death is not None:
            if self.writes_until_death == 0:
                self.writes_until_death = None
                raise Killed
            self.writes_until_death -= 1

    async def model_deployment(self, namespace: str, name: str) -> dict[str, Any] | None:
        found = self.objects.get(ObjectRef(names.API_VERSION, names.KIND, namespace, name))
        return _copy(found)

    async def get(self, ref: ObjectRef) -> dict[str, Any] | None:
        return _copy(self.objects.get(ref))

    async def children(self, namespace: str, name: str, uid: str) -> Children:
        def labelled(kind: str) -> list[dict[str, Any]]:
            found = [o for o in self.of_kind(kind) if names.LABEL_MODEL_DEPLOYMENT in o["metadata"].get("labels", {})]
            return _copy(found)

        return Children(
            deployments=labelled("Deployment"),
            services=labelled("Service"),
            jobs=labelled("Job"),
            controller_revisions=labelled("ControllerRevision"),
            pods=labelled("Pod"),
            endpoint_slices=labelled("EndpointSlice"),
            pod_disruption_budgets=labelled("PodDisruptionBudget"),
            events_about_pods=_copy(self.failed_mounts),
        )

    def _tell(self, text: str) -> None:
        self.story.append(f"{(self.now - START).total_seconds():6.0f}s  {text}")

    async def create(self, obj: Any) -> dict[str, Any]:
        self._may_die()
        ref = _ref(obj)
        if ref in self.objects:
            raise AlreadyExists(f"create {ref}: already exists")
        created = _copy(dict(obj))
        created["metadata"] = {
            **created["metadata"],
            "uid": self._uid(ref.kind),
            "creationTimestamp": self.now.isoformat(),
            "generation": 1,
        }
        self._touch(created)
        self.objects[ref] = created
        more = f" with {obj['spec']['replicas']} replicas" if ref.kind == "Deployment" else ""
        more = f" selecting {_selects(obj)}" if ref.kind == "Service" and ref.name == self.name else more
        self._tell(f"create {ref.kind} {ref.name}{more}")
        return _copy(created)

    async def apply(self, obj: Any, *, resource_version: str | None) -> dict[str, Any]:
        self._may_die()
        ref = _ref(obj)
        live = self.objects.get(ref)
        if live is None:
            raise NotFound(f"apply {ref}: not found")
        if resource_version is not None and live["metadata"]["resourceVersion"] != resource_version:
            raise Conflict(f"apply {ref}: has changed")
        before = _copy(live)
        if ref.kind == "ControllerRevision":
            raise Invalid(f"apply {ref}: data is immutable")
        if "spec" in obj:
            live["spec"] = {**live["spec"], **_copy(dict(obj["spec"]))}
        live["metadata"]["labels"] = {**live["metadata"].get("labels", {}), **obj["metadata"].get("labels", {})}
        if obj["metadata"].get("annotations"):
            live["metadata"]["annotations"] = dict(obj["metadata"]["annotations"])
        live["metadata"]["ownerReferences"] = _copy(obj["metadata"]["ownerReferences"])
        if live != before:
            self._touch(live)
            what = f" selecting {_selects(obj)}" if ref.kind == "Service" and ref.name == self.name else ""
            if ref.kind != "ControllerRevision":
                self._tell(f"apply {ref.kind} {ref.name}{what}")
        return _copy(live)

    async def create_secret(self, obj: Any) -> None:
        self._may_die()
        ref = _ref(obj)
        if ref in self.objects:
            raise AlreadyExists(f"create {ref}: already exists")
        made = _copy(obj)
        made["metadata"]["uid"] = self._uid(ref.kind.lower())
        self._touch(made)
        self.objects[ref] = made
        self._tell(f"create {ref.kind} {ref.name}")

    async def merge_patch(self, ref: ObjectRef, patch: Any, *, subresource: str | None = None) -> dict[str, Any]:
        self._may_die()
        live = self.objects[ref]
        metadata = patch["metadata"]
        if "ownerReferences" in metadata:
            live["metadata"]["ownerReferences"] = _copy(metadata["ownerReferences"])
            self._tell(f"adopt {ref.kind} {ref.name}")
        for key in ("annotations", "labels"):
            live["metadata"][key] = {**live["metadata"].get(key, {}), **metadata.get(key, {})}
        self._touch(live)
        return _copy(live)

    async def scale(self, ref: ObjectRef, replicas: int, *, resource_version: str | None) -> None:
        self._may_die()
        live = self.objects.get(ref)
        if live is None:
            raise NotFound(f"scale {ref}")
        if resource_version is not None and live["metadata"]["resourceVersion"] != resource_version:
            raise Conflict(f"scale {ref}: has changed")
        live["spec"]["replicas"] = replicas
        self._touch(live)
        self._tell(f"scale {ref.name} to {replicas}")

    async def delete(self, ref: ObjectRef, *, uid: str | None, propagation: str = "Background") -> None:
        self._may_die()
        live = self.objects.get(ref)
        if live is not None and live["metadata"]["uid"] == uid:
            del self.objects[ref]
            self._tell(f"delete {ref.kind} {ref.name}")

    async def replace_status(self, obj: Any) -> dict[str, Any]:
        self._may_die()
        if obj["metadata"]["resourceVersion"] != self.mdep["metadata"]["resourceVersion"]:
            raise Conflict("status: has changed")
        old = self.status
        self.mdep["status"] = _copy(obj["status"])
        self._touch(self.mdep)
        self._tell_status(old)
        return _copy(self.mdep)

    def _tell_status(self, old: dict[str, Any]) -> None:
        def line(status: dict[str, Any]) -> str:
            canary = status.get("canary")
            stable = (status.get("stable") or {}).get("version", "-")
            rollout = "-"
            if canary:
                step = f" step {canary['step']} at {canary['weight']} %" if canary.get("step") is not None else ""
                rollout = f"{canary['version']} {canary['phase']}{step}"
            kinds = {c["type"]: c for c in status.get("conditions", [])}
            ready = kinds.get("Ready", {"status": "?", "reason": "?"})
            stalled = " STALLED" if kinds.get("Stalled", {}).get("status") == "True" else ""
            return f"stable {stable}, rollout {rollout}, Ready={ready['status']} {ready['reason']}{stalled}"

        if line(old) != line(self.status):
            self._tell("status: " + line(self.status))

    async def event(self, regarding: Any, *, type_: str, reason: str, message: str) -> None:
        self._tell(f"event {type_} {reason}: {message}")


def _container(state: dict[str, Any]) -> dict[str, Any]:
    return {"name": "server", "restartCount": 0, "state": state}


def _owner_of_pods(owner: dict[str, Any]) -> dict[str, Any]:
    """What a pod says of its controller: the Job, or a ReplicaSet that is named after the Deployment."""
    name, uid = owner["metadata"]["name"], owner["metadata"]["uid"]
    if owner["kind"] == "Job":
        return {"kind": "Job", "name": name, "uid": uid, "controller": True}
    return {"kind": "ReplicaSet", "name": f"{name}-5f7d8c", "uid": uid, "controller": True}


def _copy(obj: Any) -> Any:
    """As the wire does it, and quicker than copy.deepcopy."""
    return None if obj is None else orjson.loads(orjson.dumps(obj))


def _ref(obj: Any) -> ObjectRef:
    return ObjectRef(obj["apiVersion"], obj["kind"], obj["metadata"]["namespace"], obj["metadata"]["name"])


def _selects(obj: Any) -> str:
    return obj["spec"]["selector"].get(names.LABEL_REVISION, "every version")


def spec(version: str = "v1", **more: Any) -> dict[str, Any]:
    """A small spec: three pods, two steps of ten seconds."""
    base: dict[str, Any] = {
        "model": {"version": version, "uri": f"http://models/{version}.onnx"},
        "replicas": 3,
        "rollout": {"steps": [{"weight": 25, "holdSeconds": 10}, {"weight": 50, "holdSeconds": 10}]},
    }
    return {**base, **more}


ANALYSIS: dict[str, Any] = {
    "intervalSeconds": 5,
    "minSamples": 50,
    "metrics": [{"name": "errors", "errorRate": {}}, {"name": "accuracy", "accuracy": {"maxDecrease": 0.02}}],
}
