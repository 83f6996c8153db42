"""Two ways from clients to a model, travelled side by side: through a real Gateway, and through the Service alone.

A journey is what a test lets happen to the model of each road. Clients ask all the while, and nothing they send may be lost.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.support.addons import PARENT, Gateway, Request, autoscaler
from tests.support.serin import Serin, Space

from localkube.addons.registry import GATEWAY_NAMESPACE

REQUESTS = int(os.environ.get("REQUESTS", "0"))
"""Requests that each road is to carry in all its journeys together, at least; 0: as many as come by."""
RATE = 100 if REQUESTS else 40
"""Requests a second on each road."""
FEWEST, MOST = 2, 6
"""Pods that the autoscaler may want."""
BY_NODE = [
    {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": {"serin.dev/component": "server"}},
    }
]


def host(space: Space) -> str:
    """The name by which clients outside the cluster know the model of `space`."""
    return f"{space.namespace}.example"


def routed(space: Space, **gateway: Any) -> dict[str, Any]:
    """`spec.traffic` by the Gateway of the tests."""
    return {"traffic": {"gateway": {"parentRefs": [PARENT], "hostnames": [host(space)]}, **gateway}}


def inference(space: Space, **headers: str) -> Request:
    """What a client of the model sends to the Gateway, about one patient."""
    patients = json.loads((space.serin.files / "patients.json").read_text())["features"]
    inputs = [{"name": "features", "datatype": "FP32", "shape": [1, len(patients[0])], "data": patients[0]}]
    body = json.dumps({"inputs": inputs})
    return Request(host(space), "POST", f"/v2/models/{space.name}/infer", body, headers)


def version_in(answer: bytes) -> str:
    """Which version has answered."""
    return str(json.loads(answer)["parameters"]["serin_version"])


@dataclass
class Road:
    """One ModelDeployment, its autoscaler, and clients that ask without a pause."""

    name: str
    space: Space
    traffic: dict[str, Any] = field(default_factory=dict)
    """`spec.traffic`, in a mapping."""

    def apply(self, version: str, file: str = "v2", **spec: Any) -> None:
        """A manifest that leaves the number of pods to the autoscaler."""
        manifest = self.space.manifest(version, f"http://models.models.svc/{file}.onnx", **self.traffic, **spec)
        manifest["spec"]["runtime"]["pod"] = {"topologySpreadConstraints": BY_NODE}
        del manifest["spec"]["replicas"]
        self.space.kubernetes.apply(manifest)

    def aim(self, memory: str) -> None:
        """How much memory a pod should have on average: little makes the autoscaler want many."""
        target = (self.space.name, "serin.dev/v1alpha1", "ModelDeployment", (FEWEST, MOST), memory)
        self.space.kubernetes.apply(autoscaler(*target, self.space.namespace))

    def sizes(self) -> tuple[int, int]:
        """What the autoscaler wants, and how many pods of the stable version are ready."""
        wanted = int(self.space.get()["spec"]["replicas"])
        stable = (self.space.status().get("stable") or {}).get("revision", "-")
        return wanted, sum(stable in pod["metadata"]["labels"].values() and is_ready(pod) for pod in self.space.pods())

    def is_held(self) -> bool:
        """Whether a canary has its weight in force."""
        return (self.space.status().get("canary") or {}).get("phase") == "Holding"

    def lines(self, after: float) -> list[dict[str, Any]]:
        """What the clients have said since that moment (their own clock)."""
        said = self.space.kubectl("logs", "deploy/traffic").splitlines()
        totals = [json.loads(line) for line in said if line.startswith("{") and '"sent"' in line]
        return [line for line in totals if line["time"] > after]


@dataclass
class Roads:
    """Both, in the same cluster at the same time."""

    serin: Serin
    each: tuple[Road, ...]
    node: str
    """One that carries neither the clients nor the Gateway."""
    journeys: int
    """How many there will be."""
    _begun: int = field(default=0, init=False)

    def apply(self, version: str, file: str = "v2", **spec: Any) -> None:
        """The same manifest for both."""
        for road in self.each:
            road.apply(version, file, **spec)

    def act(self, action: str) -> None:
        """The same action for both."""
        for road in self.each:
            road.space.act(action)

    def wait_until(self, what: str, probe: Callable[[Road], Any], seconds: float = 120) -> None:
        """Until it is so on both."""
        for road in self.each:
            road.space.wait_until(f"{what} ({road.name})", lambda road=road: probe(road), seconds)

    def wait_until_serves(self, version: str, seconds: float = 120) -> None:
        """Until `version` is stable and Ready on both, and nothing else has pods."""
        self.wait_until(f"{version} serves", lambda road: road.space.serves(version), seconds)
        self.wait_until(f"{version} is alone", lambda road: is_alone(road, version), seconds)

    @contextmanager
    def journey(self, name: str) -> Iterator[None]:
        """Count what clients send meanwhile, go on until this journey has had its share, and let nothing be lost."""
        before = {road.name: road.space.traffic() for road in self.each}
        self._begun += 1
        yield
        share = REQUESTS * self._begun / self.journeys
        self.wait_until("clients have asked", lambda road: goes_on(road, before[road.name], share), 600)
        for road in self.each:
            lines = road.lines(before[road.name]["time"])
            sent, lost = (lines[-1][key] - before[road.name][key] for key in ("sent", "lost"))
            gap = max(line["gap_ms"] for line in lines)
            sys.stdout.write(f"{name:34} {road.name:8} {sent:7} requests  {lost} lost  {gap:6.0f} ms longest gap\n")
        lost_by = {road.name: road.space.lost_requests() for road in self.each}
        assert lost_by == dict.fromkeys(before, ""), f"the Gateway's own pods: {restarts(self.serin)} restarts"


def restarts(serin: Serin) -> int:
    """How often the Gateway's own containers have ended: on a machine that starves, its probes kill it, and requests with it."""
    pods = serin.kubernetes.get("pods", "-n", GATEWAY_NAMESPACE)["items"]
    return sum(each["restartCount"] for pod in pods for each in pod["status"].get("containerStatuses") or [])


