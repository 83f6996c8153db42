"""A look: one interval of time in which canary and stable are compared, and what came of asking."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from serin_operator.decide.analysis import Arm, Clients, Sample
from serin_operator.decide.timestamps import parse

T = TypeVar("T")


def slice_key(metric: str, name: str) -> str:
    """Under which name a slice of a metric has its samples, its evidence and its verdict."""
    return f"{metric}/{name}"


@dataclass(frozen=True)
class Span:
    """From the moment a weight change began until the new weight was in force."""

    start: datetime
    end: datetime

    def __str__(self) -> str:
        """ISO 8601 interval, as status holds it."""
        return f"{self.start.isoformat()}/{self.end.isoformat()}"

    @classmethod
    def parse(cls, text: str) -> "Span":
        """Inverse of ``str``."""
        start, _, end = text.partition("/")
        return cls(parse(start), parse(end or start))


@dataclass(frozen=True)
class Look:
    """What to ask Prometheus: counts of both revisions in (start, end]."""

    namespace: str
    name: str
    stable: str
    canary: str
    start: datetime
    end: datetime
    canary_since: datetime
    """The canary's first traffic: labels of earlier predictions have no counterpart."""
    weight_changes: tuple[Span, ...] = ()
    before: tuple[datetime, datetime] | None = None
    """An interval of stable alone, before the canary had traffic, to learn the base rate from (first look only)."""
    namespace_label: str = ""
    """The label in which Prometheus tells the namespace of a pod that it scrapes; empty: nobody is asked where series come from."""


@dataclass(frozen=True)
class LookResult:
    """A look and its samples by metric."""

    look: Look
    samples: Mapping[str, Sample] = field(default_factory=dict)
    before: Mapping[str, Sample] = field(default_factory=dict)
    stable_pods: Mapping[str, tuple[Arm, ...]] = field(default_factory=dict)
    """Stable's counts by process, where the process that counted is the one that answered."""
    pods_before: Mapping[str, tuple[Arm, ...]] = field(default_factory=dict)
    """The same of the time before the canary had traffic (first look only)."""
    stable_clients: Mapping[str, Clients] = field(default_factory=dict)
    """Sums over stable's clients in this look, where servers export them."""
    clients_before: Mapping[str, Clients] = field(default_factory=dict)
    """The same of the time before the canary had traffic (first look only)."""

    def by_request(self) -> "LookResult":
        """The same where somebody deals requests and not connections: whose they are makes no difference then.

        Servers know the proxies alone, and what their requests have in common is the hour.
        """
        return replace(self, stable_clients={}, clients_before={})

    def of(self, names: Collection[str]) -> "LookResult":
        """What it saw of these metrics alone."""
        return self._with({name: name for name in names})

    def also(self, name: str, other: str) -> "LookResult":
        """The same with what it saw of ``other`` under another name as well: a second question about the same events."""
        return self._with({**{one: one for one in self.samples}, name: other})

    def _with(self, names: Mapping[str, str]) -> "LookResult":
        """What it saw, by new names of metrics."""

        def mine(found: Mapping[str, T]) -> dict[str, T]:
            return {name: found[other] for name, other in names.items() if other in found}

        return replace(
            self,
            samples=mine(self.samples),
            before=mine(self.before),
            stable_pods=mine(self.stable_pods),
            pods_before=mine(self.pods_before),
            stable_clients=mine(self.stable_clients),
            clients_before=mine(self.clients_before),
        )
