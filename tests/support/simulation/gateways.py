"""The Gateway API: its CRDs, a Gateway, and a controller that takes routes up sooner or later, refuses them, or lies."""

from dataclasses import dataclass, field
from typing import Any

from tests.support.simulation.cluster import Cluster, JsonObject, copied
from tests.support.simulation.specs import NAMESPACE

from serin_operator.api import names
from serin_operator.api.names import ObjectRef

GROUP = "gateway.networking.k8s.io"
PLAIN = ("HTTPRouteBackendProtocolH2C", "HTTPRoutePathRewrite", "HTTPRouteRequestTimeout", "HTTPRouteRequestMirror")
FEATURES = (*PLAIN, "HTTPRouteRequestPercentageMirror")
Split = list[tuple[str, int]]
"""Services and their weights."""


@dataclass
class Gateways:
    """One implementation, and its data plane."""

    cluster: Cluster
    is_installed: bool = False
    """The cluster has the CRDs."""
    problem: str | None = None
    outage: str | None = None
    """What the API server answers when it is asked for routes."""
    """Why the operator may not see routes."""
    takes: float = 1.0
    """Seconds after which the controller has taken up a change."""
    refuses: tuple[str, str] | None = None
    """Reason and message with which it accepts nothing."""
    is_away: bool = False
    """The controller has ended; the data plane goes on with what it has."""
    follows: bool = True
    """False: it says that it has taken up a change, and its data plane does not."""
    taken: dict[str, Split] = field(default_factory=dict)
    """What the data plane does with requests that no pin is for, by route."""
    taken_up: list[tuple[float, Split]] = field(default_factory=list)
    """When it did what."""
    copies: dict[str, Split] = field(default_factory=dict)
    """Services that get copies of those requests, and of how many percent, by route."""
    copied: list[Split] = field(default_factory=list)
    """What became of that, change by change."""
    pinned: dict[str, str] = field(default_factory=dict)
    """The Service that the first pin leads to, by route."""
    _seen: dict[str, tuple[int, float]] = field(default_factory=dict)

    def install(self, *features: str, name: str = "public") -> None:
        """CRDs, a class and a Gateway."""
        self.is_installed = True
        listed = [{"name": each} for each in sorted(features or FEATURES)]
        gateway_class = {"metadata": {"namespace": "", "name": "envoy"}, "status": {"supportedFeatures": listed}}
        self.cluster.put({"apiVersion": names.GATEWAY_API_VERSION, "kind": "GatewayClass", **gateway_class})
        listeners = [{"name": "http", "protocol": "HTTP", "port": 80}]
        metadata = {"namespace": NAMESPACE, "name": name}
        spec = {"gatewayClassName": "envoy", "listeners": listeners}
        status = {"addresses": [{"type": "IPAddress", "value": "192.0.2.10"}]}
        gateway = {"metadata": metadata, "spec": spec, "status": status}
        self.cluster.put({"apiVersion": names.GATEWAY_API_VERSION, "kind": "Gateway", **gateway})

    def route(self, name: str | None = None) -> JsonObject | None:
        """A route of this namespace; ours by default."""
        ref = ObjectRef(names.GATEWAY_API_VERSION, names.HTTP_ROUTE, NAMESPACE, name or self.cluster.name)
        return self.cluster.objects.get(ref)

    def people_write(self, name: str, rules: list[JsonObject], **spec: Any) -> JsonObject:
        """A route of somebody's own."""
        metadata = {"namespace": NAMESPACE, "name": name, "creationTimestamp": self.cluster.now.isoformat()}
        parents = [{"group": GROUP, "kind": "Gateway", "name": "public"}]
        obj = {"apiVersion": names.GATEWAY_API_VERSION, "kind": names.HTTP_ROUTE, "metadata": metadata}
        return self.cluster.put({**obj, "spec": {"parentRefs": parents, **spec, "rules": rules}})

    def other_service(self, name: str) -> None:
        """Somebody else's backend."""
        metadata = {"namespace": NAMESPACE, "name": name}
        self.cluster.put(
            {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"selector": {"app": name}}}
        )

    def move(self) -> None:
        """The controller looks at every route."""
        there = {}
        for route in self.cluster.of_kind(names.HTTP_ROUTE):
            metadata = route["metadata"]
            there[metadata["uid"]] = metadata["name"]
            generation, since = self._seen.get(metadata["uid"], (-1, 0.0))
            if generation != metadata["generation"]:
                since = self.cluster.elapsed
                self._seen[metadata["uid"]] = (metadata["generation"], since)
            if not self.is_away and self.cluster.elapsed - since >= self.takes:
                self._take(route)
        for name in set(self.taken) - set(there.values()):
            if not self.is_away:
                self._forget(name)

    def _take(self, route: JsonObject) -> None:
        rules = route["spec"]["rules"]
        copied = [
            f["requestMirror"]["backendRef"] for r in rules for f in r.get("filters") or () if "requestMirror" in f
        ]
        named = [*(b for r in rules for b in r["backendRefs"]), *copied]
        missing = [b["name"] for b in named if not self._has(b["name"])]
        said = {"Accepted": ("True", "Accepted", ""), "ResolvedRefs": ("True", "ResolvedRefs", "")}
        if missing:
            said["ResolvedRefs"] = ("False", "BackendNotFound", f"Service {missing[0]} not found")
        if self.refuses:
            said["Accepted"] = ("False", *self.refuses)
        parents = [self._answer(route, ref, said) for ref in route["spec"]["parentRefs"]]
        if not self.refuses and (self.follows or route["metadata"]["name"] not in self.taken):
            split = [(b["name"], b.get("weight", 1)) for b in route["spec"]["rules"][-1]["backendRefs"]]
            if self.taken.get(route["metadata"]["name"]) != split:
                self.taken[route["metadata"]["name"]] = split
                self.taken_up.append((self.cluster.elapsed, split))
            self._take_beside(route["metadata"]["name"], route["spec"]["rules"])
        if self.refuses:
            self._forget(route["metadata"]["name"])
        if (route.get("status") or {}).get("parents") != parents:
            route["status"] = {"parents": parents}
            self.cluster.touch(route)

    def _take_beside(self, name: str, rules: list[JsonObject]) -> None:
        """Copies, and where the requests of the first pin go."""
        mirrors = [f["requestMirror"] for f in rules[-1].get("filters") or () if f["type"] == "RequestMirror"]
        copies = [(each["backendRef"]["name"], each.get("percent", 100)) for each in mirrors]
        if self.copies.get(name, []) != copies:
            self.copied.append(copies)
        self.copies[name] = copies
        self.pinned.pop(name, None)
        for rule in rules:
            if any(match.get("headers") for match in rule.get("matches") or ()):
                self.pinned[name] = rule["backendRefs"][0]["name"]
                return

    def _forget(self, name: str) -> None:
        self.taken.pop(name, None)
        self.copies.pop(name, None)
        self.pinned.pop(name, None)

    def _answer(self, route: JsonObject, ref: JsonObject, said: dict[str, tuple[str, str, str]]) -> JsonObject:
        generation = route["metadata"]["generation"]
        known = [c for p in (route.get("status") or {}).get("parents") or () for c in p["conditions"]]
        conditions = []
        for kind, (status, reason, message) in said.items():
            old = next((c for c in known if (c["type"], c["status"]) == (kind, status)), None)
            since = old["lastTransitionTime"] if old else self.cluster.now.isoformat()
            about = {"reason": reason, "message": message, "observedGeneration": generation}
            conditions.append({"type": kind, "status": status, **about, "lastTransitionTime": since})
        return {"parentRef": copied(ref), "controllerName": "gateway.example.com/controller", "conditions": conditions}

    def _has(self, service: str) -> bool:
        return ObjectRef("v1", "Service", NAMESPACE, service) in self.cluster.objects
