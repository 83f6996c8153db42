"""Where requests should go, as a value. Providers make it true, and say how far it is."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Pinned:
    """All requests go to one revision."""

    revision: str


@dataclass(frozen=True)
class Split:
    """A share of the requests goes to the canary, the rest to stable."""

    stable: str
    canary: str
    weight: int
    """Percent for the canary, as the stage asks for it."""


Traffic = Pinned | Split


@dataclass(frozen=True)
class Force:
    """How far the traffic that is wanted is in force."""

    is_reached: bool
    """Requests go where they should, give or take what one pod makes."""
    share: int
    """Percent of the requests that the canary gets now; 100 for the revision that everything is pinned to."""
    is_exact: bool = False
    """They go so to every pod that is wanted."""
    waits_for: str | None = None
    """What is lacking, when it is not reached."""
    slices_behind: bool = False
    """Nothing is lacking but news in the Service's EndpointSlices."""


def tolerance(pods: int) -> float:
    """Points by which a share may be off: what one pod of so many makes, and a point at least."""
    return max(1.0, 100.0 / pods) if pods else 1.0


def share_of(stable: int, canary: int) -> float:
    """Percent of connections that the canary gets when a Service selects so many pods of both."""
    total = stable + canary
    return 100.0 * canary / total if total else 0.0
