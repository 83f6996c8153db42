"""How much the counts of a metric scatter beyond chance, as it was learnt from stable in the looks before."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field
from typing import Any

from serin_operator.decide.analysis import Arm, Clients, PodScatter, Spread


@dataclass(frozen=True)
class Scatter:
    """Of one metric: between pods, within looks and lasting, and between clients."""

    spread: Spread = field(default_factory=Spread)
    pods: PodScatter = field(default_factory=PodScatter)
    clients: Clients = field(default_factory=Clients)

    def after(self, pods: Sequence[Arm], clients: Clients | None) -> "Scatter":
        """With what one more look saw of stable: only after it was judged, or it would favour the unlucky ones."""
        seen = self.clients + clients if clients else self.clients
        return Scatter(self.spread.after(pods), self.pods.after(pods), seen)

    def design_effect(self, default: float) -> float:
        """Measured by client where servers tell, else between pods; the default while nothing is known."""
        if self.clients.total:
            return self.clients.design_effect(default)
        return self.spread.design_effect(default) if self.spread.degrees else max(1.0, default)


def scatter_of(evidence: Mapping[str, Any]) -> dict[str, Scatter]:
    """As `recorded` wrote it, by metric."""
    spread, pods, clients, each = (evidence.get(name, {}) for name in ("spread", "pods", "clients", "eachPod"))
    return {
        name: Scatter(
            Spread(float(spread[name][0]), int(spread[name][1])) if name in spread else Spread(),
            PodScatter(*_three(pods.get(name)), tuple(int(one) for one in each.get(name, ()))),
            Clients(*(int(one) for one in clients[name])) if name in clients else Clients(),
        )
        for name in {**spread, **pods, **clients, **each}
    }


def _three(pods: Sequence[float] | None) -> tuple[float, float, int]:
    return (float(pods[0]), float(pods[1]), int(pods[2])) if pods else (0.0, 0.0, 0)


def recorded(scatter: Mapping[str, Scatter]) -> dict[str, Any]:
    """JSON-able, a few numbers a metric; what is not known is left out."""
    written: dict[str, Any] = {
        "spread": {
            name: [round(one.spread.chi2, 6), one.spread.degrees] for name, one in scatter.items() if one.spread.degrees
        }
    }
    pods = {
        name: [round(one.pods.excess, 6), round(one.pods.worth, 6), one.pods.pods]
        for name, one in scatter.items()
        if one.pods.pods
    }
    clients = {name: list(astuple(one.clients)) for name, one in scatter.items() if one.clients.total}
    each = {name: list(one.pods.each) for name, one in scatter.items() if one.pods.each}
    more = {"pods": pods, "clients": clients, "eachPod": each}
    return {**written, **{name: told for name, told in more.items() if told}}
