"""`kubectl get … -o json` without kubectl: tests ask until something is so, and a process for each question is most of what that costs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

from localkube import Cluster

_KINDS = {
    "api/v1": ("pod", "service", "secret", "configmap", "event", "resourcequota"),
    "apis/apps/v1": ("deployment",),
    "apis/autoscaling/v2": ("horizontalpodautoscaler",),
    "apis/coordination.k8s.io/v1": ("lease",),
    "apis/discovery.k8s.io/v1": ("endpointslice",),
    "apis/gateway.networking.k8s.io/v1": ("httproute",),
    "apis/serin.dev/v1alpha1": ("modeldeployment",),
}
_SHORT = {"mdep": "modeldeployment", "hpa": "horizontalpodautoscaler"}
_PLACES = {
    word: (root, f"{kind}s")
    for root, kinds in _KINDS.items()
    for kind in kinds
    for word in (kind, f"{kind}s", *(short for short, long in _SHORT.items() if long == kind))
}
"""Root and resource by what kubectl takes for the kind; all of them lie in namespaces."""


def answer(cluster: Cluster, arguments: tuple[str, ...]) -> Any:
    """What `kubectl get` would print, or None where it should be asked itself: an odd question, an error, nobody there."""
    path = path_of(arguments)
    if path is None:
        return None
    status, body = cluster.api.get(path)
    if status != HTTPStatus.OK:
        return None
    found = json.loads(body)
    for each in found.get("items", [found]):
        each["metadata"].pop("managedFields", None)  # as kubectl leaves it out
    return found


def path_of(arguments: tuple[str, ...]) -> str | None:
    """The path of such a question, None where it is one that only kubectl understands."""
    namespace, query, words = "default", {}, []
    rest = iter(arguments)
    for each in rest:
        if each in {"-n", "--namespace"}:
            namespace = next(rest)
        elif each == "-l":
            query["labelSelector"] = next(rest)
        elif each.startswith("--field-selector="):
            query["fieldSelector"] = each.partition("=")[2]
        elif each.startswith("-"):
            return None
        else:
            words += each.split("/")
    if not 1 <= len(words) <= 2 or words[0] not in _PLACES:
        return None
    root, resource = _PLACES[words[0]]
    path = "/".join((root, "namespaces", namespace, resource, *_quoted(words[1:])))
    return f"/{path}?{urlencode(query)}" if query else f"/{path}"


def _quoted(names: list[str]) -> Iterator[str]:
    return (quote(name, safe="") for name in names)
