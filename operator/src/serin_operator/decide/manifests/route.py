"""What is written about routes: our own HTTPRoute, and weights in people's."""

from collections.abc import Iterator, Mapping
from typing import Any

from serin_operator.api import names
from serin_operator.decide.manifests.children import metadata_of
from serin_operator.decide.manifests.pod import JsonObject
from serin_operator.decide.traffic.wish import Reweigh
from serin_operator.decide.world import ModelDeployment


def http_route(mdep: ModelDeployment, spec: Mapping[str, Any]) -> JsonObject:
    """The HTTPRoute of a ModelDeployment."""
    return {
        "apiVersion": names.GATEWAY_API_VERSION,
        "kind": names.HTTP_ROUTE,
        "metadata": metadata_of(mdep, mdep.name),
        "spec": dict(spec),
    }


def patch_of(reweigh: Reweigh) -> tuple[JsonObject, ...]:
    """JSON Patch that changes the weights, and nothing where anything else is not as it was observed."""
    version = {"op": "test", "path": "/metadata/resourceVersion", "value": reweigh.route.meta.resource_version}
    return (version, *_operations(reweigh))


def _operations(reweigh: Reweigh) -> Iterator[JsonObject]:
    for weight in reweigh.weights:
        place = f"/spec/rules/{weight.rule}/backendRefs/{weight.backend}"
        yield {"op": "test", "path": f"{place}/name", "value": weight.service}
        yield {"op": "test", "path": f"{place}/weight", "value": weight.before}
    for weight in reweigh.weights:
        place = f"/spec/rules/{weight.rule}/backendRefs/{weight.backend}"
        yield {"op": "replace", "path": f"{place}/weight", "value": weight.after}
