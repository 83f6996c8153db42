"""What every scenario plays on: a control plane without nodes, helpers as processes of their own, and the operator, measured."""

import asyncio
import itertools
import os
import re
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.kubernetes import Kubernetes
from tests.support.operator import OperatorProcess, install_crd

from localkube import Cluster
from localkube.processes import myself
from serin_operator.cluster.client import ApiClient
from serin_operator.cluster.connection import Connection
from serin_operator.cluster.errors import ApiError
from serin_operator.cluster.resources import LEASES, MODEL_DEPLOYMENTS, Resource, Scope
from serin_operator.cluster.stream import watch

NAMESPACE = "bench"
_REQUESTS = re.compile(r'serin_operator_api_requests_total\{code="(\w+)",verb="(\w+)"\} (\S+)')
_AT_A_TIME = 16


@contextmanager
def control_plane(name):
    """API server, etcd and controllers of its own, with the CRD and a namespace."""
    local = Cluster.up(f"bench-{name}-{os.getpid()}", nodes=0, owner=myself())
    try:
        kubernetes = Kubernetes(local.environment(), local)
        install_crd(kubernetes)
        kubernetes.kubectl("create", "namespace", NAMESPACE)
        yield kubernetes
    finally:
        local.down()


@contextmanager
def helper(module, *arguments):
    """A stand-in, beside."""
    process = subprocess.Popen([sys.executable, "-m", f"benchmarks.operator.{module}", *arguments])
    try:
        yield process
    finally:
        process.kill()  # it has nothing to finish
        process.wait()


@contextmanager
def operator(kubernetes, folder, **settings):
    """The operator as a process; killed at the end unless it has been stopped."""
    process = OperatorProcess(
        kubernetes, Path(folder) / "operator.log", **{"LEASE_NAMESPACE": NAMESPACE, "LOG_LEVEL": "warning", **settings}
    )
    try:
        yield process
    finally:
        if process.exit_code is None:
            process.stop()


async def until_leading(kubernetes, process):
    """Wait; on a busy machine the first start, which compiles, takes its time."""
    await asyncio.to_thread(kubernetes.wait_for, "the operator to lead", process.is_leading, 300.0, 0.05)


def model_deployment(number, version="v1", **spec):
    """The object of a user who asks for little."""
    return {
        "apiVersion": "serin.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": f"model-{number:05}", "namespace": NAMESPACE},
        "spec": {"model": {"version": version, "uri": f"file:///models/{number}/{version}.onnx"}, **spec},
    }


@dataclass
class Readings:
    """What the operator has used so far."""

    at: float
    cpu: float
    calls: dict

    @classmethod
    def of(cls, process):
        found = _REQUESTS.findall(process.page("/metrics"))
        calls = {}
        for code, verb, value in found:
            name = verb if code.startswith("2") else f"{verb} {code}"
            calls[name] = calls.get(name, 0) + int(float(value))
        return cls(time.monotonic(), process.cpu_seconds(), calls)

    def since(self, before):
        calls = {verb: count - before.calls.get(verb, 0) for verb, count in sorted(self.calls.items())}
        return {
            "wall_s": round(self.at - before.at, 2),
            "cpu_s": round(self.cpu - before.cpu, 2),
            "calls": {verb: count for verb, count in calls.items() if count},
        }


NOTHING = Readings(0.0, 0.0, {})


def memory(process):
    """Resident memory now and at its peak, MiB."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    now, peak = (int(re.search(rf"{name}:\s+(\d+)", status)[1]) / 1024 for name in ("VmRSS", "VmHWM"))
    return {"rss_mib": round(now), "peak_mib": round(peak)}


@dataclass
class Audience:
    """Follows the ModelDeployments (or what else is compared) and the lease with watches, as any client would."""

    client: ApiClient
    resource: Resource = MODEL_DEPLOYMENTS
    objects: dict = field(default_factory=dict)
    renewals: list = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    writes: int = 0
    """Changes of its objects that were told; each is a write of somebody's."""

    async def run(self):
        await asyncio.gather(
            self._follow(Scope(self.resource, None), self._take),
            self._follow(Scope(LEASES, NAMESPACE), self._lease),
        )

    async def _follow(self, scope, take):
        while True:
            since = await self.client.each(scope, lambda obj: take("LISTED", obj))
            with suppress(ApiError):  # too far back, or gone: it is listed anew
                while True:
                    since = await self._once(scope, since, take)

    async def _once(self, scope, since, take):
        last = [since]

        def tell(kind, obj):
            last[0] = obj["metadata"]["resourceVersion"]
            if kind != "BOOKMARK":
                take(kind, obj)

        await watch(self.client, scope, since, tell, lambda: None)
        return last[0]

    def _take(self, kind, obj):
        self.writes += kind == "MODIFIED"
        self.objects[obj["metadata"]["name"]] = obj
        self.changed.set()

    def _lease(self, kind, _obj):
        if kind == "MODIFIED":
            self.renewals.append(time.monotonic())

    async def until(self, count, is_so, seconds):
        """Wait until so many objects are as wanted; returns how many seconds it took, or None."""
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            if sum(map(is_so, self.objects.values())) >= count:
                return time.monotonic() - began
            self.changed.clear()
            try:
                await asyncio.wait_for(self.changed.wait(), 1.0)
            except TimeoutError:
                continue
            await asyncio.sleep(0.1)
        missing = [name for name, obj in self.objects.items() if not is_so(obj)]
        raise SystemExit(f"{len(missing)} of {count} not within {seconds} s, for example {missing[:3]}")

    def longest_without_renewal(self, since):
        """Seconds; the lease is renewed every two."""
        moments = [moment for moment in self.renewals if moment >= since]
        gaps = [later - earlier for earlier, later in itertools.pairwise(moments)]
        return round(max(gaps, default=0.0), 2)


@contextmanager
def quiet():
    """Cancel what is left over."""
    tasks = []
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()


async def client_of(kubernetes, stack):
    connection = await Connection.load({"KUBECONFIG": kubernetes.kubeconfig})
    session = await stack.enter_async_context(connection.new_session())
    return ApiClient(session, connection.server)


async def each(items, do, at_a_time=_AT_A_TIME):
    """Do it with all of them, so many at a time."""
    iterator = iter(items)

    async def work():
        for item in iterator:
            await do(item)

    await asyncio.gather(*(work() for _ in range(at_a_time)))


async def create_all(client, count, resource=MODEL_DEPLOYMENTS, body_of=model_deployment):
    path = resource.path(NAMESPACE)

    async def create(number):
        await client.call("POST", path, what="create", body=body_of(number))

    await each(range(count), create)


def condition(obj, kind):
    conditions = (obj.get("status") or {}).get("conditions") or []
    return next((c["status"] for c in conditions if c["type"] == kind), None)


def has_status(obj):
    return condition(obj, "Ready") is not None


def serves(version):
    def is_so(obj):
        stable = (obj.get("status") or {}).get("stable") or {}
        is_current = (obj.get("status") or {}).get("observedGeneration") == obj["metadata"]["generation"]
        return is_current and condition(obj, "Ready") == "True" and stable.get("version") == version

    return is_so
