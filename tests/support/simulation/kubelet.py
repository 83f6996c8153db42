"""Nodes and what they make of pods: containers that start, get ready, end and are started again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from tests.support.simulation import shapes
from tests.support.simulation.behaviour import Behaviour
from tests.support.simulation.cluster import Cluster, JsonObject, is_terminating, seconds, uri_of
from tests.support.simulation.shapes import Container, Sidecar

from serin_operator.api import names

NODE_TOLERATION_SECONDS = 30.0
LONGEST_BACK_OFF = 300.0


@dataclass
class Life:
    """What a node knows of one serving pod."""

    ordinal: int
    started: datetime
    """When the container that runs was started."""
    container: Container = field(default_factory=Container)
    loaded: bool = False
    """It was ready since it was started."""
    ready_since: datetime | None = None
    back_off_until: datetime | None = None
    warm_ups: int = 0
    crashes: int = 0
    is_bound: bool = False
    """It has found a node."""


@dataclass
class Kubelet:
    """All nodes of the cluster."""

    cluster: Cluster
    load: Mapping[str, float] = field(default_factory=dict)
    """Requests a second by pod, as clients have sent them last."""
    lives: dict[str, Life] = field(default_factory=dict)
    dead_nodes: dict[str, datetime] = field(default_factory=dict)
    sidecar: Sidecar | None = None
    """Injected into every pod that is made from now on."""
    room: int | None = None
    """Serving pods that find a node; None: any number."""
    collectors: Behaviour = field(default_factory=Behaviour)
    """How pods behave that write predictions down."""
    blips: dict[str, datetime] = field(default_factory=dict)
    """Names of pods that do not answer until a moment."""

    def adopt(self, pod: JsonObject, ordinal: int) -> None:
        """A pod was made."""
        node = f"node{1 + ordinal % 2}"
        if node in self.dead_nodes:
            node = next(n for n in ("node1", "node2", "node3") if n not in self.dead_nodes)
        pod["spec"] = {**pod["spec"], "nodeName": node}
        if self.sidecar is not None:
            pod["spec"]["containers"] = [*pod["spec"]["containers"], self.sidecar.spec()]
        self.lives[pod["metadata"]["uid"]] = Life(ordinal, self.cluster.now)
        pod["status"] = shapes.running(pod, Container(), self.sidecar, self.cluster.now)

    def step(self) -> None:
        """Let all serving pods of ours live for a moment."""
        pods = {p["metadata"]["uid"]: p for p in self.cluster.of_kind("Pod")}
        for uid in [uid for uid in self.lives if uid not in pods]:
            del self.lives[uid]
        for uid, pod in pods.items():
            life, component = self.lives.get(uid), pod["metadata"]["labels"].get(names.LABEL_COMPONENT)
            if life is not None and component == names.COMPONENT_SERVER:
                self._live(pod, life)
            elif life is not None and component == names.COMPONENT_COLLECTOR:
                self._collect(pod, life)

    def _live(self, pod: JsonObject, life: Life) -> None:
        node = pod["spec"].get("nodeName")
        behaviour = self.cluster.behaviour(uri_of(pod["spec"]))
        if node in self.dead_nodes:
            self._unheard(pod, self.dead_nodes[node])
            return
        if is_terminating(pod):
            since = datetime.fromisoformat(pod["metadata"]["deletionTimestamp"])
            if seconds(since, self.cluster.now) >= behaviour.terminates_after:
                self.cluster.remove(pod)
            return
        if not self._has_room(life):
            behaviour = replace(behaviour, unschedulable="0/2 nodes are available: 2 Insufficient nvidia.com/gpu")
        hindered = shapes.hindered(pod, behaviour, self.cluster.now)
        if hindered is not None and not life.loaded:
            self._write(pod, hindered)
            life.started = self.cluster.now
            return
        self._run(pod, life, behaviour)

    def _collect(self, pod: JsonObject, life: Life) -> None:
        """A pod that writes predictions down: ready at once, unless something hinders it."""
        life.container.name = names.COMPONENT_COLLECTOR
        hindered = shapes.hindered(pod, self.collectors, self.cluster.now)
        for each in (hindered or {}).get("containerStatuses", ()):
            each["name"] = names.COMPONENT_COLLECTOR
        life.container.ready = not self.collectors.never_ready
        ready = shapes.running(pod, life.container, self.sidecar, self.cluster.now, ready=life.container.ready)
        self._write(pod, hindered or ready)

    def _has_room(self, life: Life) -> bool:
        bound = sum(each.is_bound for each in self.lives.values())
        life.is_bound = life.is_bound or self.room is None or bound < self.room
        return life.is_bound

    def _run(self, pod: JsonObject, life: Life, behaviour: Behaviour) -> None:
        now = self.cluster.now
        if life.back_off_until is not None:
            if now < life.back_off_until:
                return
            life.back_off_until, life.started, life.container.waiting = None, now, None
        age = seconds(life.started, now)
        if not life.loaded and (words := self._fails_to_load(life, behaviour, age)):
            self._end(life, *words)
        life.loaded = life.loaded or (life.back_off_until is None and age >= behaviour.ready_after_of(life.ordinal))
        ready = life.loaded and self._answers(pod, life, behaviour, age)
        if ready and life.ready_since is None:
            life.ready_since = now
        if life.ready_since is not None and self._crashes(pod, life, behaviour):
            ready = False
        life.container.ready = life.loaded and (ready or behaviour.gate is not None)
        self._write(pod, shapes.running(pod, life.container, self.sidecar, now, ready=ready, gate=behaviour.gate))

    def _fails_to_load(self, life: Life, behaviour: Behaviour, age: float) -> tuple[int, str, str] | None:
        patience = behaviour.ready_after_of(life.ordinal)
        if age >= patience and life.warm_ups < behaviour.warm_ups_that_fail(life.ordinal):
            life.warm_ups += 1
            return 1, "Error", behaviour.warm_up_words
        if age >= patience and behaviour.source_away:
            return 75, "Error", shapes.said("SourceUnreachable", "http://models does not answer")
        return None

    def _answers(self, pod: JsonObject, life: Life, behaviour: Behaviour, age: float) -> bool:
        if behaviour.never_ready or behaviour.gate is not None:
            return False
        if self.cluster.now < self.blips.get(pod["metadata"]["name"], self.cluster.now):
            return False
        flap = behaviour.flap
        return flap is None or not flap.is_down(life.ordinal, self.cluster.elapsed, age)

    def _crashes(self, pod: JsonObject, life: Life, behaviour: Behaviour) -> bool:
        crash = behaviour.crash
        if crash is None or life.ready_since is None:
            return False
        load = self.load.get(pod["metadata"]["name"], 0.0)
        if not crash.is_due(life.ordinal, seconds(life.ready_since, self.cluster.now), load, life.crashes):
            return False
        life.crashes += 1
        self._end(life, crash.exit_code, crash.reason, crash.message)
        return True

    def _end(self, life: Life, exit_code: int, reason: str, message: str) -> None:
        """The container ends, and is started again: at once, then with patience."""
        now = self.cluster.now
        life.container.ended(exit_code, reason, message, life.started, now)
        patience = 0.0 if life.container.restarts <= 1 else 10.0 * 2 ** (life.container.restarts - 2)
        life.back_off_until = now + timedelta(seconds=min(patience, LONGEST_BACK_OFF))
        life.loaded, life.ready_since = False, None

    def _write(self, pod: JsonObject, status: JsonObject) -> None:
        if pod["status"] != status:
            pod["status"] = status
            self.cluster.touch(pod)

    # ---- nodes -----------------------------------------------------------------------------------------------------

    def kill_node(self, node: str) -> None:
        """Nothing is heard of the node any more; what ran there stays in the API for ever."""
        self.dead_nodes[node] = self.cluster.now

    def _unheard(self, pod: JsonObject, since: datetime) -> None:
        self._write(pod, shapes.unheard(pod, self.cluster.now))
        if seconds(since, self.cluster.now) >= NODE_TOLERATION_SECONDS:
            self.cluster.terminate(pod)

    def each_life(self, chosen: Callable[[JsonObject], bool]) -> list[tuple[JsonObject, Life]]:
        """The serving pods that ``chosen`` admits, with what their node knows."""
        pods = [p for p in self.cluster.of_kind("Pod") if p["metadata"]["uid"] in self.lives and chosen(p)]
        return [(pod, self.lives[pod["metadata"]["uid"]]) for pod in pods]
