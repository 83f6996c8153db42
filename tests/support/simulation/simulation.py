"""A cluster in memory, with its own clock, that the real reconciler drives: for stories and invariants, never for proof.

It knows as much of Kubernetes as a rollout needs, and what clusters do to operators: pods that flap, crash and get stuck,
nodes that die, people and controllers with ideas of their own, a Prometheus with bad days, clocks that jump. Traffic is
counted exactly as servers count it, so Prometheus' answers come from the same arithmetic as in production.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import structlog
from tests.support.simulation.api import ApiServer
from tests.support.simulation.cluster import JsonObject, is_ready, variable
from tests.support.simulation.gateways import Gateways
from tests.support.simulation.kubelet import Kubelet
from tests.support.simulation.living import Living
from tests.support.simulation.mishaps import Mishaps
from tests.support.simulation.network import Network
from tests.support.simulation.prometheus import Prometheus
from tests.support.simulation.receivers import Postman, Receiver
from tests.support.simulation.specs import NAMESPACE
from tests.support.simulation.story import Moment
from tests.support.simulation.workloads import Workloads

from serin_operator.api.notify import Notify
from serin_operator.api.store import ModelStore
from serin_operator.cluster.errors import Transient
from serin_operator.decide.world import OperatorConfig
from serin_operator.observe.children import Children
from serin_operator.reconcile import Ports, Reconciler

structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))

Rival = Callable[["Simulation"], None]


@dataclass(repr=False)
class Simulation(Mishaps):
    """One ModelDeployment and its cluster."""

    scrape_seconds: float = 1.0
    """As the chart says; ``scrapes_every`` is what Prometheus does."""
    scrapes_every: float | None = None
    prometheus: bool = True
    requests_a_second: int = 40
    tells_all: bool = False
    """Everything that a kind of metric may read is counted."""
    tells_pairs: bool = False
    """Servers count pairs and clients; older ones do not."""
    endpoints_are_late: bool = False
    """What the Service selects is not acted upon."""
    signed_namespaces: tuple[str, ...] = ()
    """Where the installation wants signatures, from the next start of the operator on."""
    receivers: dict[str, Receiver] = field(default_factory=dict)
    """Who takes notices, by channel."""
    notify: tuple[JsonObject, ...] = ()
    """Who hears of models that do not say so, as the chart has it."""
    stores: Mapping[str, ModelStore] = field(default_factory=dict)
    """Where the installation keeps models, from the next start of the operator on."""
    collector_peers: tuple[JsonObject, ...] = ()
    """Who reads the metrics of collectors, from the next start of the operator on."""
    clock_offset: float = 0.0
    """Seconds that the operator's clock is ahead of the cluster's."""
    rivals: list[Rival] = field(default_factory=list)
    """Other controllers: each has a turn every second."""
    moments: list[Moment] = field(default_factory=list)
    on_seen: Callable[[str, str, JsonObject | None], None] = lambda _namespace, _name, _obj: None
    """Hears of each status that the operator decides on."""
    reconciles: list[float] = field(default_factory=list)
    """When the operator looked."""
    errors: list[str] = field(default_factory=list)
    """Exceptions that ``live`` saw and that no reconcile may raise."""

    def __post_init__(self) -> None:
        self.kubelet = Kubelet(self)
        self.workloads = Workloads(self, self.kubelet)
        self.gateways = Gateways(self)
        self.network = Network(self, self.kubelet, self.gateways, self.requests_a_second, self.tells_all)
        self.network.tells_pairs = self.tells_pairs
        self.prom = Prometheus(self, self.network, self.scrapes_every or self.scrape_seconds)
        self.api = ApiServer(self, self.workloads, self.gateways)
        self.busy_until: float = 0.0
        self.restart_operator()

    # ---- the operator ----------------------------------------------------------------------------------------------

    def restart_operator(self, *, clock_offset: float | None = None) -> None:
        """A new process, perhaps on a machine with another clock: it remembers nothing."""
        self.clock_offset = self.clock_offset if clock_offset is None else clock_offset
        config = OperatorConfig(
            serving_image="serin-server:test",
            prometheus_configured=self.prometheus,
            scrape_interval_seconds=self.scrape_seconds,
            signed_namespaces=frozenset(self.signed_namespaces),
            channels=tuple(self.receivers),
            notify=tuple(map(Notify.model_validate, self.notify)),
            stores=self.stores,
            collector_peers=self.collector_peers,
        )
        self.postman = Postman(self.receivers, lambda: self.elapsed, self.operators_clock, self._wake)
        prometheus = self.prom if self.prometheus else None
        ports = Ports(
            self.api,
            self.api,
            prometheus,
            self.operators_clock,
            config,
            monotonic=lambda: self.elapsed,
            notices=self.postman.office,
            on_seen=self._see,
        )
        self.reconciler = Reconciler(ports)
        self.living = Living()

    def _wake(self, _namespace: str, _name: str) -> None:
        self.version += 1
        self.heard = self.version

    def _see(self, namespace: str, name: str, obj: JsonObject | None) -> None:
        self.on_seen(namespace, name, obj)

    def operators_clock(self) -> Any:
        """What the operator's machine takes for the time."""
        return self.now + timedelta(seconds=self.clock_offset)

    async def reconcile(self) -> float | None:
        self.reconciles.append(self.elapsed)
        self.prom.hung_seconds = 0.0
        try:
            return await self.reconciler.reconcile(NAMESPACE, self.name)
        except Transient:
            return 0.1
        finally:
            self.busy_until = self.elapsed + self.prom.hung_seconds

    async def run(self, duration: float, tick: float = 1.0) -> None:
        """Let time pass: the cluster moves and the operator looks, every ``tick``."""
        end = self.now + timedelta(seconds=duration)
        while self.now < end:
            self.now += timedelta(seconds=tick)
            self.move(tick)
            if self.elapsed >= self.busy_until:
                await self.reconcile()

    async def live(self, duration: float) -> None:
        """Let time pass: the operator looks when something has changed, or when it had said that it would."""
        await self.living.live(self, duration)

    async def run_until(self, condition: Any, limit: float = 3600, tick: float = 1.0) -> None:
        end = self.now + timedelta(seconds=limit)
        while not condition(self):
            assert self.now < end, self.account("never happened")
            await self.run(tick, tick)

    async def live_until(self, condition: Any, limit: float = 3600) -> None:
        """As ``live``, until something is so."""
        end = self.now + timedelta(seconds=limit)
        while not condition(self):
            assert self.now < end, self.account("never happened")
            await self.live(1.0)

    # ---- time ------------------------------------------------------------------------------------------------------

    def move(self, duration: float) -> None:
        """What controllers, kubelets and clients do in so many seconds."""
        self.network.late, self.network.requests_a_second = self.endpoints_are_late, self.requests_a_second
        for rival in self.rivals:
            rival(self)
        self.workloads.make_pods()
        self.kubelet.step()
        self.workloads.write_status()
        self.collect_garbage()
        self.network.write_endpoints()
        self.gateways.move()
        before, lost = dict(self.network.answered), self.network.lost
        self.network.serve(duration)
        self.prom.scrape()
        self.postman.move()
        self._note(before, lost)

    def _note(self, before: dict[str, int], lost: int) -> None:
        answered = {v: n - before.get(v, 0) for v, n in self.network.answered.items() if n > before.get(v, 0)}
        ours = [p for p in self.of_kind("Pod") if p["metadata"]["name"].startswith(f"{self.name}-")]
        ready = [p for p in ours if is_ready(p)]
        canary = self.status.get("canary") or {} if self.mdep_ref in self.objects else {}
        self.moments.append(
            Moment(
                at=self.elapsed,
                endpoints=_by_version([p for p in self.network.told() if is_ready(p)]),
                ready=_by_version([p for p in ready if "resolve" not in p["metadata"]["labels"].values()]),
                answered=answered,
                lost=self.network.lost - lost,
                stable=self.stable if self.mdep_ref in self.objects else None,
                phase=canary.get("phase"),
                reason=self.condition("Ready")["reason"] if self.mdep_ref in self.objects else "",
            )
        )

    def since(self, moment: float) -> list[Moment]:
        """The moments from then on."""
        return [m for m in self.moments if m.at >= moment]

    def account(self, what: str, lines: int = 20) -> str:
        """For whoever reads a failure: where things stand, and how they came there."""
        conditions = (f"{c['type']}={c['status']} {c['reason']}: {c['message']}" for c in self.status["conditions"])
        return "\n".join([what, *conditions, f"moment: {self.moments[-1]}", *self.story[-lines:]])

    def __repr__(self) -> str:
        return f"<Simulation at {self.elapsed:.0f} s>"

    # ---- what the story says ---------------------------------------------------------------------------------------

    def condition(self, kind: str) -> JsonObject:
        return next((c for c in self.status.get("conditions", []) if c["type"] == kind), {"status": "", "reason": ""})

    def outcome(self, version: str) -> str | None:
        return next((v["outcome"] for v in self.status.get("versions", []) if v["version"] == version), None)

    @property
    def stable(self) -> str | None:
        return (self.status.get("stable") or {}).get("version")

    @property
    def phase(self) -> str | None:
        """Where the rollout is."""
        return (self.status.get("canary") or {}).get("phase")

    def share_of(self, version: str, last: float) -> float:
        """The share of requests that a version answered in the last seconds."""
        moments = self.since(self.elapsed - last + 1)
        total = sum(n for m in moments for n in m.answered.values())
        return sum(m.answered.get(version, 0) for m in moments) / total if total else 0.0

    def endpoints(self) -> list[JsonObject]:
        """The pods that get requests."""
        return self.network.told()

    def told(self, reason: str) -> list[str]:
        """Messages of the Events with a reason."""
        return [message for _, _, why, message in self.api.events if why == reason]

    def written(self, verb: str, kind: str | None = None) -> int:
        """How many writes of a sort there were."""
        return sum(v == verb and kind in {None, ref.kind} for _, v, ref in self.api.writes)

    @property
    def lost(self) -> int:
        return self.network.lost

    @property
    def served(self) -> dict[str, int]:
        return self.network.served

    async def children(self, namespace: str, name: str, uid: str) -> Children:
        return await self.api.children(namespace, name, uid)


def _by_version(pods: list[JsonObject]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for pod in pods:
        version = variable(pod["spec"], "SERIN_MODEL_VERSION") or "?"
        counts[version] = counts.get(version, 0) + 1
    return counts
