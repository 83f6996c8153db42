"""What kube-controller-manager does: Deployments, their ReplicaSets and pods, Jobs, and the pods of Jobs."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil
from typing import Any

import orjson
from tests.support.simulation import shapes
from tests.support.simulation.cluster import (
    Cluster,
    JsonObject,
    copied,
    is_ready,
    is_terminating,
    seconds,
    uri_of,
)
from tests.support.simulation.kubelet import Kubelet
from tests.support.simulation.specs import NAMESPACE

EXIT_PERMANENT = 64
EXIT_TRY_AGAIN = 75
BACKOFF_LIMIT = 6


@dataclass
class Workloads:
    """Deployments and Jobs."""

    cluster: Cluster
    kubelet: Kubelet
    pods_forbidden: str | None = None
    """Words of a quota or a webhook that lets nobody make pods."""
    events_about_jobs: list[JsonObject] = field(default_factory=list)
    _hashes: dict[str, tuple[str, str]] = field(default_factory=dict)

    def make_pods(self) -> None:
        """Create and delete pods as Jobs and Deployments want it."""
        for job in self.cluster.of_kind("Job"):
            if not is_terminating(job):
                self._run_job(job)
        for deployment in self.cluster.of_kind("Deployment"):
            if not is_terminating(deployment):
                self._run_deployment(deployment)

    def write_status(self) -> None:
        """Count the pods of each Deployment."""
        for deployment in self.cluster.of_kind("Deployment"):
            sets = self.cluster.owned_by(deployment["metadata"]["uid"], "ReplicaSet")
            pods = [p for s in sets for p in self.cluster.owned_by(s["metadata"]["uid"], "Pod")]
            ready = sum(map(is_ready, pods))
            status: JsonObject = {
                "replicas": sum(not is_terminating(p) for p in pods),
                "readyReplicas": ready,
                "availableReplicas": ready,
                "observedGeneration": deployment["metadata"].get("generation", 1),
            }
            wanted = deployment["spec"].get("replicas", 1)
            available = {"Available": ready >= wanted - wanted // 4}
            status["conditions"] = shapes.conditions(deployment, available, self.cluster.now)
            if self.pods_forbidden and len(pods) < wanted:
                failure = {"type": "ReplicaFailure", "status": "True", "message": self.pods_forbidden}
                status["conditions"].append({**failure, "reason": "FailedCreate"})
            if deployment.get("status") != status:
                deployment["status"] = status
                self.cluster.touch(deployment)

    # ---- Deployments -----------------------------------------------------------------------------------------------

    def _run_deployment(self, deployment: JsonObject) -> None:
        current = self._replica_set(deployment)
        sets = self.cluster.owned_by(deployment["metadata"]["uid"], "ReplicaSet")
        wanted = deployment["spec"].get("replicas", 1)
        mine = self._living(current)
        old = [p for s in sets if s is not current for p in self._living(s)]
        room = wanted + (ceil(0.25 * wanted) if old else 0) - len(old)
        self._resize(current, max(len(mine) if old else 0, min(wanted, room)))
        if old:
            ready = sum(map(is_ready, [*self._living(current), *old]))
            spare = max(0, ready - wanted)
            goes = [p for p in old if not is_ready(p)] or old[:spare]
            for pod in goes:
                self._stop(pod)
        for one in sets:
            if one is not current and not self._living(one):
                self.cluster.remove(one)

    def _replica_set(self, deployment: JsonObject) -> JsonObject:
        template = deployment["spec"]["template"]
        version, digest = self._hashes.get(deployment["metadata"]["uid"], ("", ""))
        if version != deployment["metadata"]["resourceVersion"]:
            digest = _hash(template)
            self._hashes[deployment["metadata"]["uid"]] = (deployment["metadata"]["resourceVersion"], digest)
        name = f"{deployment['metadata']['name']}-{digest}"
        for known in self.cluster.owned_by(deployment["metadata"]["uid"], "ReplicaSet"):
            if known["metadata"]["name"] == name:
                return known
        labels = {**template["metadata"]["labels"], "pod-template-hash": digest}
        template = {**copied(template), "metadata": {**copied(template["metadata"]), "labels": labels}}
        owner = _controller("apps/v1", "Deployment", deployment)
        metadata = {"namespace": NAMESPACE, "name": name, "labels": labels, "ownerReferences": [owner]}
        made = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": metadata, "spec": {"template": template}}
        return self.cluster.put(made)

    def _living(self, replica_set: JsonObject) -> list[JsonObject]:
        pods = self.cluster.owned_by(replica_set["metadata"]["uid"], "Pod")
        return [p for p in pods if not is_terminating(p) and p["status"].get("phase") != "Failed"]

    def _resize(self, replica_set: JsonObject, wanted: int) -> None:
        pods = sorted(self._living(replica_set), key=lambda p: (not is_ready(p), p["metadata"]["creationTimestamp"]))
        for pod in pods[wanted:]:
            self._stop(pod)
        if self.pods_forbidden:
            return
        lives = self.kubelet.lives
        taken = {lives[p["metadata"]["uid"]].ordinal for p in pods if p["metadata"]["uid"] in lives}
        free = (n for n in range(10_000) if n not in taken)
        for _ in range(len(pods), wanted):
            ordinal = next(free)
            name = f"{replica_set['metadata']['name']}-{_suffix(self.cluster.uid('name'))}"
            owner = _controller("apps/v1", "ReplicaSet", replica_set)
            pod = _pod(name, replica_set["spec"]["template"], owner)
            self.cluster.put(pod)
            self.kubelet.adopt(pod, ordinal)

    def _stop(self, pod: JsonObject) -> None:
        if self.cluster.behaviour(uri_of(pod["spec"])).terminates_after > 0:
            self.cluster.terminate(pod)
        else:
            self.cluster.remove(pod)

    # ---- Jobs ------------------------------------------------------------------------------------------------------

    def _run_job(self, job: JsonObject) -> None:
        if job.get("status", {}).get("conditions"):
            return
        pods = self.cluster.owned_by(job["metadata"]["uid"], "Pod")
        running = [p for p in pods if p["status"]["phase"] not in {"Succeeded", "Failed"}]
        if not running:
            self._start_job_pod(job, pods)
            running = [p for p in self.cluster.owned_by(job["metadata"]["uid"], "Pod") if p not in pods]
        for pod in running:
            self._end_job_pod(job, pod, failures=len(pods) - len(running) if pod in pods else len(pods))

    def _start_job_pod(self, job: JsonObject, before: list[JsonObject]) -> None:
        if self.pods_forbidden:
            about = {"uid": job["metadata"]["uid"], "kind": "Job", "name": job["metadata"]["name"]}
            event = {"metadata": {}, "reason": "FailedCreate", "involvedObject": about, "message": self.pods_forbidden}
            if not any(e["involvedObject"] == about for e in self.events_about_jobs):
                self.events_about_jobs.append(event)
            return
        last = max((p["metadata"]["creationTimestamp"] for p in before), default=None)
        patience = 10.0 * 2 ** (len(before) - 1)
        if last is not None and seconds(datetime.fromisoformat(last), self.cluster.now) < patience:
            return
        template = copied(job["spec"]["template"])
        template["metadata"]["labels"]["batch.kubernetes.io/job-name"] = job["metadata"]["name"]
        name = f"{job['metadata']['name']}-{_suffix(self.cluster.uid('name'))}"
        pod = self.cluster.put(_pod(name, template, _controller("batch/v1", "Job", job)))
        self.kubelet.adopt(pod, 0)
        job.setdefault("status", {})["active"] = 1
        self.cluster.touch(job)

    def _end_job_pod(self, job: JsonObject, pod: JsonObject, *, failures: int) -> None:
        uri = uri_of(pod["spec"])
        behaviour = self.cluster.behaviour(uri)
        born = job["metadata"] if not failures else pod["metadata"]
        age = timedelta(seconds=behaviour.resolve_after)
        if pod["status"].get("initContainerStatuses") and shapes.has_command(pod):
            self._end_command(job, pod)
            return
        ours = next(s for s in pod["status"]["containerStatuses"] if s["name"] == "server")
        if self.cluster.now - datetime.fromisoformat(born["creationTimestamp"]) < age or "terminated" in ours["state"]:
            return
        if behaviour.waiting or behaviour.unschedulable or behaviour.init_fails:
            hindered = shapes.hindered(pod, behaviour, self.cluster.now)
            if hindered is not None and pod["status"] != hindered:
                pod["status"] = {"containerStatuses": [ours], **hindered}
                self.cluster.touch(pod)
            return
        report, exit_code = _found(uri, behaviour.report, away=behaviour.source_away)
        pod["status"] = shapes.ended(pod, report, exit_code, self.kubelet.sidecar, self.cluster.now)
        self.cluster.touch(pod)
        if exit_code == 0 and shapes.has_command(pod):
            (ended,) = pod["status"]["containerStatuses"]
            pod["status"] = shapes.commanded(pod, ended, behaviour.command, self.cluster.now, self.cluster.now)
            return
        if pod["status"]["phase"] == "Running":
            return  # an injected container runs on, and so does the Job
        over = exit_code != EXIT_TRY_AGAIN or failures >= BACKOFF_LIMIT
        if over:
            kind = "Complete" if exit_code == 0 else "Failed"
            job["status"] = {"conditions": [{"type": kind, "status": "True"}]}
            self.cluster.touch(job)

    def _end_command(self, job: JsonObject, pod: JsonObject) -> None:
        (ours,) = pod["status"]["initContainerStatuses"]
        since = datetime.fromisoformat(ours["state"]["terminated"]["finishedAt"])
        command = self.cluster.behaviour(uri_of(pod["spec"])).command
        status = shapes.commanded(pod, ours, command, since, self.cluster.now)
        if status == pod["status"]:
            return
        pod["status"] = status
        self.cluster.touch(pod)
        if status["phase"] in {"Succeeded", "Failed"}:
            kind = "Complete" if status["phase"] == "Succeeded" else "Failed"
            job["status"] = {"conditions": [{"type": kind, "status": "True"}]}
            self.cluster.touch(job)


def _found(uri: str, report: dict[str, Any] | None, *, away: bool) -> tuple[dict[str, Any], int]:
    if away:
        said = {"ok": False, "reason": "SourceUnreachable", "message": f"{uri} does not answer"}
        return said, EXIT_TRY_AGAIN
    said = report or {"ok": True, "sha256": hashlib.sha256(uri.encode()).hexdigest(), "opset": 21, "handedOver": True}
    return said, 0 if said["ok"] else EXIT_PERMANENT


def _pod(name: str, template: JsonObject, owner: JsonObject) -> JsonObject:
    metadata = {**copied(template["metadata"]), "namespace": NAMESPACE, "name": name, "ownerReferences": [owner]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": copied(template["spec"]), "status": {}}


def _controller(api_version: str, kind: str, owner: JsonObject) -> JsonObject:
    name, uid = owner["metadata"]["name"], owner["metadata"]["uid"]
    return {"apiVersion": api_version, "kind": kind, "name": name, "uid": uid, "controller": True}


def _hash(template: JsonObject) -> str:
    return hashlib.sha256(orjson.dumps(template, option=orjson.OPT_SORT_KEYS)).hexdigest()[:10]


def _suffix(uid: str) -> str:
    return hashlib.sha256(uid.encode()).hexdigest()[:5]