def goes_on(road: Road, before: dict[str, Any], share: float) -> bool:
    """Whether clients have asked for this journey's share, and for a while after what happened last."""
    sent = road.space.traffic()["sent"]
    return bool(sent >= max(share, before["sent"] + 3 * RATE))


def is_ready(pod: dict[str, Any]) -> bool:
    """By its condition."""
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions") or [])


def is_alone(road: Road, version: str) -> bool:
    """Whether no other version has pods, those on their way out aside."""
    stable = road.space.status().get("stable") or {}
    return stable.get("version") == version and all(
        pod["metadata"]["labels"]["serin.dev/revision"] == stable["revision"] for pod in road.space.pods()
    )


def opened(serin: Serin, gateway: Gateway, journeys: int) -> Roads:
    """Both roads, each with v1 on two pods, and clients on them."""
    proxy = "gateway.envoyproxy.io/owning-gateway-name"
    envoy = serin.kubernetes.get("pods", "-n", GATEWAY_NAMESPACE, "-l", proxy)["items"][0]["spec"]["nodeName"]
    nodes = [node["metadata"]["name"] for node in serin.kubernetes.get("nodes")["items"]]
    roads = tuple(_road(serin, name, gateway if name == "gateway" else None) for name in ("gateway", "service"))
    both = Roads(serin, roads, next(node for node in nodes if node != envoy), journeys)
    both.wait_until("two pods", lambda road: road.sizes() == (FEWEST, FEWEST))
    both.wait_until_serves("v1")
    for road in roads:
        through = (gateway.address, host(road.space)) if road.traffic else None
        road.space.start_traffic(RATE, through=through, node=envoy)
    return both


def _road(serin: Serin, name: str, gateway: Gateway | None) -> Road:
    space = Space(serin, f"by-{name}")
    serin.kubernetes.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space.namespace}})
    road = Road(name, space, routed(space) if gateway else {})
    road.apply("v1", "v1")
    road.aim("8Gi")
    return road
