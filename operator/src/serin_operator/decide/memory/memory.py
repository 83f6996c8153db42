"""Everything that cannot be observed again, as frozen values."""

from dataclasses import dataclass, field
from datetime import datetime

from serin_operator.decide.memory.actions import Records
from serin_operator.decide.memory.comparison import Comparison
from serin_operator.decide.memory.guard import Guard
from serin_operator.decide.memory.ledger import Ledger
from serin_operator.decide.memory.outbox import Letter
from serin_operator.decide.memory.states import Growing, Holding, Idle, Outage, Reaching, Rollout
from serin_operator.decide.memory.stops import Hold, Pause


@dataclass(frozen=True)
class Stable:
    """The version that serves."""

    version: str
    revision: str
    sha256: str


@dataclass(frozen=True)
class Floor:
    """Pods that nothing that serves goes below: what stable had when a candidate got its first traffic."""

    pods: int
    at: datetime
    """When it was set, or lowered last."""


@dataclass(frozen=True)
class Scaling:
    """Replicas were added to a version that was ready: until they have come, Ready counts those that there were."""

    pods: int
    """The most that have served since."""
    at: datetime
    """When it began, or a pod came last."""


@dataclass(frozen=True)
class Leaving:
    """A version that was given up serves beside stable until stable, which had given it most of its pods, has them again."""

    revision: str
    version: str
    best: int
    """The most pods that stable has had ready since."""
    at: datetime
    """When it began, or stable had another pod last."""


@dataclass(frozen=True)
class Memory:
    """What one reconcile leaves to the next."""

    stable: Stable | None = None
    rollout: Rollout = field(default_factory=Idle)
    comparison: Comparison = field(default_factory=Comparison)
    ledger: Ledger = ()
    last_action: str | None = None
    """As the release before remembered it; ``actions`` tell more."""
    actions: Records = ()
    pause: Pause | None = None
    """Present while people have paused by annotation."""
    hold: Hold | None = None
    """Present while a version is wanted that a person went back to."""
    outage: Outage | None = None
    """Present while requests reach no pod of stable."""
    floor: Floor | None = None
    """Present while a candidate has traffic, and afterwards until it has come down to what the spec says."""
    scaling: Scaling | None = None
    """Present while pods that were added start."""
    leaving: Leaving | None = None
    """Present while a version that was given up still serves beside stable."""
    guard: Guard | None = None
    """Present while a promoted version is watched, and nothing is rolled out."""
    outbox: tuple[Letter, ...] = ()
    """What is to be told, and may not have been."""
    lent: tuple[str, ...] = ()
    """Routes of people in which weights are ours, until they are given back and name our canary no more."""
    rebuilt_at: datetime | None = None
    """When status had been lost: for a while nothing is deleted, since children may still be on their way back."""


def stage_in_force(rollout: Rollout) -> int | None:
    """The stage whose weight is in force."""
    match rollout:
        case Holding(stage=stage) | Growing(stage=stage):
            return stage
        case Reaching(in_force=in_force):
            return in_force
        case _:
            return None
