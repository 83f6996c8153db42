"""The few questions that the tool itself asks an API server. Everything else goes through kubectl."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any


class ApiClient:
    """GETs with the administrator's certificate."""

    def __init__(self, host: str, pki: Path) -> None:
        self._host = host
        self._context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        self._context.load_cert_chain(str(pki / "admin.crt"), str(pki / "admin.key"))

    def get(self, path: str, timeout_seconds: float = 5.0) -> tuple[int, str]:
        """Status and body; status 0 when the server cannot be reached."""
        connection = http.client.HTTPSConnection(self._host, 6443, context=self._context, timeout=timeout_seconds)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            connection.close()

    def watch(self, path: str) -> Iterator[dict[str, Any]]:
        """Events of a watch until it ends."""
        connection = http.client.HTTPSConnection(self._host, 6443, context=self._context, timeout=330)
        try:
            connection.request("GET", path)
            for line in connection.getresponse():
                yield json.loads(line)
        finally:
            connection.close()

    def is_ready(self) -> bool:
        """Whether every readiness check of the API server passes."""
        return self.get("/readyz")[0] == http.client.OK

    def exists(self, path: str) -> bool:
        """Whether the object at `path` exists."""
        return self.get(path)[0] == http.client.OK

    def is_node_ready(self, name: str, since: float) -> bool:
        """Whether the node says Ready and its kubelet has given a sign of life after `since` (unix seconds).

        A node that comes back within the grace period still looks Ready from its former life.
        """
        node = self._object(f"/api/v1/nodes/{name}")
        lease = self._object(f"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{name}")
        return is_ready_since(node, lease, since)

    def _object(self, path: str) -> dict[str, Any]:
        """The object at `path`, empty when there is none or nobody answers."""
        status, body = self.get(path)
        found: dict[str, Any] = json.loads(body) if status == http.client.OK else {}
        return found


def is_ready_since(node: dict[str, Any], lease: dict[str, Any], since: float) -> bool:
    """Whether a Node object says Ready, and it or its Lease was renewed after `since`."""
    for condition in node.get("status", {}).get("conditions", []):
        if condition["type"] == "Ready":
            signs = [condition["lastHeartbeatTime"], lease.get("spec", {}).get("renewTime")]
            latest = max(datetime.fromisoformat(sign).timestamp() for sign in signs if sign)
            return condition["status"] == "True" and latest + 1 > since  # heartbeats have whole seconds
    return False
