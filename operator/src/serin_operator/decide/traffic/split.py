"""Where requests should go, as a value. Providers make it true, and say how far it is."""

from dataclasses import dataclass

from serin_operator.api.reasons import Reason


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
    mirror: int = 0
    """Percent of the requests of which it gets copies."""
    testers: bool = False
    """Whether those who are pinned to it reach it, at weight 0."""
    full: int = 0
    """Pods that both versions share, as many as all requests need; 0: stable keeps its own."""

    @property
    def load(self) -> int:
        """Percent of all requests that its pods have to bear."""
        return self.weight or self.mirror


Traffic = Pinned | Split


@dataclass(frozen=True)
class Lack:
    """What keeps requests from going where they should."""

    reason: Reason
    message: str
    needs_person: bool = False
    """It does not pass by itself."""


@dataclass(frozen=True)
class Arms:
    """How two versions share the requests, as observed."""

    stable: float
    """Ready pods that requests reach, or parts of the traffic."""
    canary: float
    grain: float | None = None
    """Points by which the share may be off; None: what one pod makes."""
    is_settled: bool = True
    """False: who splits the requests is still about to follow a change."""
    mirror: int = 0
    """Percent of stable's requests of which the canary gets copies."""
    testers: bool = False
    """Whether testers alone reach the canary."""

    @property
    def has_canary(self) -> bool:
        """Whether any request reaches the canary."""
        return bool(self.canary or self.mirror or self.testers)

    @property
    def share(self) -> float:
        """Percent of the requests that the canary gets."""
        return share_of(self.stable, self.canary)

    @property
    def rounded(self) -> int:
        """Whole percent; 0 and 100 only where one side has no traffic at all."""
        if self.stable and self.canary:
            return min(max(round(self.share), 1), 99)
        return round(self.share)

    @property
    def tolerance(self) -> float:
        """Points by which the share may be off."""
        return tolerance(self.stable + self.canary) if self.grain is None else self.grain


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
    lack: Lack | None = None
    """What a person should know of what is lacking."""


def tolerance(pods: float) -> float:
    """Points by which a share may be off: what one pod of so many makes, and a point at least."""
    return max(1.0, 100.0 / pods) if pods else 1.0


def share_of(stable: float, canary: float) -> float:
    """Percent of the requests that the canary gets when they are spread over so many pods, or parts, of both."""
    total = stable + canary
    return 100.0 * canary / total if total else 0.0
