"""What a test may ask of a cluster beyond nodes: a real Gateway, and metrics of pods. Installed once a session, on first use.

Where the cluster is somebody else's (`CLUSTER=current`), tests that ask for these are skipped.
"""

from __future__ import annotations

import http.client
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.support.kubernetes import Kubernetes

from localkube.addons.registry import GATEWAY_NAME, GATEWAY_NAMESPACE

PARENT = {"name": GATEWAY_NAME, "namespace": GATEWAY_NAMESPACE}
"""A parentRef of Routes: the Gateway that every namespace may attach to."""


@dataclass(frozen=True)
class Request:
    """One request, sent again and again."""

    host: str
    method: str = "GET"
    path: str = "/"
    body: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Gateway:
    """The Gateway behind `PARENT`, for clients."""

    address: str
    """Its ClusterIP, which this machine reaches."""

    def answers(self, request: Request, times: int, arm: Callable[[bytes], str], connections: int = 1) -> Counter[str]:
        """What `arm` reads out of each answer, counted; `lost` counts answers that are not 200, and connections that broke.

        On one connection, one request after the other, a split that is exact looks exact.
        """
        with ThreadPoolExecutor(connections) as pool:
            shares = [times // connections] * connections
            return sum(pool.map(lambda share: self._answers(request, share, arm), shares), Counter())

    def _answers(self, request: Request, times: int, arm: Callable[[bytes], str]) -> Counter[str]:
        told: Counter[str] = Counter()
        connection = http.client.HTTPConnection(self.address, timeout=10)
        headers = {"Host": request.host, "Content-Type": "application/json", **request.headers}
        for _ in range(times):
            try:
                connection.request(request.method, request.path, request.body, headers)
                answer = connection.getresponse()
                content = answer.read()
                told[arm(content) if answer.status == http.client.OK else "lost"] += 1
            except (OSError, http.client.HTTPException):
                connection.close()
                told["lost"] += 1
        connection.close()
        return told


@pytest.fixture(scope="session")
def gateway(cluster: Kubernetes) -> Gateway:
    """Envoy Gateway, and a Gateway that serves."""
    if cluster.local is None:
        pytest.skip("installs a Gateway, so it needs a cluster of its own")
    return Gateway(urlsplit(cluster.local.add("gateway")).hostname or "")


@pytest.fixture(scope="session")
def metrics_server(cluster: Kubernetes) -> Kubernetes:
    """The cluster, once `kubectl top` answers."""
    if cluster.local is None:
        pytest.skip("installs metrics-server, so it needs a cluster of its own")
    cluster.local.add("metrics-server")
    return cluster


def autoscaler(
    name: str, api_version: str, kind: str, bounds: tuple[int, int], memory: str, namespace: str
) -> dict[str, Any]:
    """A HorizontalPodAutoscaler of the same name as what it scales: so much memory a pod on average, and no waiting."""
    least, most = bounds
    target = {"type": "AverageValue", "averageValue": memory}
    at_once = {"stabilizationWindowSeconds": 0}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "scaleTargetRef": {"apiVersion": api_version, "kind": kind, "name": name},
            "minReplicas": least,
            "maxReplicas": most,
            "metrics": [{"type": "Resource", "resource": {"name": "memory", "target": target}}],
            "behavior": {"scaleUp": at_once, "scaleDown": at_once},
        },
    }
