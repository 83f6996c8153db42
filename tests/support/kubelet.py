"""A stand-in for nodes on a control plane without any: it says of pods what a kubelet would say.

The real controllers make the pods; this reports that they ran, and lists those that are ready in EndpointSlices: the real
controller leaves out pods without a node. Resolve pods end with the report of the model
resolver, serving pods become ready. How a model behaves stands in its URI: `…/missing` is not found, `…/never-ready`
never becomes ready. Good for everything about rollouts that needs no traffic, in a tenth of a real node's time.
"""

import asyncio
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from serin_operator.api.names import COMPONENT_RESOLVE, LABEL_COMPONENT, LABEL_MODEL_DEPLOYMENT
from serin_operator.cluster.client import APPLY_PATCH, MERGE_PATCH, ApiClient
from serin_operator.cluster.connection import Connection
from serin_operator.cluster.errors import Forbidden, NotFound, Transient
from serin_operator.cluster.resources import ENDPOINT_SLICES, PODS, SERVICES

NOW = "2026-11-20T12:00:00Z"


class FakeKubelet:
    """Reports about every pod with our label, over and over, until cancelled."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client
        self._reported: set[str] = set()
        self._told: dict[str, dict[str, Any]] = {}

    async def run(self) -> None:
        """Run until cancelled; an API server that is away is waited for."""
        while True:
            try:
                await self._round()
            except (Transient, NotFound, Forbidden):  # away for a while; or what is reported about goes away
                await asyncio.sleep(0.5)
            await asyncio.sleep(0.1)

    async def _round(self) -> None:
        pods, _ = await self._client.list_all(PODS, None, label_selector=LABEL_MODEL_DEPLOYMENT)
        for pod in pods:
            metadata = pod["metadata"]
            if metadata["uid"] not in self._reported and not metadata.get("deletionTimestamp"):
                status = status_of(pod)
                if status is not None:
                    await self._client.call(
                        "PATCH",
                        PODS.path(metadata["namespace"], metadata["name"], "status"),
                        what="report about a pod",
                        body={"status": status},
                        content_type=MERGE_PATCH,
                    )
                self._reported.add(metadata["uid"])
        services, _ = await self._client.list_all(SERVICES, None, label_selector=LABEL_MODEL_DEPLOYMENT)
        for service in services:
            await self._tell_endpoints(service, pods)

    async def _tell_endpoints(self, service: dict[str, Any], pods: list[dict[str, Any]]) -> None:
        uid, endpoints = service["metadata"]["uid"], endpoints_of(service, pods)
        if self._told.get(uid) != endpoints:
            await tell_endpoints(self._client, service, endpoints)
            self._told[uid] = endpoints


@contextmanager
def fake_kubelet(kubeconfig: str) -> Iterator[None]:
    """Run it beside the test, in a thread."""
    stop = threading.Event()

    async def run() -> None:
        connection = await Connection.load({"KUBECONFIG": kubeconfig})
        async with connection.new_session() as session:
            task = asyncio.create_task(FakeKubelet(ApiClient(session, connection.server)).run())
            await asyncio.to_thread(stop.wait)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    thread = threading.Thread(target=asyncio.run, args=(run(),), daemon=True)
    thread.start()
    try:
        yield
    finally:  # also when the test fails: the thread would keep the interpreter from ending
        stop.set()
        thread.join(10)


async def tell_endpoints(client: ApiClient, service: dict[str, Any], endpoints: list[dict[str, Any]]) -> None:
    """Write the EndpointSlice of a Service."""
    about = service["metadata"]
    await client.call(
        "PATCH",
        ENDPOINT_SLICES.path(about["namespace"], f"{about['name']}-stand-in"),
        what="tell endpoints",
        params={"fieldManager": "stand-in", "force": "true"},
        body={
            "apiVersion": ENDPOINT_SLICES.api_version,
            "kind": ENDPOINT_SLICES.kind,
            "metadata": {
                "name": f"{about['name']}-stand-in",
                "labels": {**about["labels"], "kubernetes.io/service-name": about["name"]},
                "ownerReferences": [
                    {"apiVersion": "v1", "kind": "Service", "name": about["name"], "uid": about["uid"]}
                ],
            },
            "addressType": "IPv4",
            "endpoints": endpoints,
            "ports": [{"port": 8000}],
        },
        content_type=APPLY_PATCH,
    )


def status_of(pod: dict[str, Any]) -> dict[str, Any] | None:
    """What a kubelet would say of a pod; None: nothing yet."""
    container = pod["spec"]["containers"][0]
    uri = next((e.get("value", "") for e in container.get("env", []) if e["name"] == "SERIN_MODEL_URI"), "")
    if pod["metadata"]["labels"].get(LABEL_COMPONENT) == COMPONENT_RESOLVE:
        return _resolved(container["name"], uri)
    return None if uri.endswith("/never-ready") else _ready(container["name"])


def endpoints_of(service: dict[str, Any], pods: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One endpoint for each pod that the Service selects and that is ready; their addresses lead nowhere."""
    metadata = [p["metadata"] for p in pods if (p.get("status") or {}).get("phase") == "Running"]
    there = [
        m for m in metadata if not m.get("deletionTimestamp") and m["namespace"] == service["metadata"]["namespace"]
    ]
    selected = [m for m in there if service["spec"]["selector"].items() <= m["labels"].items()]
    return [
        {
            "addresses": [f"192.0.2.{number}"],
            "conditions": {"ready": True},
            "targetRef": {"kind": "Pod", "name": m["name"], "namespace": m["namespace"], "uid": m["uid"]},
        }
        for number, m in enumerate(sorted(selected, key=lambda m: m["name"]), start=1)
    ]


def digest_of(uri: str) -> str:
    """The sha256 that the stand-in finds behind a URI."""
    return hashlib.sha256(uri.encode()).hexdigest()


def _resolved(container: str, uri: str) -> dict[str, Any]:
    failed = uri.endswith("/missing")
    report = (
        {"ok": False, "reason": "SourceNotFound", "message": f"nothing is at {uri}"}
        if failed
        else {
            "ok": True,
            "sha256": digest_of(uri),
            "sizeBytes": 1,
            "opset": 21,
            "signatureDigest": "s",
            "truncated": False,
        }
    )
    ended = {
        "exitCode": 64 if failed else 0,
        "reason": "Error" if failed else "Completed",
        "message": json.dumps(report),
        "startedAt": NOW,
        "finishedAt": NOW,
    }
    return {
        "phase": "Failed" if failed else "Succeeded",
        "containerStatuses": [_container(container, ready=False, state={"terminated": ended})],
    }


def _ready(container: str) -> dict[str, Any]:
    return {
        "phase": "Running",
        "conditions": [
            {"type": kind, "status": "True", "lastTransitionTime": NOW} for kind in ("Ready", "ContainersReady")
        ],
        "containerStatuses": [_container(container, ready=True, state={"running": {"startedAt": NOW}})],
    }


def _container(name: str, *, ready: bool, state: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "ready": ready, "restartCount": 0, "image": "i", "imageID": "i", "state": state}
