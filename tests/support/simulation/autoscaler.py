"""A HorizontalPodAutoscaler, as kube-controller-manager runs one: it reads ``/scale``, and writes it.

It knows three things of its target: ``spec.replicas``, ``status.replicas`` and ``status.selector``. Within the tolerance a
metric of pods leaves ``spec.replicas`` as it is, and an external one says ``status.replicas``; else the first multiplies the
ready pods that the selector finds, and the second divides the whole by the target.
"""

from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING

from tests.support.simulation.cluster import is_ready, is_terminating

if TYPE_CHECKING:
    from tests.support.simulation.simulation import Simulation

SYNC_SECONDS = 15.0
TOLERANCE = 0.1


@dataclass
class Autoscaler:
    """One more controller: add it to ``simulation.rivals``."""

    target: float
    """Requests a second that a pod should answer."""
    least: int = 1
    most: int = 20
    is_external: bool = False
    """The metric is the load of all versions together, as Prometheus would sum it (an ``AverageValue``)."""
    stabilisation_seconds: float = 300.0
    """How far back the highest recommendation counts before pods are taken away."""
    wrote: list[tuple[float, int]] = field(default_factory=list)
    """When it wrote which size."""
    _recommended: list[tuple[float, int]] = field(default_factory=list)
    _synced: float = float("-inf")

    def __call__(self, simulation: "Simulation") -> None:
        """Its turn, once a second."""
        if simulation.elapsed - self._synced < SYNC_SECONDS:
            return
        self._synced = simulation.elapsed
        spec, status = simulation.scale()
        if spec == 0 or status is None:
            return  # at zero it is switched off, as Kubernetes does it
        wanted = self._stable(simulation.elapsed, self._recommendation(simulation, spec, status))
        if wanted != spec:
            self.wrote.append((simulation.elapsed, wanted))
            simulation.tell(f"---- the autoscaler writes {wanted}")
            simulation.kubectl_scale(wanted)

    def _recommendation(self, simulation: "Simulation", spec: int, status: int) -> int:
        load = simulation.kubelet.load
        if self.is_external:
            total = sum(load.values())
            if status and abs(total / (self.target * status) - 1) <= TOLERANCE:
                return self._bounded(spec, status)
            return self._bounded(spec, ceil(total / self.target))
        pods = [p for p in simulation.selected_by_scale() if is_ready(p) and not is_terminating(p)]
        if not pods:
            return self._bounded(spec, spec)
        ratio = sum(load.get(p["metadata"]["name"], 0.0) for p in pods) / len(pods) / self.target
        return self._bounded(spec, spec if abs(ratio - 1) <= TOLERANCE else ceil(ratio * len(pods)))

    def _bounded(self, spec: int, wanted: int) -> int:
        fastest = max(2 * spec, 4)  # the default policy: it doubles, or adds four
        return min(max(wanted, self.least), self.most, fastest)

    def _stable(self, now: float, wanted: int) -> int:
        self._recommended = [(at, n) for at, n in self._recommended if now - at <= self.stabilisation_seconds]
        self._recommended.append((now, wanted))
        return max(n for _, n in self._recommended)
