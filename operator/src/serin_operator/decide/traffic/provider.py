"""Providers make traffic true. A new one is one more entry in the registry; nothing else asks which it is."""

from collections.abc import Mapping
from typing import Final, Protocol

from serin_operator.decide.traffic.replica_ratio import ReplicaRatio
from serin_operator.decide.traffic.split import Force, Traffic
from serin_operator.decide.world import World


class Provider(Protocol):
    """What the rollout needs of whatever carries the traffic. Pure: it reads the world and returns values."""

    def canary_pods(self, stable: int, weight: int) -> int:
        """How many canary pods a weight needs beside so many of stable."""
        ...

    def contradiction(self, stable: int, canary: int, weight: int) -> str | None:
        """Why so many canary pods cannot have that weight beside so many of stable, and the way out; None: they can."""
        ...

    def selected(self, world: World, traffic: Traffic, wanted: Mapping[str, int]) -> str | None:
        """The revision that the client Service is to be pinned to; None: open to every serving pod.

        Args:
            world: As it is observed.
            traffic: Where requests should go.
            wanted: How many pods each revision should have.
        """
        ...

    def force(self, world: World, traffic: Traffic, wanted: Mapping[str, int]) -> Force:
        """How far ``traffic`` is in force, when so many pods of each revision are wanted."""
        ...


PROVIDERS: Final[Mapping[str, Provider]] = {"ReplicaRatio": ReplicaRatio()}


def provider_of(world: World) -> Provider:  # noqa: ARG001 - which one it is, the spec will say
    """The provider that carries this ModelDeployment's traffic."""
    return PROVIDERS["ReplicaRatio"]
