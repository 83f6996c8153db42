"""What can go wrong, in the words of stories."""

from datetime import timedelta
from typing import Any

from tests.support.simulation.api import ApiServer
from tests.support.simulation.behaviour import Behaviour
from tests.support.simulation.cluster import JsonObject, is_ready
from tests.support.simulation.faults import Fault
from tests.support.simulation.kubelet import Kubelet
from tests.support.simulation.people import People
from tests.support.simulation.prometheus import Prometheus, Trouble
from tests.support.simulation.shapes import Sidecar

from serin_operator.api import names


class Mishaps(People):
    """Everything that happens to a cluster without anybody wanting it."""

    kubelet: Kubelet
    prom: Prometheus
    api: ApiServer

    def behave(self, uri: str, **kw: Any) -> None:
        self.behaviours[uri] = Behaviour(**kw)

    def refuse(self, fault: Fault) -> Fault:
        """The API server refuses some writes."""
        self.api.faults.declared.append(fault)
        return fault

    def inject(self, sidecar: Sidecar) -> None:
        """Pods that are made from now on have one container more."""
        self.kubelet.sidecar = sidecar

    def blip(self, revision: str, duration: float, count: int | None = None) -> None:
        """Some pods do not answer their readiness probe for a while."""
        for pod in [p for p in self.pods_of(revision) if is_ready(p)][:count]:
            self.kubelet.blips[pod["metadata"]["name"]] = self.now + timedelta(seconds=duration)

    def prometheus_trouble(self, trouble: Trouble | None) -> None:
        """Prometheus has a bad day, or (None) is well again."""
        self.prom.trouble = trouble

    def prometheus_away_for(self, duration: float) -> None:
        """Prometheus refuses connections and scrapes nothing for so long."""
        self.prom.away_until = (self.now + timedelta(seconds=duration)).timestamp()

    def lack_volumes(self, message: str) -> None:
        """The pods that serve are replaced, and the new ones wait for a volume: the kubelet says so in events."""
        for pod, life in self.kubelet.each_life(_is_server):
            waiting = {"name": "server", "restartCount": 0, "state": {"waiting": {"reason": "ContainerCreating"}}}
            pod["spec"] = {**pod["spec"], "nodeName": "node1"}
            pod["status"] = {"phase": "Pending", "conditions": [], "containerStatuses": [waiting]}
            self.touch(pod)
            self.kubelet.lives.pop(pod["metadata"]["uid"])
            assert life is not None
            about = {"uid": pod["metadata"]["uid"]}
            self.api.events_about_pods.append({"metadata": {}, "involvedObject": about, "message": message})

    @property
    def prometheus_down(self) -> bool:
        return self.prom.trouble is Trouble.DOWN

    @prometheus_down.setter
    def prometheus_down(self, down: bool) -> None:
        self.prom.trouble = Trouble.DOWN if down else None

    @property
    def writes_until_death(self) -> int | None:
        return self.api.faults.writes_until_death

    @writes_until_death.setter
    def writes_until_death(self, writes: int | None) -> None:
        self.api.faults.writes_until_death = writes


def _is_server(pod: JsonObject) -> bool:
    return bool(pod["metadata"]["labels"].get(names.LABEL_COMPONENT) == names.COMPONENT_SERVER)
