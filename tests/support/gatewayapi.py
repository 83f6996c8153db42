"""The Gateway API's own CRDs, from its Go module, at a real API server."""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
from tests.support.kubernetes import Kubernetes

MODULE = "sigs.k8s.io/gateway-api"
VERSION = "v1.6.1"
SUM = "h1:mock6phZbI6rvZerwrVNk7hVNymQgHo+6sJ81Ia7ftY="
GROUP = "gateway.networking.k8s.io"
_KINDS = ("gatewayclasses", "gateways", "httproutes", "grpcroutes")


def crds() -> list[Path]:
    """Files of the standard channel; the module is fetched once, and checked."""
    go = shutil.which("go") or shutil.which("/usr/local/go/bin/go")
    if go is None:
        pytest.skip("the Gateway API's CRDs come in a Go module, and there is no Go")
    with tempfile.TemporaryDirectory() as nowhere:
        command = [go, "mod", "download", "-json", f"{MODULE}@{VERSION}"]
        done = subprocess.run(command, cwd=nowhere, capture_output=True, text=True, check=True, env={**os.environ})
    found = json.loads(done.stdout)
    assert found["Sum"] == SUM
    folder = Path(found["Dir"]) / "config" / "crd" / "standard"
    return [folder / f"{GROUP}_{kind}.yaml" for kind in _KINDS]


def install(kubernetes: Kubernetes) -> None:
    """Make the kinds known, and wait until they are."""
    for file in crds():
        kubernetes.kubectl("apply", "--server-side", "-f", str(file))
    names = [f"crd/{kind}.{GROUP}" for kind in _KINDS]
    established = ("wait", "--for=condition=Established", *names, "--timeout=20s")
    kubernetes.wait_for("the CRDs of the Gateway API", lambda: kubernetes.kubectl(*established))


def remove(kubernetes: Kubernetes) -> None:
    """Take them away, with everything of their kinds."""
    kubernetes.kubectl("delete", "crd", *[f"{kind}.{GROUP}" for kind in _KINDS], "--ignore-not-found")


def a_gateway(namespace: str, name: str = "public") -> list[dict[str, Any]]:
    """A class and a Gateway that nobody implements; its class's features are written by ``tell_features``."""
    return [
        {
            "apiVersion": f"{GROUP}/v1",
            "kind": "GatewayClass",
            "metadata": {"name": f"{namespace}-class"},
            "spec": {"controllerName": "gateway.example.com/controller"},
        },
        {
            "apiVersion": f"{GROUP}/v1",
            "kind": "Gateway",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {
                "gatewayClassName": f"{namespace}-class",
                "listeners": [{"name": "http", "protocol": "HTTP", "port": 80}],
            },
        },
    ]


def tell_features(kubernetes: Kubernetes, namespace: str, *features: str) -> None:
    """What a controller would write into the status of the class."""
    condition = {
        "type": "Accepted",
        "status": "True",
        "reason": "Accepted",
        "message": "",
        "lastTransitionTime": "2026-11-20T12:00:00Z",
    }
    status = {"conditions": [condition], "supportedFeatures": [{"name": each} for each in sorted(features)]}
    patch = ("patch", "gatewayclass", f"{namespace}-class", "--subresource=status", "--type=merge", "-p")
    kubernetes.kubectl(*patch, json.dumps({"status": status}))


def accept(kubernetes: Kubernetes, namespace: str, name: str, *, resolved: bool = True, message: str = "") -> None:
    """What a controller would write into the status of a route, at its present generation."""
    route = kubernetes.get("httproute", name, "-n", namespace)
    conditions = [
        {
            "type": kind,
            "status": "True" if good else "False",
            "reason": kind if good else "BackendNotFound",
            "message": message,
            "observedGeneration": route["metadata"]["generation"],
            "lastTransitionTime": "2026-11-20T12:00:00Z",
        }
        for kind, good in (("Accepted", True), ("ResolvedRefs", resolved))
    ]
    parents = [
        {"parentRef": ref, "controllerName": "gateway.example.com/controller", "conditions": conditions}
        for ref in route["spec"]["parentRefs"]
    ]
    patch = ("patch", "httproute", name, "-n", namespace, "--subresource=status", "--type=merge", "-p")
    kubernetes.kubectl(*patch, json.dumps({"status": {"parents": parents}}))
