"""What keeps a collector of predictions from running, read off its Deployment and off the pods that were asked for."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from serin_operator.api import names
from serin_operator.decide.children import identity
from serin_operator.decide.collector import Collecting
from serin_operator.decide.world import ChildMeta, Deployment, Service
from serin_operator.observe.children import Children
from serin_operator.observe.pods import pod
from serin_operator.observe.views import deployment, meta_of, service_of_the_whole

JsonObject = Mapping[str, Any]


def deployment_of(children: Children, name: str, uid: str) -> Deployment | None:
    """The Deployment of who writes predictions down, if it is there and ours."""
    found = (d for d in children.deployments if d["metadata"]["name"] == names.collector(name))
    mine = (d for d in found if identity.foreign_child("Deployment", d, name, uid) is None)
    return next(map(deployment, mine), None)


def service_of(children: Children, name: str, uid: str) -> Service | None:
    """The Service by which servers find it."""
    return service_of_the_whole(children, names.collector(name), name, uid)


def policy_of(children: Children, name: str, uid: str) -> ChildMeta | None:
    """The NetworkPolicy that says who reaches it."""
    kind = "NetworkPolicy"
    mine = (p for p in children.network_policies if identity.foreign_child(kind, p, name, uid) is None)
    return next((meta_of(p, "networking.k8s.io/v1", kind) for p in mine), None)


def collecting(children: Children, name: str) -> Collecting:
    """What is known of the collector of the ModelDeployment `name`; its Deployment's owner is checked elsewhere."""
    down = unavailable(children.deployments, name)
    if down is None:
        return Collecting()
    mine = (each for each in children.collector_pods if _is_of(each, name))
    pods = tuple(pod(each, children.events_about_pods) for each in mine)
    return Collecting(pods, datetime.fromisoformat(_changed(down)))


def unavailable(deployments: Iterable[JsonObject], name: str) -> JsonObject | None:
    """The collector's Deployment, while none of its pods is available."""
    found = (each for each in deployments if each["metadata"]["name"] == names.collector(name))
    return next((each for each in found if not (each.get("status") or {}).get("availableReplicas")), None)


def _changed(deployment: JsonObject) -> str:
    """When its controller said last that it is not available; before it says anything it has just been made."""
    conditions = (deployment.get("status") or {}).get("conditions") or []
    said = (c["lastTransitionTime"] for c in conditions if (c["type"], c["status"]) == ("Available", "False"))
    return str(next(said, deployment["metadata"]["creationTimestamp"]))


def _is_of(obj: JsonObject, name: str) -> bool:
    owner = identity.controller(obj) or {}
    return owner.get("kind") == "ReplicaSet" and str(owner.get("name")).startswith(f"{names.collector(name)}-")
