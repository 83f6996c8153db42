"""The states of a rollout: frozen values with their own clocks. What a state means follows from it alone."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Self

from serin_operator.api.reasons import Outcome, Reason
from serin_operator.api.uris import shown


class Kind(StrEnum):
    """Why a candidate is deployed, which decides how it takes over."""

    FIRST = "First"
    """Nothing serves yet: it serves as soon as it is ready."""
    CANARY = "Canary"
    """Stage by stage beside stable."""
    DIRECT = "Direct"
    """All traffic at once when ready: a version that was promoted before, or a strategy without stages."""
    RESCUE = "Rescue"
    """All traffic as soon as a pod is ready: stable serves nothing, so there is nothing to be compared with."""
    ROLLBACK = "Rollback"
    """All traffic at once when ready, paused or not: a person went back to it."""


class Order(StrEnum):
    """What a person asked of the candidate under way and is not done yet; in the words of the annotation."""

    PROMOTE = "promote"
    """Neither stages nor evidence are waited for any more, nor is the end of the bake."""
    SKIP_STEP = "skip-step"
    """The stage ends now."""
    GO_ON = "resume"
    """The stage no longer waits for a person; its time and the evidence still count."""


@dataclass(frozen=True)
class Candidate:
    """The version that is to become stable."""

    revision: str
    version: str
    uri: str
    kind: Kind
    started_at: datetime
    sha256: str | None = None
    attempt: int = 0
    warm_restarts: tuple[tuple[str, int], ...] = ()
    """Container restarts of pods before they were ready, by pod: those of warming up do not count against it."""
    restarts: int = 0
    """Restarts that are forgiven beside those: counted over all pods, by an earlier release."""
    order: Order | None = None
    """What a person asked of it last, until it is done."""

    @property
    def obeyed(self) -> Self:
        """The same, with nothing left to do that a person asked for."""
        return replace(self, order=None)

    @property
    def shown_uri(self) -> str:
        """Its URI in events and conditions."""
        return shown(self.uri)


@dataclass(frozen=True)
class Clock:
    """Observed time in seconds: an operator or a cluster that was away uses nothing up."""

    at: datetime
    waited: float = 0.0
    """Towards ``progressDeadlineSeconds``: since pods last made progress, while some are not ready."""
    held: float = 0.0
    """In which the present stage's weight was in force; in Baking, in which the version served everything."""
    analysed: float = 0.0
    """Towards ``deadlineSeconds``: in which the metrics answered, nobody paused, and the answer decided nothing."""
    dark: float = 0.0
    """In which the version that has all traffic had no ready pod, although the one before it had."""
    best: int = 0
    """The most pods that were ready in this state: more of them is progress."""


@dataclass(frozen=True)
class Idle:
    """No rollout."""


@dataclass(frozen=True)
class Resolving:
    """A Job fetches, verifies and loads the model once."""

    candidate: Candidate
    clock: Clock


@dataclass(frozen=True)
class Starting:
    """Pods of the candidate start and warm up, without traffic (but for the first version)."""

    candidate: Candidate
    clock: Clock


@dataclass(frozen=True)
class Reaching:
    """The weight of ``stage`` is being brought into force."""

    candidate: Candidate
    clock: Clock
    stage: int
    since: datetime
    in_force: int | None = None
    """The stage whose weight was in force before; None: the canary had no traffic yet."""
    steady: datetime | None = None
    """Since when the weight has been in force."""
    weight: int | None = None
    """The stage's weight as the spec had it, to find the place again when the steps are edited."""


@dataclass(frozen=True)
class Holding:
    """The weight of ``stage`` is in force, and is held and judged."""

    candidate: Candidate
    clock: Clock
    stage: int
    since: datetime


@dataclass(frozen=True)
class Growing:
    """Every stage is passed: the candidate grows to full size, with the last stage's traffic."""

    candidate: Candidate
    clock: Clock
    stage: int


@dataclass(frozen=True)
class Switching:
    """All traffic is being brought to the candidate; stable keeps its pods."""

    candidate: Candidate
    clock: Clock


@dataclass(frozen=True)
class Baking:
    """The candidate has all traffic; the version before keeps its pods, so that going back is one write."""

    candidate: Candidate
    clock: Clock


Rollout = Idle | Resolving | Starting | Reaching | Holding | Growing | Switching | Baking
Moving = Resolving | Starting | Reaching | Holding | Growing | Switching | Baking


@dataclass(frozen=True)
class Refusal:
    """Why something cannot go on."""

    reason: Reason
    message: str


@dataclass(frozen=True)
class Moved:
    """The next state."""

    state: Moving


@dataclass(frozen=True)
class Ended:
    """A rollout is over."""

    candidate: Candidate
    outcome: Outcome
    reason: Reason
    message: str


@dataclass(frozen=True)
class Waiting:
    """Nothing moves, and why. Messages hold no running clocks: a status that changed each second would be written so."""

    reason: Reason
    message: str
    is_moving: bool = True
    """Time or the cluster will end it; otherwise nothing is wanted, or a person has to act."""
    is_stalled: bool = False
    """A person has to act."""
    degraded: Refusal | None = None
    """What is wrong, while serving goes on."""

    def with_trouble(self, trouble: Refusal | None) -> Self:
        """The same, with what keeps it so."""
        if trouble is None:
            return self
        return replace(self, message=f"{self.message}; {trouble.message}", degraded=trouble)


@dataclass(frozen=True)
class Outage:
    """Observed seconds for which requests have reached no pod of stable."""

    at: datetime
    seconds: float = 0.0
    is_waking: bool = False
    """It had been scaled to zero: pods that start have more time than those that were lost."""


@dataclass(frozen=True)
class Judgement:
    """What the analysis says now."""

    failed: str | None = None
    """The sentence with the numbers, when a gate has failed."""
    passed: bool = True
    """Every gate passes. True where no analysis is asked for."""
    missing: str | None = None
    """What is lacking, when neither."""
    is_doubted: bool = False
    """There is evidence enough to roll back, and something else than the version may explain it: that is no silence."""
    is_ripe: bool = True
    """The last look was taken after the stage had been held for its time, so that it may end the stage."""
    unanswered: str | None = None
    """A query that failed, in its words."""
