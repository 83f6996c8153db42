"""The states of a rollout, and what moves it: frozen values that ``rollout.advance`` works on."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from serin_operator.api.reasons import Outcome, Reason
from serin_operator.api.spec import OnDeadline
from serin_operator.api.uris import shown


class Kind(StrEnum):
    """Why a candidate is deployed, which decides how it takes over."""

    FIRST = "First"
    """Nothing serves yet: it serves as soon as it is ready."""
    CANARY = "Canary"
    """Step by step beside stable."""
    DIRECT = "Direct"
    """All traffic at once when ready: a version that was promoted before, or strategy Immediate."""


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
    restarts: int = 0
    """Container restarts when it first got traffic: those of warming up do not count against it."""

    @property
    def shown_uri(self) -> str:
        """Its URI in events and conditions."""
        return shown(self.uri)


@dataclass(frozen=True)
class Clock:
    """Observed time: an operator or a cluster that was away uses nothing up."""

    at: datetime
    waited: float = 0.0
    """Seconds towards ``progressDeadlineSeconds``, in states that wait for pods or for the resolve Job."""
    held: float = 0.0
    """Seconds in which the present step's weight was in force and every pod proved itself."""
    analysed: float = 0.0
    """Seconds towards ``deadlineSeconds``, over the whole rollout."""


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
class Shifting:
    """The weight of ``step`` is being brought into force."""

    candidate: Candidate
    clock: Clock
    step: int
    since: datetime
    in_force: int | None = None
    """The step whose weight was in force before; None: the canary had no traffic yet."""


@dataclass(frozen=True)
class Stepping:
    """The weight of ``step`` is in force."""

    candidate: Candidate
    clock: Clock
    step: int
    since: datetime
    ratio: tuple[int, int]
    """(stable, canary) pods that made the weight when it came into force."""


@dataclass(frozen=True)
class Promoting:
    """The candidate grows to full size, then the client Service is pinned to it."""

    candidate: Candidate
    clock: Clock
    step: int | None = None


Rollout = Idle | Resolving | Starting | Shifting | Stepping | Promoting


@dataclass(frozen=True)
class Ended:
    """A rollout is over."""

    candidate: Candidate
    outcome: Outcome
    reason: Reason
    message: str


@dataclass(frozen=True)
class Refusal:
    """Why a candidate cannot go on."""

    reason: Reason
    message: str


@dataclass(frozen=True)
class Judgement:
    """What the analysis says now."""

    failed: str | None = None
    """The sentence with the numbers, when a gate has failed."""
    passed: bool = True
    """Every gate passes, by a look that ended after the step's hold. True where no analysis is asked for."""
    missing: str | None = None
    """What is lacking, when neither."""


@dataclass(frozen=True)
class Plan:
    """What the spec says about the way."""

    steps: int
    hold_seconds: float
    """Of the present step."""
    progress_deadline_seconds: float
    deadline_seconds: float
    on_deadline: OnDeadline
    paused: bool = False
    analysis: bool = False


@dataclass(frozen=True)
class Facts:
    """What was observed, as far as the rollout is concerned."""

    now: datetime
    target: Candidate | None
    """What the spec wants that is neither stable nor rejected; None: nothing to roll out."""
    born: bool = False
    """The candidate's pod template exists: it was resolved."""
    refused: Refusal | None = None
    """The resolve Job's verdict against the candidate."""
    ready: bool = False
    """Every pod that the candidate should have now is ready."""
    pinned_to_candidate: bool = False
    serves_all: bool = False
    """Requests reach as many ready pods of the candidate as spec.replicas, and no other pod."""
    weight_in_force: bool = False
    """The Service is open and requests reach the pods of both versions that make the step's weight."""
    ratio: tuple[int, int] = (0, 0)
    restarts: int = 0
    """Container restarts of the candidate's pods so far."""
    last_words: str | None = None
    """What a container of the candidate said when it ended last."""
    trouble: Refusal | None = None
    """What keeps pods from becoming ready."""
    blocked: Refusal | None = None
    """What forbids giving the canary traffic at all, for example no Prometheus."""
    judgement: Judgement = Judgement()
    abort: bool = False
