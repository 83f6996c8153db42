"""Everything that cannot be observed again, as frozen values."""

from dataclasses import dataclass, field
from datetime import datetime

from serin_operator.decide.memory.comparison import Comparison
from serin_operator.decide.memory.ledger import Ledger
from serin_operator.decide.memory.outbox import Letter
from serin_operator.decide.memory.states import Growing, Holding, Idle, Outage, Reaching, Rollout


@dataclass(frozen=True)
class Stable:
    """The version that serves."""

    version: str
    revision: str
    sha256: str


@dataclass(frozen=True)
class Memory:
    """What one reconcile leaves to the next."""

    stable: Stable | None = None
    rollout: Rollout = field(default_factory=Idle)
    comparison: Comparison = field(default_factory=Comparison)
    ledger: Ledger = ()
    last_action: str | None = None
    outage: Outage | None = None
    """Present while requests reach no pod of stable."""
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
