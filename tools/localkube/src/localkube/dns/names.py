"""Which addresses a name of the cluster has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Objects = Mapping[tuple[str, str], Mapping[str, Any]]
"""(namespace, name) -> object."""

DOMAIN = "cluster.local"
_SERVICES = f"svc.{DOMAIN}"


def addresses(name: str, services: Objects, slices: Objects) -> list[str] | None:
    """IPv4 addresses of `name`; empty when it exists without any, None when it does not exist.

    `<service>.<namespace>.svc.cluster.local` is the ClusterIP, or every ready pod of a headless Service;
    `<pod>.<service>.<namespace>.svc…` is one pod of it, by its hostname or its address with hyphens.
    """
    if name in (DOMAIN, _SERVICES):
        return []
    if not name.endswith(f".{_SERVICES}"):
        return None
    match name.removesuffix(f".{_SERVICES}").split("."):
        case [_namespace]:
            return []
        case [service, namespace]:
            return _of_service(namespace, service, services, slices)
        case [pod, service, namespace] if (namespace, service) in services:
            found = services[namespace, service]
            return _of_pods(_endpoints(namespace, service, found, slices), pod) or None
    return None


def _of_service(namespace: str, name: str, services: Objects, slices: Objects) -> list[str] | None:
    service = services.get((namespace, name))
    if service is None:
        return None
    cluster_ip = service["spec"].get("clusterIP", "None")
    if cluster_ip not in ("None", ""):
        return [cluster_ip]
    return _of_pods(_endpoints(namespace, name, service, slices), None)


def _endpoints(namespace: str, name: str, service: Mapping[str, Any], slices: Objects) -> Iterable[Mapping[str, Any]]:
    unready_too = service["spec"].get("publishNotReadyAddresses", False)
    for (slice_namespace, _), piece in slices.items():
        labels = piece["metadata"].get("labels") or {}
        if slice_namespace == namespace and labels.get("kubernetes.io/service-name") == name:
            for endpoint in piece.get("endpoints") or []:
                if unready_too or (endpoint.get("conditions") or {}).get("ready", True):
                    yield endpoint


def _of_pods(endpoints: Iterable[Mapping[str, Any]], pod: str | None) -> list[str]:
    found = {
        address
        for endpoint in endpoints
        for address in endpoint["addresses"]
        if pod is None or pod in (endpoint.get("hostname"), address.replace(".", "-"))
    }
    return sorted(found)
