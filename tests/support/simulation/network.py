"""EndpointSlices, the clients that follow them, and what servers count of their requests."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from tests.support.simulation.cluster import Cluster, JsonObject, is_ready, ref_of, uri_of, variable
from tests.support.simulation.gateways import Gateways
from tests.support.simulation.kubelet import Kubelet
from tests.support.simulation.pairs import Amount, Client, ClientBook, Control, of_pairs
from tests.support.simulation.specs import NAMESPACE

from serin_operator.api import names
from serin_operator.api.names import ObjectRef

OF_SERVICE = "kubernetes.io/service-name"
CounterKey = tuple[str, str, str, str, str]
"""Metric, process, revision, labels and their values, with commas between."""


@dataclass
class Network:
    """Clients of the one Service."""

    cluster: Cluster
    kubelet: Kubelet
    gateways: Gateways
    requests_a_second: int
    tells_all: bool = False
    """Everything that a kind of metric may read is counted, and not only errors and labels."""
    tells_pairs: bool = False
    """Servers know pairs and clients; older ones do not."""
    labels_are_late: bool = False
    """None has come yet."""
    control: Control = field(default_factory=Control)
    clients: list[Client] = field(default_factory=list)
    """Who sends the requests, each by one connection; empty: everybody, evenly, by as many connections as requests."""
    late: bool = False
    """What the Service selects is not acted upon."""
    counters: dict[str, dict[CounterKey, float]] = field(default_factory=dict)
    """By pod; they go with it."""
    served: dict[str, int] = field(default_factory=dict)
    """Requests answered by revision."""
    answered: dict[str, int] = field(default_factory=dict)
    """Requests answered by version."""
    failed: dict[str, int] = field(default_factory=dict)
    """Those of them that were answered with an error."""
    copied: dict[str, int] = field(default_factory=dict)
    """Copies of requests that a version got: nobody hears its answers."""
    testers_a_second: float = 0.0
    """Requests, of all of them, that match the first pin."""
    lost: int = 0
    """Requests that reached nobody."""
    began: bool = False
    _owed: dict[tuple[str, str], float] = field(default_factory=dict)
    _books: dict[str, ClientBook] = field(default_factory=dict)

    def write_endpoints(self) -> None:
        """What kube-controller-manager makes of the client Service, and of the others where a gateway looks at them."""
        name = self.cluster.name
        others = [s["metadata"]["name"] for s in self.cluster.of_kind("Service")] if self.gateways.is_installed else []
        known = [s["metadata"]["labels"][OF_SERVICE] for s in self.cluster.of_kind("EndpointSlice")]
        for each in dict.fromkeys((name, *others, *known)):
            self._write_endpoints_of(each)

    def _write_endpoints_of(self, name: str) -> None:
        service = self.cluster.objects.get(ObjectRef("v1", "Service", NAMESPACE, name))
        ref = ObjectRef("discovery.k8s.io/v1", "EndpointSlice", NAMESPACE, f"{name}-x1y2z")
        if service is None:
            if self.cluster.objects.pop(ref, None):
                self.cluster.gone("EndpointSlice")
            return
        if self.late:
            return
        selector = service["spec"]["selector"].items()
        pods = [p for p in self.cluster.of_kind("Pod") if selector <= p["metadata"]["labels"].items()]
        endpoints = [
            {"conditions": {"ready": is_ready(p)}, "targetRef": {"kind": "Pod", "name": p["metadata"]["name"]}}
            for p in pods
            if p["status"].get("phase") not in {"Succeeded", "Failed"}
        ]
        known = self.cluster.objects.get(ref)
        if known is not None and known["endpoints"] == endpoints:
            return
        labels = {**service["metadata"].get("labels", {}), OF_SERVICE: name}
        uid = "uid-endpoints" if name == self.cluster.name else f"uid-endpoints-{name}"
        made = {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"namespace": NAMESPACE, "name": ref.name, "uid": uid, "labels": labels},
            "endpoints": endpoints,
        }
        self.cluster.touch(made)
        self.cluster.objects[ref_of(made)] = made

    def told(self, service: str | None = None) -> list[JsonObject]:
        """The pods that the EndpointSlices of a Service (the clients' by default) name as ready."""
        name = service or self.cluster.name
        listed = {
            e["targetRef"]["name"]
            for s in self.cluster.of_kind("EndpointSlice")
            if s["metadata"]["labels"][OF_SERVICE] == name
            for e in s["endpoints"]
            if e["conditions"]["ready"]
        }
        return [p for p in self.cluster.of_kind("Pod") if p["metadata"]["name"] in listed]

    def serve(self, seconds: float) -> None:
        """Clients send their requests for so long: by a gateway, where one has taken up a route, else by the Service."""
        total = self.requests_a_second * seconds
        self.kubelet.load = {}
        routes = self.gateways.taken
        if self.clients:
            self._by_connections(self.told(), seconds)
            return
        if not routes:
            pods = self.told()
            self._spread(pods, total if pods else max(1.0, total), seconds)
            return
        for name, split in routes.items():
            mine, weights = total / len(routes), sum(weight for _, weight in split)
            if service := self.gateways.pinned.get(name):
                tested = self.testers_a_second * seconds / len(routes)
                self._spread(self.told(service), tested, seconds)
                mine -= tested
            for service, weight in split:
                self._spread(self.told(service), mine * weight / weights if weights else 0, seconds)
            for service, percent in self.gateways.copies.get(name, ()):
                self._copy(self.told(service), mine * percent / 100, seconds)

    def _copy(self, pods: list[JsonObject], requests: float, seconds: float) -> None:
        """Evenly over these pods; without any nobody misses them."""
        for pod in filter(is_ready, pods):
            name, share = pod["metadata"]["name"], requests / len(pods)
            self.kubelet.load[name] = self.kubelet.load.get(name, 0.0) + share / seconds
            version = variable(pod["spec"], "SERIN_MODEL_VERSION") or "?"
            bad, _, total = self._dues(pod, share)
            self.copied[version] = self.copied.get(version, 0) + total
            self._count(pod, self._of_requests(pod, share, bad, total))

    def _spread(self, pods: list[JsonObject], requests: float, seconds: float) -> None:
        """Evenly over these pods; without any they are lost."""
        self.began = self.began or bool(pods)
        if not pods:
            self.lost += round(requests) if self.began else 0
            return
        share = requests / len(pods)
        for pod in pods:
            name = pod["metadata"]["name"]
            self.kubelet.load[name] = self.kubelet.load.get(name, 0.0) + share / seconds
            if is_ready(pod) or pod["metadata"].get("deletionTimestamp"):
                self._answer(pod, share)
            else:
                self.lost += round(share)

    def _answer(self, pod: JsonObject, share: float) -> None:
        revision = pod["metadata"]["labels"][names.LABEL_REVISION]
        version = variable(pod["spec"], "SERIN_MODEL_VERSION") or "?"
        bad, wrong, total = self._dues(pod, share)
        self.served[revision] = self.served.get(revision, 0) + total
        self.answered[version] = self.answered.get(version, 0) + total
        self.failed[version] = self.failed.get(version, 0) + bad
        self._count(pod, self._of_requests(pod, share, bad, total))
        if not self.labels_are_late:
            self._count(pod, self._of_clients(pod, share, wrong, total))
        if self.tells_pairs:
            self._ask_control(pod, share)
        if self.tells_pairs and self.gateways.taken:  # its proxy is the only client that servers see
            book = self._books.setdefault(pod["metadata"]["name"], ClientBook())
            self._count(pod, book.count(0, total, bad, self.cluster.now.timestamp()))

    def _ask_control(self, pod: JsonObject, share: float) -> None:
        """A share of the requests is put to the control as well, unless that is the version itself or has no pods."""
        sample = variable(pod["spec"], "SERIN_PAIRING_SAMPLE")
        service = ObjectRef("v1", "Service", NAMESPACE, names.control_service(self.cluster.name))
        selector = (self.cluster.objects.get(service) or {"spec": {"selector": {}}})["spec"]["selector"]
        revision = selector.get(names.LABEL_REVISION)
        pods = [p for p in self.cluster.of_kind("Pod") if selector.items() <= p["metadata"]["labels"].items()]
        ready = [p for p in pods if is_ready(p)]
        if not sample or not ready or revision in {None, pod["metadata"]["labels"][names.LABEL_REVISION]}:
            return
        name = pod["metadata"]["name"]
        own, other = (self.cluster.behaviour(uri_of(each["spec"])) for each in (pod, ready[0]))
        asked, labels = share * float(sample), not self.labels_are_late
        amounts = of_pairs(
            revision, (own, other), asked, self.control, lambda what, n: self._due(name, what, n), labels=labels
        )
        self._count(pod, amounts)

    def _by_connections(self, pods: list[JsonObject], seconds: float) -> None:
        """Each client by its own connection; whether a request fails is its client's doing."""
        moment = self.cluster.now.timestamp()
        for number, client in enumerate(self.clients if pods else ()):
            pod = pods[client.pod(number, moment, len(pods))]
            name, version = pod["metadata"]["name"], variable(pod["spec"], "SERIN_MODEL_VERSION") or "?"
            total = self._due(f"client {number}", "total", client.requests_a_second * seconds)
            bad = self._due(f"client {number}", "error", total * client.error_rate)
            self.began = True
            self.answered[version] = self.answered.get(version, 0) + total
            self.failed[version] = self.failed.get(version, 0) + bad
            self._count(pod, self._of_requests(pod, total, bad, total))
            if self.tells_pairs:
                book = self._books.setdefault(name, ClientBook())
                self._count(pod, book.count(number, total, bad, moment))

    def _dues(self, pod: JsonObject, share: float) -> tuple[int, int, int]:
        """Errors, wrong predictions, and all of them."""
        behaviour, name = self.cluster.behaviour(uri_of(pod["spec"])), pod["metadata"]["name"]
        bad = self._due(name, "error", share * behaviour.error_rate)
        wrong = self._due(name, "wrong", share * (1 - behaviour.accuracy))
        return bad, wrong, self._due(name, "total", share)

    def _count(self, pod: JsonObject, amounts: Iterator[Amount]) -> None:
        """What the server, or a shop's exporter, counts."""
        revision, (server, born) = pod["metadata"]["labels"][names.LABEL_REVISION], self._process(pod)
        if server is None:
            return
        counters = self.counters.setdefault(pod["metadata"]["name"], {})
        for metric, label, value, amount in amounts:
            key = (metric, server, revision, label, value)
            counters[key] = counters.get(key, 0.0) + max(0, amount)
        counters.setdefault(("serin_process_start_time_seconds", server, revision, "", ""), born.timestamp())

    def _of_requests(self, pod: JsonObject, share: float, bad: int, total: int) -> Iterator[Amount]:
        """What each request brings, a copy too."""
        name, of = pod["metadata"]["name"], self.cluster.behaviour(uri_of(pod["spec"]))
        yield "serin_requests_total", "error", "true", bad
        yield "serin_requests_total", "error", "false", total - bad
        if not self.tells_all:
            return
        slow = "serin_request_duration_seconds_bucket"
        yield slow, "le", "0.25", total - self._due(name, "slow", share * of.slow_rate)
        yield slow, "le", "+Inf", total
        yield "serin_feature_values_total", "bin", "30", total
        yield "serin_feature_invalid_total", "kind", "unknown", self._due(name, "unknown", share * of.unknown_rate)
        yield "serin_process_cpu_seconds_total", "", "", share * of.cpu_seconds
        for number, rate in enumerate(of.bins):
            yield "serin_prediction_values_total", "bin", str(number), self._due(name, f"bin {number}", share * rate)

    def _of_clients(self, pod: JsonObject, share: float, wrong: int, total: int) -> Iterator[Amount]:
        """What clients tell who have seen a prediction."""
        name, of = pod["metadata"]["name"], self.cluster.behaviour(uri_of(pod["spec"]))
        yield "serin_feedback_total", "outcome", "wrong", wrong
        yield "serin_feedback_total", "outcome", "correct", total - wrong
        for region, (part, right) in of.slices.items():
            labels = self._due(name, f"of {region}", share * part)
            false = min(labels, self._due(name, f"wrong of {region}", share * part * (1 - right)))
            for outcome, amount in (("wrong", false), ("correct", labels - false)):
                yield "serin_sliced_feedback_total", "attribute,slice,outcome", f"region,{region},{outcome}", amount
            if self.tells_all:
                told = "serin_sliced_feedback_errors_total", "attribute,slice,above,outcome"
                yield *told, f"region,{region},10,far", false
                yield *told, f"region,{region},10,near", labels - false
                told = "serin_sliced_feedback_scores_total", "of,between,attribute,slice,outcome"
                yield *told, f"label,0 to 1,region,{region},low", false
                yield *told, f"label,0 to 1,region,{region},high", labels - false
        if not self.tells_all:
            return
        far, accepted = "serin_feedback_absolute_error_bucket", self._due(name, "accepted", share * of.accepted_rate)
        yield far, "le", "10.0", total - self._due(name, "far", share * of.far_rate)
        yield far, "le", "+Inf", total
        high = self._due(name, "high", share * of.score)
        for outcome, amount in (("high", high), ("low", total - high)):
            yield "serin_feedback_scores_total", "of,between,outcome", f"label,0 to 1,{outcome}", amount
        yield "shop_offers_total", "outcome", "accepted", accepted
        yield "shop_offers_total", "outcome", "declined", total - accepted

    def _process(self, pod: JsonObject) -> tuple[str | None, datetime]:
        """Identity of the server's process, new with each start of the container, and its birth."""
        life = self.kubelet.lives.get(pod["metadata"]["uid"])
        if life is None:
            return None, self.cluster.now
        restarts = life.container.restarts
        return pod["metadata"]["name"] + (f"/{restarts}" if restarts else ""), life.started

    def _due(self, server: str, what: str, amount: float) -> int:
        """Whole events, with the rest owed to the next second."""
        owed = self._owed.get((server, what), 0.0) + amount
        self._owed[server, what] = owed - int(owed)
        return int(owed)

    def exposed(self) -> dict[CounterKey, float]:
        """What a scrape of all servers that run reads now."""
        found: dict[CounterKey, float] = {}
        for pod in self.cluster.of_kind("Pod"):
            life = self.kubelet.lives.get(pod["metadata"]["uid"])
            if (
                life is None
                or life.back_off_until is not None
                or pod["spec"].get("nodeName") in self.kubelet.dead_nodes
            ):
                continue
            server, _ = self._process(pod)
            mine = self.counters.get(pod["metadata"]["name"], {})
            found.update({key: value for key, value in mine.items() if key[1] == server})
        return found
