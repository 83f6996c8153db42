"""Providers make traffic true. A new one is one more entry in the registry; nothing else asks which it is."""

from collections.abc import Mapping
from typing import Final, Protocol

from serin_operator.decide.traffic.gateway import GatewayRoute
from serin_operator.decide.traffic.replica_ratio import ReplicaRatio
from serin_operator.decide.traffic.route_ref import PeoplesRoute
from serin_operator.decide.traffic.split import Arms, Force, Lack, Traffic
from serin_operator.decide.traffic.wish import Wish
from serin_operator.decide.wanted.stages import Stage
from serin_operator.decide.world import World


class Provider(Protocol):
    """What the rollout needs of whatever carries the traffic. Pure: it reads the world and returns values."""

    def canary_pods(self, stable: int, weight: int) -> int:
        """How many canary pods a weight needs beside so many of stable."""
        ...

    def fewest_pods(self, stable: int) -> int:
        """The fewest pods that a version with clients should have, beside so many of stable, however little its weight is."""
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

    def wish(self, world: World, traffic: Traffic, wanted: Mapping[str, int]) -> Wish:
        """What is to be written beside the client Service, when so many pods of each revision are wanted."""
        ...

    def force(self, world: World, traffic: Traffic, wanted: Mapping[str, int]) -> Force:
        """How far ``traffic`` is in force, when so many pods of each revision are wanted."""
        ...

    def arms(self, world: World, stable: str, canary: str) -> Arms:
        """How the two revisions share the requests, as observed."""
        ...

    def splits_requests(self, world: World) -> bool:
        """Whether requests, and not connections, are split, so that counts have to follow the shares."""
        ...

    def lack(self, world: World, revision: str) -> Lack | None:
        """What keeps requests from going to ``revision`` alone; None: they do, as far as was observed."""
        ...

    def hindrance(self, world: World) -> Lack | None:
        """Why requests cannot be led anywhere else at the moment, whatever is wanted."""
        ...

    def refuses(self, world: World, stage: Stage) -> Lack | None:
        """Why a stage can never be as it is written, whichever pods there are, and the way out; None: it can."""
        ...

    def look_again_in(self, world: World) -> float | None:
        """Seconds after which to look though nothing has happened: not all that matters is told by watches."""
        ...


PROVIDERS: Final[Mapping[str, Provider]] = {
    "ReplicaRatio": ReplicaRatio(),
    "Gateway": GatewayRoute(),
    "RouteRef": PeoplesRoute(),
}


def provider_of(world: World) -> Provider:
    """The provider that carries this ModelDeployment's traffic."""
    traffic = world.mdep.spec.traffic
    if traffic is None:
        return PROVIDERS["ReplicaRatio"]
    return PROVIDERS["Gateway" if traffic.gateway else "RouteRef"]
